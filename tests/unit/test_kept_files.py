"""Small files below ``var/`` that a full disk, a killed writer or a lost power left: nothing depends on their luck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from api.embedded import endpoints
from api.embedded.ports import any_free, kept_port
from api.embedded.secrets import kept_secret
from api.held import LOCK, AlreadyHeld, hold, holder
from api.settings import load_settings

HOST = "127.0.0.1"
ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from api.embedded.ports import kept_port
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # the kernel takes no byte more, as a full disk does not
wanted = int(sys.argv[2]) if len(sys.argv) > 2 else None
raise SystemExit(0 if kept_port(Path(sys.argv[1]), "127.0.0.1", wanted) else 1)
"""


def on_a_full_disk(*arguments: object) -> int:
    command = [sys.executable, "-c", ON_A_FULL_DISK, *map(str, arguments)]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode


def test_a_full_disk_costs_no_server_its_port(tmp_path: Path) -> None:
    """Devices hold on to it: another port would cut all of them off."""
    file = tmp_path / "port"
    port = kept_port(file, HOST, None)
    assert on_a_full_disk(file) == 0, "nothing has to be written"
    assert kept_port(file, HOST, None) == port
    assert on_a_full_disk(file, any_free(HOST)) != 0
    assert kept_port(file, HOST, None) == port, "what could not be written leaves what was"


def test_a_password_is_made_once_and_anew_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "x.password"
    made = kept_secret(file)
    assert len(made) >= 32
    assert kept_secret(file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("")
    assert kept_secret(file) not in ("", made), "an empty password lets nobody in, or everybody"


def test_a_writer_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container it had the same process number."""
    (tmp_path / ".x.password.new").write_text("half")
    assert len(kept_secret(tmp_path / "x.password")) >= 32


@pytest.mark.parametrize("left", ["", '{"pid": 12, "comm', "[]", "\0\0\0"])
def test_a_broken_note_of_who_holds_the_folder_is_no_fault(tmp_path: Path, left: str) -> None:
    with hold(tmp_path, "lianfang up"):
        (tmp_path / LOCK).write_text(left)
        assert holder(tmp_path) is None
        with pytest.raises(AlreadyHeld, match="is held by another process"), hold(tmp_path, "lianfang up"):
            pass


def test_a_broken_note_of_what_runs_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / endpoints.FILE).write_text('{"http": ["127.0.0')
    settings = load_settings(var_dir=tmp_path)
    assert endpoints.http_address(tmp_path) is None
    with pytest.raises(endpoints.NotRunning):
        endpoints.database_url(settings)
