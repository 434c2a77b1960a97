"""Commands for devices: add, list, passwords."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli_errors import fail, plain_errors, say, settings_or_exit

app = typer.Typer(help="Devices and their logins.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def add(
    device_id: Annotated[str, typer.Argument(help="Its name in MQTT topics and its login: A-Z a-z 0-9 _ -")],
    kind: Annotated[str, typer.Option(help="infrared_sensor, alarm_panel, panic_button, gateway ...")],
    name: Annotated[str, typer.Option(help="As people call it.")] = "",
    protocol: Annotated[str, typer.Option(help="What it speaks.")] = "lianfang",
    site: Annotated[int | None, typer.Option(help="Number of its site.")] = None,
    position: Annotated[str | None, typer.Option(help="LON,LAT, when it has no site.")] = None,
    crs: Annotated[
        str,
        typer.Option(
            help="Of the position: WGS84 (GPS), GCJ-02 (Chinese phone maps), BD-09 (Baidu), EPSG:n."
        ),
    ] = "WGS84",
) -> None:
    """Register a device, place it and make its login. The password is shown once."""
    from api.database.pool import connect
    from api.devices import DeviceError, add_device, parse_position, stands_in

    settings = settings_or_exit()
    with plain_errors(), connect(settings, "owner", application_name="lianfang-cli") as conn:
        try:
            password = add_device(
                conn,
                device_id,
                kind,
                name=name,
                protocol=protocol,
                site_id=site,
                position=parse_position(position, crs) if position else None,
            )
        except DeviceError as error:
            raise fail(str(error)) from error
        place = stands_in(conn, device_id)
    say(f"it stands in {place}" if place else "no boundary covers it: it is the city desk's until one does")
    say(f"added {device_id}, MQTT password: {password}")


@app.command()
def passwords(
    file: Annotated[Path, typer.Argument(help="A new CSV, which nobody else can read.", show_default=False)],
) -> None:
    """Make a broker login for each device that speaks for itself and has none yet, after `lianfang load devices`."""
    from api.database.pool import connect
    from api.devices import DeviceError, make_logins

    settings = settings_or_exit()
    with plain_errors(), connect(settings, "owner", application_name="lianfang-cli") as conn:
        try:
            made = make_logins(conn, file)
        except DeviceError as error:
            raise fail(str(error)) from error
    say(f"{made:,} devices have a login now; their passwords are in {file} and nowhere else")


@app.command("list")
def list_devices(
    division: Annotated[
        str | None, typer.Option(help="Only in this division (4, 6, 9 or 12 digits).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
) -> None:
    """Devices in the order of their ids."""
    from api.database.pool import connect
    from api.devices import DeviceError
    from api.devices import list_devices as listed

    settings = settings_or_exit()
    with plain_errors(), connect(settings, "owner", application_name="lianfang-cli") as conn:
        try:
            found = listed(conn, division, limit)
        except DeviceError as error:
            raise fail(str(error), 2) from error
        for one in found:
            say(
                f"{one.device_id:24} {one.kind:18} {one.status:15} {one.village or '(no place)':14} {one.name}"
            )
