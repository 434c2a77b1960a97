"""An operator's own files: every format and coordinate system, and row by row what was refused and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import psycopg
import pytest
import shapely
from shapely.geometry import Point, box

from gis import coordinates
from gis.tables import LoadError, read_table
from tests.integration.loading import NEXT_VILLAGE, VILLAGE, ZONE_VILLAGE, ground
from tests.integration.loading import load_file as _load
from tests.integration.loading import rows as _rows

__all__ = ["ground"]


def test_divisions_know_their_tiers_and_parents(ground: psycopg.Connection[Any]) -> None:
    assert _rows(ground, "SELECT d.tier, p.code FROM divisions d LEFT JOIN divisions p ON p.id = d.parent_id"
                         " ORDER BY d.code") == [
        (1, None), (2, "411200000000"), (3, "411202000000"), (4, "411202001000"), (4, "411202001000"),
        (2, "411200000000"), (3, "411271000000"), (4, "411271560000"),
    ]  # fmt: skip


def test_a_csv_of_gcj02_positions_with_chinese_headings_in_gbk(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    lon, lat = (float(value) for value in coordinates.wgs84_to_gcj02(111.15, 34.75))
    file = tmp_path / "防范点.csv"
    file.write_bytes(
        "编号,类型,户名,地址,经度,纬度,公司,电话\n"
        f"A-1,农户,李家,甲社区1号,{lon!r},{lat!r},,0398-2801234\n"
        f"A-2,商户,老王超市,甲社区2号,{lon!r},{lat!r},安盾保安公司,\n".encode("gb18030")
    )
    done = _load(ground, "sites", file, crs="GCJ-02")
    assert (done.added, done.refused) == (2, [])
    (first, second) = _rows(
        ground,
        "SELECT external_ref, kind, name, ST_X(position), ST_Y(position), source_crs, village, organisation_id IS NULL"
        " FROM sites ORDER BY external_ref",
    )
    assert (first[:3], second[:3]) == (("A-1", "household", "李家"), ("A-2", "shop", "老王超市"))
    assert float(coordinates.distance_m(first[3], first[4], 111.15, 34.75)) < 0.001
    assert first[5:] == ("GCJ-02", VILLAGE, True)
    assert second[7] is False
    assert _rows(ground, "SELECT phone FROM contacts") == [("0398-2801234",)]


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "EPSG:4525"])
def test_map_files_in_the_system_that_they_declare(
    ground: psycopg.Connection[Any], tmp_path: Path, suffix: str, crs: str
) -> None:
    if suffix == ".geojson" and crs != "EPSG:4326":
        crs = "EPSG:4326"  # RFC 7946, section 4: GeoJSON is WGS 84
    x, y = coordinates.from_wgs84(np.array([111.15, 111.25]), np.array([34.75, 34.75]), crs)
    frame = geopandas.GeoDataFrame(
        {"ref": ["s1", "s2"], "kind": ["household", "market"], "name": ["张家", "农贸市场"]},
        geometry=[Point(one) for one in zip(x, y, strict=True)],
        crs=crs,
    )
    file = tmp_path / f"sites{suffix}"
    frame.to_file(file, encoding="gbk") if suffix == ".shp" else frame.to_file(file)
    if suffix == ".shp":
        assert (
            "GBK" in file.with_suffix(".cpg").read_text().upper()
            or "936" in file.with_suffix(".cpg").read_text()
        )
    done = _load(ground, "sites", file)
    assert (done.added, done.refused) == (2, [])
    rows = _rows(
        ground, "SELECT name, village, ST_X(position), ST_Y(position) FROM sites ORDER BY external_ref"
    )
    assert [row[:2] for row in rows] == [("张家", VILLAGE), ("农贸市场", NEXT_VILLAGE)]
    assert float(coordinates.distance_m(rows[0][2], rows[0][3], 111.15, 34.75)) < 0.01


BAD = """external_ref,kind,name,lon,lat,village,organisation,contact_phone
ok-1,household,李家,111.15,34.75,,,
,household,无号,111.15,34.75,,,
swapped,household,反,34.75,111.15,,,
far,household,远,116.40,39.90,,,
nan,household,空,nan,34.75,,,
word,household,字,east,34.75,,,
none,household,无,,,,,
zero,household,零,0,0,,,
ok-1,household,又,111.16,34.75,,,
kind,castle,堡,111.15,34.75,,,
who,shop,店,111.15,34.75,,没有的公司,
long,household,{long},111.15,34.75,,,
village,household,村,111.15,34.75,411299001001,,
phone,household,电,111.15,34.75,,,call me
zone,household,区,111.16,34.76,411271560200,,
""".format(long="长" * 201)


def _say(refused: Sequence[Any]) -> dict[int, tuple[str, str]]:
    return {one.row: (one.column, one.why) for one in refused}


def test_each_refused_row_says_where_what_and_what_would_be_right(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(BAD, encoding="utf-8-sig")
    done = _load(ground, "sites", file, crs="WGS84")
    assert (done.read, done.added, done.changed) == (15, 2, 0)
    expected = {
        3: ("external_ref", "every row needs one"), 4: ("lon, lat", "swapped"), 5: ("lon, lat", "outside the city"),
        6: ("lon, lat", "numbers"), 7: ("lon", "is no number"), 8: ("village", "one of them is needed"),
        9: ("lon, lat", "Guinea"), 10: ("external_ref", "stands in row 2 already"), 11: ("kind", "household, "),
        12: ("organisation", "安盾保安公司"), 13: ("name", "200 at most"), 14: ("village", "load divisions first"),
        15: ("contact_phone", "digits"),
    }  # fmt: skip
    found = _say(done.refused)
    assert found.keys() == expected.keys()
    for row, (column, words) in expected.items():
        assert found[row][0] == column, row
        assert words in found[row][1], (row, found[row])
    assert _rows(ground, "SELECT external_ref, village, county FROM sites ORDER BY 1") == [
        ("ok-1", VILLAGE, "411202000000"), ("zone", ZONE_VILLAGE, "411271000000"),
    ]  # fmt: skip


def test_all_or_nothing_loads_nothing_for_one_bad_row(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(BAD, encoding="utf-8")
    done = _load(ground, "sites", file, crs="WGS84", all_or_nothing=True)
    assert (done.stored, done.added, len(done.refused)) == (False, 0, 13)
    assert _rows(ground, "SELECT count(*) FROM sites") == [(0,)]


def test_loading_again_updates_by_the_operators_key(ground: psycopg.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    head = "external_ref,kind,name,lon,lat\n"
    file.write_text(head + "a,household,李家,111.15,34.75\nb,shop,店,111.15,34.75\n", encoding="utf-8")
    _load(ground, "sites", file, crs="WGS84")
    ground.execute(
        "INSERT INTO devices (device_id, kind, site_id) SELECT 'd1', 'camera', id FROM sites WHERE external_ref = 'b'"
    )
    file.write_text(
        head + "a,household,李家,111.15,34.75\nb,shop,新店,111.25,34.75\nc,shop,丙,111.25,34.75\n",
        encoding="utf-8",
    )
    done = _load(ground, "sites", file, crs="WGS84")
    assert (done.added, done.changed, done.same) == (1, 1, 1)
    assert _rows(ground, "SELECT external_ref, name, village, version FROM sites ORDER BY 1") == [
        ("a", "李家", VILLAGE, 1), ("b", "新店", NEXT_VILLAGE, 2), ("c", "丙", NEXT_VILLAGE, 1),
    ]  # fmt: skip
    assert _rows(ground, "SELECT village FROM devices") == [(NEXT_VILLAGE,)], (
        "a site that moves takes its devices along"
    )


def test_a_file_that_does_not_say_its_coordinate_system_is_not_guessed_at(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("external_ref,kind,name,lon,lat\na,household,李家,111.15,34.75\n", encoding="utf-8")
    with pytest.raises(LoadError, match="--crs"):
        _load(ground, "sites", file)
    with pytest.raises(LoadError, match="GCJ-02"):
        _load(ground, "sites", file, crs="Beijing 1066")
    with pytest.raises(LoadError, match="--column kind="):
        _load(ground, "sites", file, crs="WGS84", columns={"kind": "sort"})
    (tmp_path / "junk.csv").write_bytes(b"\xff\xfe\x00\x00\x81")
    for name in ("missing.csv", "picture.png", "junk.csv"):
        if name == "picture.png":
            (tmp_path / name).write_bytes(b"\x89PNG")
        with pytest.raises(LoadError):
            read_table(tmp_path / name)
    (tmp_path / "broken.geojson").write_text("{")
    with pytest.raises(LoadError):
        read_table(tmp_path / "broken.geojson")


def test_devices_find_their_sites_and_gateways(ground: psycopg.Connection[Any], tmp_path: Path) -> None:
    sites = tmp_path / "sites.csv"
    sites.write_text("external_ref,kind,name,lon,lat\na,household,李家,111.15,34.75\n", encoding="utf-8")
    _load(ground, "sites", sites, crs="WGS84")
    file = tmp_path / "devices.csv"
    file.write_text(
        "device_id,kind,protocol,site,gateway,external_id,lon,lat\n"
        "pir-1,红外探测器,zigbee2mqtt,a,gw-1,pir,,\n"
        "gw-1,gateway,zigbee2mqtt,a,,,,\n"
        "cam-1,camera,lianfang,a,,,111.25,34.75\n"
        "bad id,camera,,,,,,\n"
        "x-1,camera,,nowhere,,,,\n"
        "x-2,camera,telepathy,,,,,\n"
        "x-3,door_contact,,,gw-9,door,,\n"
        "x-4,door_contact,,,gw-1,,,\n"
        "x-5,door_contact,,,gw-1,pir,,\n"
        "pir-1,camera,,,,,,\n",
        encoding="utf-8",
    )
    done = _load(ground, "devices", file, crs="WGS84", protocols=["lianfang", "zigbee2mqtt"])
    assert (done.added, done.read) == (3, 10)
    found = _say(done.refused)
    assert {row: column for row, (column, _) in found.items()} == {
        5: "device_id", 6: "site", 7: "protocol", 8: "gateway", 9: "external_id", 10: "external_id", 11: "device_id",
    }  # fmt: skip
    assert _rows(
        ground,
        "SELECT d.device_id, g.device_id, d.external_id, d.village FROM devices d LEFT JOIN devices g"
        " ON g.id = d.gateway_id ORDER BY 1",
    ) == [
        ("cam-1", None, None, NEXT_VILLAGE),
        ("gw-1", None, None, VILLAGE),
        ("pir-1", "gw-1", "pir", VILLAGE),
    ]
    again = _load(ground, "devices", file, crs="WGS84", protocols=["lianfang", "zigbee2mqtt"])
    assert (again.added, again.changed, again.same) == (0, 0, 3)
    assert _rows(ground, "SELECT action, count(*) FROM device_history GROUP BY 1") == [("registered", 3)]
    ground.execute("UPDATE devices SET status = 'retired' WHERE device_id = 'pir-1'")
    file.write_text(
        "device_id,kind,gateway,external_id,lon,lat\npir-2,infrared_sensor,gw-1,pir,,\n", encoding="utf-8"
    )
    swapped = _load(ground, "devices", file, crs="WGS84", protocols=["lianfang", "zigbee2mqtt"])
    assert (swapped.added, swapped.refused) == (1, []), "a retired device's name behind its gateway is free"


def test_a_better_boundary_moves_what_stands_there_and_closes_old_cells(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    sites = tmp_path / "sites.csv"
    sites.write_text(
        "external_ref,kind,name,lon,lat\na,household,李家,111.15,34.75\nb,household,张家,111.305,34.75\n",
        encoding="utf-8",
    )
    _load(ground, "sites", sites, crs="WGS84")
    ground.execute(
        "INSERT INTO grid_cells (code, village, boundary) SELECT code || '-001', code, boundary FROM divisions"
        " WHERE code = ANY (%s)", ([VILLAGE, NEXT_VILLAGE],),
    )  # fmt: skip
    ground.execute("SELECT place_sites(array_agg(id)) FROM sites")
    assert _rows(ground, "SELECT grid_cell FROM sites ORDER BY id") == [(f"{VILLAGE}-001",), (None,)]
    lon, lat = coordinates.from_wgs84(
        np.array([111.1, 111.2, 111.2, 111.1]), np.array([34.7, 34.7, 34.81, 34.81]), "GCJ-02"
    )
    bowtie = shapely.Polygon([(111.2, 34.7), (111.3, 34.8), (111.3, 34.7), (111.2, 34.8)])
    frame = geopandas.GeoDataFrame(
        {"code": [VILLAGE, NEXT_VILLAGE, "411299", "411202"]},
        geometry=[
            shapely.Polygon(list(zip(lon, lat, strict=True))),
            bowtie,
            box(111, 34, 112, 35),
            Point(111, 34),
        ],
        crs=4326,
    )
    frame.to_file(tmp_path / "b.geojson")
    done = _load(ground, "boundaries", tmp_path / "b.geojson", crs="GCJ-02")
    assert (done.added, done.changed) == (0, 1)
    assert {row: column for row, (column, _) in _say(done.refused).items()} == {
        2: "geometry",
        3: "code",
        4: "geometry",
    }
    assert _rows(ground, "SELECT village, grid_cell FROM sites ORDER BY id") == [
        (VILLAGE, None),
        (None, None),
    ]
    assert _rows(ground, "SELECT village FROM grid_cells WHERE valid_to IS NULL") == [(NEXT_VILLAGE,)]
