"""Pictures that are kept: JPEG files under their SHA-256, ``ab/cd/abcd....jpg``, outside the database.

A file is written beside its place, flushed to the disk and renamed, so that what is there is whole. What it shows, when
and by which camera stands inside it as well (a JPEG comment), so that it speaks for itself when it is taken elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from video.model import Picture

EVIDENCE = "evidence"
"""The folder of pictures below ``var``."""
LEFT_FREE_BYTES = 500_000_000
"""Pictures leave so much of the disk to others: the database beside them stops when it is full, and alarms with it."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class EvidenceError(Exception):
    """A file is not there, or not what was written; the message says which."""


class Shelf:
    """The folder of what is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where the file of this digest is. Raises ``EvidenceError`` for what is none."""
        if not _SHA256.fullmatch(sha256):
            raise EvidenceError(f"{sha256!r} is no SHA-256")
        return self.folder / sha256[:2] / sha256[2:4] / f"{sha256}.jpg"

    def keep(self, data: bytes, taken_at: datetime, width_px: int, height_px: int) -> Picture:
        """Write it, whole or not at all; it is on the disk when this returns.

        Raises ``OSError``, and ``EvidenceError`` when hardly any room is left.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (free := shutil.disk_usage(self.folder).free) < LEFT_FREE_BYTES:
            raise EvidenceError(f"only {free / 1e6:.0f} MB of the disk are free")
        sha256 = hashlib.sha256(data).hexdigest()
        _write(self.path(sha256), data, self.folder)
        return Picture(
            sha256=sha256, bytes=len(data), width_px=width_px, height_px=height_px, taken_at=taken_at
        )

    def read(self, sha256: str) -> bytes:
        """The file, proved to be what was written. Raises ``EvidenceError``."""
        try:
            data = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise EvidenceError(f"the file of {sha256} is missing") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise EvidenceError(f"the file of {sha256} is not what was written")
        return data

    def take_over(self, other: Shelf, digests: Collection[str]) -> list[str]:
        """Copy these from another shelf, each proved, and as old as it was there; returns those that neither shelf has.

        What is here already is not copied again, so a second time costs only what is new.
        """
        missing = []
        for sha256 in digests:
            path, source = self.path(sha256), other.path(sha256)
            if path.exists():
                continue
            try:
                data, age = other.read(sha256), source.stat()
            except (EvidenceError, FileNotFoundError):
                missing.append(sha256)
                continue
            _write(path, data, self.folder, (age.st_atime, age.st_mtime))
        return missing

    def remove_others(self, digests: Collection[str]) -> None:
        """Delete all files but these."""
        for path in self.folder.glob("*/*/*"):
            if path.name.removesuffix(".jpg") not in digests:
                path.unlink(missing_ok=True)

    def remove(self, sha256: str) -> None:
        """Delete the file, if it is there."""
        self.path(sha256).unlink(missing_ok=True)

    def remove_older(self, age_s: float, remembered: Callable[[list[str]], Collection[str]]) -> int:
        """Delete what nobody remembers: files older than anything may be kept, half-written ones; returns how many.

        ``remembered``: which of these digests are; a clock that was wrong makes files look old. One that does not go
        keeps no other: raises the first ``OSError`` at the end.
        """
        limit = time.time() - age_s
        old = {}
        for path in self.folder.glob("*/*/*"):
            with contextlib.suppress(FileNotFoundError):  # a half-written one got its name meanwhile
                if path.stat().st_mtime < limit:
                    old[path.stem] = path
        for digest in remembered(list(old)):
            del old[digest]
        removed, failed = 0, None
        for path in old.values():
            try:
                path.unlink(missing_ok=True)
                removed += 1
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return removed


def _write(path: Path, data: bytes, above: Path, times_s: tuple[float, float] | None = None) -> None:
    for folder in (above, path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.new")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if times_s is not None:
            os.utime(temporary, times_s)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
