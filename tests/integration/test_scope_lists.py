"""The scoped list functions of ``0010_lists.sql``: the same as a plain look with the scope applied, and by index.

They run as the owner, so row security does not filter for them: each is held to what row security would have shown, for
readers of every kind, and its plans are read with auto_explain to see that the right index was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
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

LISTS = {
    "sites": "list_sites({box}, {division}, {kinds}, {q}, NULL, 0, {most})",
    "devices": "list_devices({box}, {division}, {kinds}, NULL, {q}, NULL, 0, {most})",
    "incidents": "list_incidents({box}, {division}, {since}, NULL, {kinds}, NULL, {q}, NULL, NULL, {most})",
    "alarms": "list_alarms({box}, {division}, {since}, NULL, {kinds}, NULL, NULL, NULL, NULL, NULL, NULL, {most})",
}
PLAIN = {
    "sites": "SELECT id FROM sites t WHERE true{box}{division}{kinds}{q} ORDER BY id",
    "devices": "SELECT t.id FROM devices t LEFT JOIN sites s ON s.id = t.site_id WHERE true{box}{division}{kinds}{q}"
    " ORDER BY t.id",
    "incidents": "SELECT id FROM incidents t WHERE true{box}{division}{kinds}{q}{since}"
    " ORDER BY opened_at DESC, id DESC",
    "alarms": "SELECT id FROM alarms t WHERE true{box}{division}{kinds}{since} ORDER BY opened_at DESC, id DESC",
}
KINDS = {
    "sites": ("kind", "shop"),
    "devices": ("kind", "camera"),
    "incidents": ("category", "fire"),
    "alarms": ("category", "burglary"),
}
TEXTS = {
    "sites": "t.name || ' ' || t.address",
    "devices": "t.device_id || ' ' || t.name",
    "incidents": "t.title",
}
TERMS = {"sites": "ame 12", "devices": "d-12", "incidents": "case 1f"}


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


def asked(name: str, **given: str) -> str:
    """The call of a list function; what is not given is NULL."""
    names = ("box", "division", "kinds", "q", "since", "most")
    return LISTS[name].format(**{one: given.get(one, "NULL") for one in names})


def plain(name: str, **given: str) -> str:
    """The same look without the function: row security alone filters it."""
    column, _ = KINDS[name]
    place = "coalesce(t.position, s.position)" if name == "devices" else "t.position"
    parts = {
        "box": f" AND {place} && {given['box']}" if "box" in given else "",
        "division": f" AND t.county = {given['division']}" if "division" in given else "",
        "kinds": f" AND t.{column} = ANY ({given['kinds']})" if "kinds" in given else "",
        "q": f" AND ({TEXTS[name]}) ILIKE '%' || {given['q']} || '%'" if "q" in given else "",
        "since": f" AND t.opened_at >= {given['since']}" if "since" in given else "",
    }
    return PLAIN[name].format(**parts)


def filters(name: str) -> Iterator[dict[str, str]]:
    """Each filter of a list alone, and two together."""
    kinds = f"ARRAY['{KINDS[name][1]}']"
    yield {}
    yield {"box": BOX}
    yield {"division": "'411282000000'"}
    yield {"kinds": kinds}
    yield {"box": BOX, "kinds": kinds}
    if name in TERMS:
        yield {"q": f"'{TERMS[name]}'"}
    if name in ("incidents", "alarms"):
        yield {"since": "timestamptz '2026-01-01 10:00'"}


def test_each_list_shows_every_reader_what_row_security_shows(
    owner_conn: Connection, api_conn: Connection
) -> None:
    fill(owner_conn, 1500)
    compared = 0
    for reader in READERS:
        for name in LISTS:
            for given in filters(name):
                begin(api_conn, owner_conn, reader)
                cursor = api_conn.cursor(row_factory=scalar_row)
                found = cursor.execute(f"SELECT * FROM {asked(name, **given)}").fetchall()
                expected = cursor.execute(plain(name, **given).encode()).fetchall()
                assert found == expected, f"{name} for {reader} with {given}"
                compared += len(found)
                api_conn.rollback()
                if reader == "nobody":
                    assert found == []
    assert compared > 5000, "there was something to compare"


def test_who_sees_an_incident_sees_its_alarms(owner_conn: Connection, api_conn: Connection) -> None:
    fill(owner_conn, 200)
    cursor = api_conn.cursor(row_factory=scalar_row)
    begin(api_conn, owner_conn, "village")
    [incident] = cursor.execute(f"SELECT * FROM {asked('incidents', most='1')}").fetchall()
    owner_conn.execute(
        "UPDATE alarms SET county = '411221000000', township = NULL, village = NULL WHERE incident_id = %s",
        [incident],
    )
    owner_conn.commit()
    of_incident = f"list_alarms(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, {incident}, NULL, NULL, 9)"
    for reader, seen in (("two", 1), ("village", 1), ("county", 1), ("nobody", 0)):
        begin(api_conn, owner_conn, reader)
        alarms = cursor.execute(f"SELECT * FROM {of_incident}".encode()).fetchall()
        assert len(alarms) == seen, reader
        listed = cursor.execute(f"SELECT * FROM {asked('alarms')}").fetchall()
        assert listed == cursor.execute(plain("alarms").encode()).fetchall(), reader
        assert set(alarms) <= set(listed), "what the snapshot shows is in the list"
        api_conn.rollback()


def test_a_page_holds_no_more_than_asked_and_the_next_one_goes_on(
    owner_conn: Connection, api_conn: Connection
) -> None:
    fill(owner_conn, 500)
    begin(api_conn, owner_conn, "county")
    cursor = api_conn.cursor(row_factory=scalar_row)
    everything = cursor.execute(f"SELECT * FROM {asked('incidents')}").fetchall()
    walked: list[int] = []
    behind = "NULL, NULL"
    while page := cursor.execute(
        f"SELECT * FROM list_incidents(NULL, NULL, NULL, NULL, NULL, NULL, NULL, {behind}, 3)"
    ).fetchall():
        assert len(page) <= 3
        walked += page
        opened = cursor.execute("SELECT opened_at::text FROM incidents WHERE id = %s", [page[-1]]).fetchone()
        behind = f"'{opened}', {page[-1]}"
    assert walked == everything
    assert len(walked) == 10


@pytest.fixture
def explaining(
    owner_conn: Connection, servers: dict[str, str], database_url: str
) -> Iterator[tuple[Connection, list[str]]]:
    """A city's worth of rows, and a connection whose plans, those inside functions too, land in the list."""
    fill(owner_conn, 20_000)
    superuser = servers["superuser_url"].rpartition("/")[0] + "/" + database_url.rpartition("/")[2]
    with psycopg.connect(superuser, autocommit=True) as conn:
        conn.execute("ANALYZE")
        conn.execute("LOAD 'auto_explain'")
        for setting, value in (
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_level", "notice"),
        ):
            conn.execute("SELECT set_config(%s, %s, false)", [setting, value])
        plans: list[str] = []
        conn.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
        conn.autocommit = False
        yield conn, plans


BY_INDEX = [
    ("city", asked("sites", box=BOX, most="100"), "sites_position"),
    ("village", asked("sites", most="100"), "sites_scope"),
    ("village", asked("sites", box=BOX, most="100"), "sites_(position|scope)"),
    ("city", asked("sites", q="'ame 1234'", most="100"), "sites_text"),
    ("city", asked("sites", most="100"), "sites_pkey"),
    ("city", asked("devices", box=BOX, most="100"), "devices_position"),
    ("village", asked("devices", most="100"), "devices_scope"),
    ("city", asked("devices", q="'d-12345'", most="100"), "devices_text"),
    ("city", asked("incidents", box=BOX, most="100"), "incidents_position"),
    ("city", asked("incidents", most="100"), "incidents_opened"),
    ("village", asked("incidents", most="100"), "incidents_village"),
    ("city", asked("incidents", q="'case 1f3a9c'", most="100"), "incidents_title"),
    ("city", asked("alarms", box=BOX, most="100"), "alarms_position"),
    ("city", asked("alarms", most="100"), "alarms_opened"),
    ("village", asked("alarms", most="100"), "alarms_village"),
]


def test_lists_are_read_by_index(explaining: tuple[Connection, list[str]], owner_conn: Connection) -> None:
    conn, plans = explaining
    wrong = []
    for reader, call, index in BY_INDEX:
        begin(conn, owner_conn, reader)
        plans.clear()
        conn.execute(f"SELECT * FROM {call}".encode())
        conn.rollback()
        table = call.partition("(")[0].removeprefix("list_")
        [plan] = [one for one in plans if re.search(rf"Query Text: SELECT \w\.id FROM {table}", one)]
        by_index = re.search(rf"(Index Scan|Bitmap Index Scan|Index Only Scan)[^\n]* {index}", plan)
        if by_index is None or f"Seq Scan on {table}" in plan:
            wrong.append(f"{reader}: {call} does not use {index}: {plan}")
    assert not wrong, "\n\n".join(wrong)
