"""Generated passwords: made once, kept in a file that only its owner may read."""

from __future__ import annotations

import secrets
from pathlib import Path

from api.embedded.files import write_whole


def kept_secret(file: Path) -> str:
    """The secret in ``file``; made first when there is none."""
    if not file.exists() or file.stat().st_size == 0:  # empty: no password that anybody was given
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, secrets.token_urlsafe(24))
    return file.read_text(encoding="ascii").strip()
