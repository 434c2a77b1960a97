"""Where this installation's database and broker are: the settings' own, or the embedded ones that run now.

`lianfang up` writes ``var/endpoints.json`` (mode 0600) while its servers run, so that every other command finds them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from api.embedded.files import write_whole
from api.embedded.mosquitto import Login
from api.settings import PREFIX, Settings, SettingsError

FILE = "endpoints.json"
START = "start the embedded one with `lianfang up` (or ./run demo)"


class NotRunning(Exception):  # noqa: N818 - a state of the world, which passes
    """Neither a setting nor a running `lianfang up` tells where the server is."""


def publish(
    var_dir: Path,
    *,
    http: tuple[str, int],
    database_url: str | None,
    role_urls: Mapping[str, str],
    logins: dict[str, Login],
) -> None:
    """Write what runs here; ``role_urls``: the database's by the roles that have a login of their own."""
    values = {
        "http": http,
        "database_url": database_url,
        "database_role_urls": dict(role_urls),
        "logins": {
            name: {"host": one.host, "port": one.port, "username": one.username, "password": one.password}
            for name, one in logins.items()
        },
    }
    write_whole(var_dir / FILE, json.dumps(values))


def withdraw(var_dir: Path) -> None:
    """Nothing embedded runs here any more."""
    (var_dir / FILE).unlink(missing_ok=True)


def http_address(var_dir: Path) -> tuple[str, int] | None:
    """Host and port that the HTTP server of the running `up` listens on."""
    match _published(var_dir).get("http"):
        case [str(host), int(port)]:
            return host, port
    return None


def database_url(settings: Settings, role: str | None = None) -> str:
    """The database's URL, with the login of ``role`` where it has one. Raises ``NotRunning``."""
    if settings.database_url:
        return settings.database_url
    published = _published(settings.var_dir)
    by_role = published.get("database_role_urls")
    url = (
        by_role.get(role) if isinstance(by_role, dict) and role in by_role else published.get("database_url")
    )
    if not isinstance(url, str):
        raise NotRunning(f"no database: set {PREFIX}DATABASE_URL, or {START}")
    return url


def mqtt_login(settings: Settings, username: str = "intake") -> Login:
    """The broker and a login at it: the one in ``LIANFANG_MQTT_URL``, or the embedded broker's ``username``."""
    if settings.mqtt_url:
        return parse_mqtt_url(settings.mqtt_url)
    logins = _published(settings.var_dir).get("logins")
    found = logins.get(username) if isinstance(logins, dict) else None
    if not found:
        raise NotRunning(f"no broker: set {PREFIX}MQTT_URL, or {START}")
    return Login(**found)


def parse_mqtt_url(url: str) -> Login:
    """``mqtt://user:password@host:port`` (``mqtts://`` for TLS). Raises ``SettingsError``."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise SettingsError(f"{PREFIX}MQTT_URL must look like mqtt://user:password@host:1883 (or mqtts://)")
    try:
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"{PREFIX}MQTT_URL: the port must be a number from 1 to 65535") from error
    tls = parts.scheme == "mqtts"
    return Login(
        parts.hostname,
        port or (8883 if tls else 1883),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        tls,
    )


def _published(var_dir: Path) -> dict[str, object]:
    try:
        values: object = json.loads((var_dir / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # broken: as good as none, and the next `up` writes it anew
        return {}
    return values if isinstance(values, dict) else {}
