"""``search_incidents``: the same as a plain look under row security, for readers of every kind; and by index."""

from __future__ import annotations

import re

from psycopg import Connection
from psycopg.rows import scalar_row

from tests.integration.scoped_rows import BOX, READERS, begin, fill

NAMES = (
    "area", "division", "since", "until", "zone", "first", "last", "categories", "dispositions", "priorities",
    "states", "q", "only_id", "before_at", "before_id", "most",
)  # fmt: skip

ASKED = {
    "all": ({}, "true"),
    "area": ({"area": BOX}, f"ST_Intersects(position, {BOX})"),
    "division": ({"division": "'411282000000'"}, "county = '411282000000'"),
    "time": ({"since": "timestamptz '2026-01-01 10:00'"}, "opened_at >= timestamptz '2026-01-01 10:00'"),
    "hours": (
        {"first": "1320", "last": "360"},
        "((opened_at AT TIME ZONE 'Asia/Shanghai')::time >= '22:00'"
        " OR (opened_at AT TIME ZONE 'Asia/Shanghai')::time < '06:00')",
    ),
    "category": ({"categories": "ARRAY['fire']"}, "category = 'fire'"),
    "state": ({"states": "ARRAY['acknowledged']"}, "state = 'acknowledged'"),
    "title": ({"q": "'case 1f'"}, "title ILIKE '%case 1f%'"),
    "note": ({"q": "'狗叫'"}, "id IN (SELECT incident_id FROM incident_entries WHERE text LIKE '%狗叫%')"),
    "site": (
        {"q": "'name 12'"},
        "site_id IN (SELECT id FROM sites s WHERE s.name || ' ' || s.address ILIKE '%name 12%')",
    ),
}  # fmt: skip

NOTES = (
    "INSERT INTO incident_entries (incident_id, at, kind, text) SELECT id, now(), 'note',"
    " CASE WHEN id % 50 = 2 THEN '听到狗叫 ' || md5(id::text) ELSE '' END FROM incidents"
)


def call(**given: str) -> str:
    values = {"zone": "'Asia/Shanghai'"} | given
    return f"SELECT * FROM search_incidents({', '.join(values.get(name, 'NULL') for name in NAMES)})"


def test_every_reader_finds_what_row_security_shows(owner_conn: Connection, api_conn: Connection) -> None:
    fill(owner_conn, 1500)
    owner_conn.execute(NOTES)
    # a company sees its incident, and not always the site that it is at: who may see an incident finds it by its site
    owner_conn.execute(
        "UPDATE sites s SET organisation_id = i.organisation_id FROM incidents i WHERE i.site_id = s.id"
    )
    owner_conn.commit()
    compared = 0
    for reader in READERS:
        for name, (given, condition) in ASKED.items():
            begin(api_conn, owner_conn, reader)
            cursor = api_conn.cursor(row_factory=scalar_row)
            found = cursor.execute(call(**given).encode()).fetchall()
            plain = f"SELECT id FROM incidents WHERE {condition} ORDER BY opened_at DESC, id DESC"
            assert found == cursor.execute(plain.encode()).fetchall(), f"{name} for {reader}"
            compared += len(found)
            api_conn.rollback()
            if reader == "nobody":
                assert found == []
    assert compared > 2000, "there was something to compare"


BY_INDEX = [
    ("city", {"area": BOX}, "incidents_position"),
    ("village", {"area": BOX}, "incidents_(position|village)"),
    ("city", {"since": "timestamptz '2026-01-14 10:00'"}, "incidents_opened"),
    ("city", {"first": "1320", "last": "360"}, "incidents_opened"),
    ("village", {}, "incidents_village"),
    ("city", {"q": "'case 1f3a9c'"}, "incidents_title"),
    ("city", {"q": "'听到狗叫 1f3'"}, "incident_entries_text"),
    ("city", {"q": "'狗叫'"}, "incident_entries_text"),
    ("city", {"q": "'ame 1234'"}, "sites_text"),
]


def test_searches_are_made_by_index(explaining: tuple[Connection, list[str]], owner_conn: Connection) -> None:
    conn, plans = explaining
    owner_conn.execute(NOTES)
    owner_conn.commit()
    conn.autocommit = True
    conn.execute("ANALYZE incident_entries")
    conn.autocommit = False
    wrong = []
    for reader, given, index in BY_INDEX:
        begin(conn, owner_conn, reader)
        plans.clear()
        conn.execute(call(**given, most="100").encode())
        conn.rollback()
        [plan] = [one for one in plans if "Query Text: SELECT i.id FROM incidents" in one]
        by_index = re.search(rf"(Index Scan|Bitmap Index Scan|Index Only Scan)[^\n]* {index}", plan)
        if by_index is None or "Seq Scan on incidents i" in plan:
            wrong.append(f"{reader}: {given} does not use {index}: {plan}")
    assert not wrong, "\n\n".join(wrong)


def test_hours_are_those_that_a_clock_shows_which_is_put_forward_and_back(owner_conn: Connection) -> None:
    """In Berlin 02:30 comes twice on the last Sunday of October, and never on that of March."""
    cursor = owner_conn.cursor(row_factory=scalar_row)

    def clock(at: str) -> int:
        [minute] = cursor.execute("SELECT minute_of_day(%s, 'Europe/Berlin')", [at]).fetchall()
        return int(minute)

    assert [clock(f"2026-10-25T0{hour}:30Z") for hour in (0, 1, 2)] == [150, 150, 210]
    assert [clock(f"2026-03-29T0{hour}:30Z") for hour in (0, 1)] == [90, 210]


def test_the_api_role_sees_and_keeps_its_users_own_searches_only(
    owner_conn: Connection, api_conn: Connection
) -> None:
    fill(owner_conn, 10)
    owner_conn.execute(
        "INSERT INTO searches (user_id, purpose, query, expires_at)"
        " SELECT id, 'a purpose', '{}', now() + interval '1 day' FROM users"
    )
    owner_conn.commit()
    assert api_conn.execute("SELECT count(*) FROM searches").fetchone() == (0,)
    begin(api_conn, owner_conn, "city")
    rows = api_conn.execute("SELECT u.username FROM searches s JOIN users u ON u.id = s.user_id").fetchall()
    assert rows == [("city",)]
