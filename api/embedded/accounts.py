"""Which account a server runs as, and what it may reach. Root starts servers as the account its package brought."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from api.embedded import EmbeddedError


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine. ``switch`` is set when we are root and have to become it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def command(self, argv: list[str], *, stop_signal: str = "TERM") -> list[str]:
        """``argv`` as this account, told to stop when its parent dies (so that a killed `up` leaves nothing)."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise EmbeddedError("the program setpriv is missing: install the package util-linux")
        become = [f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups"] if self.switch else []
        return [setpriv, f"--pdeathsig={stop_signal}", *become, "--", *argv]

    def own(self, path: Path) -> None:
        """Make this account the owner of ``path``."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def require_own(self, folder: Path) -> None:
        """Raise when ``folder`` is there and another account's: an earlier start was somebody else's."""
        if not folder.exists() or folder.stat().st_uid in (self.uid, os.geteuid()):
            return
        owner = _name(folder.stat().st_uid)
        before = f"as {owner}" if self.switch else "by root, with sudo for instance"
        raise EmbeddedError(
            f"{folder} belongs to the account {owner}, and started by {_name(os.geteuid())} its server would run as "
            f"{self.name}: it was started {before} before. Start it so again, or hand it over first: "
            f"chown -R {self.name} {folder.resolve()}"
        )

    def folder(self, path: Path) -> Path:
        """Make ``path`` a folder that only this account may enter."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        self.own(path)
        return path

    def write(self, path: Path, content: str | bytes) -> None:
        """Write a file that only this account may read, whole or not at all."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        self.own(temporary)
        temporary.replace(path)

    def require_way_to(self, folder: Path) -> None:
        """Raise when this account cannot get through the folders above ``folder``."""
        if not self.switch:
            return
        done = subprocess.run(self.command(["test", "-x", str(folder)]), check=False, capture_output=True)
        if done.returncode != 0:
            raise EmbeddedError(
                f"the account {self.name} cannot reach {folder}, because a folder above it is closed to others. "
                f"Make var a link to a folder that it can reach, for example: "
                f"mkdir -p /var/lib/lianfang && ln -s /var/lib/lianfang var"
            )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"


def server_account(name: str) -> Account:
    """Who runs a server: ourselves, or when we are root, the existing account ``name``."""
    if os.geteuid() != 0:
        return Account(_name(os.geteuid()), os.geteuid(), os.getegid(), switch=False)
    try:
        found = pwd.getpwnam(name)
    except KeyError as error:
        raise EmbeddedError(
            f"started by root, a server runs as the account {name}, which does not exist. The Debian package "
            f"makes it (postgresql, mosquitto): install it, or start as an ordinary user"
        ) from error
    return Account(found.pw_name, found.pw_uid, found.pw_gid, switch=True)
