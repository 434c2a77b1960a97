"""What is drawn tiles what it was drawn in: no gap, no overlap, borders shared vertex for vertex."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import divisions, mesh
from gis.drawing import city_facts, draw_city
from gis.grids import check_coverage, draw_cells
from gis.mesh import DrawingError
from gis.model import Tier
from gis.tianditu import county_boundaries

WEST, EAST = "411282101200", "411282101201"


def _villages() -> dict[str, shapely.Polygon]:
    """Two neighbours with a crooked border between them."""
    border = [(111.02, 34.0), (111.021, 34.01), (111.018, 34.017), (111.02, 34.02)]
    west = shapely.Polygon([(111.0, 34.0), *border, (111.0, 34.02)])
    return {WEST: west, EAST: shapely.Polygon([*border, (111.04, 34.02), (111.04, 34.0)])}


def _sites(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {code: mesh.scatter(shape, count, random) for code, shape in _villages().items()}


@settings(max_examples=25, deadline=None)
@given(count=st.integers(0, 400), per_cell=st.integers(1, 150), seed=st.integers(0, 1000))
def test_cells_tile_their_villages_and_neighbours_share_vertices(
    count: int, per_cell: int, seed: int
) -> None:
    villages, sites = _villages(), _sites(count, seed)
    cells = draw_cells(villages, sites, per_cell, seed=seed)
    assert check_coverage(villages, [(cell.village, cell.boundary) for cell in cells]) == []
    assert shapely.coverage_is_valid([cell.boundary for cell in cells]), "across the villages' border too"
    assert len({cell.code for cell in cells}) == len(cells)
    assert all(divisions.parse_grid_cell(cell.code)[0] == cell.village for cell in cells)


def test_cells_hold_about_the_wanted_number_of_sites() -> None:
    villages, sites = _villages(), _sites(600)
    cells = draw_cells(villages, sites, 60)
    assert len(cells) == 20
    held = [int(shapely.contains_xy(cell.boundary, *sites[cell.village].T).sum()) for cell in cells]
    assert 590 <= sum(held) <= 1200
    assert np.median(np.abs(np.array(held) - 60)) < 20, held


def test_five_hundred_flats_at_one_point_are_one_cell_of_the_village() -> None:
    villages = _villages()
    sites = {WEST: np.full((500, 2), (111.01, 34.01))}
    cells = draw_cells(villages, sites, 100)
    assert check_coverage(villages, [(cell.village, cell.boundary) for cell in cells]) == []


def test_too_many_cells_are_refused_with_what_would_do() -> None:
    with pytest.raises(DrawingError, match="--sites-per-cell 2"):
        draw_cells(_villages(), _sites(1500), 1)


def test_faults_of_a_coverage_are_named() -> None:
    whole = {WEST: shapely.box(111, 34, 111.02, 34.02)}
    left, right = shapely.box(111, 34, 111.01, 34.02), shapely.box(111.01, 34, 111.02, 34.02)
    assert check_coverage(whole, [(WEST, left), (WEST, right)]) == []
    for parts, words in (
        ([(WEST, left)], "not covered"),
        ([(WEST, left), (WEST, right), (WEST, shapely.box(111.0, 34, 111.001, 34.001))], "twice"),
        ([(WEST, left), (WEST, shapely.box(111.01, 34, 111.03, 34.02))], "outside"),
        ([(WEST, left), (WEST, right), (EAST, left)], "no boundary"),
        ([], "nothing"),
    ):
        assert any(words in fault.what for fault in check_coverage(whole, parts)), words


def test_a_county_is_drawn_the_same_each_time_and_every_tier_tiles_the_one_above() -> None:
    """Yima 义马市, the smallest county."""
    county = "411281000000"
    facts = [fact for fact in city_facts() if fact.tier is Tier.CITY or divisions.contains(county, fact.code)]
    counties = [one for one in county_boundaries("411200000000") if one.code == county]
    drawn, again = draw_city(facts, counties, seed=7), draw_city(facts, counties, seed=7)
    assert drawn == again
    assert draw_city(facts, counties, seed=8) != drawn
    assert set(drawn.boundaries) == {fact.code for fact in facts}
    for tier in (Tier.TOWNSHIP, Tier.VILLAGE):
        parts = [
            (divisions.parent(code) or "", shape)
            for code, shape in drawn.boundaries.items()
            if divisions.tier(code) is tier
        ]
        whole = {code: drawn.boundaries[code] for code, _ in parts}
        assert check_coverage(whole, parts) == []
    whole = {code: shape for code, shape in drawn.boundaries.items() if divisions.tier(code) is Tier.VILLAGE}
    assert check_coverage(whole, [(cell.village, cell.boundary) for cell in drawn.cells]) == []
    surveyed = counties[0].boundary
    assert drawn.boundaries[county].symmetric_difference(surveyed).area < 1e-9 * surveyed.area


def test_the_committed_divisions_are_those_of_the_bureau() -> None:
    facts = city_facts()
    assert [sum(fact.tier is tier for fact in facts) for tier in list(Tier)[:4]] == [1, 7, 81, 1381]
    assert all(
        fact.parent == divisions.parent(fact.code) and divisions.tier(fact.code) is fact.tier
        for fact in facts
    )
    assert len({fact.code for fact in facts}) == len(facts)
    assert all(fact.name and fact.name_latin.isascii() for fact in facts)
