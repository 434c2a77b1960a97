"""Settings: read when asked, never at import; documented in one table; wrong ones are named in plain words."""

import errno
import traceback
from pathlib import Path
from typing import Any

import pytest

from api import settings
from api.database.pool import DatabaseUnavailable, conninfo
from api.settings import Settings, SettingsError, load_settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_document_holds_every_setting_as_the_code_has_it() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert settings.table() in text, "write it anew: ./run lianfang settings --write docs/settings.md"


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANFANG_HTTP_PORT", "9000")
    assert load_settings().http_port == 9000
    monkeypatch.setenv("LIANFANG_HTTP_PORT", "9001")
    assert load_settings().http_port == 9001
    assert load_settings(http_port=9002).http_port == 9002


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LIANFANG_HTTP_PORT", "80000", "less than or equal to 65535"),
        ("LIANFANG_TIME_ZONE", "Asia/Sanmenxia", "no such time zone"),
        ("LIANFANG_CITY_CODE", "4112", "match pattern"),
        ("LIANFANG_LOG_FORMAT", "xml", "'auto', 'console' or 'json'"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert said in str(caught.value)
    assert value in str(caught.value)


def test_a_secret_of_a_container_is_a_setting_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "SECRETS", tmp_path)
    (tmp_path / "lianfang_database_url").write_text("postgresql://user:hush@host/db\n")
    (tmp_path / "somebody_elses").write_text("x")
    assert load_settings().database_url == "postgresql://user:hush@host/db"
    monkeypatch.setenv("LIANFANG_DATABASE_URL", "postgresql://other@host/db")
    assert load_settings().database_url == "postgresql://other@host/db"
    monkeypatch.setattr(settings, "SECRETS", tmp_path / "none")
    monkeypatch.delenv("LIANFANG_DATABASE_URL")
    assert load_settings().database_url is None


def test_a_secret_that_may_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine hands the file over with its owner and mode: another account's is closed to the container's."""
    monkeypatch.setattr(settings, "SECRETS", tmp_path)
    (tmp_path / "lianfang_mqtt_url").write_text("mqtt://intake:hush@broker")
    real = Path.read_text

    def read_text(path: Path, *rest: Any, **named: Any) -> str:
        if path.parent == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *rest, **named)

    monkeypatch.setattr(Path, "read_text", read_text)
    with pytest.raises(SettingsError, match=r"lianfang_mqtt_url cannot be read \(Permission denied\)"):
        load_settings()


def test_a_given_secret_is_not_repeated_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANFANG_DATABASE_URL", "postgresql://user:hush@host/db")
    monkeypatch.setenv("LIANFANG_HTTP_PORT", "none")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8400"),
        ("0.0.0.0", "http://127.0.0.1:8400"),
        ("::1", "http://[::1]:8400"),
    ],
)
def test_the_address_for_a_browser(host: str, url: str) -> None:
    assert Settings(http_host=host).url == url


def test_var_dir_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(var_dir=Path("state")).var_dir == tmp_path / "state"


@pytest.mark.parametrize(
    "url",
    [
        "postgresq://u:hush@h/db",
        "postgresql://u:hush hush@h/db",
        "postgresql://u:hush@[h/db",
        "postgresql://u:hush%x@h/d",
    ],
)
def test_a_databases_url_that_cannot_be_read_is_said_without_its_password(url: str) -> None:
    """The driver's own words repeat it, and every log that tells that the database is away would keep it."""
    with pytest.raises(DatabaseUnavailable, match="it must look like postgresql://") as told:
        conninfo(load_settings(database_url=url), "api")
    assert "hush" not in "".join(traceback.format_exception(told.value))
