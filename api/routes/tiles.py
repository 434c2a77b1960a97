"""Map tiles: ``/tiles/v{n}/{layer}/{z}/{x}/{y}.mvt?scope=<digest>``.

The address holds all that the bytes depend on: the layer's version and a digest of the reader's scope. So a tile may be
kept for ever, by that reader's browser only. ``Vary`` on the sign-in keeps the next user of a shared computer from it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute

from api.auth.dependencies import reader
from api.auth.permissions import PERMISSIONS
from api.errors import Problem, documented
from gis import tiles


class TileRoute(APIRoute):
    """Goes straight to the tile. A map asks for hundreds at once, and taking seven parameters apart, one by one and
    checked against their models, took longer than all the rest of a cached tile."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""

        async def answer(request: Request) -> Response:
            return await _serve(request)

        return answer


router = APIRouter(tags=["map"], route_class=TileRoute)
MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
PERMISSION = {"divisions": "division.read", "grid_cells": "division.read", "sites": "site.read"}
VERSIONS_FRESH_S = 1.0
DEFAULT_CACHE_MB = 64
CACHED = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Vary": "Cookie, Authorization, Accept-Encoding",
}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_ANSWERS = documented("signed-out", "not-permitted", "not-found", "wrong-input", "database-away") | {
    200: {"content": {MEDIA_TYPE: {}}, "description": "A Mapbox Vector Tile 2.1; empty where nothing is."},
    304: {"description": "What you have is still right."},
    307: {"description": "The layer has a newer version, at the address given."},
}


class _State:
    """What this process keeps: tiles, and the layers' versions for a second."""

    def __init__(self, max_bytes: int) -> None:
        self.cache = tiles.TileCache(max_bytes)
        self.versions: dict[str, int] = {}
        self.until = 0.0


@router.get("/tiles/v{version}/{layer}/{z}/{x}/{y}.mvt", responses=_ANSWERS, response_class=Response)
async def tile(
    request: Request,
    version: Annotated[str, Path(description="the layer's version, from the session object")],
    layer: Annotated[str, Path(description="`divisions`, `grid_cells` or `sites`")],
    z: Annotated[str, Path(description="zoom, 0 to 22")],
    x: Annotated[str, Path(description="column, from the west")],
    y: Annotated[str, Path(description="row, from the north")],
    scope: Annotated[str, Query(description="the reader's scope digest, from the session object")] = "",
) -> Response:
    """A vector tile (WebMercatorQuad) of what the reader may see; signed in, private, unchanging."""
    return await _serve(request)


async def _serve(request: Request) -> Response:
    """The tile of a request; see ``tile``."""
    who = await reader(request)
    layer, scope = request.path_params["layer"], request.query_params.get("scope", "")
    permission = PERMISSION.get(layer)
    if permission is None:
        raise Problem("not-found", f"There is no layer {layer!r}; there are {', '.join(PERMISSION)}.")
    texts = [request.path_params[name] for name in ("version", "z", "x", "y")]
    if not all(_NUMBER.fullmatch(text) for text in texts):
        raise Problem("not-found", "A tile's version, zoom, column and row are whole numbers.")
    version, z, x, y = (int(text) for text in texts)
    if not tiles.exists(z, x, y):
        raise Problem(
            "not-found", f"There is no tile {z}/{x}/{y}: zoom is 0 to 22, column and row 0 to 2^zoom - 1."
        )
    if scope != who.scope_digest:
        raise Problem("not-found", "This address belongs to another scope; GET /api/v1/session gives yours.")
    state = _state(request)
    current = await _current(request, state, layer, version)
    if version < current:
        address = f"/tiles/v{current}/{layer}/{z}/{x}/{y}.mvt?{urlencode({'scope': scope})}"
        return RedirectResponse(address, 307, {"Cache-Control": "no-store"})
    if version > current:
        raise Problem("not-found", f"The layer {layer} has no version {version} yet; it has {current}.")
    keys = who.keys(permission)
    key = (layer, current, keys, z, x, y)
    found = state.cache.get(key)
    if found is None:
        async with request.app.state.pool.connection() as conn:
            made_for, found = await tiles.make(conn, layer, who.user_id, PERMISSIONS[permission], z, x, y)
        # Grants changed in these seconds: it is right for this reader, for nobody else and not for long.
        if made_for != keys:
            return Response(found.plain, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
        state.cache.put(key, found)
    return _answer(request, found)


def _answer(request: Request, found: tiles.Tile) -> Response:
    headers = {**CACHED, "ETag": found.etag}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    if found.zipped and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, media_type=MEDIA_TYPE, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.plain, media_type=MEDIA_TYPE, headers=headers)


def _state(request: Request) -> _State:
    app = request.app
    if not hasattr(app.state, "tiles"):
        settings = getattr(app.state, "settings", None)
        megabytes = DEFAULT_CACHE_MB if settings is None else settings.tile_cache_mb
        app.state.tiles = _State(megabytes * 1_000_000)
    state: _State = app.state.tiles
    return state


async def _current(request: Request, state: _State, layer: str, asked: int) -> int:
    """The layer's version, at most a second old; read anew when somebody knows of a newer one."""
    now = time.monotonic()
    if now >= state.until or asked > state.versions.get(layer, 0):
        async with request.app.state.pool.connection() as conn:
            state.versions = await tiles.versions(conn)
        state.until = now + VERSIONS_FRESH_S
    return state.versions[layer]
