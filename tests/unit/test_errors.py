"""Problems: one table, documented; the driver's words never reach the asker."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg import errors as database
from psycopg_pool import PoolTimeout

from api import errors
from api.database.pool import DatabaseUnavailable
from api.errors import KINDS, Problem
from api.inputs import Body

DOCUMENT = Path(__file__).parents[2] / "docs" / "problems.md"
SECRET = 'relation "incidents" of server 10.0.0.7: SELECT phone FROM contacts'


def test_the_document_explains_every_kind_and_no_other() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    told = re.findall(r"^## (\S+)\n\*(\d{3}): (.+?)\.\* ", text, re.MULTILINE)
    assert told == [(name, str(kind.status), kind.title) for name, kind in KINDS.items()]


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (database.UniqueViolation(SECRET), "conflict"),
        (database.ForeignKeyViolation(SECRET), "conflict"),
        (database.InsufficientPrivilege(SECRET), "not-permitted"),
        (database.NumericValueOutOfRange(SECRET), "wrong-input"),
        (database.CheckViolation(SECRET), "wrong-input"),
        (database.QueryCanceled(SECRET), "took-too-long"),
        (psycopg.OperationalError(SECRET), "database-away"),
        (database.AdminShutdown(SECRET), "database-away"),
        (PoolTimeout(SECRET), "database-away"),
        (DatabaseUnavailable(SECRET), "database-away"),
        (database.UndefinedTable(SECRET), "fault"),
        (RuntimeError(SECRET), "fault"),
    ],
)
async def test_every_error_becomes_a_problem_without_its_own_words(error: Exception, kind: str) -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/x")
    def fails() -> None:
        raise error

    answer = await client_of(app).get("/x")
    assert answer.headers["content-type"] == errors.MEDIA_TYPE
    document = answer.json()
    assert (document["type"], document["status"]) == (f"/problems/{kind}", KINDS[kind].status)
    assert answer.status_code == KINDS[kind].status
    assert document["title"] == KINDS[kind].title
    assert document["instance"] == "/x"
    assert not any(word in answer.text for word in ("relation", "10.0.0.7", "SELECT", "Traceback"))
    assert ("retry-after" in answer.headers) == (kind == "database-away")


async def test_wrong_input_says_where_what_and_what_would_be_right() -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/x")
    def limited(limit: int) -> int:
        if limit > 10:
            wrong = errors.FieldError(where="query.limit", what="is too large", right="at most 10")
            raise Problem("wrong-input", "The limit is wrong.", [wrong])
        return limit

    client = client_of(app)
    assert (await client.get("/x", params={"limit": 3})).json() == 3
    document = (await client.get("/x", params={"limit": 11})).json()
    assert document["errors"] == [{"where": "query.limit", "what": "is too large", "right": "at most 10"}]
    assert (await client.get("/x", params={"limit": "many"})).json()["errors"][0]["where"] == "query.limit"
    assert (await client.get("/x")).status_code == 422
    assert (await client.post("/x")).json()["type"] == "/problems/method-not-allowed"
    assert (await client.get("/nothing")).json()["type"] == "/problems/not-found"


class Asked(Body):
    """A body whose only name is ``name``."""

    name: str


async def test_a_name_that_is_not_known_and_one_that_lacks_are_said_with_the_way_out() -> None:
    app = FastAPI()
    errors.install(app)

    @app.post("/x")
    def takes(asked: Asked) -> str:
        return asked.name

    document = (await client_of(app).post("/x", json={"nmae": "Wang"})).json()
    assert [(one["where"], one["right"]) for one in document["errors"]] == [
        ("body.name", "it must be given"),
        ("body.nmae", "a name that the interface has: see /api/docs"),
    ]
