"""The embedded MQTT broker: its settings, its logins, who may publish and read what."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alarms.registry import credentials
from api import certs
from api.embedded import EmbeddedError, earlier
from api.embedded.accounts import Account, server_account
from api.embedded.ports import is_free, kept_port, listens
from api.embedded.secrets import kept_secret

INSTALL = "install it: apt-get install mosquitto, or let ./run do it"

# The table of docs/protocols/README.md. mosquitto checks reading at delivery, by the message's own topic, so a shared
# subscription ($share/...) needs no line of its own.
ACCESS = """\
# Written at every start by api/embedded/mosquitto.py.
# Every login is a device's: it speaks for itself and hears what is said to it.
pattern write lianfang/v1/%u/signal
pattern write lianfang/v1/%u/state
pattern write lianfang/v1/%u/position
pattern read lianfang/v1/%u/ack
pattern read lianfang/v1/%u/command
pattern readwrite gw/%u/#

# A stranger's device, before it is adopted.
user enrol
topic write enrol/#

# The receiver.
user intake
topic read lianfang/v1/#
topic read gw/#
topic read enrol/#
topic write lianfang/v1/+/ack
topic write lianfang/v1/+/command

# What cameras saw: the worker that looks speaks for them.
user video
topic write lianfang/v1/+/signal
topic write lianfang/v1/+/state
topic read lianfang/v1/+/ack

# Simulator and benchmarks: any device's messages.
user demo
topic write lianfang/v1/+/signal
topic write lianfang/v1/+/state
topic write lianfang/v1/+/position
topic read lianfang/v1/+/ack
topic read lianfang/v1/+/command
topic write gw/#
topic write enrol/#
"""

STORE = "mosquitto.db"
UNREADABLE = "Couldn't open database"
AUTOSAVE_S = 1
"""The broker writes its whole store this often, and loses what came since when it is killed: measured and weighed in
docs/decisions/broker-persistence.md."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login at a broker, and where it is."""

    host: str
    port: int
    username: str
    password: str
    tls: bool = False


@dataclass(frozen=True, slots=True)
class TlsListener:
    """A second port that takes TLS only, with this certificate and key (PEM)."""

    port: int
    cert: Path
    key: Path


class EmbeddedMosquitto:
    """One embedded broker."""

    name = "mosquitto"
    stop_signal = signal.SIGTERM  # writes its store, then leaves
    stop_timeout_s = 60.0
    start_timeout_s = 60.0

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        receive_maximum: int = 2000,
        queue_bytes: int = 1_073_741_824,
        autosave_s: int = AUTOSAVE_S,
        tls: TlsListener | None = None,
    ) -> None:
        self.folder = folder
        self.host = host
        self._wanted_port = port
        self._receive_maximum = receive_maximum
        self._queue_bytes = queue_bytes
        self._autosave_s = autosave_s
        self.tls = tls
        self.account: Account = server_account("mosquitto")
        self.port = 0

    def prepare(self) -> None:
        """Make folder, logins, rights and settings; choose the port."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise EmbeddedError(f"the broker mosquitto is not installed: {INSTALL}")
        self._program = program
        self.account.require_own(self.folder)
        self.account.folder(self.folder)
        self.folder = self.folder.resolve()
        self.account.require_way_to(self.folder)
        store = self.account.folder(self.folder / "store")
        # Two on one store would write over each other.
        if pid := earlier.find("mosquitto", self._settings_file):
            earlier.end(pid, "mosquitto", self._settings_file, self.stop_signal)
        self.port = kept_port(self.folder / "port", self.host, self._wanted_port or self.port or None)
        if not is_free(self.host, self.port):
            raise EmbeddedError(
                f"the port {self.port} for the embedded broker is taken by another program: "
                f"choose another with LIANFANG_MQTT_PORT, or unset it"
            )
        if self.tls is not None and not is_free(self.host, self.tls.port):
            raise EmbeddedError(
                f"the port {self.tls.port} for the embedded broker's TLS is taken by another program: "
                f"choose another with LIANFANG_MQTTS_PORT, or unset it"
            )
        if not (self.folder / "passwords").exists():
            self.write_credentials([])
        self.account.write(self.folder / "access", ACCESS)
        settings = [
            "# Written at every start by api/embedded/mosquitto.py.",
            f"listener {self.port} {self.host}",
            "allow_anonymous false",
            f"password_file {self.folder / 'passwords'}",
            f"acl_file {self.folder / 'access'}",
            "persistence true",
            f"persistence_location {store}/",
            "autosave_on_changes false",
            f"autosave_interval {self._autosave_s}",
            "max_queued_messages 0",  # the default of 1,000 drops what it has confirmed
            f"max_queued_bytes {self._queue_bytes}",
            f"max_inflight_messages {self._receive_maximum}",  # the default of 20 stalls batches
            "set_tcp_nodelay true",
            "max_packet_size 1048576",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "connection_messages false",
        ]
        if self.tls is not None:
            self.prepare_certificate()
            settings += [f"listener {self.tls.port} {self.host}", *tls_settings(self.folder)]
        self.account.write(Path(self._settings_file), "\n".join(settings) + "\n")

    def prepare_certificate(self) -> None:
        """The certificate as it is now; the one taken over before, while it cannot be read or only half of it was
        replaced: devices are let in meanwhile, and ``follow_certificate`` says what is wrong."""
        try:
            self.copy_certificate()
        except (OSError, certs.CertificateError) as error:
            if not all(copy.exists() for copy in _copies(self.folder)):
                raise EmbeddedError(f"the broker's certificate cannot be taken over: {error}") from error

    def copy_certificate(self) -> bool:
        """Take over certificate and key where the broker's account can read them; whether they were others before.

        Raises ``CertificateError``, and leaves what it has, while only one of the two files is there.
        """
        return self.tls is not None and copy_certificate(
            self.tls.cert, self.tls.key, self.folder, self.account
        )

    def command(self) -> list[str]:
        """What to start."""
        return self.account.command([self._program, "-c", self._settings_file])

    def mend(self, words: str) -> str:
        """Put a store aside that the broker cannot read, which it says with these words and ends: a broker that never
        starts again loses more than what it held. What was put right, or nothing."""
        store = self.folder / "store" / STORE
        if UNREADABLE not in words or not store.exists():
            return ""
        aside = store.with_name(f"{STORE}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        store.rename(aside)
        return (
            f"the broker cannot read what it kept, and begins anew without it: messages that waited for the intake, "
            f"and devices' last states, are lost to it; the file is put aside as {aside}"
        )

    def is_ready(self) -> bool:
        """Whether the broker answers."""
        return listens(self.local_host, self.port)

    def waits_for(self) -> str:
        """Why it is not ready."""
        return f"nothing answers on its port {self.port} yet"

    @property
    def _settings_file(self) -> str:
        return str(self.folder / "mosquitto.conf")

    @property
    def local_host(self) -> str:
        """The address that programs on this machine use."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104

    def login(self, username: str) -> Login:
        """A login of the installation itself: ``intake``, ``enrol``, ``video`` or ``demo``."""
        if username not in credentials.RESERVED_USERNAMES:
            raise ValueError(f"{username!r} is no login of the installation")
        return Login(self.local_host, self.port, username, kept_secret(self.folder / f"{username}.password"))

    def write_credentials(self, devices: Iterable[tuple[str, str]]) -> int:
        """Write the password file: the installation's logins and ``(device_id, $7$ hash)`` of each device.

        Returns how many devices. A running broker reads it when told (``reload``).
        """
        own = {name: kept_secret(self.folder / f"{name}.password") for name in credentials.RESERVED_USERNAMES}
        lines = password_lines(own, devices)
        self.account.write(self.folder / "passwords", "\n".join(lines) + "\n")
        return len(lines) - len(own)

    @staticmethod
    def reload(pid: int) -> None:
        """Tell the running broker to read logins and rights again; connections stay."""
        os.kill(pid, signal.SIGHUP)


def tls_settings(folder: Path) -> list[str]:
    """What follows a ``listener`` that takes TLS, with what ``copy_certificate`` wrote."""
    return [
        f"certfile {folder / 'tls.crt'}",
        f"keyfile {folder / 'tls.key'}",
        "tls_version tlsv1.2",  # and later
    ]


def copy_certificate(cert: Path, key: Path, folder: Path, account: Account) -> bool:
    """Copy certificate and key to where the broker's account can read them; whether they were others before.

    Raises ``CertificateError``, and leaves what it has, while only one of the two files is there.
    """
    copies = _copies(folder)
    # Bytes: between the blocks of a PEM file stands what its maker wrote there, in whatever encoding.
    contents = [file.read_bytes() for file in (key, cert)]
    if all(
        copy.exists() and copy.read_bytes() == content for copy, content in zip(copies, contents, strict=True)
    ):
        return False
    certs.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certs.Files(cert, key, own=False))
    for copy, content in zip(copies, contents, strict=True):
        account.write(copy, content)
    return True


def _copies(folder: Path) -> tuple[Path, Path]:
    return folder / "tls.key", folder / "tls.crt"


def password_lines(own: Mapping[str, str], devices: Iterable[tuple[str, str]]) -> list[str]:
    """The password file: the installation's own logins with their passwords, then ``(device_id, $7$ hash)`` of each
    device. Raises ``ValueError`` for a device that may not be called so."""
    lines = [credentials.password_line(name, credentials.hash_password(own[name])) for name in sorted(own)]
    for device_id, hashed in devices:
        credentials.check_username(device_id)
        lines.append(credentials.password_line(device_id, hashed))
    return lines
