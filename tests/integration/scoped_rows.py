"""A city's worth of rows, and readers of every kind to look at them."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import scalar_row

HERE, OTHER, ELSEWHERE = "411282100201", "411282100202", "411224100205"
BOX = "ST_MakeEnvelope(111.10, 34.70, 111.15, 34.75, 4326)"

FILL = """
INSERT INTO organisations (name, kind) VALUES ('a', 'security_company'), ('b', 'security_company');
INSERT INTO sites (kind, name, address, position, county, township, village, organisation_id)
SELECT CASE WHEN n % 10 = 0 THEN 'shop' ELSE 'household' END, 'name ' || n,
       'street ' || md5(n::text), ST_SetSRID(ST_MakePoint(111 + (n % 200) / 100.0, 34 + (n / 200) / 100.0), 4326),
       CASE WHEN n % 50 <> 0 THEN rpad(left(v, 6), 12, '0') END,
       CASE WHEN n % 50 <> 0 THEN rpad(left(v, 9), 12, '0') END,
       CASE WHEN n % 50 <> 0 THEN v END, CASE n % 7 WHEN 0 THEN 1 WHEN 1 THEN 2 END
  FROM generate_series(1, %(sites)s) n,
       LATERAL (SELECT CASE WHEN n % 100 = 1 THEN '411282100201' WHEN n % 100 = 2 THEN '411282100202'
                            ELSE '411224' || lpad((n % 81)::text, 3, '1') || lpad((n % 997)::text, 3, '2') END AS v) c;
INSERT INTO devices (device_id, kind, name, site_id, county, township, village, organisation_id, position, status)
SELECT 'd-' || id, CASE WHEN id % 9 = 0 THEN 'camera' ELSE 'infrared_sensor' END, 'pir ' || md5(id::text), id, county,
       township, village, organisation_id, CASE WHEN id % 5 = 0 THEN position END,
       CASE WHEN id % 11 = 0 THEN 'out_of_service' ELSE 'in_service' END
  FROM sites;
INSERT INTO incidents (source, state, category, priority, title, site_id, position, county, township, village,
                       organisation_id, opened_at, last_alarm_at, acknowledged_at)
SELECT 'device', CASE WHEN id % 4 = 0 THEN 'acknowledged' ELSE 'new' END,
       CASE WHEN id % 6 = 0 THEN 'fire' ELSE 'burglary' END, 3, 'case ' || md5(id::text), id, position, county,
       township, village, organisation_id, timestamptz '2026-01-01' + id * interval '1 minute', now(), now()
  FROM sites;
INSERT INTO alarms (device_id, zone, category, event, priority, active, restored_at, incident_id, site_id, position,
                    county, township, village, organisation_id, opened_at, last_at, closed_at)
SELECT d.id, '', 'burglary', '130', 3, d.id % 3 <> 0, CASE WHEN d.id % 3 = 0 THEN now() END, i.id, d.site_id,
       i.position, d.county, d.township, d.village, d.organisation_id, i.opened_at, now(),
       CASE WHEN d.id % 8 = 0 THEN now() END
  FROM devices d JOIN incidents i ON i.site_id = d.site_id;
"""

READERS: dict[str, list[tuple[str | None, int | None]]] = {
    "city": [(None, None)],
    "county": [("411282000000", None)],
    "village": [(HERE, None)],
    "two": [(HERE, None), (ELSEWHERE, None)],
    "company": [(None, 1)],
    "company-here": [("411282000000", 2)],
    "nobody": [],
}


def fill(conn: Connection, sites: int) -> None:
    conn.execute(FILL.replace("%(sites)s", str(sites)))
    for name, grants in READERS.items():
        conn.execute(
            "INSERT INTO users (username, display_name, password_hash) VALUES (%s, %s, 'none')", [name, name]
        )
        for division, organisation in grants:
            conn.execute(
                "INSERT INTO grants (user_id, role, division_code, organisation_id)"
                " SELECT id, 'admin', %s, %s FROM users WHERE username = %s",
                [division, organisation, name],
            )
    conn.commit()


def begin(conn: Connection, owner: Connection, reader: str) -> None:
    user = owner.cursor(row_factory=scalar_row).execute("SELECT id FROM users WHERE username = %s", [reader])
    conn.execute("SELECT begin_scope(%s, NULL)", [user.fetchone()])
