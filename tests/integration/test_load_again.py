"""A file that is loaded over what is there: it changes what it names, and leaves alone what it does not mention."""

from pathlib import Path
from typing import Any

import psycopg

from tests.integration.loading import NEXT_VILLAGE, VILLAGE, ground, load_file, rows

__all__ = ["ground"]

SITES = (
    "external_ref,kind,name,address,unit,lon,lat,organisation,contact_name,contact_phone\n"
    "a,household,李家,甲社区1号,2-301,111.15,34.75,安盾保安公司,李明,0398-2801234\n"
)
DEVICES = (
    "device_id,kind,name,protocol,site,gateway,external_id,organisation,zone,lon,lat\n"
    "gw-1,gateway,网关一,zigbee2mqtt,a,,,,,,\n"
    "pir-1,infrared_sensor,院门,zigbee2mqtt,a,gw-1,0x1,安盾保安公司,7,111.16,34.76\n"
)
PROTOCOLS = ["lianfang", "zigbee2mqtt"]


def _load(conn: psycopg.Connection[Any], what: str, folder: Path, text: str, **options: Any) -> Any:
    file = folder / f"{what}.csv"
    file.write_text(text, encoding="utf-8")
    return load_file(conn, what, file, **({"crs": "WGS84", "protocols": PROTOCOLS} | options))


def _why(done: Any) -> dict[int, tuple[str, str]]:
    return {one.row: (one.column, one.why) for one in done.refused}


def test_a_device_keeps_what_the_file_has_no_column_for(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    _load(ground, "sites", tmp_path, SITES)
    _load(ground, "devices", tmp_path, DEVICES)
    query = (
        "SELECT device_id, name, protocol, site_id, gateway_id, external_id, organisation_id, ST_X(position), village,"
        " source_crs FROM devices ORDER BY 1"
    )
    before = rows(ground, query)
    done = _load(
        ground, "devices", tmp_path, "device_id,kind,zone\npir-1,infrared_sensor,8\ngw-1,gateway,\n", crs=None
    )
    assert (done.changed, done.same, done.refused) == (1, 1, [])
    assert rows(ground, query) == before
    assert rows(ground, "SELECT zone FROM devices ORDER BY device_id") == [("",), ("8",)]
    assert rows(ground, "SELECT device_id FROM devices WHERE moved_at IS NOT NULL") == []


def test_a_device_that_a_file_puts_elsewhere_was_moved(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """Else what it says there would be a repeat of what it said where it stood before."""
    _load(ground, "sites", tmp_path, SITES)
    _load(
        ground, "devices", tmp_path, "device_id,kind,lon,lat\na,camera,111.15,34.75\nb,camera,111.15,34.75\n"
    )
    _load(
        ground, "devices", tmp_path, "device_id,kind,lon,lat\na,camera,111.15,34.75\nb,camera,111.16,34.75\n"
    )
    assert rows(ground, "SELECT device_id FROM devices WHERE moved_at IS NOT NULL") == [("b",)]


def test_a_cell_that_is_there_and_empty_empties(ground: psycopg.Connection[Any], tmp_path: Path) -> None:
    _load(ground, "sites", tmp_path, SITES)
    _load(ground, "devices", tmp_path, DEVICES)
    head = "device_id,kind,name,zone,gateway,external_id,lon,lat\n"
    _load(ground, "devices", tmp_path, head + "pir-1,infrared_sensor,,,,,,\n")
    assert rows(
        ground,
        "SELECT name, zone, gateway_id, external_id, position, site_id IS NOT NULL FROM devices"
        " WHERE device_id = 'pir-1'",
    ) == [("", "", None, None, None, True)]


def test_a_site_keeps_what_the_file_has_no_column_for(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    _load(ground, "sites", tmp_path, SITES, crs="GCJ-02")
    query = "SELECT address, unit, ST_X(position), ST_Y(position), source_crs, organisation_id, village FROM sites"
    before = rows(ground, query)
    for text in (
        f"external_ref,kind,name,village\na,household,李家老宅,{VILLAGE}\n",
        "external_ref,kind,name\na,household,李家新宅\n",
    ):
        done = _load(ground, "sites", tmp_path, text, crs=None)
        assert (done.changed, done.refused) == (1, [])
        assert rows(ground, query) == before
    new = _load(ground, "sites", tmp_path, "external_ref,kind,name\na,shop,李家\nb,shop,店\n", crs=None)
    assert new.changed == 1
    assert "needs a place" in _why(new)[3][1]


def test_a_new_number_of_the_same_person_takes_the_old_ones_place(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    _load(ground, "sites", tmp_path, SITES)
    query = "SELECT name, phone, call_order FROM contacts ORDER BY call_order"
    done = _load(ground, "sites", tmp_path, SITES.replace("2801234", "2805678"))
    assert (done.changed, done.same) == (1, 0)
    assert rows(ground, query) == [("李明", "0398-2805678", 1)]
    done = _load(ground, "sites", tmp_path, SITES.replace("李明,0398-2801234", "李亮,0398-2809999"))
    assert done.changed == 1
    assert rows(ground, query) == [("李明", "0398-2805678", 1), ("李亮", "0398-2809999", 2)]
    assert _load(ground, "sites", tmp_path, SITES.replace("李明,0398-2801234", "李亮,0398-2809999")).same == 1


def test_what_is_retired_stays_so_and_reserved_names_are_refused(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    _load(ground, "sites", tmp_path, SITES)
    _load(ground, "devices", tmp_path, "device_id,kind\nold,siren\nold-gw,gateway\n")
    ground.execute("UPDATE devices SET status = 'retired'")
    ground.execute("UPDATE sites SET retired_at = now()")
    sites = _load(ground, "sites", tmp_path, SITES.replace("李家", "王家"))
    assert (sites.changed, sites.refused[0].column) == (0, "external_ref")
    assert "is retired" in sites.refused[0].why
    assert rows(ground, "SELECT name, retired_at IS NULL FROM sites") == [("李家", False)]
    done = _load(
        ground,
        "devices",
        tmp_path,
        "device_id,kind,site,gateway,external_id\nold,camera,,,\nintake,camera,,,\nnew,camera,a,,\n"
        "child,siren,,old-gw,x\n",
        reserved={"intake"},
    )
    assert (done.added, done.changed) == (0, 0)
    found = _why(done)
    assert {row: column for row, (column, _) in found.items()} == {
        2: "device_id", 3: "device_id", 4: "site", 5: "gateway",
    }  # fmt: skip
    assert "is retired" in found[2][1]
    assert "installation itself" in found[3][1]
    assert "is retired" in found[5][1]
    assert rows(ground, "SELECT DISTINCT kind FROM devices WHERE device_id = 'old'") == [("siren",)]


def test_a_row_whose_gateway_is_refused_is_refused_and_the_rest_is_loaded(
    ground: psycopg.Connection[Any], tmp_path: Path
) -> None:
    _load(ground, "devices", tmp_path, "device_id,kind\nknown-gw,gateway\nleader,gateway\n")
    # So that leader is the gateway of another.
    _load(ground, "devices", tmp_path, "device_id,kind,gateway,external_id\nled,siren,leader,s\n")
    done = _load(
        ground,
        "devices",
        tmp_path,
        "device_id,kind,gateway,external_id,lon,lat\n"
        "gw-9,gateway,,,11.15,34.75\n"
        "c-1,siren,gw-9,a,,\n"
        "gw-2,gateway,known-gw,b,,\n"
        "c-2,siren,gw-2,a,,\n"
        "self,gateway,self,a,,\n"
        "leader,gateway,known-gw,l,,\n"
        "cam,camera,,,111.15,34.75\n"
        "c-3,siren,cam,a,,\n"
        "c-4,siren,known-gw,d,111.25,34.75\n",
    )
    assert done.added == 4 - 1
    found = _why(done)
    assert {row: column for row, (column, _) in found.items()} == {
        2: "lon, lat", 3: "gateway", 5: "gateway", 6: "gateway", 7: "gateway", 9: "gateway",
    }  # fmt: skip
    assert "good rows" in found[3][1]
    assert "speaks through a gateway itself" in found[5][1]
    assert "gateway of others" in found[7][1]
    assert "camera" in found[9][1]
    assert rows(ground, "SELECT device_id, village FROM devices WHERE device_id IN ('cam', 'c-4', 'gw-2')"
                        " ORDER BY 1") == [("c-4", NEXT_VILLAGE), ("cam", VILLAGE), ("gw-2", None)]  # fmt: skip
