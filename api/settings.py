"""Settings: environment variables ``LIANFANG_*``, each typed and described once, here.

What a container's engine lays into ``/run/secrets`` as a file of a variable's name in small letters is read as well: a
password stands in no environment then.

Nothing is read at import time: ``load_settings()`` reads the environment when it is called, and what needs a setting
takes ``Settings`` as an argument. ``docs/settings.md`` is made from this file (``lianfang settings``) and a
test holds the two equal.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSettingError

PREFIX = "LIANFANG_"
SECRETS = Path("/run/secrets")

Port = Annotated[int, Field(ge=1, le=65535)]
Days = Annotated[int, Field(ge=1)]


def own_address(listens_on: str) -> str:
    """The address by which this machine reaches what listens there."""
    return "127.0.0.1" if listens_on in ("0.0.0.0", "::") else listens_on  # noqa: S104


class SettingsError(Exception):
    """A setting is wrong; the message names it and says what would be right."""


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class Settings(BaseSettings):
    """All settings of an installation. Unset ``database_url`` / ``mqtt_url`` mean the embedded servers."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    var_dir: Path = Field(Path("var"), description="Folder of this installation's state; may be a link.")
    database_url: str | None = Field(
        None,
        description="PostgreSQL to use, `postgresql://user:password@host/database`. Unset: the embedded one that "
        "`lianfang up` starts for itself.",
    )
    mqtt_url: str | None = Field(
        None,
        description="MQTT broker to use, `mqtt://user:password@host:port` or `mqtts://...`. Unset: the embedded one.",
    )

    http_host: str = Field("127.0.0.1", description="Address that HTTP listens on.")
    http_port: Port = Field(8400, description="Port that HTTP listens on.")
    https_host: str = Field(
        "127.0.0.1",
        description="Address that HTTPS listens on, where there is a certificate (`lianfang certs`); `0.0.0.0` lets "
        "phones in.",
    )
    https_port: Port = Field(8443, description="Port that HTTPS listens on.")
    tls_cert: Path | None = Field(
        None,
        description="Certificate (PEM, with its chain) for HTTPS. Unset: the one that `lianfang certs` made.",
    )
    tls_key: Path | None = Field(None, description="Its key (PEM).")
    public_url: str | None = Field(
        None,
        description="Address that browsers use, when a proxy stands before the server: `https://map.example`.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses or networks, with commas, of the proxies whose `X-Forwarded-Proto` and "
        "`X-Forwarded-For` are believed.",
    )
    session_hours: float = Field(12.0, gt=0, description="Hours after which a sign-in ends.")

    city_code: str = Field(
        "411200000000",
        pattern=r"^[0-9]{12}$",
        description="12-digit division code of the city, the top tier.",
    )
    time_zone: str = Field(
        "Asia/Shanghai", description="Zone that rules schedules, hours of day and ranges over midnight."
    )

    incident_window_s: int = Field(
        300, ge=0, description="Alarms of one site within this many seconds become one incident."
    )
    intake_batch_size: int = Field(
        500, ge=1, le=10_000, description="Most messages that the intake stores in one transaction."
    )
    intake_receive_maximum: int = Field(
        2000, ge=1, le=65_535, description="Most messages that the broker hands over unacknowledged."
    )

    postgres_port: Port | None = Field(
        None, description="Port of the embedded PostgreSQL on loopback. Unset: a free one, kept from then on."
    )
    postgres_bin_dir: Path | None = Field(
        None, description="Folder with `initdb` and `postgres`. Unset: the newest that is installed."
    )
    mqtt_host: str = Field(
        "127.0.0.1", description="Address that the embedded broker listens on; `0.0.0.0` lets devices in."
    )
    mqtt_port: Port | None = Field(
        None, description="Port of the embedded broker. Unset: a free one, kept from then on."
    )
    mqtts_port: Port | None = Field(
        None,
        description="Port at which the broker takes TLS, with the certificate of HTTPS: the embedded broker, or one "
        "whose logins `lianfang logins --watch` keeps. Unset: none does.",
    )
    mqtt_public_host: str | None = Field(
        None,
        description="Name or address by which devices reach the broker, for the installer's page. Unset: the one that "
        "the page itself was opened by.",
    )
    mqtt_queue_bytes: int = Field(
        1_073_741_824,
        ge=1_048_576,
        description="Bytes of undelivered messages that the embedded broker keeps for one client while it is away.",
    )

    mqtt_autosave_s: int = Field(
        1,
        ge=1,
        description="Seconds between the embedded broker's savings; killed, it loses what came since.",
    )

    retention_raw_days: Days = Field(
        30,
        description="Days that messages are kept as received, and unknown devices after they were last heard.",
    )
    retention_signals_days: Days = Field(400, description="Days that signals are kept.")
    retention_caller_days: Days = Field(
        30, description="Days after closing that an incident's caller, name and number, is kept."
    )
    retention_evidence_days: Days = Field(30, description="Days that pictures of cameras are kept.")
    retention_searches_days: Days = Field(
        7, description="Days that the pages and files of an investigator's search can be had."
    )
    retention_changes_days: Days = Field(7, description="Days that the live feed's changes are kept.")

    video_cameras: int = Field(
        250,
        ge=1,
        le=5000,
        description="Most cameras that one `video` process reads; start more processes for more.",
    )
    video_repeat_s: float = Field(
        60.0, ge=1, description="Seconds after which motion that goes on is told again, with a new picture."
    )
    video_lost_s: float = Field(
        15.0, ge=1, description="Seconds without a picture after which a camera is lost."
    )

    basemap_pmtiles: Path | None = Field(None, description="PMTiles file to show below the map.")
    tianditu_key: str | None = Field(
        None, description="The operator's own Tianditu key: its tiles below the map."
    )
    basemap_amap: bool = Field(False, description="Show AMap's tiles below the map (needs the internet).")
    tile_cache_mb: int = Field(64, ge=0, description="Memory for made map tiles, in each API process.")

    log_format: LogFormat = Field(
        LogFormat.AUTO, description="`console`, `json`, or `auto`: console on a terminal, JSON elsewhere."
    )
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", description="Least level that is logged: `debug`, `info`, `warning`, `error`."
    )
    disk_warn_percent: float = Field(
        90.0, gt=0, le=100, description="`lianfang doctor` warns when the disk is fuller than this."
    )

    @field_validator("var_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone: {value!r}; a right one is Asia/Shanghai") from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The installation's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = own_address(self.http_host)
        return f"http://[{host}]:{self.http_port}" if ":" in host else f"http://{host}:{self.http_port}"

    @property
    def https_url(self) -> str:
        """The address of HTTPS on this machine."""
        host = own_address(self.https_host)
        return f"https://[{host}]:{self.https_port}" if ":" in host else f"https://{host}:{self.https_port}"


def load_settings(**given: object) -> Settings:
    """Read the environment, then the secrets; ``given`` values win over both. Raises ``SettingsError``, in plain
    words."""
    try:
        return Settings(_secrets_dir=SECRETS if SECRETS.is_dir() else None, **given)  # type: ignore[arg-type]
    except UnreadableSettingError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise SettingsError(
            f"{error.__cause__.filename} cannot be read ({error.__cause__.strerror}): give this account the right to"
        ) from error
    except ValidationError as error:
        lines = [
            f"{PREFIX}{str(item['loc'][0]).upper() if item['loc'] else '?'}: {item['msg']} (given: {item['input']!r})"
            for item in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from error


def table() -> str:
    """The Markdown table of ``docs/settings.md``: variable, default, what it is."""
    rows = ["| variable | default | what it is |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.default
        text = (
            "unset"
            if default is None
            else str(default).lower()
            if isinstance(default, bool)
            else str(default)
        )
        rows.append(f"| `{PREFIX}{name.upper()}` | `{text}` | {field.description} |")
    return "\n".join(rows) + "\n"
