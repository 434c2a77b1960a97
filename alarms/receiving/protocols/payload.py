"""Reading untrusted bytes strictly: JSON objects, numbers, texts and times, each with an error that helps.

Whatever goes wrong here becomes an UndecodableMessage that names the field.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson

from alarms.receiving.protocols.message import UndecodableMessage, excerpt

PAYLOAD_LIMIT = 64 * 1024
"""Bytes that are read. The largest useful message is a few hundred; what is ignored anyway may be larger."""
NESTING_LIMIT = 32
"""Objects and lists within one another. Messages of devices have eight at most; a thousand end a Python program."""
CHILD_LIMIT = 200
"""Characters of a child's external id."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2999, 1, 1, tzinfo=UTC)


def json_value(payload: bytes) -> Any:
    """Parse JSON (RFC 8259): UTF-8, no NaN, no repeated names, no NUL in texts, at most PAYLOAD_LIMIT bytes and
    NESTING_LIMIT levels."""
    if len(payload) > PAYLOAD_LIMIT:
        _refuse_size(payload)
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if not payload.strip():
            raise UndecodableMessage("the payload is empty, where JSON was expected") from error
        raise UndecodableMessage(
            f"the payload is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    if payload.count(b"[") + payload.count(b"{") > NESTING_LIMIT:
        _refuse_nesting(value)
    if b"\\u0000" in payload:
        _refuse_nul(value)
    if payload.count(b'"') != 2 * _count_texts(value):
        # Escaped quotes, or a name given twice (the parser keeps the last one): look more closely.
        _refuse_repeated_names(payload)
    return value


def json_object(payload: bytes) -> dict[str, Any]:
    """Parse a payload that must be one JSON object."""
    value = json_value(payload)
    if type(value) is not dict:
        raise UndecodableMessage(f"the payload is {kind_of(value)}, where a JSON object {{...}} was expected")
    return value


def plain_text(payload: bytes) -> str:
    """A payload that is a bare word such as ``ON`` or ``online``."""
    if len(payload) > PAYLOAD_LIMIT:
        _refuse_size(payload)
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UndecodableMessage(f"the payload is not UTF-8 text: byte {error.start} is wrong") from error
    if "\x00" in text:
        raise UndecodableMessage("the payload contains a NUL character")
    return text.strip()


def kind_of(value: object) -> str:
    """How to name a JSON value's type to a person."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def flag(value: object, field: str) -> bool | None:
    """A JSON true or false; null means that the device does not know yet."""
    if value is None or value is True or value is False:
        return value
    raise UndecodableMessage(f"{field}: true or false was expected, not {excerpt(value)}")


def flag_or_doubt(value: object, field: str, doubts: list[str]) -> bool | None:
    """A JSON true or false; what is neither is left out, and why goes to ``doubts``: the rest of it must still ring."""
    try:
        return flag(value, field)
    except UndecodableMessage as error:
        doubts.append(str(error))
        return None


def number(value: object, field: str, low: float, high: float) -> float:
    """A finite JSON number within ``low..high``."""
    if (type(value) is float or type(value) is int) and low <= value <= high:
        return float(value)
    if type(value) not in (int, float):
        raise UndecodableMessage(f"{field}: a number was expected, not {excerpt(value)}")
    raise UndecodableMessage(f"{field}: {excerpt(value)} is outside {low:g} to {high:g}")


def text_of(value: object, field: str, limit: int) -> str:
    """A JSON text of at most ``limit`` characters, or a whole number written as one."""
    if type(value) is str:
        if len(value) <= limit:
            return value
        raise UndecodableMessage(f"{field}: {len(value)} characters, at most {limit} are taken")
    if type(value) is int and -(2**63) <= value < 2**64:
        return str(value)
    raise UndecodableMessage(f"{field}: a text was expected, not {excerpt(value)}")


def percent(value: object) -> float | None:
    """A battery level in percent when it is one; makers send null, texts and volts here as well."""
    if type(value) in (int, float) and 0 <= value <= 100:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    return None


def dbm(value: object) -> float | None:
    """A received signal strength in dBm when it is one."""
    if type(value) in (int, float) and -200 <= value <= 50:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    return None


def child_name(name: str) -> str:
    """A child's external id as it stands in a topic or payload; it must fit the registry."""
    if not name or len(name) > CHILD_LIMIT or "\x00" in name:
        raise UndecodableMessage(
            f"the name of the device behind the gateway has {len(name)} characters; 1 to {CHILD_LIMIT} are taken"
        )
    return name


def rfc3339(value: object, field: str) -> datetime | None:
    """A time by RFC 3339, section 5.6; None when it is written rightly but no calendar clock can mean it.

    A wrong clock is no reason to lose an alarm: 1970 is passed on and judged later; before 1970 or after 2998
    is a clock that says nothing. What is not RFC 3339 at all is refused, so that the maker notices.
    """
    if type(value) is str and _RFC3339.fullmatch(value) is not None:
        if value[17:19] == "60":  # a leap second, which Python's clock cannot show
            value = value[:17] + "59" + value[19:]
        try:
            time = datetime.fromisoformat(value.upper())
            if 1970 < time.year < 2998:
                return time
            return time if _EARLIEST <= time <= _LATEST else None
        except (ValueError, OverflowError):
            pass  # such as month 13, or the year 0000
    raise UndecodableMessage(f'{field}: {excerpt(value)} is not a time such as "2026-03-01T08:30:00+08:00"')


def rfc3339_or_doubt(value: object, field: str, doubts: list[str]) -> datetime | None:
    """A time by RFC 3339; what is none is left out, and why goes to ``doubts``."""
    try:
        return rfc3339(value, field)
    except UndecodableMessage as error:
        doubts.append(str(error))
        return None


def epoch(value: object, *, scale: float = 1.0) -> datetime | None:
    """Seconds (or ``scale`` of them) since 1970 as makers send them; None when it is no such number."""
    if type(value) not in (int, float):
        return None
    seconds = float(value) * scale  # type: ignore[arg-type]
    if not math.isfinite(seconds) or not 0 < seconds < _LATEST.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _refuse_size(payload: bytes) -> NoReturn:
    raise UndecodableMessage(
        f"the payload has {len(payload)} bytes, at most {PAYLOAD_LIMIT} are read; "
        "pictures and recordings travel another way"
    )


def _refuse_nesting(value: object) -> None:
    level = [value]
    for _ in range(NESTING_LIMIT + 1):
        level = [
            item
            for one in level
            if isinstance(one, dict | list)
            for item in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise UndecodableMessage(f"the payload is nested more than {NESTING_LIMIT} levels deep")


def _count_texts(value: object) -> int:
    """How many texts a JSON value holds, names included: each was written with two quotes."""
    if type(value) is str:
        return 1
    if type(value) is dict:
        count = len(value)
        for item in value.values():
            kind = type(item)
            if kind is str:
                count += 1
            elif kind is dict or kind is list:
                count += _count_texts(item)
        return count
    if type(value) is list:
        return sum(_count_texts(item) for item in value)
    return 0


def _refuse_repeated_names(payload: bytes) -> None:
    def pairs(items: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in items:
            if name in seen:
                raise UndecodableMessage(f"{excerpt(name)} is given twice in one object; which is meant?")
            seen.add(name)

    try:
        json.loads(payload, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UndecodableMessage):
            raise
        raise UndecodableMessage("the payload is nested too deeply or holds a number too long") from error


def _refuse_nul(value: object) -> None:
    if type(value) is str:
        if "\x00" in value:
            raise UndecodableMessage("a text in the payload contains a NUL character (\\u0000)")
    elif type(value) is dict:
        for name, item in value.items():
            _refuse_nul(name)
            _refuse_nul(item)
    elif type(value) is list:
        for item in value:
            _refuse_nul(item)
