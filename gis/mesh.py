"""Cut regions into small faces, and grow the faces into connected groups.

Everything that is drawn here is a union of faces of one mesh. So shared borders are the same vertices on both sides,
there are no gaps and no overlaps, and borders look grown rather than ruled. Coordinates are degrees, WGS 84.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

DIGITS = 7
"""Decimal places of a degree that drawn vertices have: a centimetre."""

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]


class DrawingError(Exception):
    """A shape cannot be drawn as asked; the message says what would be possible."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Faces that tile the regions they were cut from."""

    faces: NDArray[np.object_]
    """(n,) polygons."""
    region: Ints
    """(n,) which region a face lies in."""
    centres: Floats
    """(n, 2) in units of equal length both ways: degrees of latitude."""
    first: Ints
    """(n + 1,) where a face's neighbours begin in ``neighbours``."""
    neighbours: Ints

    def neighbours_of(self, face: int) -> Ints:
        """Faces that share an edge with this one."""
        return self.neighbours[self.first[face] : self.first[face + 1]]


def cut(regions: Sequence[shapely.Polygon | shapely.MultiPolygon], points: Floats) -> Mesh:
    """A mesh of the regions' ground: the Voronoi cells of ``points`` (n, 2), cut along the regions' borders.

    Regions may share borders but not overlap.
    """
    stretch = np.array([np.cos(np.deg2rad(points[:, 1].mean())), 1.0])
    voronoi = shapely.voronoi_polygons(shapely.MultiPoint(points * stretch), only_edges=True)
    edges = shapely.get_parts(shapely.transform(voronoi, lambda xy: np.round(xy / stretch, DIGITS)))
    borders = [one.boundary for one in regions]
    # Voronoi edges meet in their ends only: what has to be cut is where they cross a border
    crossing = np.zeros(len(edges), dtype=bool)
    crossing[shapely.STRtree(edges).query(borders, predicate="intersects")[1]] = True
    noded = shapely.union_all([*edges[crossing], *borders])
    faces = np.array(shapely.polygonize([*edges[~crossing], *shapely.get_parts(noded)]).geoms, dtype=object)
    inside = shapely.point_on_surface(faces)
    found, region = shapely.STRtree(regions).query(inside, predicate="within")
    keep, where = np.unique(found, return_index=True)
    faces, region = faces[keep], region[where]
    centres = shapely.get_coordinates(shapely.centroid(faces)) * stretch
    return Mesh(faces, region, centres, *_neighbours(faces))


def _neighbours(faces: NDArray[np.object_]) -> tuple[Ints, Ints]:
    """Pairs of faces with a common edge, as ``first`` and ``neighbours``."""
    rings, owner = shapely.get_rings(faces, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    steps = np.round(xy * 1e10).astype(np.int64)
    along = np.flatnonzero(ring[:-1] == ring[1:])
    ends = np.stack([steps[along], steps[along + 1]], axis=1)
    swap = (ends[:, 0, 0] > ends[:, 1, 0]) | (
        (ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1])
    )
    ends[swap] = ends[swap][:, ::-1]
    edges = ends.reshape(-1, 4)
    order = np.lexsort(edges.T)
    edges, face = edges[order], owner[ring[along]][order]
    same = np.flatnonzero((edges[:-1] == edges[1:]).all(axis=1))
    a, b = face[same], face[same + 1]
    pairs = np.unique(np.vstack([np.stack([a, b], 1), np.stack([b, a], 1)]), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    first = np.searchsorted(pairs[:, 0], np.arange(len(faces) + 1))
    return first.astype(np.intp), pairs[:, 1].astype(np.intp)


def spread(mesh: Mesh, members: Ints, count: int, start: Sequence[int] = ()) -> list[int]:
    """``count`` faces far from each other (farthest first), after those in ``start``."""
    where = mesh.centres[members]
    chosen = list(start) or [int(members[((where - where.mean(axis=0)) ** 2).sum(axis=1).argmax()])]
    near = np.min([((where - mesh.centres[face]) ** 2).sum(axis=1) for face in chosen], axis=0)
    while len(chosen) < len(start) + count:
        best = int(near.argmax())
        if near[best] == 0:
            raise DrawingError(f"{count} groups cannot be drawn from {len(members)} faces")
        chosen.append(int(members[best]))
        near = np.minimum(near, ((where - where[best]) ** 2).sum(axis=1))
    return chosen[: len(start) + count]


def group(
    mesh: Mesh,
    members: Ints,
    seeds: Sequence[int],
    targets: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    rounds: int = 3,
) -> Ints:
    """Divide ``members`` into connected groups around ``seeds``, of weights about in proportion to ``targets``.

    ``weights``: one a member; None: each member weighs 1. Returns each member's group, in the order of ``members``.
    Ground that no seed reaches goes to the nearest group.
    """
    if len(seeds) == 1:
        return np.zeros(len(members), dtype=np.intp)
    position = {int(face): n for n, face in enumerate(members)}
    where = mesh.centres[members]
    weighs = [1.0] * len(members) if weights is None else weights
    labels = _grow(mesh, position, seeds, targets, weighs)
    for _ in range(rounds - 1):
        moved = []
        for label in range(len(seeds)):
            own = np.flatnonzero(labels == label)
            middle = where[own].mean(axis=0)
            moved.append(int(members[own[((where[own] - middle) ** 2).sum(axis=1).argmin()]]))
        labels = _grow(mesh, position, moved, targets, weighs)
    return labels


def _grow(
    mesh: Mesh,
    position: dict[int, int],
    seeds: Sequence[int],
    targets: Sequence[float],
    weights: Sequence[float],
) -> Ints:
    """The group that has least of its target takes the free face next to it that is nearest to its seed."""
    faces = np.fromiter(position, dtype=np.intp)
    east, north = (dict(zip(faces.tolist(), axis.tolist(), strict=True)) for axis in mesh.centres[faces].T)
    label_of: dict[int, int] = {}
    free: list[list[tuple[float, int]]] = [[(0.0, seed)] for seed in seeds]
    turn = [(0.0, label) for label in range(len(seeds))]
    taken = [0.0] * len(seeds)
    while turn:
        _, label = heapq.heappop(turn)
        frontier, seed = free[label], seeds[label]
        while frontier:
            _, face = heapq.heappop(frontier)
            if face not in label_of:
                break
        else:
            continue
        label_of[face] = label
        taken[label] += weights[position[face]]
        for other in mesh.neighbours_of(face).tolist():
            if other in east and other not in label_of:
                away = (east[other] - east[seed]) ** 2 + (north[other] - north[seed]) ** 2
                heapq.heappush(frontier, (away, other))
        heapq.heappush(turn, (taken[label] / targets[label], label))
    if len(label_of) < len(faces):
        seats = mesh.centres[list(seeds)]
        for face in set(faces.tolist()) - label_of.keys():
            label_of[face] = int(((seats - mesh.centres[face]) ** 2).sum(axis=1).argmin())
    return np.array([label_of[face] for face in faces.tolist()], dtype=np.intp)


def merge(mesh: Mesh, members: Ints, labels: Ints, count: int) -> list[shapely.MultiPolygon]:
    """The outline of each group."""
    return [outline(mesh.faces[members[labels == label]]) for label in range(count)]


def outline(parts: NDArray[np.object_]) -> shapely.MultiPolygon:
    """The union of parts of one coverage, with its vertices kept."""
    union = shapely.coverage_union_all(parts)
    polygons = [one for one in shapely.get_parts(union) if isinstance(one, shapely.Polygon)]
    if not polygons:
        raise DrawingError("a group without ground was drawn: ask for fewer groups")
    return shapely.MultiPolygon(polygons)


def scatter(shape: shapely.Polygon | shapely.MultiPolygon, count: int, random: np.random.Generator) -> Floats:
    """``count`` points spread evenly at random over a shape: (count, 2) degrees."""
    shapely.prepare(shape)
    west, south, east, north = shape.bounds
    found = np.empty((0, 2))
    while len(found) < count:
        tries = random.uniform((west, south), (east, north), (max(64, 3 * count), 2))
        found = np.vstack([found, tries[shapely.contains_xy(shape, tries[:, 0], tries[:, 1])]])
    return found[:count]
