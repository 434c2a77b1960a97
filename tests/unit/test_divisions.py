"""Division codes of 12 digits: what they say and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis import divisions
from gis.divisions import DivisionCodeError
from gis.model import Tier

numbers = st.tuples(
    st.integers(11, 99), st.integers(1, 99), st.integers(1, 99), st.integers(1, 999), st.integers(1, 999)
)


@st.composite
def codes(draw: st.DrawFn) -> tuple[str, Tier]:
    full = "{:02d}{:02d}{:02d}{:03d}{:03d}".format(*draw(numbers))
    tier = draw(st.sampled_from([Tier.CITY, Tier.COUNTY, Tier.TOWNSHIP, Tier.VILLAGE]))
    return full[: {1: 4, 2: 6, 3: 9, 4: 12}[tier]], tier


@given(codes())
def test_short_and_full_codes_mean_the_same(case: tuple[str, Tier]) -> None:
    short, tier = case
    code = divisions.parse(short)
    assert len(code) == 12
    assert divisions.parse(code) == code
    assert divisions.tier(code) is tier
    assert divisions.prefix(code) == short


@given(codes())
def test_ancestors_are_the_chain_of_parents_and_contain_the_code(case: tuple[str, Tier]) -> None:
    code = divisions.parse(case[0])
    chain: list[str] = []
    above = divisions.parent(code)
    while above is not None:
        chain.insert(0, above)
        above = divisions.parent(above)
    assert divisions.ancestors(code) == tuple(chain)
    assert [divisions.tier(one) for one in chain] == [Tier(n) for n in range(1, case[1])]
    assert all(divisions.contains(one, code) and not divisions.contains(code, one) for one in chain)
    assert divisions.contains(code, code)


@given(st.text(max_size=14) | st.text("0123456789", max_size=13))
def test_whatever_is_parsed_is_a_code_and_all_else_is_refused(text: str) -> None:
    try:
        code = divisions.parse(text)
    except DivisionCodeError:
        return
    assert len(code) == 12
    assert code.startswith(text.strip())
    assert divisions.prefix(code).startswith(text.strip().rstrip("0"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "41",
        "41128",
        "4112820000000",
        "4112a2",
        "411200101000",
        "411282000001",
        "410000",
        "014112",
        "４１１２",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(DivisionCodeError, match=repr(text)):
        divisions.parse(text)


def test_the_tiers_of_a_village_and_of_a_county() -> None:
    assert divisions.place("411282101205").township == "411282101000"
    assert divisions.place("411282000000").county == "411282000000"
    assert divisions.place("411282000000").township is None
    assert divisions.at_tier("411282000000", Tier.VILLAGE) is None


def test_grid_cells_count_within_their_village() -> None:
    assert divisions.grid_cell_code("411282101205", 7) == "411282101205-007"
    assert divisions.parse_grid_cell("411282101205-007") == ("411282101205", 7)
    for wrong in ("411282101000-007", "411282101205-000", "411282101205-7", "411282101205"):
        with pytest.raises(DivisionCodeError):
            divisions.parse_grid_cell(wrong)
    with pytest.raises(DivisionCodeError):
        divisions.grid_cell_code("411282101205", 1000)
    with pytest.raises(DivisionCodeError):
        divisions.grid_cell_code("411282101000", 1)
