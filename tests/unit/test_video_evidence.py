"""Files under their digest: whole, found again, proved, deleted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from video import evidence
from video.evidence import EvidenceError, Shelf
from video.snapshot import jpeg

NOW = datetime(2026, 3, 3, 2, 10, tzinfo=UTC)
PIXELS = np.full((48, 64, 3), (200, 30, 90), np.uint8)


def nobody(_digests: list[str]) -> list[str]:
    """Nobody remembers any of them."""
    return []


def test_a_picture_holds_its_own_record_and_is_still_a_picture() -> None:
    data = jpeg(PIXELS, {"camera": "cam-1", "taken_at": NOW.isoformat()})
    length = int.from_bytes(data[4:6], "big")
    assert data[:4] == b"\xff\xd8\xff\xfe"
    assert json.loads(data[6 : 4 + length]) == {"camera": "cam-1", "taken_at": NOW.isoformat()}
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert np.abs(shown.astype(int) - PIXELS.astype(int)).max() < 8
    assert jpeg(PIXELS, {"message": "1"}) != jpeg(PIXELS, {"message": "2"}), "each is a file of its own"


def test_it_is_kept_under_its_digest_for_nobody_else(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "evidence")
    picture = shelf.keep(b"bytes", NOW, 64, 48)
    digest = hashlib.sha256(b"bytes").hexdigest()
    assert (picture.sha256, picture.bytes) == (digest, 5)
    path = tmp_path / "evidence" / digest[:2] / digest[2:4] / f"{digest}.jpg"
    assert path.read_bytes() == b"bytes"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file for file in path.parent.iterdir() if file != path] == [], "nothing half-written stays"
    assert shelf.read(digest) == b"bytes"
    assert shelf.keep(b"bytes", NOW, 64, 48) == picture, "the same again is the same"


def test_a_full_disk_is_left_to_the_alarms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path)
    monkeypatch.setattr(evidence, "LEFT_FREE_BYTES", shutil.disk_usage(tmp_path).total)
    with pytest.raises(EvidenceError, match="of the disk are free"):
        shelf.keep(b"bytes", NOW, 64, 48)
    assert list(tmp_path.iterdir()) == []


def test_what_was_changed_or_is_missing_is_not_shown(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    picture = shelf.keep(b"bytes", NOW, 64, 48)
    shelf.path(picture.sha256).write_bytes(b"other")
    with pytest.raises(EvidenceError, match="not what was written"):
        shelf.read(picture.sha256)
    shelf.remove(picture.sha256)
    shelf.remove(picture.sha256)
    with pytest.raises(EvidenceError, match="missing"):
        shelf.read(picture.sha256)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "a" * 63, "a" * 65, "a" * 64 + "\n"])
def test_only_a_digest_names_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(EvidenceError, match="no SHA-256"):
        Shelf(tmp_path).path(name)


def test_what_nobody_remembers_is_swept_when_it_is_old(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    old, new = shelf.keep(b"old", NOW, 1, 1), shelf.keep(b"new", NOW, 1, 1)
    half = shelf.path(old.sha256).with_name(".half.new")
    half.touch()
    for path in (shelf.path(old.sha256), half):
        os.utime(path, (0, 0))
    assert shelf.remove_older(3600, lambda digests: [one for one in digests if one == old.sha256]) == 1
    assert shelf.read(old.sha256) == b"old", "somebody does: a clock was wrong"
    half.touch()
    os.utime(half, (0, 0))
    (folder := tmp_path / "00" / "00" / "stuck.jpg").mkdir(parents=True)
    os.utime(folder, (0, 0))
    with pytest.raises(IsADirectoryError):
        shelf.remove_older(3600, nobody)
    assert not half.exists()
    assert not shelf.path(old.sha256).exists(), "one that does not go keeps no other"
    folder.rmdir()
    assert shelf.remove_older(3600, nobody) == 0
    assert shelf.read(new.sha256) == b"new"
