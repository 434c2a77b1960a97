"""The command for certificates: make them, renew them, say what a phone has to trust."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli_errors import fail, plain_errors, say, settings_or_exit


def certs(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="More host names or addresses to stand in it.", show_default=False),
    ] = None,
    ca_out: Annotated[
        Path | None, typer.Option(help="Also write the CA's certificate to this file, for phones.")
    ] = None,
    new_ca: Annotated[
        bool, typer.Option("--new-ca", help="Make a new CA: every phone has to be told to trust it.")
    ] = False,
) -> None:
    """The installation's own CA and the certificate for HTTPS: made, or made anew before they run out."""
    from api import certs as made_here
    from api.up import make_var

    settings = settings_or_exit()
    with plain_errors():
        files = made_here.files_of(settings)
        if files is not None and not files.own:
            raise fail(f"LIANFANG_TLS_CERT names {files.cert}, which is used: unset it to use an own one")
        make_var(settings)
        made = made_here.make(
            made_here.folder_of(settings),
            [*made_here.own_names(), *(names or [])],
            made_here.utc_now(),
            new_ca=new_ca,
        )
        if ca_out is not None:
            ca_out.write_bytes((made_here.folder_of(settings) / "ca.crt").read_bytes())
    say(
        f"{'made' if made.new_server else 'kept'} the certificate for {', '.join(made_here.names_of(made.server))}"
    )
    say(f"valid until {made.server.not_valid_after_utc:%Y-%m-%d}; `up` makes it anew before that")
    say(
        f"{'made' if made.new_ca else 'kept'} the CA, valid until {made.ca.not_valid_after_utc:%Y-%m-%d}. SHA-256:"
    )
    say(f"  {made_here.fingerprint(made.ca)}")
    say(f"`up` serves {settings.https_url}; a phone fetches the CA at /install/ca.crt: compare the SHA-256")
    if settings.https_host in ("127.0.0.1", "::1", "localhost"):
        say("only this machine reaches it: LIANFANG_HTTPS_HOST=0.0.0.0 lets phones in")
