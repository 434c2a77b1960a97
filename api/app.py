"""The HTTP application, wired in one straight line: pools, feed, errors, headers, routes, the map."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from starlette.middleware.gzip import GZipMiddleware

from api import errors, health, install_page, static
from api.auth.attempts import Attempts
from api.auth.dependencies import Sessions
from api.database.pool import conninfo
from api.headers import BodyLimit, SecurityHeaders
from api.live import Feed
from api.metrics import CountRequests, Metrics
from api.ready import announce_ready
from api.routes import ROUTERS, searches
from api.schemas import Snapshot
from api.settings import Settings, load_settings

POOL_TIMEOUT_S = 5.0
"""How long a request waits for a connection before it is told that the database is away."""

log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. It starts and stays up with the database away, and says so."""
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool, sync_pool = _pools(settings)
        feed = Feed(settings)
        app.state.pool, app.state.sync_pool, app.state.feed = pool, sync_pool, feed
        searches.forget_leftovers(datetime.now(UTC))
        await pool.open(wait=False)
        sync_pool.open(wait=False)
        await feed.start()
        announce_ready()
        try:
            yield
        finally:
            await feed.stop()
            await pool.close(timeout=2)
            sync_pool.close(timeout=2)

    app = FastAPI(
        title="Lianfang 联防",
        description="Alarms of a whole city, from the sensor to the closed case. See `docs/http.md`.",
        version=version("lianfang"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.sessions = Sessions()
    app.state.attempts = Attempts()
    app.state.metrics = Metrics(app.state)
    errors.install(app)
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router)
    install_page.install(app, settings)
    static.install(app, settings)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, settings=settings)
    app.add_middleware(CountRequests, metrics=app.state.metrics)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _pools(settings: Settings) -> tuple[AsyncConnectionPool[Any], ConnectionPool[Any]]:
    """The async pool for reading and the sync one for acting, both as the api role."""

    # Asked for each connection: `lianfang up` may start its database later.
    def parameters() -> dict[str, Any]:
        return conninfo(settings, "api", "lianfang-api")

    common: dict[str, Any] = {
        "min_size": 1,
        "timeout": POOL_TIMEOUT_S,
        "reconnect_timeout": 5.0,
        "open": False,
    }
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        kwargs=parameters,
        max_size=8,
        name="api",
        check=AsyncConnectionPool.check_connection,
        **common,
    )
    sync_pool: ConnectionPool[Any] = ConnectionPool(
        kwargs=parameters,
        max_size=4,
        name="api-act",
        check=ConnectionPool.check_connection,
        **common,
    )
    return pool, sync_pool


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the shapes that no route names because the database writes them."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (errors.ProblemDocument, errors.FieldError, Snapshot):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            for name, part in schema.pop("$defs", {}).items():
                schemas.setdefault(name, part)
            schemas.setdefault(model.__name__, schema)
        document["components"]["securitySchemes"] = {
            "cookie": {"type": "apiKey", "in": "cookie", "name": "lianfang_session"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        for path, operations in document["paths"].items():
            open_to_all = path in ("/healthz", "/readyz", "/metrics", "/api/v1/token")
            for method, operation in operations.items():
                if not open_to_all and not (path == "/api/v1/session" and method == "post"):
                    operation["security"] = [{"cookie": []}, {"bearer": []}]
                if "422" in operation["responses"]:
                    operation["responses"]["422"] = errors.documented("wrong-input")[422]
        app.openapi_schema = document
    return app.openapi_schema
