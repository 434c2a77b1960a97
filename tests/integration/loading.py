"""Ground to load an operator's files into."""

from pathlib import Path
from typing import Any

import geopandas
import psycopg
import pytest
from shapely.geometry import box

from gis.load import Loaded, load
from gis.load_checks import Options
from gis.tables import read_table

VILLAGE, NEXT_VILLAGE, ZONE_VILLAGE = "411202001001", "411202001002", "411271560200"


@pytest.fixture
def ground(owner_conn: psycopg.Connection[Any], tmp_path: Path) -> psycopg.Connection[Any]:
    """A city with two villages side by side, and one without a boundary."""
    codes = tmp_path / "divisions.csv"
    codes.write_text(
        "code,name,name_latin\n4112,三门峡市,Sanmenxia\n411202,湖滨区,Hubin District\n411202001,湖滨街道,Hubin\n"
        f"{VILLAGE},甲社区,Jia\n{NEXT_VILLAGE},乙社区,Yi\n411271,开发区,Zone\n411271560,向阳街道,Xiangyang\n"
        f"{ZONE_VILLAGE},向阳村,Xiangyang\n",
        encoding="utf-8",
    )
    assert load(owner_conn, "divisions", read_table(codes), Options()).added == 8
    shapes = geopandas.GeoDataFrame(
        {"code": ["411200000000", "411202", VILLAGE, NEXT_VILLAGE]},
        geometry=[box(111.0, 34.6, 111.4, 34.9), box(111.0, 34.6, 111.4, 34.9), box(111.1, 34.7, 111.2, 34.8),
                  box(111.2, 34.7, 111.3, 34.8)],
        crs=4326,
    )  # fmt: skip
    file = tmp_path / "boundaries.gpkg"
    shapes.to_file(file)
    assert load(owner_conn, "boundaries", read_table(file), Options(source="survey 2025")).added == 4
    owner_conn.execute("INSERT INTO organisations (name, kind) VALUES ('安盾保安公司', 'security_company')")
    return owner_conn


def load_file(conn: psycopg.Connection[Any], what: str, path: Path, **options: Any) -> Loaded:
    """Load a file as ``what``."""
    return load(conn, what, read_table(path), Options(**options))


def rows(conn: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """What a query finds."""
    return [tuple(row) for row in conn.execute(query).fetchall()]
