"""`./run` on machines that are not like ours: its own words, run with the machine's programs and folders replaced."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = (Path(__file__).parents[2] / "run").read_text(encoding="utf-8")
FUNCTIONS = SCRIPT.partition("# --- the verbs")[0]
AS_ROOT = re.search(r"<<'ROOT'[^\n]*\n(.*?)\nROOT\n", SCRIPT, re.DOTALL)


class Machine:
    """Folders and programs that stand for a machine's; what its programs were told is in ``told``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        for folder in ("bin", "etc/init.d", "usr/sbin", "usr/lib/systemd/system", "etc/systemd/system"):
            (root / folder).mkdir(parents=True)
        (root / "told").touch()
        self.program("dpkg-query", 'cat "$ROOT/dpkg/$4" 2>/dev/null')
        for name in ("systemctl", "update-rc.d"):
            self.program(name, f'echo "{name} $*" >>"$ROOT/told"')

    def program(self, name: str, script: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def has(self, file: str) -> None:
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).touch()

    def package(self, name: str, status: str) -> None:
        self.has(f"dpkg/{name}")
        (self.root / "dpkg" / name).write_text(status)

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        here = re.sub(r"(?<![\w.}])/(?=(?:etc|usr|lib)/)", f"{self.root}/", script)
        return subprocess.run(
            ["sh", "-s", "--", *arguments],
            input=here,
            text=True,
            capture_output=True,
            check=False,
            cwd=self.root,
            env={"PATH": f"{self.bin}:{os.environ['PATH']}", "ROOT": str(self.root)},
        )

    @property
    def told(self) -> list[str]:
        return (self.root / "told").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def clip_of(machine: Machine, apt_get: str) -> str:
    """What `./run demo` says when it brings the clip, with this for apt-get."""
    machine.program("apt-get", apt_get)
    machine.program("dpkg-deb", "cat film.tar")
    function = re.search(r"^bring_clip\(\) \{\n.*?^\}\n", SCRIPT, re.DOTALL | re.MULTILINE)
    assert function
    says = 'say() { echo "$*"; }; root=$ROOT; log=$ROOT; '
    done = machine.run(f"set -eu; {says}{function[0]}bring_clip")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_clip_is_one_file_of_its_package_and_brought_once(machine: Machine) -> None:
    told = clip_of(
        machine, "mkdir -p doc/data; echo film >doc/data/vtest.avi; tar -cf film.tar doc; >opencv-doc_1.deb"
    )
    assert "could not be brought" not in told
    assert (machine.root / "var/video/vtest.avi").read_text() == "film\n"
    assert [file.name for file in (machine.root / "var/video").iterdir()] == ["vtest.avi"]
    assert clip_of(machine, "exit 1") == "", "it is there"


@pytest.mark.parametrize(
    "apt_get", ["exit 100", "tar -cf film.tar --files-from=/dev/null; >opencv-doc_1.deb"]
)
def test_without_the_clip_the_demo_goes_on_and_says_so(machine: Machine, apt_get: str) -> None:
    assert "the demo goes on without cameras" in clip_of(machine, apt_get)
    assert list((machine.root / "var/video").iterdir()) == []


BRINGS_BOTH = """
for one in mosquitto postgresql; do touch "$ROOT/etc/init.d/$one" "$ROOT/usr/lib/systemd/system/$one.service"; done
"""
BOTH_DISABLED = [
    f"{program.format(one)}"
    for one in ("mosquitto", "postgresql")
    for program in ("systemctl disable -q {}.service", "update-rc.d {} disable")
]


def install(machine: Machine, brings: str) -> list[str]:
    machine.program("apt-get", brings)
    assert AS_ROOT
    done = machine.run(AS_ROOT.group(1), "some-package")
    assert done.returncode == 0, done.stderr
    assert not (machine.root / "usr/sbin/policy-rc.d").exists()
    return machine.told


def test_what_the_packages_bring_does_not_start_at_the_next_boot(machine: Machine) -> None:
    assert install(machine, BRINGS_BOTH) == BOTH_DISABLED


def test_the_operators_own_services_are_left_alone(machine: Machine) -> None:
    """postgresql-15 without the package `postgresql`, a mosquitto that they built: and we bring only a browser."""
    machine.package("postgresql-common", "installed")
    machine.has("usr/lib/systemd/system/postgresql.service")
    machine.has("etc/init.d/postgresql")
    machine.has("etc/systemd/system/mosquitto.service")
    assert install(machine, ":") == []


def test_the_operators_own_services_are_left_alone_whatever_is_brought(machine: Machine) -> None:
    machine.has("etc/init.d/mosquitto")
    assert install(machine, BRINGS_BOTH) == BOTH_DISABLED[2:]


def test_what_a_removed_package_left_behind_is_no_service(machine: Machine) -> None:
    machine.package("mosquitto", "config-files")
    machine.has("etc/init.d/mosquitto")
    told = install(machine, BRINGS_BOTH + 'printf installed >"$ROOT/dpkg/mosquitto"')
    assert told == BOTH_DISABLED


def test_nothing_is_disabled_that_did_not_come(machine: Machine) -> None:
    assert install(machine, ":") == []


def test_an_installation_that_the_power_broke_off_is_brought_to_its_end(machine: Machine) -> None:
    """Nothing of it stays: this machine's other packages start their services again, as the operator had them do."""
    policy = machine.root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\n# the operator's\nexit 0\n")
    machine.program("dpkg", 'echo "dpkg $*" >>"$ROOT/told"')
    machine.program("apt-get", f"{BRINGS_BOTH} kill -9 $PPID")
    assert AS_ROOT
    assert machine.run(AS_ROOT.group(1), "some-package").returncode == -signal.SIGKILL
    assert "exit 101" in policy.read_text()

    machine.program("apt-get", ":")
    done = machine.run(AS_ROOT.group(1))
    assert done.returncode == 0, done.stderr
    assert machine.told == ["dpkg --configure -a", *BOTH_DISABLED], (
        "it was not the operator who brought these"
    )
    assert "the operator's" in policy.read_text()
    assert [file.name for file in policy.parent.iterdir()] == ["policy-rc.d"]
    assert not list((machine.root / "etc/postgresql-common/createcluster.d").iterdir())


def test_one_that_was_broken_off_is_seen_though_nothing_is_missing(machine: Machine) -> None:
    (machine.root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\n# lianfang: mosquitto\nexit 101\n")
    machine.program("id", "echo 0")
    machine.program("dpkg", ":")
    script = "log=$ROOT; find_missing() { missing=; }; install_missing run"
    done = functions(machine, script)
    assert done.returncode == 0, done.stderr
    assert "was broken off" in done.stdout
    assert not (machine.root / "usr/sbin/policy-rc.d").exists()
    assert functions(machine, script).stdout == ""


def functions(machine: Machine, script: str) -> subprocess.CompletedProcess[str]:
    """Run the script's functions in the checkout ``machine.root``."""
    return machine.run(FUNCTIONS.replace('cd -P "$(dirname "$0")"', "") + script)


@pytest.mark.parametrize(
    ("me", "owner", "said"),
    [
        ("0", "0", None),
        ("0", "1000", "belongs to wang, who ran this before, and you are root: run it as wang, without sudo"),
    ],
)
def test_an_installation_is_not_shared_by_root_and_a_user(
    machine: Machine, me: str, owner: str, said: str | None
) -> None:
    machine.program("id", f"case $1 in -u) echo {me};; *) echo me;; esac")
    machine.program(
        "stat", f'case "$*" in *%U*) echo wang;; *%u*) echo {owner};; *) exec /bin/stat "$@";; esac'
    )
    (machine.root / "var").mkdir()
    done = functions(machine, "make_var")
    assert (done.returncode == 0) == (said is None)
    assert said is None or said in done.stderr


def make_venv(checkout: Machine) -> list[str]:
    """How the environment is made, by a Python that only writes down what it is told."""
    python = 'echo "python $*" >>"$ROOT/told"'
    checkout.program("python3", python)
    checkout.has("usr/bin/python3")
    made = f"""case "$*" in *-m\\ venv*) mkdir -p .venv/bin; cp "$ROOT/usr/bin/python3" .venv/bin/python;; esac
case "$*" in *'-e .'*) cp "$ROOT/usr/bin/python3" .venv/bin/lianfang;; esac
{python}"""
    (checkout.root / "usr/bin/python3").write_text(f"#!/bin/sh\n{made}\n")
    (checkout.root / "usr/bin/python3").chmod(0o755)
    (checkout.root / "told").write_text("")
    for name in ("requirements.lock", "pyproject.toml"):
        checkout.has(name)
    done = functions(checkout, "log=$root; make_venv")
    assert done.returncode == 0, done.stderr
    return [line for line in checkout.told if " venv " in line]


def test_a_moved_or_copied_checkout_makes_its_environment_anew(machine: Machine, tmp_path: Path) -> None:
    """An environment's programs name the folder that they were made in, and import the code that is there."""
    assert make_venv(machine) == [f"python -m venv --clear {machine.root}/.venv"]
    assert make_venv(machine) == [], "nothing is missing"
    moved = machine.root.rename(tmp_path.parent / f"{tmp_path.name}-moved")
    machine.root, machine.bin = moved, moved / "bin"
    assert make_venv(machine) == [f"python -m venv --clear {moved}/.venv"]
