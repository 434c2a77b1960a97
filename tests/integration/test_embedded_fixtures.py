"""The ground that the integration tests stand on."""

import psycopg
import pytest

from api.embedded.mosquitto import Login
from api.settings import Settings
from tests.integration.servers import Broker


@pytest.mark.parametrize("again", [1, 2])
def test_each_test_has_a_database_of_its_own(owner_conn: psycopg.Connection, again: int) -> None:
    assert owner_conn.execute("SELECT count(*) FROM organisations").fetchone() == (0,)
    owner_conn.execute("INSERT INTO organisations (name, kind) VALUES ('第一派出所', 'police')")
    owner_conn.commit()


def test_roles_are_what_they_say(
    owner_conn: psycopg.Connection, intake_conn: psycopg.Connection, api_conn: psycopg.Connection
) -> None:
    for conn, role in ((owner_conn, "owner"), (intake_conn, "intake"), (api_conn, "api")):
        assert conn.execute("SELECT current_user, session_user").fetchone() == (
            f"lianfang_{role}",
            "lianfang",
        )
        conn.execute("RESET ROLE")
        assert conn.execute("SELECT current_user").fetchone() == (f"lianfang_{role}",), (
            "RESET ROLE opens nothing"
        )
        assert conn.execute("SHOW timezone").fetchone() == ("UTC",)


def test_the_database_speaks_chinese(owner_conn: psycopg.Connection) -> None:
    row = owner_conn.execute("SELECT show_trgm('三门峡') <> '{}', postgis_lib_version() >= '3.3'").fetchone()
    assert row == (True, True)


def test_the_broker_knows_its_logins(broker: Broker, settings: Settings) -> None:
    assert isinstance(broker.login("demo"), Login)
    assert settings.mqtt_url is not None
    assert str(broker.port) in settings.mqtt_url
