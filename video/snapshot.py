"""A frame as a JPEG file that speaks for itself: what it shows, when and by which camera stands inside it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from video.evidence import EvidenceError

QUALITY = 85
_START, _COMMENT = b"\xff\xd8", b"\xff\xfe"


def jpeg(picture: NDArray[np.uint8], record: Mapping[str, object]) -> bytes:
    """A picture (``uint8 (H, W, 3) BGR``) as JPEG, with its record as a comment in it (ITU-T T.81, B.2.4.5)."""
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise EvidenceError("the picture could not be encoded")
    data = encoded.tobytes()
    comment = json.dumps(record, sort_keys=True).encode()
    return _START + _COMMENT + (len(comment) + 2).to_bytes(2, "big") + comment + data[len(_START) :]
