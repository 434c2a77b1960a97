"""An investigator's searches: against a purpose, within the scope, and each part of the question heeded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from api import jobs
from tests.integration.searching import (
    ACROSS,
    BORDER,
    COUNTY,
    OTHER_COUNTY,
    PURPOSE,
    THERE,
    Past,
    asks,
    audited,
    box,
    names,
)
from tests.integration.serving import Served, wait_until
from tests.stories import NIGHT, local


def test_a_search_takes_a_purpose_and_leaves_it_in_the_audit_log(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    zhao = served.client(owner_conn, "zhao")
    for body in (
        {},
        {"purpose": ""},
        {"purpose": "  "},
        {"purpose": " a "},
        {"purpose": "ab"},
        {"purpose": None},
    ):
        answer = zhao.post("/api/v1/searches", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["where"] == "body.purpose"
    assert audited(owner_conn) == []
    found = asks(zhao, division="411282", hours={"from": "22:00", "to": "06:00"})
    assert names(found) == ["王家大院"]
    assert found["search"]["words"]["en"].startswith("in county 411282000000; at 22:00 to 06:00")
    assert found["search"]["purpose"] == PURPOSE
    [line] = audited(owner_conn)
    assert line == {
        "username": "zhao",
        "action": "search.open",
        "object": f"search/{found['search']['id']}",
        "reason": PURPOSE,
        "details": {"query": {"division": COUNTY, "hours": {"from": "22:00", "to": "06:00"}}},
    }


def test_an_investigator_finds_nothing_of_another_county(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    everybody = {"zhao": ["函谷关小卖部", "王家大院"], "qian": ["Zhao's shop"]}
    everybody["sun"] = ["函谷关小卖部", "Zhao's shop", "王家大院"]
    for name, expected in everybody.items():
        client = served.client(owner_conn, name)
        found = asks(client, area=ACROSS)
        assert names(found) == expected, "a polygon over the border shows one's own side"
        number = found["search"]["id"]
        assert names(client.get(f"/api/v1/searches/{number}").json()) == expected
        file = client.get(f"/api/v1/searches/{number}/export?format=geojson").json()
        assert [one["properties"]["site"] for one in file["features"]] == expected
        for device, incident in past.ids.items():
            inside = {"zhao": device.endswith("-here"), "qian": device.endswith("-there"), "sun": True}[name]
            case = client.get(f"/api/v1/searches/{number}/incidents/{incident}")
            assert case.status_code == (200 if inside else 404)
            assert client.get(f"/api/v1/incidents/{incident}").status_code == 403, "not without a purpose"
    assert names(asks(served.client(owner_conn, "qian"), division=COUNTY)) == []
    assert names(asks(served.client(owner_conn, "qian"), text="王家")) == []
    assert names(asks(served.client(owner_conn, "sun"), division="411300000000")) == []


def test_a_search_is_its_own_users_and_ends(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], settings: Any
) -> None:
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    paths = [
        f"/api/v1/searches/{number}",
        f"/api/v1/searches/{number}/export?format=csv",
        f"/api/v1/searches/{number}/incidents/{past.ids['pir-here']}",
    ]
    past.world.user("admin", role="admin")
    for path in paths:
        assert sun.get(path).status_code == 200
        for other in ("zhao", "admin"):
            assert served.client(owner_conn, other).get(path).status_code == 404
    owner_conn.execute("UPDATE searches SET expires_at = now() - interval '1 second'")
    owner_conn.commit()
    assert [sun.get(path).status_code for path in paths] == [404, 404, 404]
    assert jobs.forget_searches(owner_conn, settings, datetime.now(UTC)) == 1
    assert len(audited(owner_conn)) == 3, "what was asked is not forgotten with it"


def test_what_a_grant_that_was_revoked_showed_is_not_shown_by_an_earlier_search(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    owner_conn.execute(
        "UPDATE grants SET division_code = %s FROM users u WHERE u.id = user_id AND u.username = 'sun'",
        [OTHER_COUNTY],
    )
    owner_conn.commit()
    assert names(sun.get(f"/api/v1/searches/{number}").json()) == ["Zhao's shop"]
    file = sun.get(f"/api/v1/searches/{number}/export?format=geojson").json()
    assert [one["properties"]["site"] for one in file["features"]] == ["Zhao's shop"]


NEAR_MIDNIGHT = [
    ("21:59", False),
    ("22:00", True),
    ("23:59", True),
    ("00:00", True),
    ("05:59", True),
    ("06:00", False),
]


def test_each_part_of_a_question_limits_what_is_found(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    past.close("pir-here", "false_environment", "A stray dog 流浪狗翻墙 was seen")
    sun = served.client(owner_conn, "sun")
    every = ["函谷关小卖部", "Zhao's shop", "王家大院"]
    questions: list[tuple[dict[str, Any], list[str]]] = [
        ({}, every),
        ({"area": box(BORDER, 34, 112, 35)}, every[1:2]),
        (
            {"area": {"type": "MultiPolygon", "coordinates": [box(BORDER, 34, 112, 35)["coordinates"]]}},
            every[1:2],
        ),
        ({"area": box(110, 34, 111, 35)}, []),
        ({"division": "4112"}, every),
        ({"division": "411282100"}, [every[0], every[2]]),
        ({"division": THERE}, every[1:2]),
        ({"from": NIGHT.isoformat(), "to": (NIGHT + timedelta(seconds=30)).isoformat()}, every[2:]),
        ({"hours": {"from": "22:00", "to": "06:00"}}, every[1:]),
        ({"hours": {"from": "14:00", "to": "14:01"}}, every[:1]),
        ({"category": ["panic", "fire"]}, every[:1]),
        ({"priority": [3]}, every[1:]),
        ({"disposition": ["false_environment"]}, every[2:]),
        ({"state": ["new"]}, every[:2]),
        ({"text": "函谷关"}, every[:1]),
        ({"text": "王家"}, every[2:]),
        ({"text": "王"}, every[2:]),
        ({"text": "流浪狗"}, every[2:]),
        ({"text": "狗翻"}, every[2:]),
        ({"text": "STRAY dog"}, every[2:]),
        ({"text": "zhao's"}, every[1:2]),
        ({"text": "3组5号"}, every[2:]),
        ({"text": "%"}, []),
        ({"text": "李"}, []),
    ]
    for query, expected in questions:
        assert names(asks(sun, **query)) == expected, query


def test_hours_of_the_day_are_those_of_the_installations_zone(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    for clock, inside in NEAR_MIDNIGHT:
        owner_conn.execute("UPDATE incidents SET opened_at = %s", [local(clock)])
        owner_conn.commit()
        found = asks(sun, hours={"from": "22:00", "to": "06:00"})
        assert bool(found["features"]) == inside, clock


def test_pages_go_on_to_the_end(past: Past, served: Served, owner_conn: psycopg.Connection[Any]) -> None:
    sun = served.client(owner_conn, "sun")
    page = asks(sun, limit=1)
    walked = names(page)
    while page["links"]:
        page = sun.get(page["links"][0]["href"]).json()
        walked += names(page)
    assert walked == ["函谷关小卖部", "Zhao's shop", "王家大院"]


WRONG = [
    (
        {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
        "body.query.area",
    ),
    (
        {"area": {"type": "Polygon", "coordinates": [[[n / 2000, n % 2] for n in range(1001)]]}},
        "body.query.area",
    ),
    ({"area": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}, "body.query.area"),
    ({"division": "41128"}, "body.query.division"),
    ({"hours": {"from": "22:00", "to": "22:00"}}, "body.query.hours"),
    ({"hours": {"from": "10", "to": "22:00"}}, "body.query.hours.from"),
    ({"from": "2026-03-03T00:00:00Z", "to": "2026-03-02T00:00:00Z"}, "body.query.to"),
    ({"from": "yesterday"}, "body.query.from"),
    ({"category": ["ghosts"]}, "body.query.category"),
    ({"text": "  "}, "body.query.text"),
    ({"text": "a\x00"}, "body.query.text"),
    ({"where": "1=1"}, "body.query.where"),
]


@pytest.mark.parametrize(("query", "where"), WRONG)
def test_what_is_no_question_is_refused_and_not_audited(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any], query: dict[str, Any], where: str
) -> None:
    answer = served.client(owner_conn, "sun").post(
        "/api/v1/searches", json={"purpose": PURPOSE, "query": query}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].startswith(where)
    assert audited(owner_conn) == []


def test_a_case_is_read_against_the_searchs_purpose(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    number = asks(sun, text="王家")["search"]["id"]
    case = sun.get(f"/api/v1/searches/{number}/incidents/{past.ids['pir-here']}").json()
    assert [entry["kind"] for entry in case["entries"]] == ["alarm"]
    assert sun.get(f"/api/v1/searches/{number}/incidents/{past.ids['pir-there']}").status_code == 404
    lines = audited(owner_conn)[1:]
    assert [(one["action"], one["object"], one["reason"], one["details"]) for one in lines] == [
        ("search.case", f"incident/{past.ids['pir-here']}", PURPOSE, {"search": number})
    ]


def test_an_old_case_tells_what_the_site_had_seen_by_then(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    then = NIGHT - timedelta(days=700)
    rows = owner_conn.execute(
        "INSERT INTO incidents (source, state, category, priority, title, site_id, opened_at, last_alarm_at,"
        " acknowledged_at, closed_at, disposition)"
        " SELECT 'device', 'closed', 'burglary', 3, 'old', i.site_id, t, t, t, t + interval '1 hour', 'actual'"
        " FROM incidents i, unnest(%s::timestamptz[]) t WHERE i.id = %s RETURNING id",
        [[then, then - timedelta(days=30), then - timedelta(days=100)], past.ids["pir-here"]],
    ).fetchall()
    owner_conn.commit()
    sun = served.client(owner_conn, "sun")
    number = asks(sun)["search"]["id"]
    case = sun.get(f"/api/v1/searches/{number}/incidents/{rows[0][0]}").json()
    assert case["history"]["incidents_90d"] == 1
    assert [one["id"] for one in case["history"]["last"]] == [rows[1][0]]


def test_many_slow_searches_leave_room_for_those_who_answer_alarms(
    past: Past, served: Served, owner_conn: psycopg.Connection[Any]
) -> None:
    sun = served.client(owner_conn, "sun")
    past.world.user("li", division=COUNTY, role="dispatcher")
    li = served.client(owner_conn, "li")
    owner_conn.execute("LOCK TABLE searches")  # so that each takes as long as we like
    with ThreadPoolExecutor(12) as many:
        waiting = [many.submit(asks, sun) for _ in range(12)]
        at_it = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'searches'::regclass"
        wait_until(lambda: owner_conn.execute(at_it).fetchone() == (3,), what="three of them to look")
        assert li.get("/api/v1/incidents").status_code == 200
        assert not any(one.done() for one in waiting)
        owner_conn.rollback()
        assert len({one.result()["search"]["id"] for one in waiting}) == 12
