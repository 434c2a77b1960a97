"""Vector tiles: made in PostGIS within the reader's scope (``0011_tiles.sql``), kept in a bounded cache."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row

from gis.sql import load_statements
from gis.wkb import ewkb, read_shape

SQL = load_statements(Path(__file__).with_suffix(".sql"))

LAYERS = ("divisions", "grid_cells", "sites")
DEEPEST_ZOOM = 22
BANDS = (8, 10, 12)
"""Zooms up to which a simplified shape serves; deeper, the boundary itself does."""
METRES_PER_PIXEL_AT_Z0 = 78271.517
"""Of a tile 512 pixels wide, in EPSG:3857."""
OVERHEAD_BYTES = 400
"""What a kept tile takes beside its bytes, about."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A made tile."""

    plain: bytes
    zipped: bytes
    """gzip, made once; empty where it would not pay."""
    etag: str


Key = tuple[str, int, frozenset[str], int, int, int]
"""Layer, its version, scope keys, z, x, y."""


class TileCache:
    """The tiles used last, up to so many bytes. For one event loop: not thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Key, Tile] = OrderedDict()
        self.bytes = 0

    def get(self, key: Key) -> Tile | None:
        """The tile, which then counts as used last."""
        tile = self._kept.get(key)
        if tile is not None:
            self._kept.move_to_end(key)
        return tile

    def put(self, key: Key, tile: Tile) -> None:
        """Keep a tile; the ones not used for longest give way. One that is larger than the cache is not kept."""
        size = _size(tile)
        if size > self._max_bytes:
            return
        before = self._kept.pop(key, None)
        if before is not None:
            self.bytes -= _size(before)
        self._kept[key] = tile
        self.bytes += size
        while self.bytes > self._max_bytes:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= _size(gone)

    def __len__(self) -> int:
        return len(self._kept)


def exists(z: int, x: int, y: int) -> bool:
    """Whether this address is one of the tile matrix set."""
    return 0 <= z <= DEEPEST_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z


async def versions(conn: AsyncConnection[Any]) -> dict[str, int]:
    """The layers' present versions."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        return dict(await (await cursor.execute(SQL["versions"])).fetchall())


async def make(
    conn: AsyncConnection[Any], layer: str, user_id: int, roles: Sequence[str], z: int, x: int, y: int
) -> tuple[frozenset[str], Tile]:
    """A tile of what this user's grants with these roles open, and the scope keys that it was made for.

    ``layer`` is one of ``LAYERS``. The keys are those of this moment: keep the tile under no others.
    One statement is its own transaction, which saves the two round trips of BEGIN and COMMIT.
    """
    before = conn.autocommit
    await conn.set_autocommit(True)
    try:
        async with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
            await cursor.execute(
                SQL[layer], {"user_id": user_id, "roles": list(roles), "z": z, "x": x, "y": y}
            )
            row = await cursor.fetchone()
    finally:
        await conn.set_autocommit(before)
    assert row is not None
    return frozenset(row[0]), pack(bytes(row[1]))


def pack(plain: bytes) -> Tile:
    """A tile's bytes, ready to be sent."""
    zipped = gzip.compress(plain, compresslevel=1, mtime=0) if len(plain) > 500 else b""
    return Tile(plain, zipped, f'"{hashlib.sha256(plain).hexdigest()[:20]}"')


def refresh_shapes(conn: Connection[Any]) -> int:
    """Simplify the boundaries in force for small zooms, a tier at a time as one coverage; returns how many.

    Call it where boundaries changed, in the same transaction, as the owner. Raises the layer's version.
    """
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(SQL["boundaries"]).fetchall()
        shapes = np.array([read_shape(wkb) for _, _, wkb in rows], dtype=object)
        simplified = np.empty((len(rows), len(BANDS)), dtype=object)
        tiers = np.array([tier for _, tier, _ in rows])
        for tier in set(tiers.tolist()):
            own = tiers == tier
            for n, zoom in enumerate(BANDS):
                pixel = METRES_PER_PIXEL_AT_Z0 / 2**zoom
                simplified[own, n] = shapely.coverage_simplify(shapes[own], pixel)
        cursor.execute(SQL["forget_shapes"])
        with cursor.copy(SQL["copy_shapes"]) as copy:
            for (division_id, _, _), bands in zip(rows, simplified, strict=True):
                copy.write_row((division_id, *(ewkb(shape, 3857) for shape in bands)))
        cursor.execute(SQL["new_versions"], {"layers": ["divisions"]})
    return len(rows)


def _size(tile: Tile) -> int:
    return len(tile.plain) + len(tile.zipped) + OVERHEAD_BYTES
