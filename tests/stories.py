"""Words to tell stories with: who is there (``World``), what they say (``says``), what came of it (``Seen``).

given = World(owner_conn)
shop = given.site("Wang's shop", armed="21:00-08:00")
given.device("door-1", site=shop)
Intake(intake_conn).accept(says("door-1", "burglary", at=local("02:10")))
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from alarms.model import RawMessage
from alarms.receiving import intake, staging
from alarms.receiving.intake import Outcome, Rules

ZONE = ZoneInfo("Asia/Shanghai")
RULES = Rules(zone=ZONE)
NIGHT = datetime(2026, 3, 3, 2, 10, tzinfo=ZONE)
"""A Tuesday, ten past two in the morning."""

VILLAGE = "411282100201"
OTHER_VILLAGE = "411224100205"
CITY = "411200000000"


def tiers(village: str | None) -> tuple[str | None, str | None]:
    """The county's and the township's code of a village."""
    return (None, None) if village is None else (village[:6] + "000000", village[:9] + "000")


def says(
    device: str,
    event: str,
    *,
    at: datetime = NIGHT,
    id: str | None = None,  # noqa: A002 - the word of the protocol
    retained: bool = False,
    redelivered: bool = False,
    session: str | None = None,
    packet: int | None = None,
    **fields: Any,
) -> RawMessage:
    """A message of the native protocol, as the broker hands it over."""
    body = {"event": event} | ({"id": id} if id is not None else {}) | fields
    return told(
        f"lianfang/v1/{device}/signal",
        json.dumps(body, ensure_ascii=False).encode(),
        at=at,
        retained=retained,
        redelivered=redelivered,
        session=session,
        packet=packet,
    )


def told(
    topic: str,
    payload: bytes,
    *,
    at: datetime = NIGHT,
    retained: bool = False,
    redelivered: bool = False,
    session: str | None = None,
    packet: int | None = None,
) -> RawMessage:
    """Any bytes on any topic."""
    return RawMessage(
        source="mqtt",
        topic=topic,
        payload=payload,
        received_at=at,
        retained=retained,
        redelivered=redelivered,
        session=session,
        packet_id=packet,
    )


class World:
    """Arranges who and what is there. Commits at once."""

    def __init__(self, conn: Connection[Any]) -> None:
        self.conn = conn

    def _id(self, query: str, values: dict[str, Any]) -> int:
        row = self.conn.execute(query, values).fetchone()
        self.conn.commit()
        assert row is not None
        return int(row[0])

    def village(self, code: str, west: float, south: float, size: float = 0.01) -> None:
        """A village and its one grid cell: a square of ``size`` degrees."""
        county, township = tiers(code)
        box = [west, south, west + size, south + size]
        for number, (tier, name) in enumerate(
            ((county, "county"), (township, "township"), (code, "village")), 2
        ):
            self.conn.execute(
                "INSERT INTO divisions (code, tier, name, boundary) VALUES (%s, %s, %s,"
                " ST_Multi(ST_MakeEnvelope(%s, %s, %s, %s, 4326)))",
                [tier, number, name, *box],
            )
        self.conn.execute(
            "INSERT INTO grid_cells (code, village, boundary) VALUES (%s, %s,"
            " ST_Multi(ST_MakeEnvelope(%s, %s, %s, %s, 4326)))",
            [f"{code}-001", code, *box],
        )
        self.conn.commit()

    def organisation(self, name: str = "Shield Ltd") -> int:
        """A security company."""
        return self._id(
            "INSERT INTO organisations (name, kind) VALUES (%(name)s, 'security_company') RETURNING id",
            {"name": name},
        )

    def site(
        self,
        name: str = "No. 5",
        *,
        kind: str = "household",
        village: str | None = VILLAGE,
        armed: str | None = None,
        armed_override: bool | None = None,
        schedule: object = None,
        organisation: int | None = None,
    ) -> int:
        """A site; ``armed="21:00-08:00"`` each day, in local time. ``schedule`` is a document as it would be stored."""
        if armed is not None:
            since, _, until = armed.partition("-")
            schedule = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": since, "to": until}]
        county, township = tiers(village)
        return self._id(
            "INSERT INTO sites (kind, name, position, county, township, village, organisation_id, armed_schedule,"
            " armed_override) VALUES (%(kind)s, %(name)s, ST_SetSRID(ST_MakePoint(111.1, 34.7), 4326), %(county)s,"
            " %(township)s, %(village)s, %(organisation)s, %(schedule)s, %(override)s) RETURNING id",
            {
                "kind": kind,
                "name": name,
                "county": county,
                "township": township,
                "village": village,
                "organisation": organisation,
                "schedule": None if schedule is None else Jsonb(schedule),
                "override": armed_override,
            },
        )

    def device(
        self,
        device_id: str,
        *,
        kind: str = "infrared_sensor",
        site: int | None = None,
        village: str | None = VILLAGE,
        status: str = "in_service",
        test_until: datetime | None = None,
        zone: str = "",
        protocol: str = "lianfang",
        gateway: int | None = None,
        external_id: str | None = None,
        organisation: int | None = None,
    ) -> int:
        """A device; with ``gateway`` and ``external_id`` one that speaks through it."""
        county, township = tiers(village)
        return self._id(
            "INSERT INTO devices (device_id, kind, site_id, county, township, village, status, test_until, zone,"
            " protocol, gateway_id, external_id, organisation_id) VALUES (%(device_id)s, %(kind)s, %(site)s,"
            " %(county)s, %(township)s, %(village)s, %(status)s, %(test_until)s, %(zone)s, %(protocol)s,"
            " %(gateway)s, %(external_id)s, %(organisation)s) RETURNING id",
            {
                "device_id": device_id,
                "kind": kind,
                "site": site,
                "county": county,
                "township": township,
                "village": village,
                "status": status,
                "test_until": test_until,
                "zone": zone,
                "protocol": protocol,
                "gateway": gateway,
                "external_id": external_id,
                "organisation": organisation,
            },
        )

    def user(
        self,
        username: str = "wang",
        *,
        division: str | None = None,
        organisation: int | None = None,
        role: str = "dispatcher",
    ) -> int:
        """A user with one grant; without a division: of the whole city."""
        user = self._id(
            "INSERT INTO users (username, display_name, password_hash) VALUES (%(name)s, %(name)s, 'none')"
            " RETURNING id",
            {"name": username},
        )
        self.grant(user, role, division=division, organisation=organisation)
        return user

    def grant(
        self, user: int, role: str, *, division: str | None = None, organisation: int | None = None
    ) -> None:
        """One more grant; without a division: of the whole city."""
        self.conn.execute(
            "INSERT INTO grants (user_id, role, division_code, organisation_id) VALUES (%s, %s, %s, %s)",
            [user, role, division, organisation],
        )
        self.conn.commit()


@dataclass(frozen=True)
class Intake:
    """The intake with the time given by the story."""

    conn: Connection[Any]
    rules: Rules = RULES

    def __post_init__(self) -> None:
        staging.prepare(self.conn)
        self.conn.commit()

    def accept(self, *messages: RawMessage, at: datetime | None = None) -> list[str]:
        """Hand over one batch, at the time of its last message; returns the statuses."""
        return [outcome.status.value for outcome in self.outcomes(*messages, at=at)]

    def outcomes(self, *messages: RawMessage, at: datetime | None = None) -> list[Outcome]:
        """The same, with all that a sender could be told."""
        return intake.accept(self.conn, messages, at or messages[-1].received_at, self.rules)


class Seen:
    """What the database holds now; each property is read afresh."""

    def __init__(self, conn: Connection[Any]) -> None:
        self.conn = conn

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Rows of a query, as dictionaries."""
        self.conn.rollback()
        with self.conn.cursor(row_factory=dict_row) as cur:
            return cur.execute(query, values).fetchall()

    def count(self, table: str, where: str = "true") -> int:
        """How many rows there are."""
        return int(self.rows(f"SELECT count(*) AS n FROM {table} WHERE {where}")[0]["n"])

    @property
    def raw(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM raw_messages ORDER BY received_at, id")

    @property
    def signals(self) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT s.*, d.device_id AS device FROM signals s JOIN devices d ON d.id = s.device_id"
            " ORDER BY s.received_at, s.id"
        )

    @property
    def alarms(self) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT a.*, d.device_id AS device FROM alarms a JOIN devices d ON d.id = a.device_id ORDER BY a.id"
        )

    @property
    def incidents(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM incidents ORDER BY id")

    @property
    def changes(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM changes ORDER BY seq")

    @property
    def timeline(self) -> list[str]:
        return [row["kind"] for row in self.rows("SELECT kind FROM incident_entries ORDER BY id")]

    def feed_has_no_gap(self) -> bool:
        """Numbers from 1 to the last, each once."""
        last = self.rows("SELECT last_seq FROM feed_position")[0]["last_seq"]
        return [change["seq"] for change in self.changes] == list(range(1, last + 1))

    def feed_equals_a_snapshot(self) -> bool:
        """The newest change of each incident and alarm is what a fresh query shows."""
        for kind in ("incident", "alarm"):
            newest = {c["object_id"]: c["document"] for c in self.changes if c["kind"] == kind}
            fresh = {d["id"]: d["document"] for d in self.rows(f"SELECT id, document FROM {kind}_documents")}
            if newest != fresh:
                return False
        return True


def local(clock: str, base: datetime = NIGHT) -> datetime:
    """``"02:10"`` or ``"02:10:03"`` of the story's day, in local time."""
    match = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?", clock)
    assert match is not None, clock
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return base.replace(hour=hours, minute=minutes, second=seconds)


def each_second(messages: Sequence[RawMessage], start: datetime = NIGHT) -> list[RawMessage]:
    """The same messages, one a second."""
    return [
        replace(message, received_at=(start + timedelta(seconds=n)).astimezone(UTC))
        for n, message in enumerate(messages)
    ]
