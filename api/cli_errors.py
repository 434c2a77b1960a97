"""Expected errors end a command with one plain message and exit code 1 (2: a wrong setting); never a traceback."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from api.settings import Settings


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(line, flush=True)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what went wrong; the caller raises the result."""
    print(f"lianfang: {message}", file=sys.stderr, flush=True)
    return typer.Exit(code)


def settings_or_exit(**given: object) -> Settings:
    """The settings, or exit code 2 with the wrong one named."""
    from api.settings import SettingsError, load_settings

    try:
        return load_settings(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:
        raise fail(str(error), 2) from error


@contextmanager
def plain_errors() -> Iterator[None]:
    """What can go wrong in the world, in plain words."""
    import psycopg

    from api.certs import CertificateError
    from api.database.migrate import MigrationError
    from api.database.pool import DatabaseNotPrepared, DatabaseUnavailable
    from api.embedded import EmbeddedError
    from api.embedded.endpoints import NotRunning
    from api.held import AlreadyHeld
    from api.services import ServiceError
    from api.settings import SettingsError

    try:
        yield
    except (
        AlreadyHeld,
        CertificateError,
        DatabaseNotPrepared,
        DatabaseUnavailable,
        EmbeddedError,
        MigrationError,
        NotRunning,
        ServiceError,
    ) as error:
        raise fail(str(error)) from error
    except SettingsError as error:
        raise fail(str(error), 2) from error
    except psycopg.OperationalError as error:
        raise fail(
            f"the database went away: {str(error).strip()}. Is it running? See `lianfang doctor`"
        ) from error
    except PermissionError as error:
        raise fail(f"no right to use {error.filename}: run as the account that owns it") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise fail("the disk is full: make room, and start again. See `lianfang doctor`") from error
