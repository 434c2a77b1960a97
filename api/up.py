"""Everything on this machine: the embedded servers unless told otherwise, then the roles, kept running.

One straight line: hold the folder, servers side by side, migrate, let devices in, receive, serve, sweep; and back.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg

from api.certs import files_of
from api.database.migrate import migrate
from api.database.pool import DatabaseNotPrepared, connect
from api.embedded import endpoints
from api.embedded.certificate import follow_certificate
from api.embedded.logins import LoginKeeper
from api.embedded.mosquitto import EmbeddedMosquitto, TlsListener
from api.embedded.ports import is_free, listens, who_listens
from api.embedded.postgres import EmbeddedPostgres
from api.held import hold
from api.services import Service, ServiceError, Supervisor, heard_or_not, own_command
from api.settings import PREFIX, Settings, SettingsError, own_address
from video.cameras import any_to_read

CAMERAS_LOOK_S = 5.0
"""How soon the first camera that is given a stream is looked through."""

Say = Callable[[str], None]
Step = Callable[[Supervisor], Awaitable[None]]


async def _no_step(_: Supervisor) -> None:
    """Nothing in between."""


class Up:
    """A running installation. ``before_roles`` and ``when_up`` are where the demo hooks in."""

    def __init__(
        self,
        settings: Settings,
        say: Say,
        *,
        command: str = "lianfang up",
        echo: bool = False,
        before_roles: Step = _no_step,
        when_up: Step = _no_step,
    ) -> None:
        self.settings = settings
        self.say = heard_or_not(say)
        self._command = command
        self._echo = echo
        self._before_roles = before_roles
        self._when_up = when_up
        self._watcher: asyncio.Task[None] | None = None
        self.postgres = self._embedded_postgres()
        self.mosquitto = self._embedded_mosquitto()

    async def run(self) -> None:
        """Start, run until asked to stop, stop. Raises what kept it from starting."""
        var = make_var(self.settings)
        for one in (self.postgres, self.mosquitto):
            if one is not None:
                one.account.require_own(one.folder)  # before anything of ours is written there
        with hold(var, self._command):
            require_http_port(self.settings)
            supervisor = Supervisor(var / "log", self.say)
            supervisor.stop_on_signals()
            keeper: asyncio.Task[None] | None = None
            try:
                await supervisor.start(*self._servers())
                if not supervisor.stopping.is_set():
                    keeper = await self._prepare(supervisor)
                    await self._start_roles(supervisor)
                if not supervisor.stopping.is_set():
                    await self._when_up(supervisor)
                if keeper is not None:
                    await _first_of(supervisor.stopping.wait(), keeper)
                self.say("stopping")
            finally:
                # What broke one of these is no reason to leave the services running: it is told afterwards.
                broken = await _end_all(keeper, self._watcher)
                try:
                    await supervisor.stop()
                finally:
                    endpoints.withdraw(var)
            if broken is not None:
                raise broken

    def role(self, *arguments: str, is_ready: Callable[[], bool] | None = None, name: str = "") -> Service:
        """One of this program's own roles as a service."""
        return Service(
            name=name or arguments[0],
            command=lambda: own_command(*arguments),
            is_ready=is_ready,
            environment=child_environment(self.settings),
            echo=self._echo,
        )

    def _servers(self) -> list[Service]:
        servers = [one for one in (self.postgres, self.mosquitto) if one is not None]
        if servers:
            self.say("starting " + " and ".join(one.name for one in servers))
        return [server(one, echo=self._echo) for one in servers]

    async def _prepare(self, supervisor: Supervisor) -> asyncio.Task[None]:
        """Tell where the servers are, migrate, let the known devices in."""
        endpoints.publish(
            self.settings.var_dir,
            http=(self.settings.http_host, self.settings.http_port),
            database_url=self.postgres.url if self.postgres else None,
            role_urls=self.postgres.role_urls if self.postgres else {},
            logins={name: self.mosquitto.login(name) for name in ("intake", "demo", "enrol", "video")}
            if self.mosquitto
            else {},
        )
        applied = await asyncio.to_thread(migrate_database, self.settings)
        if applied:
            self.say(f"database brought up to date: {', '.join(applied)}")
        await self._before_roles(supervisor)
        if self.mosquitto is None:
            return asyncio.create_task(_forever())
        keeper = LoginKeeper(self.settings, self.mosquitto, lambda: supervisor.pid("mosquitto"), self.say)
        certificate = follow_certificate(self.mosquitto, lambda: supervisor.pid("mosquitto"), self.say)
        return asyncio.create_task(_together(keeper.keep(), certificate), name="broker")

    async def _start_roles(self, supervisor: Supervisor) -> None:
        if supervisor.stopping.is_set():
            return
        await supervisor.start(
            self.role("intake"),
            self.role("jobs"),
            self.role("serve", is_ready=lambda: is_served(self.settings)),
        )
        self._watcher = asyncio.create_task(self._look_when_wanted(supervisor), name="video")

    async def _look_when_wanted(self, supervisor: Supervisor) -> None:
        """Start the worker that looks when the first camera has a stream: an installation without needs none."""
        while not supervisor.stopping.is_set():
            if await asyncio.to_thread(has_cameras, self.settings):
                # Taken for ready at once: if it cannot start it is tried again, and alarms go on meanwhile.
                await supervisor.start(self.role("video", is_ready=lambda: True))
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(supervisor.stopping.wait(), CAMERAS_LOOK_S)

    def _embedded_postgres(self) -> EmbeddedPostgres | None:
        return None if self.settings.database_url else embedded_postgres(self.settings)

    def _embedded_mosquitto(self) -> EmbeddedMosquitto | None:
        if self.settings.mqtt_url:
            return None
        return EmbeddedMosquitto(
            self.settings.var_dir / "mosquitto",
            host=self.settings.mqtt_host,
            port=self.settings.mqtt_port,
            receive_maximum=self.settings.intake_receive_maximum,
            queue_bytes=self.settings.mqtt_queue_bytes,
            autosave_s=self.settings.mqtt_autosave_s,
            tls=_broker_tls(self.settings),
        )


def _broker_tls(settings: Settings) -> TlsListener | None:
    """Where the embedded broker takes TLS. Raises ``SettingsError`` without a certificate."""
    if settings.mqtts_port is None:
        return None
    files = files_of(settings)
    if files is None:
        raise SettingsError(f"{PREFIX}MQTTS_PORT needs a certificate: run `lianfang certs` first")
    return TlsListener(settings.mqtts_port, files.cert, files.key)


def embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    """This installation's own database server."""
    folder = settings.var_dir / "postgres"
    return EmbeddedPostgres(folder, port=settings.postgres_port, bin_dir=settings.postgres_bin_dir)


def server(one: EmbeddedPostgres | EmbeddedMosquitto, *, echo: bool = False) -> Service:
    """An embedded server as a service."""
    return Service(
        name=one.name,
        command=one.command,
        prepare=one.prepare,
        mend=one.mend,
        is_ready=one.is_ready,
        stop_signal=one.stop_signal,
        stop_timeout_s=one.stop_timeout_s,
        start_timeout_s=one.start_timeout_s,
        waits_for=one.waits_for,
        echo=echo,
    )


def make_var(settings: Settings) -> Path:
    """The folder of this installation's state, made if it is missing; others may pass through, not look."""
    var = settings.var_dir
    if not var.exists():
        var.mkdir(parents=True, mode=0o711)
        var.chmod(0o711)
    return var


def migrate_database(settings: Settings) -> list[str]:
    """Bring the database up to date; the labels of what was applied."""
    with connect(settings, None, application_name="lianfang-migrate", autocommit=True) as conn:
        return [one.label for one in migrate(conn)]


def has_cameras(settings: Settings) -> bool:
    """Whether a camera has a stream; a database that is away has none for now."""
    try:
        with connect(settings, "owner", application_name="lianfang-cameras") as conn:
            return any_to_read(conn)
    except (psycopg.Error, DatabaseNotPrepared, OSError):
        return False


def require_http_port(settings: Settings) -> None:
    """Raise ``ServiceError`` when another program has one of our ports."""
    _require_https_port(settings)
    if is_free(settings.http_host, settings.http_port):
        return
    holder = who_listens(settings.http_port) or "another program"
    raise ServiceError(
        f"port {settings.http_port} is taken by {holder}: stop it, or choose another port with {PREFIX}HTTP_PORT "
        f"(./run demo --port N)"
    )


def _require_https_port(settings: Settings) -> None:
    if files_of(settings) is None or is_free(settings.https_host, settings.https_port):
        return
    holder = who_listens(settings.https_port) or "another program"
    raise ServiceError(
        f"port {settings.https_port} is taken by {holder}: stop it, or choose another with {PREFIX}HTTPS_PORT"
    )


def answers(settings: Settings) -> bool:
    """Whether our HTTP server says that it is up."""
    connection = http.client.HTTPConnection(own_address(settings.http_host), settings.http_port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):  # the latter: something answers that does not speak HTTP
        return False
    finally:
        connection.close()


def is_served(settings: Settings) -> bool:
    """Whether HTTP is there and, where there is a certificate, HTTPS too, which comes a moment later."""
    if files_of(settings) is None:
        return answers(settings)
    return answers(settings) and listens(own_address(settings.https_host), settings.https_port)


def child_environment(settings: Settings) -> dict[str, str]:
    """The settings as a child process has to see them: options of the command line win over the environment."""
    return {
        f"{PREFIX}{name.upper()}": str(getattr(settings, name))
        for name in settings.model_fields_set
        if getattr(settings, name) is not None
    }


async def _first_of(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(one) for one in waits]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    tasks[0].cancel()


async def _end_all(*tasks: asyncio.Task[None] | None) -> Exception | None:
    """Cancel these and wait for them; what broke the first that was broken."""
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    ended = await asyncio.gather(*running, return_exceptions=True)
    return next((one for one in ended if isinstance(one, Exception)), None)


async def _together(*waits: Awaitable[None]) -> None:
    await asyncio.gather(*waits)


async def _forever() -> None:
    await asyncio.Event().wait()
