"""Serves the built map: hashed assets for ever, the page itself never from a cache. And the page that shows the API."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.errors import Problem
from api.settings import Settings

DIST = Path(__file__).resolve().parent.parent / "map_ui" / "dist"
DOCS = Path(__file__).resolve().parent / "docs_page"
NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>联防 Lianfang</title>
<h1>联防 Lianfang</h1><p>The map is not built yet: run <code>./run demo</code>, or <code>npm ci</code> and
<code>npm run build</code> in <code>map_ui/</code>.</p>"""


class _Immutable(StaticFiles):
    """Files whose names change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def install(app: FastAPI, settings: Settings, dist: Path = DIST) -> None:
    """Mount the map at ``/``, and the operator's base map if there is one."""

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        page = dist / "index.html"
        if not page.is_file():
            return HTMLResponse(NOT_BUILT, 503)
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    @app.get("/history", include_in_schema=False)
    async def history() -> Response:
        page = dist / "history.html"
        if not page.is_file():
            return HTMLResponse(NOT_BUILT, 503)
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    @app.get("/basemap.pmtiles", include_in_schema=False)
    async def basemap() -> Response:
        if settings.basemap_pmtiles is None or not settings.basemap_pmtiles.is_file():
            raise Problem("not-found", "No base map is set; LIANFANG_BASEMAP_PMTILES names a PMTiles file.")
        return FileResponse(settings.basemap_pmtiles, headers={"Cache-Control": "private, max-age=3600"})

    app.mount("/assets", _Immutable(directory=dist / "assets", check_dir=False), name="assets")

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(DOCS / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/api/docs", StaticFiles(directory=DOCS), name="docs")

    @app.get("/{file}", include_in_schema=False)
    async def top_file(file: str) -> Response:
        path = dist / file
        if path.parent != dist or not _is_file(path):
            raise Problem("not-found", f"There is nothing at /{file}.")
        return FileResponse(path, headers={"Cache-Control": "no-cache"})


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have: too long, for one
        return False
