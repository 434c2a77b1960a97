"""The API as a process of its own, for tests that take the line away."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import httpx

from api.embedded.ports import any_free
from api.settings import Settings
from tests.integration.serving import wait_until

LINE_LOST = re.compile(
    r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|Failed to (load resource|fetch)|AJAXError"
)
"""What the browser's console says while the server is away."""


class Process:
    """It keeps its port over its deaths."""

    def __init__(self, settings: Settings) -> None:
        self.port = any_free("127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = os.environ | {
            "LIANFANG_DATABASE_URL": str(settings.database_url),
            "LIANFANG_MQTT_URL": str(settings.mqtt_url),
            "LIANFANG_VAR_DIR": str(settings.var_dir),
            "LIANFANG_HTTP_PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "api.cli", "serve"], env=self.environment)
        wait_until(self.answers, 30, "the API")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the API went down by itself"
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
