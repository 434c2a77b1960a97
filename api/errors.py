"""Problems (RFC 9457): one table from what went wrong to what the asker is told.

Never a stack trace, an SQL fragment or a driver's words. Each type is explained in ``docs/problems.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import errors as database
from psycopg_pool import PoolTimeout
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.database.pool import DatabaseUnavailable

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem: its status and its title."""

    status: int
    title: str


KINDS: dict[str, Kind] = {
    "signed-out": Kind(401, "Not signed in"),
    "wrong-credentials": Kind(401, "Wrong name or password"),
    "not-permitted": Kind(403, "Not permitted"),
    "cross-origin": Kind(403, "The request comes from another site"),
    "not-found": Kind(404, "Not found"),
    "method-not-allowed": Kind(405, "Method not allowed"),
    "wrong-state": Kind(409, "Not possible in this state"),
    "changed-meanwhile": Kind(409, "Changed meanwhile"),
    "conflict": Kind(409, "It exists already, or is still needed"),
    "too-large": Kind(413, "Too large"),
    "too-many-rows": Kind(422, "Too many rows for one file"),
    "wrong-input": Kind(422, "Wrong input"),
    "too-many-attempts": Kind(429, "Too many attempts"),
    "took-too-long": Kind(503, "The answer took too long"),
    "busy": Kind(503, "Others are before you"),
    "fault": Kind(500, "The server made a mistake"),
    "database-away": Kind(503, "The database is away"),
}


class FieldError(BaseModel):
    """One thing that is wrong with the input: where, what, and what would be right."""

    where: str
    what: str
    right: str = ""


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Something the asker should know; ``kind`` is a key of ``KINDS``."""

    def __init__(
        self, kind: str, detail: str, errors: Sequence[FieldError] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers or {}


def response(request: Request, problem: Problem) -> JSONResponse:
    """The problem as an answer."""
    kind = KINDS[problem.kind]
    document = ProblemDocument(
        type=f"/problems/{problem.kind}",
        title=kind.title,
        status=kind.status,
        detail=problem.detail,
        instance=request.url.path,
        errors=problem.errors,
    )
    headers = dict(problem.headers)
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", "Bearer")
    if problem.kind == "database-away":
        headers.setdefault("Retry-After", "2")
    return JSONResponse(document.model_dump(), kind.status, headers, media_type=MEDIA_TYPE)


def documented(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI ``responses`` for these kinds of problem."""
    responses: dict[int | str, dict[str, Any]] = {}
    for name in kinds:
        kind = KINDS[name]
        titles = responses.setdefault(kind.status, {"description": "", "titles": []})["titles"]
        titles.append(kind.title)
    for entry in responses.values():
        entry["description"] = "; ".join(entry.pop("titles"))
        entry["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return responses


def from_database(error: Exception) -> Problem:
    """The one seam where the driver's errors become ours."""
    match error:
        case database.UniqueViolation() | database.ForeignKeyViolation() | database.RestrictViolation():
            return Problem("conflict", "Something with this name exists already, or is still in use.")
        case database.InsufficientPrivilege():
            return Problem("not-permitted", "The database does not let this through.")
        case database.DataError() | database.IntegrityError():
            return Problem(
                "wrong-input", "The database refuses a value: out of range, too long or not allowed."
            )
        case database.QueryCanceled():
            return Problem(
                "took-too-long", "Ask for less: a shorter time, a smaller box, a division, fewer at once."
            )
        case psycopg.OperationalError() | PoolTimeout() | DatabaseUnavailable():
            return Problem("database-away", "Nothing was changed. Try again in a moment.")
        case _:
            return Problem("fault", "Nothing was changed. The log tells the operator more.")


def fault(request: Request, error: Exception) -> JSONResponse:
    """The answer to an error that nobody foresaw; the log has it whole."""
    log.exception("request_failed", path=request.url.path, exc_info=error)
    return response(request, Problem("fault", "Nothing was changed. The log tells the operator more."))


def install(app: FastAPI) -> None:
    """Let every error of the app become a problem."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, Problem):
            raise error
        return response(request, error)

    async def on_database(request: Request, error: Exception) -> JSONResponse:
        problem = from_database(error)
        if KINDS[problem.kind].status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error(
                "database_error", path=request.url.path, kind=type(error).__name__, why=str(error)[:200]
            )
        return response(request, problem)

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        found = [
            FieldError(
                where=".".join(str(part) for part in item["loc"]), what=item["msg"], right=_right(item)
            )
            for item in error.errors()
        ]
        return response(request, Problem("wrong-input", "Some values are wrong; see errors.", found))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        kinds = {
            404: "not-found",
            405: "method-not-allowed",
            401: "signed-out",
            403: "not-permitted",
            413: "too-large",
        }
        kind = kinds.get(error.status_code, "fault" if error.status_code >= 500 else "wrong-input")
        detail = f"There is nothing at {request.url.path}." if error.status_code == 404 else str(error.detail)
        return response(request, Problem(kind, detail, headers=dict(error.headers or {})))

    async def on_fault(request: Request, error: Exception) -> JSONResponse:
        return fault(request, error)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(psycopg.Error, on_database)
    app.add_exception_handler(PoolTimeout, on_database)
    app.add_exception_handler(DatabaseUnavailable, on_database)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)


def _right(item: dict[str, Any]) -> str:
    context = item.get("ctx") or {}
    if item["type"] == "extra_forbidden":
        return "a name that the interface has: see /api/docs"
    if item["type"] == "missing":
        return "it must be given"
    if "expected" in context:
        return f"one of {context['expected']}"
    if "pattern" in context:
        return f"text like {context['pattern']}"
    limits = {
        name: context[name]
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length")
        if name in context
    }
    return ", ".join(f"{name} {value}" for name, value in limits.items())
