"""Grid cells: draw them inside villages by how many sites they hold, and check that they cover and do not overlap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from psycopg import Connection
from psycopg.rows import tuple_row

from gis import divisions, feed, mesh
from gis.drawing import DrawnCell
from gis.mesh import DrawingError, Floats
from gis.sql import load_statements
from gis.wkb import Shape, ewkb, read_shape

SQL = load_statements(Path(__file__).with_suffix(".sql"))
FACES_PER_CELL = 8
SQUARE_METRES_PER_SQUARE_DEGREE = 111_200.0**2
"""At the equator; enough to tell a sliver from a field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrawn:
    """What drawing cells anew did."""

    villages: int
    without_boundary: int
    """Villages that have none and so got no cells."""
    drawn: int
    closed: int
    sites_moved: int
    devices_moved: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CoverageFault:
    """Where parts do not tile their whole."""

    code: str
    what: str


def draw_cells(
    villages: Mapping[str, Shape],
    sites: Mapping[str, Floats],
    sites_per_cell: int,
    *,
    first_number: Mapping[str, int] | None = None,
    seed: int = 1,
) -> list[DrawnCell]:
    """Divide villages into connected cells of about ``sites_per_cell`` sites, following the villages' borders.

    ``villages``: code -> boundary; neighbours drawn in one call share their vertices. ``sites``: code -> (n, 2)
    longitudes and latitudes. A village with few or no sites is one cell. Raises DrawingError for more than 999 cells.
    """
    _check_wish(sites_per_cell)
    random = np.random.default_rng(seed)
    none = np.empty((0, 2))
    counts = {code: max(1, round(len(sites.get(code, none)) / sites_per_cell)) for code in villages}
    for code, count in counts.items():
        if count > 999:
            raise DrawingError(
                f"{code} has {len(sites[code])} sites: {count} cells of {sites_per_cell}, and a village has at most "
                f"999; say --sites-per-cell {-(-len(sites[code]) // 999)} or more"
            )
    points = [
        _face_points(shape, sites.get(code, none), counts[code], random) for code, shape in villages.items()
    ]
    ground = mesh.cut(list(villages.values()), np.vstack(points))
    drawn = []
    for n, code in enumerate(villages):
        members = np.flatnonzero(ground.region == n)
        if not len(members):
            raise DrawingError(
                f"{code} has no ground of its own: another village's boundary covers its boundary; "
                "load a right one with `lianfang load boundaries`"
            )
        weights = _sites_in(ground.faces[members], sites.get(code, none))
        count = min(counts[code], len(members))
        heavy = members[np.argsort(-weights, kind="stable")[: max(count * 4, 1)]]
        labels = mesh.group(
            ground,
            members,
            mesh.spread(ground, heavy, count),
            [1.0] * count,
            weights=(weights + 0.05).tolist(),
        )
        start = (first_number or {}).get(code, 1)
        cells = mesh.merge(ground, members, labels, count)
        drawn += [
            DrawnCell(code=divisions.grid_cell_code(code, number), village=code, boundary=cell)
            for number, cell in enumerate(cells, start=start)
        ]
    return drawn


def draw(
    conn: Connection[Any],
    sites_per_cell: int,
    division: str | None = None,
    *,
    seed: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Redrawn:
    """Draw the cells of a division's villages (None: all) anew, close the old ones, join sites and devices again.

    One transaction: nobody sees a village without cells. New cells get numbers that the village has not used before,
    as long as there are any, because signals and incidents carry the codes of old ones.
    """
    _check_wish(sites_per_cell)
    under = divisions.prefix(division) if division else ""
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(SQL["lock_grid_cells"])
        rows = cursor.execute(SQL["villages_to_draw"], {"under": under}).fetchall()
        shapes = {code: read_shape(wkb) for code, wkb, _, _ in rows if wkb is not None}
        if not shapes:
            raise DrawingError(
                f"no village in {division or 'the city'} has a boundary: load some with `lianfang load boundaries`"
            )
        highest = {code: number for code, _, number, _ in rows}
        synthetic = {code: flag for code, _, _, flag in rows}
        sites: dict[str, list[tuple[float, float]]] = {}
        for lon, lat, village in cursor.execute(SQL["sites_to_divide"], {"under": under}):
            sites.setdefault(village, []).append((lon, lat))
        points = {code: np.array(places) for code, places in sites.items()}
        drawn: list[DrawnCell] = []
        by_county: dict[str, list[str]] = {}
        for code in shapes:
            by_county.setdefault(code[:6], []).append(code)
        for county, codes in by_county.items():
            progress(f"drawing the cells of {len(codes)} villages of {county}")
            fresh = {
                code: _first_number(highest[code], len(points.get(code, ())) / sites_per_cell)
                for code in codes
            }
            drawn += draw_cells(
                {code: shapes[code] for code in codes}, points, sites_per_cell, first_number=fresh, seed=seed
            )
        progress(f"storing {len(drawn)} cells and joining what stands in them")
        closed = cursor.execute(SQL["close_cells"], {"villages": list(shapes)}).rowcount
        with cursor.copy(SQL["copy_cells"]) as copy:
            for cell in drawn:
                copy.write_row(
                    (
                        cell.code,
                        cell.village,
                        ewkb(cell.boundary),
                        synthetic[cell.village],
                    )
                )
        devices = cursor.execute(SQL["devices_to_join"], {"under": under}).fetchall()
        feed.watch(cursor, [number for (number,) in devices])
        moved = [
            (cursor.execute(SQL[name], {"under": under}).fetchone() or (0,))[0]
            for name in (
                "join_sites_again",
                "join_devices_again",
            )  # in this order: devices may be at their site
        ]
        cursor.execute(SQL["new_version"], {"layers": ["grid_cells", "sites"]})
        feed.tell(cursor)
    return Redrawn(
        villages=len(shapes),
        without_boundary=len(rows) - len(shapes),
        drawn=len(drawn),
        closed=closed,
        sites_moved=moved[0],
        devices_moved=moved[1],
    )


def check_coverage(whole: Mapping[str, Shape], parts: Sequence[tuple[str, Shape]]) -> list[CoverageFault]:
    """Whether parts (code of their whole, shape) tile their wholes: no gap, no overlap, shared borders the same.

    Areas are compared in square metres (roughly), and a tenth of one is rounding.
    """
    faults: list[CoverageFault] = []
    grouped: dict[str, list[Shape]] = {}
    for code, shape in parts:
        grouped.setdefault(code, []).append(shape)
    faults += [
        CoverageFault(code=code, what=f"{len(grouped[code])} parts lie in it, and it has no boundary")
        for code in grouped.keys() - whole.keys()
    ]
    for code, shape in whole.items():
        own = np.array(grouped.get(code, []), dtype=object)
        if not len(own):
            faults.append(CoverageFault(code=code, what="nothing covers it"))
            continue
        union = shapely.union_all(own)
        amounts = {
            "is not covered": shape.difference(union).area,
            "is covered outside its border": union.difference(shape).area,
            "is covered twice": float(shapely.area(own).sum()) - union.area,
        }
        for words, area in amounts.items():
            if area * SQUARE_METRES_PER_SQUARE_DEGREE > 0.1:
                metres = area * SQUARE_METRES_PER_SQUARE_DEGREE
                faults.append(CoverageFault(code=code, what=f"{metres:,.1f} square metres of it {words}"))
        if not shapely.coverage_is_valid(own):
            faults.append(CoverageFault(code=code, what="its parts do not share their borders' vertices"))
    return sorted(faults, key=lambda fault: fault.code)


def check_grid_cells(conn: Connection[Any], division: str | None = None) -> list[CoverageFault]:
    """``check_coverage`` of the cells in force of a division's villages (None: all)."""
    parameters = {"under": divisions.prefix(division) if division else ""}
    with conn.cursor(row_factory=tuple_row) as cursor:
        villages = cursor.execute(SQL["villages_to_draw"], parameters).fetchall()
        cells = cursor.execute(SQL["cells_in_force"], parameters).fetchall()
    return check_coverage(
        {code: read_shape(wkb) for code, wkb, _, _ in villages if wkb is not None},
        [(village, read_shape(wkb)) for village, wkb in cells],
    )


def _check_wish(sites_per_cell: int) -> None:
    if sites_per_cell < 1:
        raise DrawingError(f"sites per cell must be 1 or more, not {sites_per_cell}")


def _first_number(highest: int, cells: float) -> int:
    """The number of a village's first new cell: after all that it ever had, or 1 again when they run out."""
    return highest + 1 if highest + cells < 998 else 1


def _face_points(shape: Shape, places: Floats, cells: int, random: np.random.Generator) -> Floats:
    """Faces lie where the sites are, so that a dense hamlet can be divided, and some lie in the open land."""
    open_land = mesh.scatter(shape, max(8, 2 * cells), random)
    if cells == 1 or not len(places):
        return open_land
    chosen = places[random.permutation(len(places))[: FACES_PER_CELL * cells]]
    jittered = chosen + random.normal(0, 2e-5, chosen.shape)  # two metres: flats stand at one point
    return np.vstack([open_land, jittered])


def _sites_in(faces: Any, places: Floats) -> Floats:
    """How many sites lie in each face."""
    counts = np.zeros(len(faces))
    if len(places):
        found = shapely.STRtree(faces).query(shapely.points(places), predicate="intersects")[1]
        counts += np.bincount(found, minlength=len(faces))
    return counts
