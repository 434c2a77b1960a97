"""Commands for users: add, list, disable."""

from typing import Annotated

import typer

from api.cli_errors import fail, plain_errors, say, settings_or_exit

app = typer.Typer(help="Users and what they may see.", no_args_is_help=True, rich_markup_mode=None)

ROLES = ("dispatcher", "installer", "investigator", "patrol", "grid_member", "auditor", "admin")


@app.command()
def add(
    username: Annotated[str, typer.Argument(help="Login name: letters, digits, _ . @ -")],
    role: Annotated[str, typer.Option(help=", ".join(ROLES))],
    division: Annotated[
        str | None, typer.Option(help="4, 6, 9 or 12 digits; without it, the whole installation.")
    ] = None,
    organisation: Annotated[str | None, typer.Option(help="Name; without it, of every organisation.")] = None,
    name: Annotated[str | None, typer.Option(help="The person's name, as others see it.")] = None,
    locale: Annotated[str, typer.Option(help="zh or en")] = "zh",
    password: Annotated[
        str | None, typer.Option(help="Without it one is made and shown.", hidden=True)
    ] = None,
) -> None:
    """Add a user, or give an existing one another grant."""
    from api.database.pool import connect
    from api.users import UserError, add_user

    settings = settings_or_exit()
    with plain_errors(), connect(settings, "owner", application_name="lianfang-cli") as conn:
        try:
            added = add_user(
                conn,
                username,
                role,
                division=division,
                organisation=organisation,
                display_name=name,
                locale=locale,
                password=password,
            )
        except UserError as error:
            raise fail(str(error)) from error
    if added.password:
        say(f"added {username}, password: {added.password}")
    else:
        say(f"{username} is known already; the grant was added, the password stays")


@app.command("list")
def list_users() -> None:
    """All users and their grants."""
    from api.database.pool import connect
    from api.users import list_users as listed

    settings = settings_or_exit()
    with plain_errors(), connect(settings, "owner", application_name="lianfang-cli") as conn:
        for one in listed(conn):
            say(
                f"{one.username:20} {'disabled' if one.disabled else 'active':9} {one.display_name}  {one.grants}"
            )


@app.command()
def disable(username: str) -> None:
    """Let a user in no more; sessions end at once, what the user did stays on record."""
    from api.database.pool import connect
    from api.users import UserError, disable_user

    settings = settings_or_exit()
    with plain_errors(), connect(settings, "owner", application_name="lianfang-cli") as conn:
        try:
            disable_user(conn, username)
        except UserError as error:
            raise fail(str(error)) from error
    say(f"disabled {username}")
