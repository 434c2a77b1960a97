"""What whoever brought a file is told of what was taken: how positions were read, what lies nowhere, when sites arm."""

from pathlib import Path
from typing import Any

import geopandas
import psycopg
import pytest
from shapely.affinity import translate
from shapely.geometry import Point, box

from gis import coordinates
from gis.tables import read_table
from tests.integration.loading import NEXT_VILLAGE, VILLAGE, ground, load_file, rows

__all__ = ["ground"]

HEAD = "external_ref,kind,name,lon,lat\n"


def test_the_coordinate_system_that_was_read_is_told_and_doubted_where_a_file_cannot_know(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """A GeoJSON of AMap is GCJ-02, says nothing, and is WGS 84 by its standard."""
    file = tmp_path / "sites.geojson"
    geopandas.GeoDataFrame(
        {"external_ref": ["s1"], "kind": ["shop"], "name": ["a"]}, geometry=[Point(111.15, 34.75)], crs=4326
    ).to_file(file)
    [note] = load_file(ground, "sites", file).notes
    assert "read as EPSG:4326, as the file says" in note
    assert "--crs GCJ-02" in note
    [note] = load_file(ground, "sites", file, crs="GCJ-02").notes
    assert note == "positions were read as GCJ-02, as --crs says"


def test_what_no_boundary_covers_is_told(ground: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(f"{HEAD}in,shop,a,111.15,34.75\nout,shop,b,111.41,34.75\n", encoding="utf-8")
    done = load_file(ground, "sites", file, crs="WGS84")
    assert (done.added, done.refused) == (2, [])
    assert "sites that no boundary covers: 1 (out)" in done.notes[1]
    file.write_text("device_id,kind,lon,lat\nd-in,camera,111.15,34.75\nd-out,camera,111.41,34.75\n")
    assert (
        "devices that no boundary covers: 1 (d-out)"
        in load_file(ground, "devices", file, crs="WGS84").notes[1]
    )


def test_a_boundary_outside_the_division_above_it_is_told(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """Villages out of another map, whose coordinates are GCJ-02: those at the county's border stick out of it."""
    file = tmp_path / "villages.gpkg"
    inside = box(111.1, 34.7, 111.2, 34.8)
    outside = translate(box(111.3, 34.7, 111.4, 34.8), 0.0055, -0.0015)
    geopandas.GeoDataFrame({"code": [VILLAGE, NEXT_VILLAGE]}, geometry=[inside, outside], crs=4326).to_file(
        file
    )
    done = load_file(ground, "boundaries", file)
    assert done.refused == []
    assert f"outside the division above them by a twentieth or more: 1 ({NEXT_VILLAGE})" in done.notes[1]


def test_a_shapefile_that_cuts_names_is_read_and_what_is_not_read_is_told(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    file = tmp_path / "sites.shp"
    geopandas.GeoDataFrame(
        {"external_r": ["s1"], "kind": ["shop"], "name": ["a"], "contact_na": ["李"], "contact_ph": ["0398-2801234"],
         "mobile": ["0398-2805678"]},
        geometry=[Point(111.15, 34.75)], crs=4326,
    ).to_file(file, encoding="utf-8")  # fmt: skip
    done = load_file(ground, "sites", file)
    assert (done.added, done.refused) == (1, [])
    assert rows(ground, "SELECT name, phone FROM contacts") == [("李", "0398-2801234")]
    assert done.notes[-1] == (
        "columns that were not read: mobile. What one means is said by --column, as in contact_phone=手机号"
    )


def test_northing_and_easting_as_surveyors_call_them_are_not_only_outside(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    east, north = coordinates.from_wgs84(111.15, 34.75, "EPSG:4525")
    file = tmp_path / "sites.csv"
    file.write_text(f"external_ref,kind,name,X,Y\ns1,shop,a,{north},{east}\n", encoding="utf-8")
    [refused] = load_file(ground, "sites", file, crs="EPSG:4525").refused
    assert "easting and northing look swapped" in refused.why
    assert load_file(ground, "sites", file, crs="EPSG:4525", columns={"lon": "Y", "lat": "X"}).added == 1


def test_a_byte_order_mark_is_no_part_of_a_heading_when_the_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(HEAD, encoding="utf-8-sig")
    assert next(iter(read_table(file, encoding="utf-8").columns)) == "external_ref"


@pytest.mark.parametrize(
    ("told", "stored"),
    [
        ("21:00-08:00", [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "21:00", "to": "08:00"}]),
        ("1-5 20:30-7:30； 6、7 00:00～24:00", [{"days": [1, 2, 3, 4, 5], "from": "20:30", "to": "07:30"},
                                              {"days": [6, 7], "from": "00:00", "to": "00:00"}]),
        ("6-1 9：00至17：00", [{"days": [1, 6, 7], "from": "09:00", "to": "17:00"}]),
        ("always", None),
        ("", None),
        ("从不", []),
    ],
)  # fmt: skip
def test_a_file_says_when_its_sites_are_armed(
    ground: psycopg.Connection[Any], tmp_path: Path, told: str, stored: object
) -> None:
    """Thousands of shops: nobody types their opening hours in one by one."""
    file = tmp_path / "sites.csv"
    file.write_text(
        f'编号,类型,户名,经度,纬度,布防时段\ns1,商户,甲,111.15,34.75,"{told}"\n', encoding="utf-8"
    )
    assert load_file(ground, "sites", file, crs="WGS84").refused == []
    assert rows(ground, "SELECT armed_schedule FROM sites") == [(stored,)]
    file.write_text("external_ref,kind,name\ns1,shop,乙\n", encoding="utf-8")
    assert load_file(ground, "sites", file).changed == 1
    assert rows(ground, "SELECT armed_schedule FROM sites") == [(stored,)], "no column, no change"


@pytest.mark.parametrize("told", ["9-17", "21:00-25:00", "0 21:00-08:00", "8:00-12:00, 14:00-18:00", "晚上"])
def test_hours_that_cannot_be_read_are_refused_and_not_taken_for_always(
    ground: psycopg.Connection[Any], tmp_path: Path, told: str
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(f'{HEAD[:-1]},armed\ns1,shop,a,111.15,34.75,"{told}"\n', encoding="utf-8")
    [refused] = load_file(ground, "sites", file, crs="WGS84").refused
    assert (refused.column, refused.value) == ("armed", told)
    assert "1-5 20:30-07:30" in refused.why
