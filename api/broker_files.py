"""What a mosquitto that is not ours to start reads: logins, rights, certificate, in a folder that it shares with us.

Made for a broker in another container: no process can be signalled there, so ``version`` changes with the logins, and
``docker/broker.sh``, which looks after the broker on its side, tells it to read them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from alarms.registry import credentials
from api.certs import files_of
from api.database.pool import connect_async
from api.embedded.accounts import Account, server_account
from api.embedded.certificate import follow_certificate
from api.embedded.endpoints import parse_mqtt_url
from api.embedded.logins import LoginKeeper
from api.embedded.mosquitto import ACCESS, copy_certificate, password_lines, tls_settings
from api.embedded.secrets import kept_secret
from api.settings import PREFIX, Settings, SettingsError

RECEIVER = "intake"
ENROL = "enrol"
LOOK_S = 10.0
"""A certificate that was just made is taken over this soon: somebody waits for it."""


class BrokerFiles:
    """The files in one folder: ``passwords``, ``access``, ``version``, ``enrol.password``; ``store``, the broker's; and
    where TLS is wanted (``LIANFANG_MQTTS_PORT``) and there is a certificate, ``tls.crt``, ``tls.key`` and
    ``listeners/tls.conf``, which the broker's settings include.

    All belong to the account that the broker runs as: ours, or when we are root, mosquitto. The receiver's password is
    the one in ``LIANFANG_MQTT_URL``; that of strangers' devices is made here and kept; those of the installation's
    other logins stand in ``url_files``, and who is not named there is not let in.
    """

    def __init__(self, folder: Path, settings: Settings, url_files: Iterable[Path] = ()) -> None:
        self.folder = folder
        self._settings = settings
        self.account: Account = server_account("mosquitto")
        login = parse_mqtt_url(settings.mqtt_url or "")
        if login.username != RECEIVER or not login.password:
            raise SettingsError(
                f"{PREFIX}MQTT_URL must name the receiver's login and its password: mqtt://{RECEIVER}:password@host"
            )
        self._own = {RECEIVER: login.password} | dict(_login_in(file) for file in url_files)

    def prepare(self) -> None:
        """Make the folder, the rights, the certificate and the place of the broker's store."""
        self.account.folder(self.folder)
        self.account.folder(self.folder / "store")
        self.account.folder(self._listener.parent)
        self.account.write(self.folder / "access", ACCESS)
        self.copy_certificate()

    def write_credentials(self, devices: Iterable[tuple[str, str]]) -> int:
        """Write the logins: our own and ``(device_id, $7$ hash)`` of each device; how many devices."""
        enrol = self.folder / f"{ENROL}.password"
        own = self._own | {ENROL: kept_secret(enrol)}
        self.account.own(enrol)
        lines = password_lines(own, devices)
        self.account.write(self.folder / "passwords", "\n".join(lines) + "\n")
        self._tell()
        return len(lines) - len(own)

    def copy_certificate(self) -> bool:
        """Have the broker take TLS as the settings want it, with the certificate of HTTPS as it is now; whether that is
        new. Raises ``SettingsError`` for a certificate without its key."""
        files = files_of(self._settings) if self._settings.mqtts_port is not None else None
        wanted, new = "", False
        if files is not None:  # the certificate lies there before the settings name it
            new = copy_certificate(files.cert, files.key, self.folder, self.account)
            lines = [f"listener {self._settings.mqtts_port}", *tls_settings(self.folder)]
            wanted = "\n".join(lines) + "\n"
        had = self._listener.read_text(encoding="utf-8") if self._listener.exists() else ""
        if wanted and wanted != had:
            self.account.write(self._listener, wanted)
        elif had and not wanted:
            self._listener.unlink()
        new = new or wanted != had
        if new and (self.folder / "passwords").exists():
            self._tell()
        return new

    def waits_for_certificate(self) -> bool:
        """Whether TLS is wanted and there is no certificate for it."""
        return self._settings.mqtts_port is not None and files_of(self._settings) is None

    @property
    def _listener(self) -> Path:
        return self.folder / "listeners" / "tls.conf"

    def _tell(self) -> None:
        """Another version for who looks after the broker. It is there only when there are logins."""
        digest = hashlib.sha256()
        for file in (self.folder / "passwords", self.folder / "tls.crt"):
            digest.update(file.read_bytes() if file.exists() else b"")
        self.account.write(self.folder / "version", digest.hexdigest() + "\n")

    def reload(self, pid: int) -> None:
        """Nothing: who looks after the broker sees the new version."""


def _login_in(file: Path) -> tuple[str, str]:
    """Name and password of the installation's login whose URL stands in ``file``."""
    try:
        login = parse_mqtt_url(file.read_text(encoding="utf-8").strip())
    except (SettingsError, FileNotFoundError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} must hold the URL of a login: mqtt://user:password@host") from error
    others = credentials.RESERVED_USERNAMES - {RECEIVER, ENROL}
    if login.username not in others or not login.password:
        raise SettingsError(
            f"{file} must name the login and the password of one of these: {', '.join(sorted(others))}"
        )
    return login.username, login.password


def _keeper(settings: Settings, files: BrokerFiles, say: Callable[[str], None]) -> LoginKeeper:
    return LoginKeeper(settings, files, lambda: None, say)


async def write_once(settings: Settings, files: BrokerFiles, say: Callable[[str], None]) -> int:
    """Write the logins as the table has them now; how many devices."""
    conn = await connect_async(settings, "owner", application_name="lianfang-logins", autocommit=True)
    async with conn:
        return await _keeper(settings, files, say).write_now(conn)


async def keep(settings: Settings, files: BrokerFiles, say: Callable[[str], None]) -> None:
    """Keep the logins equal to the table, and the certificate to that of HTTPS, until SIGTERM or Ctrl-C."""
    if files.waits_for_certificate():
        say(f"{PREFIX}MQTTS_PORT is set, but there is no certificate yet: run `lianfang certs`")
    both = asyncio.gather(
        _keeper(settings, files, say).keep(), follow_certificate(files, lambda: None, say, look_s=LOOK_S)
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, both.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await both
