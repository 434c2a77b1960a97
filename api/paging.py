"""Lists: opaque keyset cursors, ``next`` links that keep the filters, GeoJSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Query, Request

from api.errors import FieldError, Problem

VERSION = 1
MAX_ID = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=1000, description="Most items in the answer")]
Cursor = Annotated[
    str | None, Query(max_length=200, pattern=r"^[A-Za-z0-9_-]+$", description="From a next link")
]
BboxText = Annotated[
    str | None,
    Query(
        max_length=120,
        pattern=r"^-?\d{1,3}(\.\d{1,12})?(,-?\d{1,3}(\.\d{1,12})?){3}$",
        description="west,south,east,north in degrees, WGS 84",
    ),
]


def encode_cursor(*position: object) -> str:
    """A position in a list, as text that says nothing."""
    return base64.urlsafe_b64encode(orjson.dumps([VERSION, *position])).rstrip(b"=").decode()


def decode_cursor(cursor: str | None, *kinds: type) -> list[Any] | None:
    """The position that a cursor stands for: values of these types. Raises a problem for one that is not ours."""
    if cursor is None:
        return None
    try:
        version, *position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if version != VERSION or len(position) != len(kinds):
            raise ValueError
        return [_value(value, kind) for value, kind in zip(position, kinds, strict=True)]
    except (ValueError, TypeError, binascii.Error, orjson.JSONDecodeError):
        wrong = FieldError(
            where="query.cursor", what="is not a cursor of this list", right="take it from a next link"
        )
        raise Problem("wrong-input", "The cursor is not one of ours.", [wrong]) from None


def _value(value: Any, kind: type) -> Any:
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment
    if type(value) is not kind or (isinstance(value, int) and not 0 <= value <= MAX_ID):
        raise ValueError
    return value


def next_links(request: Request, cursor: str | None) -> list[dict[str, str]]:
    """The links of a page: the next one, with the same filters, when there is more."""
    if cursor is None:
        return []
    return [
        {
            "rel": "next",
            "href": str(request.url.include_query_params(cursor=cursor).replace(scheme="", netloc="")),
        }
    ]


def parse_bbox(text: str | None) -> tuple[float, float, float, float] | None:
    """west,south,east,north; raises a problem when the numbers make no box on the earth."""
    if text is None:
        return None
    west, south, east, north = (float(part) for part in text.split(","))
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        wrong = FieldError(
            where="query.bbox",
            what="is no box on the earth",
            right="west,south,east,north with west < east, south < north, like 110.3,33.5,112.1,35.1",
        )
        raise Problem("wrong-input", "The box is wrong.", [wrong])
    return west, south, east, north


def feature(document: dict[str, Any]) -> dict[str, Any]:
    """A document as a GeoJSON Feature; one without a place has a null geometry (RFC 7946, 3.2)."""
    position = document.get("position")
    return {
        "type": "Feature",
        "id": document["id"],
        "geometry": {"type": "Point", "coordinates": position} if position else None,
        "properties": {name: value for name, value in document.items() if name != "position"},
    }


def collection(request: Request, documents: Sequence[dict[str, Any]], cursor: str | None) -> dict[str, Any]:
    """A page as a GeoJSON FeatureCollection with its links."""
    return {
        "type": "FeatureCollection",
        "features": [feature(document) for document in documents],
        "links": next_links(request, cursor),
    }
