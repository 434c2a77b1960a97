"""Every ``./run lianfang`` command that the documents show is typed as it stands, and works.

What runs until Ctrl-C (up, serve, demo, simulate) has stories of its own: test_up.py, test_simulator_run.py. What
loads files has them with the files: test_load*.py; what backs up and brings back: test_backup.py.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import psycopg

from api.settings import Settings

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^\s*\./run lianfang (.+?)(?:\s+#.*)?$", re.MULTILINE)
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
ENDLESS = {"up", "serve", "demo", "simulate", "intake", "jobs", "video"}
WITH_FILES = {"load", "grids", "backup", "restore"}


def commands() -> list[list[str]]:
    """The commands of all documents, as words, each once."""
    found: dict[tuple[str, ...], None] = {}
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in COMMAND.findall(block.replace("\\\n", " ")):
                found[tuple(shlex.split(line))] = None
    return [list(words) for words in found if words[0] not in ENDLESS | WITH_FILES]


def test_the_documents_commands_work(settings: Settings, owner_conn: psycopg.Connection) -> None:
    settings.var_dir.mkdir()
    owner_conn.execute("INSERT INTO divisions (code, tier, name) VALUES ('411282000000', 2, '灵宝市')")
    owner_conn.commit()
    environment = os.environ | {
        "LIANFANG_DATABASE_URL": str(settings.database_url),
        "LIANFANG_MQTT_URL": str(settings.mqtt_url),
        "LIANFANG_VAR_DIR": str(settings.var_dir),
    }
    assert len(commands()) > 8
    for words in commands():
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        works = (0, 1) if words[0] == "doctor" else (0,)  # it finds that no intake runs here, and says so
        assert done.returncode in works, f"{words}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
