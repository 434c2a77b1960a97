"""The command line, `lianfang`: one file a topic (`cli_*.py`), imported only when its command runs."""

import typer

app = typer.Typer(name="lianfang", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def main() -> None:
    """Lianfang (联防): receives a city's alarms, places them, judges them, shows them and sees them answered."""


if __name__ == "__main__":
    app()
