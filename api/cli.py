"""The command line, `lianfang`: one file a topic (`cli_*.py`); what a command needs is imported when it runs."""

import typer

from api import cli_certs, cli_device, cli_load, cli_run, cli_user

app = typer.Typer(
    name="lianfang",
    help="Lianfang (联防): receives a city's alarms, places them, judges them, shows them and sees them answered.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
cli_run.add_to(app)
app.command()(cli_certs.certs)
app.add_typer(cli_load.load_app, name="load")
app.add_typer(cli_load.grids_app, name="grids")
app.add_typer(cli_user.app, name="user")
app.add_typer(cli_device.app, name="device")

if __name__ == "__main__":
    app()
