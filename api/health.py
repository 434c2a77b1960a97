"""Is the process up, does what it depends on work, and how much it does."""

from __future__ import annotations

import asyncio
from typing import Literal

import psycopg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout
from pydantic import BaseModel

from api.embedded.endpoints import NotRunning, mqtt_login
from api.embedded.ports import listens
from api.intake import read_heartbeat
from api.settings import Settings

router = APIRouter(tags=["health"])
STALE_S = 10.0


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
    database = await _database(request, reasons)
    broker = await asyncio.to_thread(_broker, settings, reasons)
    intake = _intake(settings, reasons)
    ready = database and broker and intake
    if not ready:
        response.status_code = 503
    return Ready(ready=ready, database=database, broker=broker, intake=intake, reasons=reasons)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Prometheus metrics of this process."""
    text = generate_latest(request.app.state.metrics.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _database(request: Request, reasons: list[str]) -> bool:
    try:
        async with request.app.state.pool.connection(timeout=2) as conn:
            await conn.execute("SELECT 1")
    except (psycopg.OperationalError, PoolTimeout):
        reasons.append("the database does not answer")
        return False
    return True


def _broker(settings: Settings, reasons: list[str]) -> bool:
    try:
        login = mqtt_login(settings, "intake")
    except NotRunning as error:
        reasons.append(str(error))
        return False
    if not listens(login.host, login.port):
        reasons.append(f"nothing listens at the broker's {login.host}:{login.port}")
        return False
    return True


def _intake(settings: Settings, reasons: list[str]) -> bool:
    heartbeat = read_heartbeat(settings)
    if heartbeat is None or heartbeat.age_s > STALE_S:
        reasons.append("the intake does not run on this machine")
        return False
    if not heartbeat.connected:
        reasons.append("the intake is not connected to the broker")
        return False
    return True
