"""What is wrong with this installation, in plain words, and what to do about it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import tuple_row

from api import certs, heartbeat
from api.database.migrate import MigrationError, pending
from api.database.pool import DatabaseNotPrepared, DatabaseUnavailable, connect
from api.embedded import EmbeddedError, endpoints
from api.embedded.mosquitto import Login
from api.embedded.ports import is_free, listens, who_listens
from api.embedded.postgres import find_installed
from api.held import holder
from api.settings import PREFIX, Settings, SettingsError

OLDEST_POSTGRES = 150_000
OLDEST_POSTGIS = (3, 3)
CLOCK_APART_S = 5.0
YEAR_AT_LEAST = 2026
SMALLEST_FREE_BYTES = 1_000_000_000
UI_INDEX = Path(__file__).resolve().parents[1] / "map_ui" / "dist" / "index.html"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``advice`` is empty when all is well."""

    subject: str
    what: str
    advice: str = ""
    bad: bool = False

    def __str__(self) -> str:
        """As a person reads it."""
        mark = "WRONG" if self.bad else "  ok "
        return f"{mark}  {self.subject}: {self.what}" + (f"\n       -> {self.advice}" if self.advice else "")


def well(subject: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(subject, what)


def wrong(subject: str, what: str, advice: str) -> Finding:
    """Something to do."""
    return Finding(subject, what, advice, bad=True)


def examine(settings: Settings, subjects: Collection[str] = ()) -> list[Finding]:
    """Look at everything, or at the named ``subjects`` only.

    What cannot be looked at because something before it is wrong is left out. Raises ``ValueError`` for an unknown one.
    """
    if unknown := sorted(set(subjects) - set(SUBJECTS)):
        raise ValueError(f"there is nothing called {unknown[0]} to look at; there are: {', '.join(SUBJECTS)}")
    wanted = set(subjects) or set(SUBJECTS)
    if wanted & {"intake", "jobs"}:
        wanted.add("database")  # where they leave their signs: whether it is away is said by it alone
    found: list[Finding] = []
    for subject, look in SUBJECTS.items():
        if subject not in wanted:
            continue
        try:
            found += look(settings)
        except SettingsError as error:
            found.append(wrong(subject, str(error), "see docs/settings.md"))
        except PermissionError as error:
            found.append(
                wrong(
                    subject,
                    f"this account may not read {error.filename}",
                    "run it as the account that `up` runs as",
                )
            )
        except (OSError, psycopg.Error) as error:
            found.append(wrong(subject, f"could not be looked at: {error}", "put that right, and ask again"))
    return found


def look_at_disk(settings: Settings) -> Iterator[Finding]:
    """Is there room below ``var``?"""
    place = settings.var_dir
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    percent = 100 * (usage.total - usage.free) / usage.total
    what = f"{percent:.0f} % full, {usage.free / 1e9:.1f} GB free below {settings.var_dir}"
    if percent > settings.disk_warn_percent or usage.free < SMALLEST_FREE_BYTES:
        yield wrong(
            "disk",
            what,
            f"make room, shorten {PREFIX}RETENTION_RAW_DAYS or {PREFIX}RETENTION_SIGNALS_DAYS, or make var a link to a "
            f"larger disk; a full disk stops PostgreSQL, and then devices wait",
        )
    else:
        yield well("disk", what)


def look_at_clock(
    settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Finding]:
    """Can this machine's clock be right? Files written by this installation cannot lie in the future."""
    here = now()
    newest = max(
        (entry.stat().st_mtime for entry in os.scandir(settings.var_dir))
        if settings.var_dir.exists()
        else (),
        default=0.0,
    )
    ahead = newest - here.timestamp()
    if here.year < YEAR_AT_LEAST:
        yield wrong(
            "clock",
            f"this machine says it is {here:%Y-%m-%d %H:%M} UTC",
            "set the clock: timedatectl set-ntp true",
        )
    elif ahead > CLOCK_APART_S:
        yield wrong(
            "clock",
            f"files in {settings.var_dir} are {ahead:.0f} s younger than now ({here:%Y-%m-%d %H:%M} UTC): "
            f"the clock was set back",
            "set the clock and keep it right: timedatectl set-ntp true",
        )
    else:
        yield well("clock", f"{here.astimezone(settings.zone):%Y-%m-%d %H:%M:%S} in {settings.time_zone}")


def look_at_programs(settings: Settings) -> Iterator[Finding]:
    """Are the embedded servers installed, as far as they are used?"""
    if not settings.database_url:
        try:
            found = find_installed(settings.postgres_bin_dir)
        except EmbeddedError as error:
            what, _, advice = str(error).partition(": ")
            yield wrong("PostgreSQL", what, advice)
        else:
            yield well("PostgreSQL", f"version {found.version} with PostGIS in {found.bin_dir}")
    if not settings.mqtt_url and not shutil.which(
        "mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin"
    ):
        yield wrong("broker", "mosquitto is not installed", "apt-get install mosquitto, or let ./run do it")


def look_at_http(settings: Settings) -> Iterator[Finding]:
    """Is the port ours, free, or somebody else's?"""
    running = holder(settings.var_dir)
    # Another than the settings', with --port N.
    if running and (address := endpoints.http_address(settings.var_dir)):
        settings = settings.model_copy(update={"http_host": address[0], "http_port": address[1]})
    if is_free(settings.http_host, settings.http_port):
        if running:
            yield wrong(
                "HTTP",
                f"`up` runs (process {running}), but nothing listens on port {settings.http_port}",
                f"look into {settings.var_dir}/log/serve.log",
            )
        return
    from api.up import answers

    if answers(settings):
        yield well("HTTP", f"answers at {settings.url}")
        return
    by = who_listens(settings.http_port) or "another program"
    yield wrong(
        "HTTP",
        f"port {settings.http_port} is taken by {by}, which is not us or does not answer",
        f"stop it, or choose another port: {PREFIX}HTTP_PORT, or ./run demo --port N",
    )


def look_at_certificate(settings: Settings) -> Iterator[Finding]:
    """Does HTTPS show a certificate that browsers still take? Without one there is no HTTPS, which is no fault."""
    files = certs.files_of(settings)
    if files is None:
        return
    try:
        certificate = certs.server_certificate(files)
    except certs.CertificateError as error:
        yield wrong("certificate", str(error), "run `lianfang certs`")
        return
    now = datetime.now(UTC)
    until = f"{certificate.not_valid_after_utc.astimezone(settings.zone):%Y-%m-%d}"
    names = ", ".join(certs.names_of(certificate))
    if certs.is_due(certificate, now):
        over = certificate.not_valid_after_utc <= now
        what = f"{'ended' if over else 'ends'} on {until}: browsers {'refuse' if over else 'will refuse'} it"
        if certificate.not_valid_before_utc > now:
            since = f"{certificate.not_valid_before_utc.astimezone(settings.zone):%Y-%m-%d}"
            what = f"begins on {since}: browsers refuse it; the clock is or was wrong"
        advice = (
            "run `lianfang certs`; a running `up` shows the new one within the hour"
            if files.own
            else f"put a new one at {files.cert}; a running `up` shows it within the hour"
        )
        yield wrong("certificate", what, advice)
    elif files.own and (ca := certs.own_ca(settings)) is not None and certs.is_due(ca, now):
        yield wrong(
            "certificate",
            f"the own CA ends on {ca.not_valid_after_utc:%Y-%m-%d}",
            "run `lianfang certs`, and have each phone fetch /install/ca.crt again",
        )
    else:
        yield well("certificate", f"for {names}, valid until {until}")


def look_at_database(settings: Settings) -> Iterator[Finding]:
    """Reached, new enough, migrated, of the same time?"""
    try:
        conn = connect(settings, None, application_name="lianfang-doctor", autocommit=True)
    except DatabaseUnavailable as error:
        if not settings.database_url and not holder(settings.var_dir):
            yield wrong(
                "database", "the embedded database does not run", "start it: ./run demo, or `lianfang up`"
            )
        else:
            yield wrong(
                "database",
                str(error),
                f"is it running? is {PREFIX}DATABASE_URL right? `lianfang up` restarts its own",
            )
        return
    with conn:
        yield from _inside_database(conn)


def _inside_database(conn: psycopg.Connection) -> Iterator[Finding]:
    cursor = conn.cursor(row_factory=tuple_row)
    before = time.time()
    row = cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    middle = (before + time.time()) / 2
    apart = float(row[0]) - middle if row else 0.0
    if abs(apart) > CLOCK_APART_S:
        yield wrong(
            "clock",
            f"the database's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's",
            "let both keep the same time: timedatectl set-ntp true on each",
        )
    if conn.info.server_version < OLDEST_POSTGRES:
        yield wrong(
            "database", f"PostgreSQL {conn.info.server_version // 10000} is too old", "use 15 or newer"
        )
        return
    extension = cursor.execute(
        "SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'postgis'"
    ).fetchone()
    if extension is None:
        yield wrong(
            "database", "its server has no PostGIS", "install it there: apt-get install postgresql-postgis"
        )
        return
    if tuple(int(part) for part in extension[0].split(".")[:2]) < OLDEST_POSTGIS:
        yield wrong("database", f"PostGIS {extension[0]} is too old", "use 3.3 or newer")
    try:
        todo = pending(conn)
    except MigrationError as error:
        yield wrong("database", str(error), "see docs/operations.md")
        return
    if todo:
        yield wrong(
            "database",
            f"{len(todo)} migrations are not applied, the first: {todo[0].label}",
            "run `lianfang migrate`",
        )
    else:
        version = conn.info.server_version // 10000
        yield well("database", f"PostgreSQL {version}, PostGIS {extension[0]}, all migrations applied")


def look_at_broker(settings: Settings) -> Iterator[Finding]:
    """Does it answer, and does it let the intake in?"""
    try:
        login = endpoints.mqtt_login(settings, "intake")
    except endpoints.NotRunning:
        yield wrong("broker", "the embedded broker does not run", "start it: ./run demo, or `lianfang up`")
        return
    if not listens(login.host, login.port):
        yield wrong(
            "broker",
            f"nothing answers at {login.host} port {login.port}",
            f"is it running? is {PREFIX}MQTT_URL right? `lianfang up` restarts its own",
        )
        return
    refusal = broker_refusal(login)
    if refusal:
        yield wrong("broker", f"refuses the login {login.username!r}: {refusal}", f"check {PREFIX}MQTT_URL")
    else:
        yield well("broker", f"lets us in at {login.host} port {login.port}")


def look_at_jobs(settings: Settings) -> Iterator[Finding]:
    """Does somebody do what falls due, here or on another machine?"""
    try:
        with connect(settings, None, application_name="lianfang-doctor", autocommit=True) as conn:
            heard = heartbeat.read_jobs(conn)
    except (DatabaseUnavailable, DatabaseNotPrepared, psycopg.errors.UndefinedTable):
        return  # what is wrong with the database was said
    if heard is None or heard.age_s > heartbeat.JOBS_STALE_S:
        yield wrong(
            "jobs",
            "have never run" if heard is None else f"were last heard of {heard.age_s:.0f} s ago",
            "start them (`lianfang up`, or `lianfang jobs` on any machine); nothing is deleted in time without them",
        )
        return
    if heard.holds_until is not None:
        yield wrong(
            "jobs",
            f"delete nothing until {heard.holds_until.astimezone(settings.zone):%Y-%m-%d %H:%M}: they stood still for "
            f"more than a day, or the database's clock jumped ahead",
            f"is it {heard.now.astimezone(settings.zone):%Y-%m-%d %H:%M}? Then all is well; if not, set the clock "
            f"before that time, or what is kept is taken for too old",
        )
    for sweep, why in heard.failing.items():
        yield wrong(
            "jobs",
            f"cannot do {sweep}: {why}",
            f"they try it again each minute; look into {settings.var_dir}/log/jobs.log",
        )
    if heard.holds_until is None and not heard.failing:
        yield well("jobs", "do what falls due")


def look_at_intake(settings: Settings) -> Iterator[Finding]:
    """Is somebody receiving, here or on another machine?"""
    try:
        with connect(settings, None, application_name="lianfang-doctor", autocommit=True) as conn:
            heart = heartbeat.read(conn)
    except (DatabaseUnavailable, DatabaseNotPrepared, psycopg.errors.UndefinedTable):
        return  # what is wrong with the database was said
    advice = (
        f"start it (`lianfang up`, or `lianfang intake` on any machine), or look into its log: "
        f"{settings.var_dir}/log/intake.log where `up` runs"
    )
    if heart is None or heart.is_stale:
        what = "has never run" if heart is None else f"was last heard of {heart.age_s:.0f} s ago"
        yield wrong("intake", what, advice)
    elif not heart.connected:
        yield wrong("intake", "runs, but the broker does not let it in or is away", advice)
    else:
        yield well("intake", f"receives; {heart.stored:,} messages since it started")


def look_at_cameras(settings: Settings) -> Iterator[Finding]:
    """Is every camera looked through, and does each send something?"""
    try:
        with connect(settings, "video", application_name="lianfang-doctor", autocommit=True) as conn:
            rows = conn.cursor(row_factory=tuple_row).execute(_CAMERAS).fetchall()
    except (DatabaseUnavailable, DatabaseNotPrepared, psycopg.errors.UndefinedTable):
        return  # what is wrong with the database was said
    lost = [(name, fault) for name, state, fault, _ in rows if state == "lost"]
    unread = [name for name, _, _, read in rows if not read]
    if unread:
        yield wrong(
            "cameras",
            f"nobody looks through {len(unread)} of {len(rows)}, the first: {unread[0]}",
            f"start `lianfang video` (`lianfang up` does), or raise {PREFIX}VIDEO_CAMERAS or start one more process",
        )
    for name, fault in lost[:10]:
        yield wrong(
            "cameras",
            f"{name} sends nothing: {fault}",
            "is it powered, is its address right, does its password still hold? PUT /api/v1/cameras/... sets them",
        )
    if rows and not lost and not unread:
        yield well("cameras", f"{len(rows)} are looked through")


_CAMERAS = """
SELECT d.device_id, c.state, c.fault, coalesce(c.leased_until > now(), false)
  FROM cameras c JOIN devices d ON d.id = c.device_id
 WHERE c.stream_url IS NOT NULL AND d.status IN ('in_service', 'test') ORDER BY d.id"""


def look_at_ui(_: Settings) -> Iterator[Finding]:
    """Is the map built?"""
    if UI_INDEX.exists():
        yield well("map", "is built")
    else:
        yield wrong("map", f"is not built: {UI_INDEX} is missing", "run ./run demo, which builds it")


LOOKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    look_at_disk,
    look_at_clock,
    look_at_programs,
    look_at_http,
    look_at_certificate,
    look_at_database,
    look_at_broker,
    look_at_jobs,
    look_at_intake,
    look_at_cameras,
    look_at_ui,
)
SUBJECTS = {look.__name__.removeprefix("look_at_"): look for look in LOOKS}


def broker_refusal(login: Login, timeout_s: float = 5.0) -> str | None:
    """Why the broker does not let this login in; None when it does."""
    import threading

    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.reasoncodes import ReasonCode

    answered = threading.Event()
    answer: list[str | None] = []

    def on_connect(_client: object, _data: object, _flags: object, code: ReasonCode, _props: object) -> None:
        if not answer:
            answer.append(str(code) if code.is_failure else None)
        answered.set()

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=f"lianfang-doctor-{os.getpid()}", protocol=mqtt.MQTTv5
    )
    client.username_pw_set(login.username, login.password)
    if login.tls:
        client.tls_set()
    client.on_connect = on_connect
    try:
        client.connect(login.host, login.port, keepalive=10)
    except OSError as error:
        return f"the connection failed ({error})"
    client.loop_start()
    try:
        if not answered.wait(timeout_s):
            return f"it does not answer within {timeout_s:g} s"
    finally:
        client.disconnect()
        client.loop_stop()
    return answer[0]
