"""The demo: the embedded servers, a city, its people, simulated devices, and ``var/demo.json`` while it runs."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg.rows import tuple_row

from api import demo_cameras
from api.certs import files_of
from api.database.migrate import OtherHistoryError
from api.database.pool import connect
from api.embedded import endpoints
from api.held import hold
from api.services import Service, ServiceError, Supervisor, own_command
from api.settings import PREFIX, Settings, SettingsError
from api.up import Say, Up, child_environment, make_var

LOGINS = "demo.logins.json"
"""The demo's people and their passwords: there since a demo was first loaded into this folder."""
STATE = ("postgres", "mosquitto", "log", "evidence", "demo.json", LOGINS, "endpoints.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoLogin:
    """A login as ``var/demo.json`` lists it."""

    username: str
    password: str
    role: str
    division: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """A demo user: what they are and where."""

    username: str
    name: str
    role: str
    tier: str
    """``city``, or ``township``: the first one of the loaded city by code."""


PEOPLE = (
    Person("dispatcher", "李接警", "dispatcher", "city"),
    Person("township", "张值守", "dispatcher", "township"),
    Person("installer", "王安装", "installer", "city"),
    Person("investigator", "赵侦查", "investigator", "city"),
    Person("admin", "管理员", "admin", "city"),
)


async def run_demo(settings: Settings, say: Say, *, simulator: bool, fresh: bool, households: int) -> None:
    """Run the demo until asked to stop. Raises what kept it from starting."""
    if fresh and settings.database_url:
        raise SettingsError(
            f"--fresh forgets what the embedded database holds, and {PREFIX}DATABASE_URL names one of yours, which it "
            f"leaves alone: unset it, or empty that database yourself and start without --fresh"
        )
    var = make_var(settings)
    if fresh:
        forget(var)
    demo_file = var / "demo.json"
    written = False

    async def load(supervisor: Supervisor) -> None:
        if not supervisor.stopping.is_set() and not is_loaded(settings):
            await load_city(supervisor)
        if supervisor.stopping.is_set():
            return
        with connect(settings, "owner", application_name="lianfang-demo") as conn:
            demo_cameras.unplug(conn)
        if simulator:
            await start_cameras(supervisor)

    async def start_cameras(supervisor: Supervisor) -> None:
        """Without them the demo goes on, and says so."""
        port = demo_cameras.free_port()
        try:
            clip = await asyncio.to_thread(demo_cameras.prepare_clip, var / "video")
            await supervisor.start(demo_cameras.rtsp_server(clip, port))
            with connect(settings, "owner", application_name="lianfang-demo") as conn:
                demo_cameras.register(conn, port, up.say)
        except demo_cameras.ClipError as error:
            up.say(f"the demo runs without its cameras: {error}")

    async def load_city(supervisor: Supervisor) -> None:
        up.say(f"loading the demo city with {households:,} households; this is done once")
        code = await supervisor.run_once(
            Service(
                name="demo-load",
                command=lambda: own_command("demo-load", "--households", str(households)),
                environment=child_environment(settings),
                echo=True,
            )
        )
        if code != 0 and not supervisor.stopping.is_set():
            raise ServiceError(
                f"the demo city could not be loaded; the lines above and {var}/log/demo-load.log say why"
            )

    async def tell(supervisor: Supervisor) -> None:
        nonlocal written
        logins = demo_logins(settings)
        write_demo_file(demo_file, settings, logins)
        written = True
        if simulator:
            await supervisor.start(
                Service(
                    name="simulate",
                    command=lambda: own_command("simulate", "demo", "--quiet"),
                    is_ready=lambda: True,
                    environment=child_environment(settings),
                )
            )
        up.say("")
        up.say(f"  The map:  {settings.url}")
        phone = settings.https_url if files_of(settings) else settings.url
        up.say(f"  The installer's page for the phone:  {phone}/install")
        up.say("")
        for one in logins:
            up.say(
                f"  {one.username:13} {one.password:18} {one.role}{f' of {one.division}' if one.division else ''}"
            )
        up.say("")
        up.say(f"  MQTT and all of this as JSON: {demo_file}. Ctrl-C stops everything.")

    up = Up(settings, say, command="./run demo", before_roles=load, when_up=tell)
    try:
        await up.run()
    except OtherHistoryError as error:
        if settings.database_url or not (var / LOGINS).exists():
            raise  # somebody's data, which no hint is to cost them
        raise OtherHistoryError(
            f"{error}. An earlier checkout made this demo: `./run demo --fresh` forgets all its data, in {var}, and "
            f"begins anew"
        ) from error
    finally:
        if written:  # or it is another demo's, which runs here
            demo_file.unlink(missing_ok=True)


def forget(var: Path) -> None:
    """Remove all earlier data of this installation. Refuses while something runs on it."""
    with hold(var, "./run demo --fresh"):
        for name in STATE:
            path = var / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def is_loaded(settings: Settings) -> bool:
    """Whether the demo city was loaded to its end: its users come last."""
    with connect(settings, "owner", application_name="lianfang-demo") as conn:
        row = (
            conn.cursor(row_factory=tuple_row)
            .execute(
                "SELECT count(*) FROM users WHERE username = ANY (%s)", [[one.username for one in PEOPLE]]
            )
            .fetchone()
        )
    return row == (len(PEOPLE),)


def load_demo(settings: Settings, households: int, say: Say) -> None:
    """Load city and users in one transaction: interrupted, nothing is left half done."""
    from api.demo_city import load_demo_city
    from api.users import add_user

    passwords = kept_passwords(settings.var_dir)
    with connect(settings, "owner", application_name="lianfang-demo-load") as conn, conn.transaction():
        load_demo_city(conn, households, say, cache_dir=settings.var_dir / "city")
        cursor = conn.cursor(row_factory=tuple_row)
        row = cursor.execute("SELECT min(code) FROM divisions WHERE tier = 3 AND valid_to IS NULL").fetchone()
        township = row[0] if row else None
        for one in PEOPLE:
            division = township if one.tier == "township" else settings.city_code
            add_user(
                conn,
                one.username,
                one.role,
                division=division,
                display_name=one.name,
                password=passwords[one.username],
            )
    say("the demo city is loaded")


def kept_passwords(var: Path) -> dict[str, str]:
    """The demo users' passwords, made once and the same at every start."""
    file = var / LOGINS
    if not file.exists():
        _write_private(file, {one.username: secrets.token_urlsafe(9) for one in PEOPLE})
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


def demo_logins(settings: Settings) -> list[DemoLogin]:
    """The demo users as they can sign in."""
    passwords = kept_passwords(settings.var_dir)
    with connect(settings, "owner", application_name="lianfang-demo") as conn:
        rows = (
            conn.cursor(row_factory=tuple_row)
            .execute(
                "SELECT u.username, g.role, g.division_code FROM users u JOIN grants g ON g.user_id = u.id"
                " WHERE u.username = ANY (%s) ORDER BY u.id",
                [list(passwords)],
            )
            .fetchall()
        )
    return [
        DemoLogin(username=name, password=passwords[name], role=role, division=code)
        for name, role, code in rows
    ]


def write_demo_file(path: Path, settings: Settings, logins: list[DemoLogin]) -> None:
    """``var/demo.json``, for scripts and checks."""
    mqtt = endpoints.mqtt_login(settings, "demo")
    _write_private(
        path,
        {
            "url": settings.url,
            "mqtt": {
                "host": mqtt.host,
                "port": mqtt.port,
                "username": mqtt.username,
                "password": mqtt.password,
            },
            "logins": [asdict(one) for one in logins],
        },
    )


def _write_private(path: Path, values: object) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(values, file, ensure_ascii=False, indent=2)
        file.write("\n")
    temporary.replace(path)
