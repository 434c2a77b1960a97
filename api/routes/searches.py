"""Searches of the past: against a stated purpose, each a line of the audit log; their pages, cases and files."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from psycopg import Connection
from pydantic import BaseModel, Field

from alarms.history import export, lists, query, search, table, words
from alarms.model import Category, Disposition, IncidentState
from api.auth import audit
from api.auth.dependencies import Reader, require, sync_transaction, transaction
from api.cases import whole_case
from api.errors import FieldError, Problem, documented
from api.inputs import Body, Id, Line, Moment, Reason, Text
from api.paging import Cursor, Limit, decode_cursor, encode_cursor, feature
from api.schemas import IncidentCase, IncidentFeature, Link
from api.settings import Settings

router = APIRouter(prefix="/api/v1/searches", tags=["history"])
READ = documented("signed-out", "not-permitted", "not-found", "wrong-input", "took-too-long", "database-away")
SEARCH = READ | documented("cross-origin", "not-permitted", "too-large")
EXPORT = (
    READ | documented("wrong-input", "too-many-rows") | documented("took-too-long", "busy", "database-away")
)

Investigator = Annotated[Reader, Depends(require("history.search"))]
Degrees = Annotated[float, Field(allow_inf_nan=False, ge=-180, le=180, strict=True)]
Ring = Annotated[
    list[Annotated[list[Degrees], Field(min_length=2, max_length=2)]],
    Field(min_length=4, max_length=query.MOST_VERTICES),
]
Rings = Annotated[list[Ring], Field(min_length=1, max_length=100)]
Clock = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Some = Field(max_length=20)

SEARCHING = asyncio.Semaphore(3)
"""So many look into the past at once. A look may take seconds and a connection, of which a process has eight: the
others are for those who answer alarms."""
EXPORT_WAIT_S = 60.0
EXPORTING = asyncio.Semaphore(1)
"""One file at a time in a process: it takes a connection and a core for seconds. Who waits keeps no thread: many would
leave none for anybody else."""
FOLDERS = "lianfang-export-"
LEFT_S = 3600.0


class PolygonBody(Body):
    """A GeoJSON polygon (RFC 7946, 3.1.6)."""

    type: Literal["Polygon"]
    coordinates: Rings


class MultiPolygonBody(Body):
    """GeoJSON polygons (RFC 7946, 3.1.7)."""

    type: Literal["MultiPolygon"]
    coordinates: Annotated[list[Rings], Field(min_length=1, max_length=100)]


class HoursBody(Body):
    """Hours of the day in the installation's zone, over midnight where ``to`` is the earlier."""

    from_: Annotated[Clock, Field(alias="from")]
    to: Clock


class QueryBody(Body):
    """What to look for; what is left out limits nothing."""

    area: Annotated[PolygonBody | MultiPolygonBody, Field(discriminator="type")] | None = None
    division: Annotated[str, Field(pattern=r"^[0-9]{4,12}$")] | None = None
    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    hours: HoursBody | None = None
    category: Annotated[list[Category], Some] | None = None
    disposition: Annotated[list[Disposition], Some] | None = None
    priority: Annotated[list[Annotated[int, Field(ge=1, le=5, strict=True)]], Some] | None = None
    state: Annotated[list[IncidentState], Some] | None = None
    text: Annotated[Line, Field(min_length=1, max_length=query.MOST_TEXT, pattern=r"\S")] | None = None


class SearchBody(Body):
    """A question, and what it is asked for; both go into the audit log."""

    purpose: Annotated[Reason, Field(pattern=r"^\s*\S[\s\S]+\S\s*$")]
    query: QueryBody = QueryBody()


class InWords(BaseModel):
    """The question in words."""

    en: str
    zh: str


class Search(BaseModel):
    """A question as it was asked, until when its pages and files can be had."""

    id: int
    at: datetime
    expires_at: datetime
    purpose: Text
    query: dict[str, Any]
    words: InWords


class Found(BaseModel):
    """A page of what a search finds, newest first."""

    type: Literal["FeatureCollection"]
    search: Search
    features: list[IncidentFeature]
    links: list[Link]


@router.post("", status_code=201, response_model=Found, responses=SEARCH)
async def open_search(request: Request, who: Investigator, body: SearchBody, limit: Limit = 100) -> Any:
    """Ask what happened. The answer is the first page, and the number under which the rest can be had."""
    settings: Settings = request.app.state.settings
    with _refusing():
        asked = query.from_document(
            body.query.model_dump(by_alias=True, mode="json", exclude_none=True), settings.city_code
        )
    expires_at = datetime.now(UTC) + timedelta(days=settings.retention_searches_days)
    async with SEARCHING, transaction(request, who, "history.search") as conn:
        opened = await search.open_search(conn, who.user_id, body.purpose.strip(), asked, expires_at)
        page = await search.page(conn, asked, settings.zone, None, limit)
        name = await search.division_name(conn, asked.division)
        line = audit.line(
            who.user_id,
            who.username,
            "search.open",
            f"search/{opened.id}",
            opened.purpose,
            query=opened.query,
        )
        await audit.write(conn, line)
    return _found(opened, asked, settings, name, page, limit)


@router.get("/{search_id}", response_model=Found, responses=READ)
async def get_search(
    request: Request, who: Investigator, search_id: Id, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """A page of a search of one's own, as things are now."""
    settings: Settings = request.app.state.settings
    after = decode_cursor(cursor, datetime, int)
    async with SEARCHING, transaction(request, who, "history.search") as conn:
        opened = _there(await search.search_of(conn, search_id, datetime.now(UTC)), search_id)
        asked = query.from_document(opened.query, settings.city_code)
        page = await search.page(conn, asked, settings.zone, (after[0], after[1]) if after else None, limit)
        name = await search.division_name(conn, asked.division)
    return _found(opened, asked, settings, name, page, limit)


@router.get("/{search_id}/incidents/{incident_id}", response_model=IncidentCase, responses=READ)
async def get_found_incident(request: Request, who: Investigator, search_id: Id, incident_id: Id) -> Any:
    """The whole case of an incident that a search of one's own finds; a line of the audit log."""
    settings: Settings = request.app.state.settings
    now = datetime.now(UTC)
    async with SEARCHING, transaction(request, who, "history.search") as conn:
        opened = _there(await search.search_of(conn, search_id, now), search_id)
        asked = query.from_document(opened.query, settings.city_code)
        found = await search.finds(conn, asked, settings.zone, incident_id)
        case = await whole_case(conn, incident_id, now) if found else None
        if case is None:
            raise Problem("not-found", f"Search {search_id} finds no incident {incident_id}.")
        target = f"incident/{incident_id}"
        line = audit.line(who.user_id, who.username, "search.case", target, opened.purpose, search=search_id)
        await audit.write(conn, line)
    return case


@router.get(
    "/{search_id}/export",
    response_class=Response,
    responses=EXPORT
    | {
        200: {
            "description": "The file",
            "content": {
                media_type: {
                    "schema": {"type": "object"}
                    if kind == "geojson"
                    else {"type": "string", "format": "binary"}
                }
                for kind, media_type in export.MEDIA_TYPES.items()
            },
        }
    },
)
async def export_search(
    request: Request,
    who: Investigator,
    search_id: Id,
    format: Annotated[export.Format, Query()],  # noqa: A002 - the word of the interface
    language: Annotated[words.Language | None, Query(description="Of the words in it")] = None,
) -> Response:
    """All that a search of one's own finds now, with its timelines, as a file; a line of the audit log. Too much is
    refused, not cut."""
    try:
        await asyncio.wait_for(EXPORTING.acquire(), EXPORT_WAIT_S)
    except TimeoutError:
        raise Problem("busy", "Another file is being made. Try again in a moment.") from None
    try:
        file, size = await asyncio.to_thread(_open_file, request, who, search_id, format, language)
    finally:
        EXPORTING.release()
    headers = {
        "Content-Disposition": f'attachment; filename="lianfang-search-{search_id}.{export.SUFFIXES[format]}"',
        "Content-Length": str(size),
    }
    return StreamingResponse(_read(file), 200, headers, media_type=export.MEDIA_TYPES[format])


def forget_leftovers(now: datetime) -> None:
    """Remove what exports left on the disk that were killed half-way, an hour ago or longer."""
    try:
        folders = list(Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"))
    except FileNotFoundError:
        return  # the disk is full, or there is none to write to: exports say so, and all else goes on
    for folder in folders:
        with suppress(OSError):  # another process of ours was faster, or it is another account's
            about = folder.lstat()
            if about.st_uid == os.getuid() and now.timestamp() - about.st_mtime > LEFT_S:
                shutil.rmtree(folder)


def _open_file(
    request: Request, who: Reader, search_id: int, kind: export.Format, language: words.Language | None
) -> tuple[BinaryIO, int]:
    """The file and its size. It stays readable when its folder is gone: nothing is left behind."""
    with tempfile.TemporaryDirectory(prefix=FOLDERS) as folder:
        path = _make_file(request, who, search_id, kind, language, Path(folder))
        return path.open("rb"), path.stat().st_size


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    """What one look at the database brought: the cases lie in a file, a line each."""

    opened: search.Search
    asked: query.Query
    count: int
    entries: int
    names: dict[str, str]
    at: datetime


def _make_file(
    request: Request,
    who: Reader,
    search_id: int,
    kind: export.Format,
    language: words.Language | None,
    folder: Path,
) -> Path:
    settings: Settings = request.app.state.settings
    spool, path = folder / "cases", folder / f"incidents.{export.SUFFIXES[kind]}"
    taken = _take(request, who, search_id, settings, spool)
    with sync_transaction(request, who, "history.search") as conn:
        line = audit.line(
            who.user_id, who.username, "search.export", f"search/{search_id}", taken.opened.purpose,
            format=kind, count=taken.count, timeline_entries=taken.entries,
        )  # fmt: skip
        audit.write_sync(conn, line)
    spoken: words.Language = language or ("zh" if who.locale == "zh" else "en")
    name = taken.names.get(taken.asked.division or "")
    about = export.About(
        installation=taken.names.get(settings.city_code) or settings.city_code,
        search_id=search_id,
        purpose=taken.opened.purpose,
        question=words.describe(taken.asked, spoken, settings.zone, name),
        query=taken.opened.query,
        searched_at=taken.opened.at,
        exported_at=taken.at,
        user=f"{who.display_name} ({who.username})",
        count=taken.count,
        entries=taken.entries,
        zone=settings.zone,
    )

    def cases() -> Iterator[table.Case]:
        with spool.open("rb") as lines:
            for one in lines:
                yield table.case(orjson.loads(one), taken.names, spoken)

    export.write(kind, path, cases, about)
    return path


def _take(request: Request, who: Reader, search_id: int, settings: Settings, spool: Path) -> _Taken:
    """Everything as it is at one moment. The connection is free again before the file is made."""
    now = datetime.now(UTC)
    with sync_transaction(request, who, "history.search", snapshot=True) as conn:
        opened = _there(search.search_of_sync(conn, search_id, now), search_id)
        asked = query.from_document(opened.query, settings.city_code)
        try:
            count, entries = _spool(conn, search.all_ids(conn, asked, settings.zone), spool)
        except search.TooManyRowsError:
            raise Problem(
                "too-many-rows",
                f"The search finds more than {search.MOST_ROWS:,} incidents, or more than {search.MOST_ENTRIES:,} "
                "lines of their timelines, which is the most that one file holds. "
                "Search a shorter time or a smaller area, several times if need be.",
            ) from None
        return _Taken(
            opened=opened, asked=asked, count=count, entries=entries, names=dict(search.division_names(conn)),
            at=now,
        )  # fmt: skip


def _spool(conn: Connection[Any], ids: list[int], spool: Path) -> tuple[int, int]:
    """Write the cases to a file, a line each; how many there are, and how many lines of timelines."""
    count = entries = 0
    with spool.open("xb") as file:
        for document, more in search.cases(conn, ids):
            file.write(document + b"\n")
            count, entries = count + 1, entries + more
    return count, entries


def _read(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(65_536):
            yield block


def _there(opened: search.Search | None, search_id: int) -> search.Search:
    if opened is None:
        raise Problem("not-found", f"You have no search {search_id}, or it is over: search again.")
    return opened


def _found(
    opened: search.Search,
    asked: query.Query,
    settings: Settings,
    division_name: str | None,
    page: lists.Page,
    limit: int,
) -> dict[str, Any]:
    links = []
    if page.last:
        cursor = encode_cursor(*page.last)
        href = f"{router.prefix}/{opened.id}?limit={limit}&cursor={cursor}"
        links.append({"rel": "next", "href": href})
    return {
        "type": "FeatureCollection",
        "search": {
            "id": opened.id,
            "at": opened.at,
            "expires_at": opened.expires_at,
            "purpose": opened.purpose,
            "query": opened.query,
            "words": {
                "en": words.describe(asked, "en", settings.zone, division_name),
                "zh": words.describe(asked, "zh", settings.zone, division_name),
            },
        },
        "features": [feature(document) for document in page.documents],
        "links": links,
    }


@contextmanager
def _refusing() -> Iterator[None]:
    """What makes no question becomes a problem that says what would."""
    try:
        yield
    except query.QueryError as error:
        wrong = FieldError(where=f"body.query.{error.where}", what=str(error), right=error.right)
        raise Problem("wrong-input", "The question is wrong.", [wrong]) from None
