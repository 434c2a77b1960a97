"""What operators' files are like: broken shapes, text of any encoding, torn rows; each row is refused alone."""

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import psycopg
import pytest
import shapely
from shapely.geometry import Point, box

from gis import coordinates
from gis.grids import draw
from gis.load_rows import DEVICE_KINDS, SITE_KINDS
from gis.mesh import DrawingError
from tests.integration.loading import NEXT_VILLAGE, VILLAGE, ground, load_file, rows

__all__ = ["ground"]


def _why(done: Any) -> dict[int, tuple[str, str]]:
    return {one.row: (one.column, one.why) for one in done.refused}


def test_an_unclosed_ring_is_refused_by_its_row(ground: psycopg.Connection[Any], tmp_path: Path) -> None:
    rings = {
        VILLAGE: [[111.1, 34.7], [111.19, 34.7], [111.19, 34.8]],
        NEXT_VILLAGE: [[111.2, 34.7], [111.3, 34.7], [111.3, 34.81], [111.2, 34.81], [111.2, 34.7]],
    }
    features = [
        {
            "type": "Feature",
            "properties": {"code": code},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for code, ring in rings.items()
    ]
    file = tmp_path / "b.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    done = load_file(ground, "boundaries", file)
    assert (done.changed, len(done.refused)) == (1, 1)
    column, why = _why(done)[1]
    assert column == "geometry"
    assert "end where it began" in why


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4525"])
def test_a_boundary_that_touches_itself_is_mended_in_any_system(
    ground: psycopg.Connection[Any], tmp_path: Path, crs: str
) -> None:
    spike = np.array(
        [(111.1, 34.7), (111.2, 34.7), (111.2, 34.8), (111.2, 34.81), (111.2, 34.8), (111.1, 34.8)]
    )
    shape = shapely.Polygon(np.column_stack(coordinates.from_wgs84(spike[:, 0], spike[:, 1], crs)))
    assert not shape.is_valid
    geopandas.GeoDataFrame({"code": [VILLAGE]}, geometry=[shape], crs=crs).to_file(tmp_path / "b.gpkg")
    done = load_file(ground, "boundaries", tmp_path / "b.gpkg")
    assert done.refused == []
    [(area, valid)] = rows(
        ground, f"SELECT ST_Area(boundary), ST_IsValid(boundary) FROM divisions WHERE code = '{VILLAGE}'"
    )
    assert area == pytest.approx(0.01, rel=1e-3)
    assert valid


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
@pytest.mark.parametrize("language_byte", [0x00, 0x57])
def test_a_shapefile_that_does_not_say_its_encoding_is_read_as_utf8_or_gbk(
    ground: psycopg.Connection[Any], tmp_path: Path, encoding: str, language_byte: int
) -> None:
    file = tmp_path / "sites.shp"
    frame = geopandas.GeoDataFrame(
        {"编号": ["s1"], "类型": ["农户"], "户名": ["张家"]}, geometry=[Point(111.15, 34.75)], crs=4326
    )
    frame.to_file(file, encoding=encoding)
    file.with_suffix(".cpg").unlink()
    dbf = bytearray(file.with_suffix(".dbf").read_bytes())
    dbf[29] = language_byte
    file.with_suffix(".dbf").write_bytes(dbf)
    assert load_file(ground, "sites", file).refused == []
    assert rows(ground, "SELECT external_ref, kind, name FROM sites") == [("s1", "household", "张家")]


def test_rows_with_too_many_cells_are_refused_and_empty_ones_are_none(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(
        "external_ref,kind,name,lon,lat,address\n"
        "a,household,李家,111.15,34.75\n"  # Excel leaves empty cells at a row's end out
        "\n"
        ",,,,,\n"
        "b,shop,店,111.15,34.75,甲社区,2号\n"
        "c,shop,店,111.15,34.75,甲社区,,\n"
        f"d,shop,店,{'1' * 201},34.75,\n"
        "\n   \n",
        encoding="utf-8",
    )
    done = load_file(ground, "sites", file, crs="WGS84")
    assert (done.read, done.added) == (4, 2)
    found = _why(done)
    assert {row: column for row, (column, _) in found.items()} == {5: "after address", 7: "lon"}
    assert "double quotes" in found[5][1]
    assert "200 at most" in found[7][1]
    file.write_text(
        "external_ref,kind,name,lon,lat\na,household,李家,111.16,34.75\n\n,,,,\n", encoding="utf-8"
    )
    whole = load_file(ground, "sites", file, crs="WGS84", all_or_nothing=True)
    assert (whole.stored, whole.changed, whole.refused) == (True, 1, [])


def test_a_wrong_place_in_a_torn_row_is_told_once(ground: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("external_ref,kind,name,lon,lat\na,shop,店,1,2,3\n", encoding="utf-8")
    done = load_file(ground, "sites", file, crs="WGS84")
    assert [(one.row, one.column) for one in done.refused] == [(2, "after lat")]


def test_two_villages_of_one_boundary_are_named_and_not_drawn(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    frame = geopandas.GeoDataFrame(
        {"code": [NEXT_VILLAGE]}, geometry=[box(111.1, 34.7, 111.2, 34.8)], crs=4326
    )
    frame.to_file(tmp_path / "b.gpkg")
    assert load_file(ground, "boundaries", tmp_path / "b.gpkg").changed == 1
    with pytest.raises(DrawingError, match=f"({VILLAGE}|{NEXT_VILLAGE}) has no ground of its own"):
        draw(ground, 130)


@pytest.mark.parametrize("word", ["key_site", "key site", "Key Site", "KEY-SITE", "重点部位"])
def test_kinds_are_the_words_of_the_glossary(
    ground: psycopg.Connection[Any], tmp_path: Path, word: str
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(f"external_ref,kind,name,lon,lat\na,{word},银行,111.15,34.75\n", encoding="utf-8")
    assert load_file(ground, "sites", file, crs="WGS84").refused == []
    assert rows(ground, "SELECT kind FROM sites") == [("key_site",)]


def test_every_kind_has_its_words(ground: psycopg.Connection[Any]) -> None:
    """The kinds are those of the database, each also in Chinese."""
    for table, kinds in (("sites", SITE_KINDS), ("devices", DEVICE_KINDS)):
        [(check,)] = rows(
            ground,
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '" + table + "_kind_check'",
        )
        assert {f"'{kind}'" for kind in kinds.values()} == {
            part.split("::")[0] for part in check.split("[")[1].split("]")[0].split(", ")
        }
        chinese = {kind for word, kind in kinds.items() if not word.isascii()}
        assert chinese == set(kinds.values())
