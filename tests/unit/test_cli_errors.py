"""What can go wrong in the world ends a command in plain words."""

import errno

import pytest
import typer

from api.cli_errors import plain_errors


def test_a_full_disk_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, plain_errors():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == (
        "lianfang: the disk is full: make room, and start again. See `lianfang doctor`\n"
    )


def test_what_nobody_foresaw_is_not_swallowed() -> None:
    with pytest.raises(OSError, match="Broken pipe"), plain_errors():
        raise OSError(errno.EPIPE, "Broken pipe")
