"""SQL as SQL: ``.sql`` files of named statements beside the module that runs them.

A statement begins with ``-- name: some_name``, may go on with comment lines that describe it, and ends where the next
name begins. Parameters are psycopg's ``%(name)s``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


def load_statements(path: Path) -> dict[str, LiteralString]:
    """Read a file of named statements. Raises ValueError on a name that stands twice or a file without names."""
    parts = _NAME.split(path.read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{path}: a statement's name is missing or stands twice")
    # our own files, not a user's words: that is what LiteralString asks for
    return {name: cast("LiteralString", body.strip()) for name, body in zip(names, bodies, strict=True)}
