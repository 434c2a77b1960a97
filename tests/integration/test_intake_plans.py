"""What a batch looks up is found by key, however much is open: else a long night slows every batch after it."""

from __future__ import annotations

import re

import pytest
from psycopg import ClientCursor, Connection

from alarms.ledger import ledger
from alarms.receiving import staging
from tests.stories import World

OPEN = 3000


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


SOME = list(range(1, OPEN, OPEN // 200))


@pytest.mark.parametrize("planned", ["on the first evening", "in the long night"])
@pytest.mark.parametrize(
    ("statement", "types", "values", "key"),
    [
        (
            "lock_incidents_of",
            "(bigint[], bigint[])",
            {"site_ids": SOME, "device_ids": SOME},
            "Index Scan using incidents_pkey on incidents",
        ),
        ("open_alarms_of", "(bigint[])", {"ids": SOME}, "Index Scan using alarms_incident on alarms"),
    ],
)
def test_what_is_open_is_probed_by_key(
    owner_conn: Connection,
    intake_conn: Connection,
    statement: str,
    types: str,
    values: dict[str, list[int]],
    key: str,
    planned: str,
) -> None:
    """Also by a connection that made its plans when nothing was open, and before anybody has analysed the tables."""
    World(owner_conn)
    intake_conn.autocommit = True
    staging.prepare(intake_conn)
    intake_conn.execute("SET plan_cache_mode = force_generic_plan")
    numbered = re.sub(
        r"%\((\w+)\)s", lambda name: f"${1 + list(values).index(name[1])}", ledger.SQL[statement]
    )
    intake_conn.execute(f"PREPARE probe {types} AS {numbered}")
    execute = f"EXECUTE probe ({', '.join(f'%({name})s' for name in values)})"
    with ClientCursor(intake_conn) as cursor:
        if planned == "on the first evening":
            cursor.execute(execute, values)
        a_long_night(owner_conn)
        rows = cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {execute}", values).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert key in plan, plan
    assert "Rows Removed by Filter" not in plan, plan


def a_long_night(owner_conn: Connection) -> None:
    """A site with a device and an open alarm each, thousands of times."""
    for statement in FILL:
        owner_conn.execute(statement, {"count": OPEN})
    owner_conn.commit()
