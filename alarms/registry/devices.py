"""Devices and gateways: registered, placed, moved, replaced, retired, with each step kept in ``device_history``
and a line in the audit log.

Everything runs in the caller's transaction, whose scope is set: what is outside it is not there. Each change is told to
the live feed; who can see a device no longer is told that it is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row, scalar_row
from psycopg.types.json import Jsonb

from alarms.model import DeviceStatus
from alarms.registry import audit, credentials
from alarms.registry.audit import Actor
from alarms.registry.errors import ChangedMeanwhileError, ConflictError, NotInScopeError, OutsideScopeError
from alarms.registry.sites import Placing, outside, require_organisation
from gis.sql import load_statements

SQL = load_statements(Path(__file__).with_suffix(".sql"))

FIELDS = ("kind", "name", "zone", "protocol", "organisation_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDevice:
    """A device to register. With ``gateway_id`` it speaks through that one, by its ``external_id`` there."""

    device_id: str
    kind: str
    name: str = ""
    protocol: str = "lianfang"
    zone: str = ""
    site_id: int | None = None
    organisation_id: int | None = None
    """None: its site's."""
    gateway_id: int | None = None
    external_id: str | None = None
    placing: Placing = field(default_factory=Placing)


def register(conn: Connection[Any], new: NewDevice, actor: Actor, now: datetime) -> int:
    """Register and place a device, in service; returns its number. Raises RegistryError."""
    _check_name(new.device_id)
    _require_site(conn, new.site_id)
    require_organisation(conn, new.organisation_id)
    through: str | None = None
    if new.gateway_id is not None:
        gateway = _lock(conn, new.gateway_id)
        if gateway["status"] == DeviceStatus.RETIRED:
            raise ConflictError(f"the gateway {gateway['device_id']} is retired")
        if gateway["gateway_id"] is not None:
            raise ConflictError(f"{gateway['device_id']} speaks through a gateway itself and cannot be one")
        through = gateway["device_id"]
    values = {
        "device_id": new.device_id,
        "kind": new.kind,
        "name": new.name,
        "protocol": new.protocol,
        "zone": new.zone,
        "site_id": new.site_id,
        "organisation_id": new.organisation_id,
        "gateway_id": new.gateway_id,
        "external_id": new.external_id,
    }
    number = _write(conn, "insert", values | new.placing.values())
    heard_as = {"publisher": through or new.device_id, "child": new.external_id or ""}
    conn.execute(SQL["forget_unknown"], heard_as)
    _remember(conn, number, actor, now, "registered", after=_state(conn, number))
    audit.write(conn, actor, "device.register", f"device/{new.device_id}")
    _tell(conn, number, now)
    return number


def change(
    conn: Connection[Any],
    number: int,
    values: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    *,
    expected_version: int | None = None,
) -> None:
    """Change what is in ``values`` (see FIELDS). Raises RegistryError."""
    before = _lock(conn, number, expected_version)
    after = {name: values.get(name, before[name]) for name in FIELDS}
    if after["organisation_id"] != before["organisation_id"]:
        require_organisation(conn, after["organisation_id"])
    _write(conn, "update", after | {"id": number, "device_id": before["device_id"]})
    changed = [name for name in FIELDS if after[name] != before[name]]
    _remember(
        conn, number, actor, now, "changed",
        before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
    )  # fmt: skip
    audit.write(conn, actor, "device.change", f"device/{before['device_id']}", details={"changed": changed})
    if {"name", "kind"} & set(changed):
        conn.execute(SQL["append_renamed"], {"id": number, "now": now})
    _tell(conn, number, now, before["scope_keys"])


def move(
    conn: Connection[Any],
    number: int,
    site_id: int | None,
    placing: Placing,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Give it another site, or another place of its own, or none. Raises RegistryError."""
    before = _lock(conn, number)
    if before["status"] == DeviceStatus.RETIRED:
        raise ConflictError(f"{before['device_id']} is retired and stands nowhere any more")
    _require_site(conn, site_id)
    was = _state(conn, number)
    values = {"id": number, "device_id": before["device_id"], "site_id": site_id, "now": now}
    _write(conn, "move", values | placing.values())
    _remember(conn, number, actor, now, "moved", reason=reason, before=was, after=_state(conn, number))
    audit.write(conn, actor, "device.move", f"device/{before['device_id']}", reason=reason)
    _tell(conn, number, now, before["scope_keys"])


def set_status(
    conn: Connection[Any],
    number: int,
    status: DeviceStatus,
    test_until: datetime | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """In service, in test until a time, or out of service. A retired device stays retired. Raises RegistryError.

    Signals are judged by ``test_until``, not by the moment at which they are stored.
    """
    before = _lock(conn, number)
    if before["status"] == DeviceStatus.RETIRED:
        raise ConflictError(f"{before['device_id']} is retired: register it anew under another device id")
    if status is DeviceStatus.RETIRED:
        raise ConflictError("to retire a device is an act of its own, which takes its login too")
    until = test_until if status is DeviceStatus.TEST else None
    conn.execute(SQL["set_status"], {"id": number, "status": status.value, "test_until": until, "now": now})
    _remember(
        conn, number, actor, now, "status", reason=reason,
        before={"status": before["status"]},
        after={"status": status.value, "test_until": until.isoformat() if until else None},
    )  # fmt: skip
    audit.write(
        conn,
        actor,
        "device.status",
        f"device/{before['device_id']}",
        reason=reason,
        details={"status": status.value},
    )
    _tell(conn, number, now)


def end_tests(conn: Connection[Any], ended_before: datetime, now: datetime) -> int:
    """Say ``in_service`` of devices whose test was over before then; returns how many, a thousand at most.

    They have rung since their test ended, whatever their row says: signals are judged by ``test_until``. Only what was
    received before that, and is stored late, still asks for it; so this waits.
    """
    with conn.cursor(row_factory=scalar_row) as cursor:
        values = {"ended_before": ended_before, "now": now}
        ids: list[int] = cursor.execute(SQL["end_tests"], values).fetchall()
    if ids:
        conn.execute(SQL["append_changes"], {"ids": sorted(ids), "now": now})
    return len(ids)


def retire(conn: Connection[Any], number: int, reason: str, actor: Actor, now: datetime) -> None:
    """Out of use for good: its login is gone, its history stays. Raises RegistryError."""
    before = _lock(conn, number)
    _refuse_retired(before)
    with conn.cursor(row_factory=scalar_row) as cursor:
        child = cursor.execute(SQL["child_in_use"], {"id": number}).fetchone()
        out_of_sight = cursor.execute(SQL["children_out_of_sight"], {"id": number}).fetchone()
    if child is not None:
        raise ConflictError(
            f"{before['device_id']} is the gateway of others ({child}): retire or move them first"
        )
    if out_of_sight:
        raise ConflictError(outside(out_of_sight))
    _retire(conn, before)
    _remember_end(conn, before, None, reason, actor, now)
    audit.write(conn, actor, "device.retire", f"device/{before['device_id']}", reason=reason)
    _tell(conn, number, now)


def replace(
    conn: Connection[Any],
    number: int,
    device_id: str,
    external_id: str | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    """Put a new device in its stead: same kind, site, place, zone, organisation and children; the old one is retired.
    Children outside the scope go along: without a login they would never ring again.

    Returns the new one's number. Raises RegistryError.
    """
    before = _lock(conn, number)
    _refuse_retired(before)
    _check_name(device_id)
    if before["gateway_id"] is not None and external_id is None:
        raise ConflictError("it speaks through a gateway: say the new one's external_id there")
    if before["gateway_id"] is None and external_id is not None:
        raise ConflictError("it speaks for itself: there is no gateway that an external_id could belong to")
    _retire(conn, before)  # first: the new one may have its name behind the gateway
    given = {"id": number, "device_id": device_id, "external_id": external_id}
    new = _write(
        conn, "insert_replacement", given | {name: before[name] for name in ("status", "test_until")}
    )
    conn.execute(SQL["set_successor"], {"id": number, "new": new})
    with conn.cursor(row_factory=scalar_row) as cursor:
        children = cursor.execute(SQL["adopt_children"], {"id": number, "new": new}).fetchall()
    _remember(conn, new, actor, now, "registered", reason=reason, after=_state(conn, new))
    _remember_end(conn, before, new, reason, actor, now)
    audit.write(
        conn,
        actor,
        "device.replace",
        f"device/{before['device_id']}",
        reason=reason,
        details={"by": device_id},
    )
    conn.execute(SQL["append_changes"], {"ids": sorted([number, new, *children]), "now": now})
    return new


def issue_credentials(conn: Connection[Any], number: int, actor: Actor, now: datetime) -> tuple[str, str]:
    """A new MQTT login, the old one void: (user name, password). The password is kept nowhere. Raises RegistryError."""
    device = _lock(conn, number)
    _refuse_retired(device)
    if device["gateway_id"] is not None:
        raise ConflictError("it speaks through a gateway: the gateway has the login")
    password = credentials.make_password()
    conn.execute(
        SQL["put_credentials"],
        {"device_id": device["device_id"], "line": credentials.hash_password(password), "now": now},
    )
    _remember(conn, number, actor, now, "changed", after={"credentials": "issued"})
    audit.write(conn, actor, "device.credentials", f"device/{device['device_id']}")
    return device["device_id"], password


def adopt(
    conn: Connection[Any], publisher: str, child: str, new: NewDevice, actor: Actor, now: datetime
) -> int:
    """Register a device that spoke before it was known. Raises RegistryError."""
    with conn.cursor(row_factory=dict_row) as cursor:
        unknown = cursor.execute(SQL["lock_unknown"], {"publisher": publisher, "child": child}).fetchone()
        if unknown is None:
            raise NotInScopeError(f"no unknown device {child or publisher!r} has spoken")
        gateway = cursor.execute(SQL["by_name"], {"device_id": publisher}).fetchone() if child else None
    if child and gateway is None:
        raise ConflictError(f"its gateway {publisher} is not registered: register or adopt that one first")
    adopted = NewDevice(
        device_id=new.device_id,
        kind=new.kind,
        name=new.name,
        protocol=unknown["protocol"],
        zone=new.zone,
        site_id=new.site_id,
        organisation_id=new.organisation_id,
        gateway_id=gateway["id"] if gateway else None,
        external_id=child or None,
        placing=new.placing,
    )
    number = register(conn, adopted, actor, now)
    conn.execute(SQL["forget_unknown"], {"publisher": publisher, "child": child})  # also under another name
    return number


def _check_name(device_id: str) -> None:
    try:
        credentials.check_username(device_id)
    except ValueError as error:
        raise ConflictError(str(error)) from error


def _require_site(conn: Connection[Any], site_id: int | None) -> None:
    if site_id is None:
        return
    row = conn.execute(SQL["site_is_there"], {"id": site_id}).fetchone()
    if row is None:
        raise NotInScopeError(f"there is no site {site_id} in your scope")


def _lock(conn: Connection[Any], number: int, expected_version: int | None = None) -> dict[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["lock"], {"id": number}).fetchone()
    if row is None:
        raise NotInScopeError(f"there is no device {number} in your scope")
    if expected_version is not None and row["version"] != expected_version:
        raise ChangedMeanwhileError(f"it is at version {row['version']}, you saw version {expected_version}")
    return row


def _refuse_retired(device: Mapping[str, Any]) -> None:
    if device["status"] == DeviceStatus.RETIRED:
        raise ConflictError(f"{device['device_id']} is retired")


def _retire(conn: Connection[Any], device: Mapping[str, Any]) -> None:
    conn.execute(SQL["retire"], {"id": device["id"]})
    conn.execute(SQL["delete_credentials"], {"device_id": device["device_id"]})


def _remember_end(
    conn: Connection[Any],
    device: Mapping[str, Any],
    replaced_by: int | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    action = "retired" if replaced_by is None else "replaced"
    after = {"status": "retired", "replaced_by": replaced_by}
    before = {"status": device["status"]}
    _remember(conn, device["id"], actor, now, action, reason=reason, before=before, after=after)


def _write(conn: Connection[Any], statement: str, values: dict[str, Any]) -> int:
    try:
        with conn.cursor(row_factory=scalar_row) as cursor:
            number: int | None = cursor.execute(SQL[statement], values).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise OutsideScopeError(
            "the device would stand outside your scope: check site, position and organisation"
        ) from error
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "devices_device_id_key":
            raise ConflictError(
                f"the device id {values['device_id']} is taken, perhaps by a retired device: an id is given once",
                field="device_id",
            ) from error
        raise ConflictError(
            f"the gateway already has a device {values.get('external_id')!r}", field="external_id"
        ) from error
    assert number is not None
    return number


def _state(conn: Connection[Any], number: int) -> dict[str, Any]:
    with conn.cursor(row_factory=scalar_row) as cursor:
        state: dict[str, Any] | None = cursor.execute(SQL["state"], {"id": number}).fetchone()
    return state or {}


def _remember(
    conn: Connection[Any],
    number: int,
    actor: Actor,
    now: datetime,
    action: str,
    *,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    conn.execute(
        SQL["remember"],
        {
            "device_id": number,
            "at": now,
            "user_id": actor.user_id,
            "action": action,
            "reason": reason,
            "before": None if before is None else Jsonb(dict(before)),
            "after": None if after is None else Jsonb(dict(after)),
        },
    )


def _tell(conn: Connection[Any], number: int, now: datetime, old_keys: list[str] | None = None) -> None:
    """The feed's change; ``old_keys``: who could see it before."""
    if old_keys is None:
        conn.execute(SQL["append_changes"], {"ids": [number], "now": now})
    else:
        moves = Jsonb([{"id": number, "old_keys": old_keys}])
        conn.execute(SQL["append_moves"], {"moves": moves, "now": now})
