"""Is the process up, does what it depends on work, and how much it does."""

from __future__ import annotations

import asyncio
from typing import Literal

import psycopg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout
from pydantic import BaseModel

from api import heartbeat
from api.embedded.endpoints import NotRunning, mqtt_login
from api.embedded.ports import listens
from api.settings import Settings, SettingsError

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """What works; ``reasons`` says what does not, and why."""

    ready: bool
    database: bool
    broker: bool
    intake: bool
    reasons: list[str]


@router.get("/healthz")
async def healthz() -> Alive:
    """The process is up."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "Something does not work"}})
async def readyz(request: Request, response: Response) -> Ready:
    """Whether the database, the broker and the intake work."""
    settings: Settings = request.app.state.settings
    reasons: list[str] = []
    database, intake = await _database_and_intake(request, reasons)
    broker = await asyncio.to_thread(_broker, settings, reasons)
    ready = database and broker and intake
    if not ready:
        response.status_code = 503
    return Ready(ready=ready, database=database, broker=broker, intake=intake, reasons=reasons)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Prometheus metrics of this process."""
    text = generate_latest(request.app.state.metrics.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _database_and_intake(request: Request, reasons: list[str]) -> tuple[bool, bool]:
    try:
        async with request.app.state.pool.connection(timeout=2) as conn:
            heard = await heartbeat.read_async(conn)
    except (psycopg.OperationalError, PoolTimeout):
        reasons += [
            "the database does not answer",
            "whether the intake runs is not known without the database",
        ]
        return False, False
    if heard is None or heard.is_stale:
        reasons.append("the intake does not run, or cannot write to the database")
    elif not heard.connected:
        reasons.append("the intake is not connected to the broker")
    else:
        return True, True
    return True, False


def _broker(settings: Settings, reasons: list[str]) -> bool:
    try:
        login = mqtt_login(settings, "intake")
    except (NotRunning, SettingsError) as error:
        reasons.append(str(error))
        return False
    if not listens(login.host, login.port):
        reasons.append(f"nothing listens at the broker's {login.host}:{login.port}")
        return False
    return True
