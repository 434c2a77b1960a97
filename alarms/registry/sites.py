"""Sites and the people to call there. Placed once, joined to cell and tiers by PostGIS; retired, never deleted.

Everything runs in the caller's transaction, whose scope is set: what is outside it is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row, scalar_row
from psycopg.types.json import Jsonb

from alarms.registry import audit
from alarms.registry.audit import Actor
from alarms.registry.errors import ChangedMeanwhileError, ConflictError, NotInScopeError, OutsideScopeError
from gis.model import Position
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))

FIELDS = (
    "kind",
    "name",
    "address",
    "unit",
    "organisation_id",
    "armed_schedule",
    "armed_override",
    "external_ref",
)
SHOWN_IN_INCIDENTS = ("kind", "name", "address", "unit")
SHOWN_IN_TILES = ("kind", "name", "unit", "organisation_id", "position")


@dataclass(frozen=True, kw_only=True, slots=True)
class Placing:
    """Where something is to stand: a point, a declared division (12 digits), both or neither."""

    position: Position | None = None
    division: str | None = None
    keeps_point: bool = False
    """Only the division is to be declared anew; the point stays."""

    def values(self) -> dict[str, Any]:
        """Parameters of the statements that place."""
        point = self.position
        return {
            "lon": point.lon if point else None,
            "lat": point.lat if point else None,
            "source_crs": point.source_crs if point else "EPSG:4326",
            "division": self.division,
            "keeps_point": self.keeps_point,
        }


def create(conn: Connection[Any], values: Mapping[str, Any], placing: Placing, actor: Actor) -> int:
    """Add a site; returns its id. Raises RegistryError."""
    require_organisation(conn, values.get("organisation_id"))
    site_id = _write(conn, "insert", _columns(values) | placing.values())
    conn.execute(SQL["new_tiles"])
    audit.write(conn, actor, "site.add", f"site/{site_id}")
    return site_id


def change(
    conn: Connection[Any],
    site_id: int,
    values: Mapping[str, Any],
    placing: Placing | None,
    actor: Actor,
    now: datetime,
    *,
    expected_version: int | None = None,
) -> None:
    """Change what is in ``values``, and the place when ``placing`` is given; its devices without a place of their own
    go with it, and open incidents show it. Raises RegistryError."""
    before = _lock(conn, site_id, expected_version)
    after = {name: values.get(name, before[name]) for name in FIELDS}
    if after["organisation_id"] != before["organisation_id"]:
        require_organisation(conn, after["organisation_id"])
    changed = {"id": site_id, "placing": placing is not None}
    _write(conn, "update", _columns(after) | (placing or Placing()).values() | changed)
    told = [name for name in FIELDS if after[name] != before[name]] + (["position"] if placing else [])
    if any(name in SHOWN_IN_TILES for name in told):
        conn.execute(SQL["new_tiles"])
    audit.write(conn, actor, "site.change", f"site/{site_id}", details={"changed": told})
    if any(after[name] != before[name] for name in SHOWN_IN_INCIDENTS):
        conn.execute(SQL["append_site_changes"], {"id": site_id, "now": now})
    if placing is not None:
        conn.execute(SQL["move_devices"], {"id": site_id, "now": now})


def retire(conn: Connection[Any], site_id: int, reason: str, actor: Actor, now: datetime) -> None:
    """The site is no longer protected. Its devices must be retired or moved first. Raises RegistryError."""
    before = _lock(conn, site_id, None)
    if before["retired_at"] is not None:
        raise ConflictError(f"site {site_id} is retired already")
    with conn.cursor(row_factory=scalar_row) as cursor:
        device_id = cursor.execute(SQL["device_in_use"], {"id": site_id}).fetchone()
        out_of_sight = cursor.execute(SQL["devices_out_of_sight"], {"id": site_id}).fetchone()
    if device_id is not None:
        raise ConflictError(f"site {site_id} still has devices ({device_id}): move or retire them first")
    if out_of_sight:
        raise ConflictError(outside(out_of_sight))
    conn.execute(SQL["retire"], {"id": site_id, "now": now})
    conn.execute(SQL["new_tiles"])
    audit.write(conn, actor, "site.retire", f"site/{site_id}", reason=reason)


def add_contact(conn: Connection[Any], site_id: int, values: Mapping[str, Any], actor: Actor) -> int:
    """Add somebody to call; returns the contact's id."""
    _lock(conn, site_id, None)
    with conn.cursor(row_factory=scalar_row) as cursor:
        contact_id: int | None = cursor.execute(
            SQL["insert_contact"], {"site_id": site_id, **_consent(values, actor), **values}
        ).fetchone()
    assert contact_id is not None
    audit.write(conn, actor, "contact.add", f"contact/{contact_id}", details={"site_id": site_id})
    return contact_id


def change_contact(
    conn: Connection[Any], site_id: int, contact_id: int, values: Mapping[str, Any], actor: Actor
) -> None:
    """Change what is in ``values``. Raises NotInScopeError."""
    with conn.cursor(row_factory=dict_row) as cursor:
        before = cursor.execute(SQL["lock_contact"], {"site_id": site_id, "id": contact_id}).fetchone()
    if before is None:
        raise _no_contact(site_id, contact_id)
    conn.execute(SQL["update_contact"], before | dict(values) | _consent(values, actor))
    if "phone" in values:
        conn.execute(SQL["update_phone"], {"id": contact_id, "phone": values["phone"]})
    audit.write(conn, actor, "contact.change", f"contact/{contact_id}", details={"changed": sorted(values)})


def remove_contact(conn: Connection[Any], site_id: int, contact_id: int, actor: Actor) -> None:
    """This person is not called any more, and the number is forgotten. Raises NotInScopeError."""
    if conn.execute(SQL["delete_contact"], {"site_id": site_id, "id": contact_id}).rowcount == 0:
        raise _no_contact(site_id, contact_id)
    audit.write(conn, actor, "contact.remove", f"contact/{contact_id}", details={"site_id": site_id})


def reveal_phone(conn: Connection[Any], site_id: int, contact_id: int, reason: str) -> str:
    """The contact's number, against a reason and a line in the audit log, which the database writes itself. Raises
    NotInScopeError."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        values = {"site_id": site_id, "id": contact_id, "reason": reason}
        phone: str | None = cursor.execute(SQL["reveal"], values).fetchone()
    if phone is None:
        raise _no_contact(site_id, contact_id)
    return phone


def outside(devices: int) -> str:
    """Why something that serves more than the asker sees is not ended."""
    what = "a device" if devices == 1 else f"{devices} devices"
    return f"it also serves {what} outside your scope: the city desk does this"


def require_organisation(conn: Connection[Any], organisation_id: int | None) -> None:
    """Raise NotInScopeError unless it is None or an organisation that the asker may see."""
    if organisation_id is None:
        return
    if conn.execute(SQL["organisation_is_there"], {"id": organisation_id}).fetchone() is None:
        raise NotInScopeError(f"there is no organisation {organisation_id} in your scope")


def _lock(conn: Connection[Any], site_id: int, expected_version: int | None) -> dict[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["lock"], {"id": site_id}).fetchone()
    if row is None:
        raise NotInScopeError(f"there is no site {site_id} in your scope")
    if expected_version is not None and row["version"] != expected_version:
        raise ChangedMeanwhileError(f"it is at version {row['version']}, you saw version {expected_version}")
    return row


def _write(conn: Connection[Any], statement: str, values: dict[str, Any]) -> int:
    try:
        with conn.cursor(row_factory=scalar_row) as cursor:
            site_id: int | None = cursor.execute(SQL[statement], values).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise OutsideScopeError(
            "the site would stand outside your scope: check position and organisation"
        ) from error
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError(f"another site has the reference {values['external_ref']!r}") from error
    assert site_id is not None
    return site_id


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: values.get(name) for name in FIELDS}
    schedule = columns["armed_schedule"]
    columns["armed_schedule"] = None if schedule is None else Jsonb(schedule)
    columns["address"] = columns["address"] or ""
    columns["unit"] = columns["unit"] or ""
    return columns


def _consent(values: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    """Who recorded that the contact agrees: who says so now. Nothing where nothing is said of it."""
    if "consent_at" not in values:
        return {}
    return {"consent_by_user": actor.user_id if values["consent_at"] is not None else None}


def _no_contact(site_id: int, contact_id: int) -> NotInScopeError:
    return NotInScopeError(f"there is no contact {contact_id} of a site {site_id} in your scope")
