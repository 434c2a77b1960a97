"""A new year's list of divisions: what it names no longer ends, and what stood there falls to the tier above."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from gis.load import Loaded
from gis.tables import LoadError
from tests.integration.loading import NEXT_VILLAGE, VILLAGE, ZONE_VILLAGE, ground, load_file, rows

__all__ = ["ground"]

SUCCESSOR = "411202001009"
SITES = f"""external_ref,kind,name,lon,lat,village
a,shop,a,111.15,34.75,
b,shop,b,111.25,34.75,
c,shop,c,,,{VILLAGE}
"""


def new_year(
    conn: psycopg.Connection[Any], folder: Path, *lines: str, replaces: str = "411202000000"
) -> Loaded:
    file = folder / "divisions.csv"
    file.write_text("\n".join(["code,name", *lines]), encoding="utf-8")
    return load_file(conn, "divisions", file, replaces=replaces)


@pytest.fixture
def settled(ground: psycopg.Connection[Any], tmp_path: Path) -> psycopg.Connection[Any]:
    """Shops in both villages, one of them by its village's code alone, each with a sensor."""
    file = tmp_path / "sites.csv"
    file.write_text(SITES, encoding="utf-8")
    assert load_file(ground, "sites", file, crs="WGS84").added == 3
    file.write_text("device_id,kind,site\nd-a,camera,a\nd-c,camera,c\n", encoding="utf-8")
    assert load_file(ground, "devices", file).added == 2
    ground.execute("INSERT INTO users (username, display_name, password_hash) VALUES ('li', '李', '')")
    ground.execute(
        "INSERT INTO grants (user_id, role, division_code) SELECT id, 'dispatcher', %s FROM users", [VILLAGE]
    )
    return ground


def test_a_village_that_is_named_no_longer_ends_with_its_ground(
    settled: psycopg.Connection[Any], tmp_path: Path
) -> None:
    done = new_year(
        settled, tmp_path, "411202001,湖滨街道", f"{NEXT_VILLAGE},乙社区", f"{SUCCESSOR},甲乙社区"
    )
    assert (done.added, done.refused) == (1, [])
    assert f"in force no longer: 1 ({VILLAGE})" in done.notes[0]
    assert "1 users have grants" in done.notes[1]
    assert rows(settled, "SELECT code FROM divisions WHERE valid_to = current_date") == [(VILLAGE,)]
    township = "411202001000"
    assert rows(settled, "SELECT external_ref, county, township, village FROM sites ORDER BY 1") == [
        ("a", "411202000000", township, None),  # which has no boundary that could contradict
        ("b", "411202000000", township, NEXT_VILLAGE),
        ("c", "411202000000", township, None),
    ]
    assert rows(settled, "SELECT device_id, village FROM devices ORDER BY 1") == [
        ("d-a", None),
        ("d-c", None),
    ]
    told = rows(settled, "SELECT document ->> 'device_id' FROM changes WHERE kind = 'device' ORDER BY seq")
    assert [name for (name,) in told][-2:] == ["d-a", "d-c"], "screens are told"
    assert rows(settled, f"SELECT valid_to FROM divisions WHERE code = '{ZONE_VILLAGE}'") == [(None,)], (
        "elsewhere"
    )
    again = new_year(
        settled, tmp_path, "411202001,湖滨街道", f"{NEXT_VILLAGE},乙社区", f"{SUCCESSOR},甲乙社区"
    )
    assert again.notes == ["every division that was in force still is"]


def test_nothing_ends_when_a_row_is_refused_or_the_file_is_another_countys(
    settled: psycopg.Connection[Any], tmp_path: Path
) -> None:
    done = new_year(settled, tmp_path, f"{NEXT_VILLAGE},乙社区", f"{VILLAGE},")
    assert (done.stored, len(done.refused)) == (False, 1)
    with pytest.raises(LoadError, match="names no division below 411202000000"):
        new_year(settled, tmp_path, f"{ZONE_VILLAGE},向阳村")
    assert rows(settled, "SELECT code FROM divisions WHERE valid_to IS NOT NULL") == []
