"""What a batch looks up is found by key, however much is open: else a long night slows every batch after it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import ClientCursor, Connection

from alarms.ledger import ledger
from alarms.receiving import staging
from tests.stories import World

OPEN = 3000


@pytest.fixture
def long_night(owner_conn: Connection) -> None:
    """A site with a device and an open alarm each, thousands of times, and nobody has analysed the tables yet."""
    World(owner_conn)
    for statement in FILL:
        owner_conn.execute(statement, {"count": OPEN})
    owner_conn.commit()


FILL = (
    """
    INSERT INTO sites (kind, name, county, township, village)
    SELECT 'household', 'No. ' || n, '411282000000', '411282100000', '411282100201'
      FROM generate_series(1, %(count)s) AS n
    """,
    """
    INSERT INTO devices (device_id, kind, protocol, site_id, county, township, village)
    SELECT 'pir-' || id, 'infrared_sensor', 'lianfang', id, county, township, village FROM sites
    """,
    """
    INSERT INTO incidents (source, state, category, priority, site_id, opened_at, last_alarm_at)
    SELECT 'device', 'new', 'burglary', 3, id, now(), now() FROM sites
    """,
    """
    INSERT INTO alarms (device_id, zone, category, event, priority, incident_id, site_id, opened_at, last_at)
    SELECT d.id, '1', 'burglary', '130', 3, i.id, i.site_id, now(), now()
      FROM incidents i JOIN devices d ON d.site_id = i.site_id
    """,
)


@pytest.mark.usefixtures("long_night")
def test_the_open_incidents_of_a_batch_are_probed_by_key(intake_conn: psycopg.Connection) -> None:
    intake_conn.autocommit = True
    staging.prepare(intake_conn)
    statement = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + ledger.SQL["lock_incidents_of"]
    some = list(range(1, OPEN, OPEN // 200))
    with ClientCursor(intake_conn) as cursor, intake_conn.transaction():
        rows = cursor.execute(statement, {"site_ids": some, "device_ids": some}).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "Index Scan using incidents_pkey on incidents" in plan
    assert "Rows Removed by Filter" not in plan, plan
