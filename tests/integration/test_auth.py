"""Signing in and out, by browsers and by programs: over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from api.auth import attempts
from api.auth.passwords import hash_password
from api.settings import Settings
from tests.integration.serving import Served, serve, wait_until
from tests.stories import Seen, World

PASSWORD = "correct horse battery"
HASHED = hash_password(PASSWORD)
COUNTY = "411282000000"


@pytest.fixture
def wang(owner_conn: psycopg.Connection) -> int:
    """A dispatcher of a county, with a real password."""
    user = World(owner_conn).user("wang", division=COUNTY)
    owner_conn.execute("UPDATE users SET password_hash = %s WHERE id = %s", [HASHED, user])
    owner_conn.commit()
    return user


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """A browser's network stack: it keeps cookies, and sends the Origin of the server's own pages."""
    with httpx.Client(base_url=served.url, headers={"Origin": served.url}, timeout=30) as client:
        yield client


def sign_in(client: httpx.Client, username: str = "wang", password: str = PASSWORD) -> httpx.Response:
    return client.post("/api/v1/session", json={"username": username, "password": password})


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem document of an answer that must be one."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    document: dict[str, Any] = response.json()
    assert (document["type"], document["status"]) == (f"/problems/{kind}", status)
    assert document["instance"] == response.request.url.path
    return document


def audit(seen: Seen) -> list[tuple[str, str]]:
    return [(row["action"], row["username"]) for row in seen.rows("SELECT * FROM audit_log ORDER BY seq")]


def test_a_browser_signs_in_and_out(wang: int, client: httpx.Client, seen: Seen) -> None:
    answer = sign_in(client)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("lianfang_session=", "httponly", "samesite=strict", "path=/"))
    assert "secure" not in cookie  # over plain HTTP the browser would drop it
    session = answer.json()
    assert session["user"] == {"id": wang, "username": "wang", "display_name": "wang", "locale": "zh"}
    assert [(g["role"], g["division_code"]) for g in session["grants"]] == [("dispatcher", COUNTY)]
    assert session["may"]["incident.close"] is True
    assert session["may"]["audit.read"] is False
    assert client.get("/api/v1/session").json() == session
    assert client.delete("/api/v1/session").status_code == 204
    problem(client.get("/api/v1/session"), 401, "signed-out")
    assert audit(seen) == [("session.open", "wang"), ("session.close", "wang")]


def test_the_cookie_is_secure_where_browsers_come_by_https(wang: int, settings: Settings) -> None:
    """A proxy with TLS stands before the server: what arrives here is plain HTTP."""
    public = settings.model_copy(update={"public_url": "https://map.example"})
    with serve(public) as served, httpx.Client(base_url=served.url, timeout=30) as client:
        cookie = sign_in(client).headers["set-cookie"].lower()
    assert "secure" in cookie


def test_a_cookie_that_was_signed_out_is_worth_nothing_to_who_kept_it(
    wang: int, client: httpx.Client
) -> None:
    sign_in(client)
    kept = client.cookies["lianfang_session"]
    client.delete("/api/v1/session")
    client.cookies.set("lianfang_session", kept)
    problem(client.get("/api/v1/session"), 401, "signed-out")


def test_a_program_gets_a_bearer_token_and_ends_it(wang: int, served: Served, seen: Seen) -> None:
    with httpx.Client(base_url=served.url) as client:
        answer = client.post(
            "/api/v1/token", data={"username": "wang", "password": PASSWORD, "grant_type": "password"}
        )
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"  # RFC 6749, 5.1
        token = answer.json()
        assert token["token_type"] == "bearer"
        assert token["expires_in"] == 3600 * served.settings.session_hours
        assert "set-cookie" not in answer.headers
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        assert client.get("/api/v1/session", headers=bearer).json()["user"]["id"] == wang
        assert client.delete("/api/v1/session", headers=bearer).status_code == 204
        refused = client.get("/api/v1/session", headers=bearer)
        problem(refused, 401, "signed-out")
        assert refused.headers["www-authenticate"] == "Bearer"
    stored = seen.rows("SELECT count(*) AS n FROM sessions")[0]["n"]
    assert stored == 0


def test_tokens_and_passwords_are_stored_as_hashes_only(wang: int, client: httpx.Client, seen: Seen) -> None:
    sign_in(client)
    token = client.cookies["lianfang_session"]
    rows = seen.rows("SELECT s::text AS row FROM sessions s UNION ALL SELECT a::text FROM audit_log a")
    assert not any(token in row["row"] or PASSWORD in row["row"] for row in rows)


@pytest.mark.parametrize("username", ["wang", "nobody"])
def test_wrong_names_and_wrong_passwords_are_answered_alike(
    wang: int, client: httpx.Client, seen: Seen, username: str
) -> None:
    document = problem(sign_in(client, username, "wrong"), 401, "wrong-credentials")
    assert document["detail"] == "The name or the password is wrong."
    assert client.cookies.get("lianfang_session") is None
    assert audit(seen) == [("session.refuse", "wang" if username == "wang" else "?")]


def test_guessing_is_slowed_down_for_that_name_alone(
    wang: int, client: httpx.Client, served: Served, seen: Seen
) -> None:
    counted: attempts.Attempts = served.app.state.attempts
    for _ in range(attempts.BY_NAME.most):
        counted._names.add(("wang", "127.0.0.1"))
    refused = sign_in(client, "wang", PASSWORD)
    problem(refused, 429, "too-many-attempts")
    assert attempts.BY_NAME.longest_s - 30 < int(refused.headers["retry-after"]) <= 301
    problem(sign_in(client, "li", "wrong"), 401, "wrong-credentials")
    assert audit(seen) == [("session.refuse", "?")], "who must wait adds no line"
    counted._names.forget(("wang", "127.0.0.1"))
    counted._names.add(("wang", "127.0.0.1"))
    assert sign_in(client).status_code == 200
    assert counted._names.count(("wang", "127.0.0.1")) == 0


async def test_guesses_that_come_at_once_are_not_all_judged(wang: int, served: Served, seen: Seen) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
        form = {"username": "wang", "password": "wrong"}
        tries = [client.post("/api/v1/token", data=form) for _ in range(30)]
        answers = [answer.status_code for answer in await asyncio.gather(*tries)]
    judged = answers.count(401)
    assert attempts.BY_NAME.free <= judged <= attempts.BY_NAME.free + 2, (
        "a second may pass, and with it a wait"
    )
    assert answers.count(429) == 30 - judged
    assert audit(seen) == [("session.refuse", "wang")] * attempts.BY_NAME.free


def test_a_session_ends_by_its_time(
    wang: int, served: Served, owner_conn: psycopg.Connection, client: httpx.Client
) -> None:
    token = served.token(owner_conn, "wang")
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/session", headers=bearer).status_code == 200
    owner_conn.execute("UPDATE sessions SET expires_at = now() - interval '1 second'")
    owner_conn.commit()
    wait_until(lambda: client.get("/api/v1/session", headers=bearer).status_code == 401, 6)


def test_a_disabled_user_is_out_within_seconds_and_cannot_come_back(
    wang: int, served: Served, owner_conn: psycopg.Connection, client: httpx.Client
) -> None:
    sign_in(client)
    owner_conn.execute("UPDATE users SET disabled_at = now() WHERE id = %s", [wang])
    owner_conn.commit()
    wait_until(lambda: client.get("/api/v1/session").status_code == 401, 6)
    problem(sign_in(client), 401, "wrong-credentials")


def test_what_was_granted_and_revoked_counts_within_seconds(
    wang: int, served: Served, owner_conn: psycopg.Connection
) -> None:
    client = served.client(owner_conn, "wang")
    assert client.get("/api/v1/session").json()["may"]["audit.read"] is False
    owner_conn.execute("UPDATE grants SET role = 'auditor' WHERE user_id = %s", [wang])
    owner_conn.commit()
    wait_until(lambda: client.get("/api/v1/session").json()["may"]["audit.read"] is True, 6)
    problem(client.get("/api/v1/live/snapshot"), 403, "not-permitted")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({}, 204),
    ],
)
def test_a_write_by_cookie_must_come_from_our_own_pages(
    wang: int, served: Served, owner_conn: psycopg.Connection, headers: dict[str, str], status: int
) -> None:
    answer = served.browser(owner_conn, "wang").delete("/api/v1/session", headers=headers)
    assert answer.status_code == status
    if status == 403:
        problem(answer, 403, "cross-origin")


def test_a_sign_in_must_come_from_our_own_pages(wang: int, served: Served) -> None:
    """Else another site could sign a victim in as somebody else."""
    client = served.anybody()
    client.headers["Origin"] = "http://evil.example"
    problem(sign_in(client), 403, "cross-origin")


def test_a_bearer_token_needs_no_origin_and_reads_need_none_either(
    wang: int, served: Served, owner_conn: psycopg.Connection
) -> None:
    evil = {"Origin": "http://evil.example"}
    assert served.browser(owner_conn, "wang").get("/api/v1/session", headers=evil).status_code == 200
    assert served.client(owner_conn, "wang").delete("/api/v1/session", headers=evil).status_code == 204


def test_a_wrong_bearer_token_does_not_fall_back_to_the_cookie(
    wang: int, served: Served, owner_conn: psycopg.Connection
) -> None:
    browser = served.browser(owner_conn, "wang")
    answer = browser.get("/api/v1/session", headers={"Authorization": "Bearer wrong"})
    problem(answer, 401, "signed-out")
