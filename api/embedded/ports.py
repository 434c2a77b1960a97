"""A free port, chosen once and kept: devices and scripts hold on to it."""

from __future__ import annotations

import socket
from pathlib import Path

from api.embedded.files import write_whole

LISTENING = "0A"  # TCP_LISTEN in the kernel's table


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def any_free(host: str) -> int:
    """A port that is free now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def kept_port(file: Path, host: str, wanted: int | None) -> int:
    """The port to listen on: the wanted one, else the one kept in ``file`` while it is free, else a new free one."""
    kept = file.read_text(encoding="ascii", errors="replace").strip() if file.exists() else ""
    port = wanted
    if port is None and kept.isdigit() and is_free(host, int(kept)):
        port = int(kept)
    if port is None:
        port = any_free(host)
    if kept != str(port):  # each start of a server comes by here, and a full disk must not cost it its port
        write_whole(file, f"{port}\n", mode=0o644)
    return port


def listens(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether something answers a connection there."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def who_listens(port: int) -> str | None:
    """Which process listens on a port, as far as this account may know: ``process 812 (nginx)``."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) in sockets for fd in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8").strip()
                return f"process {process.name} ({name})"
        except OSError:
            continue  # another account's, or gone meanwhile
    return None
