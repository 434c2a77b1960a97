"""The scoped list functions of ``0010_lists.sql``: the same as a plain look with the scope applied, and by index.

They run as the owner, so row security does not filter for them: each is held to what row security would have shown, for
readers of every kind, and its plans are read with auto_explain to see that the right index was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from psycopg import Connection
from psycopg.rows import scalar_row

from tests.integration.scoped_rows import BOX, READERS, begin, fill

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
