"""`lianfang user` and `lianfang device`: what they write, and what they refuse in plain words."""

import csv
from pathlib import Path

import psycopg
import pytest

from alarms.registry.credentials import verify_password
from api.devices import DeviceError, add_device, list_devices, make_logins, parse_position, stands_in
from api.users import UserError, add_user, disable_user, list_users
from gis import coordinates

VILLAGE = "411282100201"


@pytest.fixture
def conn(owner_conn: psycopg.Connection) -> psycopg.Connection:
    owner_conn.execute(
        "INSERT INTO divisions (code, tier, name) VALUES ('411200000000', 1, '三门峡市'),"
        " ('411282000000', 2, '灵宝市'), ('411282100000', 3, '尹庄镇'), (%s, 4, '孟村')",
        [VILLAGE],
    )
    owner_conn.execute(
        "INSERT INTO grid_cells (code, village, boundary) VALUES (%s || '-001', %s,"
        " ST_Multi(ST_MakeEnvelope(110.8, 34.5, 110.9, 34.6, 4326)))",
        [VILLAGE, VILLAGE],
    )
    owner_conn.commit()
    return owner_conn


def test_a_user_is_added_listed_granted_more_and_disabled(conn: psycopg.Connection) -> None:
    added = add_user(conn, "li", "dispatcher", division="411282000000", display_name="李")
    assert added.password
    assert add_user(conn, "li", "investigator").password is None
    (one,) = list_users(conn)
    assert (one.username, one.grants, one.disabled) == (
        "li",
        "dispatcher 灵宝市, investigator (everywhere)",
        False,
    )
    conn.execute(
        "INSERT INTO sessions (token_hash, user_id, kind, expires_at) SELECT 'x', id, 'cookie', now() + '1h' FROM users"
    )
    disable_user(conn, "li")
    assert list_users(conn)[0].disabled
    assert conn.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
    actions = conn.execute("SELECT action, object FROM audit_log ORDER BY seq").fetchall()
    assert actions == [("user.add", "user/li"), ("user.add", "user/li"), ("user.disable", "user/li")]
    assert conn.execute("SELECT password_hash FROM users").fetchone() != (added.password,)


@pytest.mark.parametrize("division", ["411282", "411282000000"])
def test_a_grant_is_for_the_division_however_it_is_said(conn: psycopg.Connection, division: str) -> None:
    add_user(conn, "li", "dispatcher", division=division)
    assert conn.execute("SELECT division_code FROM grants").fetchone() == ("411282000000",)


@pytest.mark.parametrize(
    ("username", "role", "division", "said"),
    [
        ("a b", "admin", None, "cannot be a login name"),
        ("li", "boss", None, "there is no role 'boss': dispatcher"),
        ("li", "admin", "999999999999", "there is no division 999999999999"),
        ("li", "admin", "41128", "is no division code"),
    ],
)
def test_a_wrong_user_is_refused_and_leaves_nothing(
    conn: psycopg.Connection, username: str, role: str, division: str | None, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        add_user(conn, username, role, division=division)
    assert list_users(conn) == []


def test_an_unknown_user_cannot_be_disabled(conn: psycopg.Connection) -> None:
    with pytest.raises(UserError, match="there is no user wang"):
        disable_user(conn, "wang")


def test_a_device_is_placed_in_its_tiers_and_can_log_in(conn: psycopg.Connection) -> None:
    password = add_device(
        conn, "ir-1", "infrared_sensor", name="院门", position=parse_position("110.85,34.55")
    )
    row = conn.execute("SELECT county, township, village, grid_cell, status FROM devices").fetchone()
    assert row == ("411282000000", "411282100000", VILLAGE, f"{VILLAGE}-001", "in_service")
    line = conn.execute("SELECT password_line FROM device_credentials WHERE device_id = 'ir-1'").fetchone()
    assert line is not None
    assert verify_password(password, line[0])
    for division in (None, "4112", "411282", "411282100", "411200000000", "411282000000", VILLAGE):
        assert [one.device_id for one in list_devices(conn, division)] == ["ir-1"]
    assert list_devices(conn, "411221000000") == []
    with pytest.raises(DeviceError, match="no division code"):
        list_devices(conn, "lingbao")


def test_a_device_outside_every_cell_has_no_place(conn: psycopg.Connection) -> None:
    add_device(conn, "ir-2", "infrared_sensor", position=parse_position("100,30"))
    assert conn.execute("SELECT county, township, village, grid_cell FROM devices").fetchone() == (None,) * 4


@pytest.mark.parametrize(
    ("device_id", "kind", "said"),
    [
        ("intake", "gateway", "a login of the installation itself"),
        ("a/b", "gateway", "cannot be a device id"),
        (
            "ir-1",
            "toaster",
            "no kind of device 'toaster': right would be one of infrared_sensor, alarm_panel",
        ),
    ],
)
def test_a_wrong_device_is_refused(conn: psycopg.Connection, device_id: str, kind: str, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        add_device(conn, device_id, kind)
    assert conn.execute("SELECT count(*) FROM device_credentials").fetchone() == (0,)


def test_a_device_speaks_what_is_spoken_here_and_is_of_a_kind_in_words(conn: psycopg.Connection) -> None:
    with pytest.raises(DeviceError, match=r"speaks 'zigbee3mqtt': right would be one of .*zigbee2mqtt"):
        add_device(conn, "ir-1", "siren", protocol="zigbee3mqtt")
    add_device(conn, "ir-1", "Infrared sensor", protocol="zigbee2mqtt")
    assert conn.execute("SELECT kind, protocol FROM devices").fetchone() == ("infrared_sensor", "zigbee2mqtt")


def test_a_device_twice_or_at_no_site_is_refused(conn: psycopg.Connection) -> None:
    add_device(conn, "ir-1", "siren")
    with pytest.raises(DeviceError, match="the device id ir-1 is taken"):
        add_device(conn, "ir-1", "siren")
    with pytest.raises(DeviceError, match="there is no site 7"):
        add_device(conn, "ir-3", "siren", site_id=7)
    assert [one.device_id for one in list_devices(conn)] == ["ir-1"]


@pytest.mark.parametrize("text", ["111.2", "x,y", "34.7,111.2", "181,1", "nan,1", "0,0"])
def test_a_wrong_position_is_refused(text: str) -> None:
    with pytest.raises(DeviceError, match=r"longitude|LON,LAT"):
        parse_position(text)


def test_a_position_from_a_phones_map_is_half_a_kilometre_off_and_says_so(conn: psycopg.Connection) -> None:
    one = parse_position("110.8557,34.5487", "GCJ-02")
    assert one.source_crs == "GCJ-02"
    assert float(coordinates.distance_m(one.lon, one.lat, 110.8557, 34.5487)) > 400
    add_device(conn, "here", "siren", position=one)
    add_device(conn, "nowhere", "siren", position=parse_position("100,30"))
    assert (stands_in(conn, "here"), stands_in(conn, "nowhere")) == ("灵宝市 尹庄镇 孟村", None)


def test_devices_of_a_file_get_logins_that_are_written_down_once(
    conn: psycopg.Connection, tmp_path: Path
) -> None:
    """A thousand devices that were loaded could otherwise log in only after a thousand visits to a page."""
    add_device(conn, "has-one", "infrared_sensor")
    gateway = conn.execute(
        "INSERT INTO devices (device_id, kind) VALUES ('hub', 'gateway'), ('pir', 'infrared_sensor') RETURNING id"
    ).fetchone()
    assert gateway is not None
    conn.execute(
        "INSERT INTO devices (device_id, kind, gateway_id, external_id, status) VALUES"
        " ('child', 'camera', %(hub)s, 'c', 'in_service'), ('gone', 'camera', NULL, NULL, 'retired')",
        {"hub": gateway[0]},
    )
    conn.commit()
    file = tmp_path / "passwords.csv"
    assert make_logins(conn, file) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    head, *lines = csv.reader(file.read_text(encoding="utf-8").splitlines())
    assert (head, [name for name, _ in lines]) == (["device_id", "password"], ["hub", "pir"])
    kept: dict[str, str] = dict(
        conn.execute("SELECT device_id, password_line FROM device_credentials").fetchall()
    )
    assert all(verify_password(password, kept[name]) for name, password in lines)
    with pytest.raises(DeviceError, match=r"passwords.csv cannot be made: File exists"):
        make_logins(conn, file)
    assert make_logins(conn, tmp_path / "again.csv") == 0
