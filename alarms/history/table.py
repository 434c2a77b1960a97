"""What is found as flat tables, incidents and their timelines, the same in every format. Pure.

Codes of divisions are text. A cell that a spreadsheet would take for a formula is harmless: see ``harmless``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from alarms.history.words import DISPOSITIONS, ENTRIES, STATES, Language, category_name, entry_about
from alarms.model import Disposition, IncidentState

Kind = Literal["text", "integer", "real", "time"]
Value = str | int | float | datetime | None

CRS = "EPSG:4326"
CRS_IN_WORDS = "WGS 84 (EPSG:4326), longitude and latitude in degrees"

_FORMULA = re.compile(r"[\s'\ufeff\u200b-\u200f]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in every format, and what its cells are."""

    name: str
    kind: Kind


COLUMNS = (
    Column("id", "integer"),
    Column("opened_at", "time"),
    Column("category", "text"),
    Column("category_name", "text"),
    Column("priority", "integer"),
    Column("verification_level", "integer"),
    Column("state", "text"),
    Column("state_name", "text"),
    Column("disposition", "text"),
    Column("disposition_name", "text"),
    Column("title", "text"),
    Column("site", "text"),
    Column("site_kind", "text"),
    Column("address", "text"),
    Column("unit", "text"),
    Column("county", "text"),
    Column("county_name", "text"),
    Column("township", "text"),
    Column("township_name", "text"),
    Column("village", "text"),
    Column("village_name", "text"),
    Column("grid_cell", "text"),
    Column("lon", "real"),
    Column("lat", "real"),
    Column("source", "text"),
    Column("alarm_count", "integer"),
    Column("last_alarm_at", "time"),
    Column("acknowledged_at", "time"),
    Column("dispatched_at", "time"),
    Column("on_scene_at", "time"),
    Column("resolved_at", "time"),
    Column("closed_at", "time"),
    Column("reopened_count", "integer"),
    Column("handler", "text"),
)

ENTRY_COLUMNS = (
    Column("incident", "integer"),
    Column("at", "time"),
    Column("kind", "text"),
    Column("kind_name", "text"),
    Column("about", "text"),
    Column("text", "text"),
    Column("user", "text"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """An incident's cells by ``COLUMNS``, and those of each line of its timeline by ``ENTRY_COLUMNS``, oldest first."""

    row: list[Value]
    timeline: list[list[Value]]


def case(found: Mapping[str, Any], names: Mapping[str, str], language: Language) -> Case:
    """The cells of what ``search.cases`` brings."""
    document = found["incident"]
    return Case(
        row(document, names, language),
        [entry(document["id"], one, language) for one in found["entries"]],
    )


def row(document: Mapping[str, Any], names: Mapping[str, str], language: Language) -> list[Value]:
    """The cells of an incident's document; ``names`` are those of divisions by their code."""
    site = document["site"] or {}
    lon, lat = document["position"] or (None, None)
    disposition = document["disposition"]
    more: dict[str, Value] = {
        "category_name": category_name(document["category"], language),
        "state_name": STATES[language][IncidentState(document["state"])],
        "disposition_name": DISPOSITIONS[language][Disposition(disposition)] if disposition else None,
        "site": site.get("name"),
        "site_kind": site.get("kind"),
        "address": site.get("address"),
        "unit": site.get("unit"),
        "county_name": names.get(document["county"] or ""),
        "township_name": names.get(document["township"] or ""),
        "village_name": names.get(document["village"] or ""),
        "lon": lon,
        "lat": lat,
        "handler": (document["handler"] or {}).get("name"),
    }
    return [_cell(column, more.get(column.name, document.get(column.name))) for column in COLUMNS]


def entry(incident_id: int, document: Mapping[str, Any], language: Language) -> list[Value]:
    """The cells of a line of an incident's timeline."""
    kind = document["kind"]
    more: dict[str, Value] = {
        "incident": incident_id,
        "kind_name": ENTRIES[language].get(kind, kind),
        "about": entry_about(document, language),
    }
    return [_cell(column, more.get(column.name, document.get(column.name))) for column in ENTRY_COLUMNS]


def harmless(text: str) -> str:
    """The text as a CSV cell that no spreadsheet runs: one that begins like a formula (``=``, ``+``, ``-``, ``@``, tab,
    carriage return, also behind blanks and in full width) gets an apostrophe before it (OWASP, CSV injection)."""
    return "'" + text if _FORMULA.match(text) else text


def printable(text: str) -> str:
    """The text without characters that XML 1.0 (2.2) cannot hold; each becomes U+FFFD, so that it shows."""
    return _CONTROL.sub("\ufffd", text)


def _cell(column: Column, value: Any) -> Value:
    if value is None or value == "":
        return None
    match column.kind:
        case "text":
            return str(value)
        case "integer":
            return int(value)
        case "real":
            return float(value)
        case "time":
            return datetime.fromisoformat(value)
