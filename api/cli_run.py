"""Commands that run things: up, demo, the roles, migrate, backup, restore, simulate, doctor, settings."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli_errors import fail, plain_errors, say, settings_or_exit

Port = Annotated[int | None, typer.Option(help="Port that HTTP listens on.", min=1, max=65535)]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (up, serve, intake, jobs, video, migrate, backup, restore, doctor):
        app.command()(command)
    app.command()(logins)
    app.command("settings")(settings_table)
    app.command(hidden=True)(demo)
    app.command("demo-load", hidden=True)(demo_load)
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False
    )(simulate)


def up(port: Port = None) -> None:
    """Run everything on this machine: database, broker (embedded unless told otherwise), receiver, API, jobs."""
    import asyncio

    from api.certs import files_of
    from api.up import Up

    settings = settings_or_exit(http_port=port)
    with plain_errors():

        async def tell(_: object) -> None:
            also = f" and {settings.https_url}" if files_of(settings) else ""
            say(f"Lianfang is up: {settings.url}{also}   (Ctrl-C stops it)")

        asyncio.run(Up(settings, say, echo=True, when_up=tell).run())


def serve(port: Port = None) -> None:
    """The HTTP API, the live feed and the map."""
    from api.logs import configure_logs

    settings = settings_or_exit(http_port=port)
    configure_logs(settings, "serve")
    with plain_errors():
        from api.serving import Listening
        from api.up import require_http_port

        require_http_port(settings)
        if not Listening(settings).run():
            raise fail("the HTTP server could not start; the lines above say why")


def intake() -> None:
    """The MQTT receiver: stores and judges what devices say."""
    from api.intake import run_intake
    from api.logs import configure_logs

    settings = settings_or_exit()
    configure_logs(settings, "intake")
    with plain_errors():
        run_intake(settings)


def jobs() -> None:
    """What falls due by the clock: partitions, retention, expired sessions."""
    from api.jobs import run_jobs
    from api.logs import configure_logs

    settings = settings_or_exit()
    configure_logs(settings, "jobs")
    with plain_errors():
        run_jobs(settings)


def video() -> None:
    """Look through cameras: motion becomes a signal with its picture."""
    from api.logs import configure_logs
    from api.video import run_video

    settings = settings_or_exit()
    configure_logs(settings, "video")
    with plain_errors():
        run_video(settings)


def migrate() -> None:
    """Bring the database up to this version."""
    from api.up import migrate_database

    settings = settings_or_exit()
    with plain_errors():
        applied = migrate_database(settings)
    say("\n".join(f"applied {label}" for label in applied) or "the database is up to date")


def logins(
    folder: Annotated[
        Path, typer.Argument(help="Folder that the broker reads them from.", show_default=False)
    ],
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep them equal to the registered devices, until stopped.")
    ] = False,
    login: Annotated[
        list[Path] | None,
        typer.Option(
            help="File with the MQTT URL of another of the installation's own logins; may be repeated."
        ),
    ] = None,
) -> None:
    """Write the logins and rights of a mosquitto that runs elsewhere, in another container for instance."""
    import asyncio

    from api.broker_files import BrokerFiles, keep, write_once

    settings = settings_or_exit()
    with plain_errors():
        files = BrokerFiles(folder, settings, login or ())
        files.prepare()
        if watch:
            asyncio.run(keep(settings, files, say))
        else:
            say(f"{folder}: {asyncio.run(write_once(settings, files, say))} devices")


def backup(file: Annotated[Path, typer.Argument(help="File to write.", show_default=False)]) -> None:
    """Write all of the database to one file, and the cameras' pictures beside it, while everything runs."""
    from api.backup import BackupError, pictures_beside
    from api.backup import backup as write_backup

    settings = settings_or_exit()
    with plain_errors():
        try:
            done = write_backup(settings, file)
        except BackupError as error:
            raise fail(str(error)) from error
    say(f"{file}: {done.bytes / 1e6:,.1f} MB")
    if done.pictures:
        say(f"{pictures_beside(file)}: {done.pictures} pictures")
    if done.missing:
        say(f"{done.missing} pictures are missing or damaged in {settings.var_dir}, and in no backup")


def restore(
    file: Annotated[
        Path,
        typer.Argument(help="File that `backup` wrote.", show_default=False, exists=True, dir_okay=False),
    ],
) -> None:
    """Bring a backup into an empty database, and that up to date."""
    import asyncio

    from api.backup import BackupError
    from api.backup import restore as bring_back

    settings = settings_or_exit()
    with plain_errors():
        try:
            asyncio.run(bring_back(settings, file, say))
        except BackupError as error:
            raise fail(str(error)) from error
    say("all is back; start it: `lianfang up`")


def doctor(
    subjects: Annotated[
        list[str] | None, typer.Argument(help="Look at these only: database, broker, intake, jobs, ...")
    ] = None,
) -> None:
    """Say in plain words what is wrong with this installation, and what to do."""
    from api.doctor import examine

    settings = settings_or_exit()
    try:
        findings = examine(settings, subjects or ())
    except ValueError as error:
        raise fail(str(error), 2) from error
    for finding in findings:
        say(str(finding))
    if any(finding.bad for finding in findings):
        raise typer.Exit(1)


def simulate(context: typer.Context) -> None:
    """Devices that are not there: publish what real ones would. See `lianfang simulate --help`."""
    from alarms.simulator.command import main, parser
    from api.database.pool import connect
    from api.embedded.endpoints import mqtt_login

    parser().parse_args(context.args)  # wrong usage and --help need no server
    settings = settings_or_exit()
    with plain_errors():
        login = mqtt_login(settings, "demo")
        code = main(
            context.args, login, lambda: connect(settings, "owner", application_name="lianfang-simulate")
        )
    raise typer.Exit(code)


def settings_table(
    write: Annotated[Path | None, typer.Option(help="Put the table into this document.")] = None,
) -> None:
    """Every setting: variable, default, what it is."""
    from api.settings import table

    if write is None:
        say(table())
        return
    before, mark, _ = write.read_text(encoding="utf-8").partition("| variable |")
    if not mark:
        raise fail(f"{write} has no table that begins with '| variable |'")
    write.write_text(before + table(), encoding="utf-8")


def demo(
    port: Port = None,
    no_simulator: Annotated[bool, typer.Option("--no-simulator", help="Start no simulated devices.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget all earlier data first.")] = False,
    households: Annotated[
        int, typer.Option(help="Households of the demo city.", min=100, max=2_000_000)
    ] = 20_000,
) -> None:
    """The demo city with live alarms, until Ctrl-C."""
    import asyncio

    from api.demo import run_demo

    settings = settings_or_exit(http_port=port)
    with plain_errors():
        asyncio.run(run_demo(settings, say, simulator=not no_simulator, fresh=fresh, households=households))


def demo_load(households: Annotated[int, typer.Option()] = 20_000) -> None:
    """Load the demo city and its users into the database; done once."""
    from api.demo import load_demo

    settings = settings_or_exit()
    with plain_errors():
        load_demo(settings, households, say)
