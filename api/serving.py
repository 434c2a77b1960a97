"""The HTTP server: one application behind plain HTTP, and behind HTTPS too where there is a certificate.

One process and one event loop, so that both share the pools, the live feed and the count of wrong passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Generator
from types import FrameType

import structlog
import uvicorn

from api import certs
from api.app import create_app
from api.bounded_http import BoundedHttp, take_descriptors
from api.settings import Settings

LOOK_S = 3600.0
"""How often the certificate is looked at: whether it was replaced, or is due."""

log = structlog.get_logger(__name__)


class _Beside(uvicorn.Server):
    """Ends with the other one, which hears the signals and opens and closes the application."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Plain(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, beside: _Beside | None) -> None:
        super().__init__(config)
        self._beside = beside
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._beside is not None:
            self._beside.should_exit = True
        super().handle_exit(sig, frame)


def _renew(files: certs.Files) -> None:
    """What cannot be renewed now (a full disk, a CA key that lies elsewhere) serves until its end: doctor says when."""
    try:
        if certs.renew_if_due(files, certs.utc_now()):
            log.info("certificate_renewed")
    except (OSError, certs.CertificateError) as error:
        log.warning("certificate_not_renewed", why=str(error))


class Listening:
    """Serves until it is told to stop. Raises ``CertificateError`` or ``SettingsError`` before it listens."""

    def __init__(self, settings: Settings, *, look_s: float = LOOK_S) -> None:
        self._settings = settings
        self._look_s = look_s
        self._files = certs.files_of(settings)
        self._context: ssl.SSLContext | None = None
        app = create_app(settings)
        self._tls: _Beside | None = None
        if self._files is not None:
            _renew(self._files)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
            certs.load_into(self._context, self._files)
            config = self._config(app, settings.https_host, settings.https_port, lifespan="off")
            config.load()
            config.ssl = self._context
            self._tls = _Beside(config)
        self.plain = _Plain(self._config(app, settings.http_host, settings.http_port), self._tls)

    def run(self) -> bool:
        """Serve; whether it came to serving at all."""
        take_descriptors()
        with asyncio.Runner(loop_factory=self.plain.config.get_loop_factory()) as runner:
            runner.run(self.serve())
        return self.plain.started

    def stop(self) -> None:
        """Let both finish what they are at, and end."""
        self.plain.should_exit = True
        if self._tls is not None:
            self._tls.should_exit = True

    async def serve(self) -> None:
        """Serve both, and show a replaced certificate without a restart."""
        if self._tls is None:
            await self.plain.serve()
            return
        plain = asyncio.create_task(self.plain.serve(), name="http")
        up = asyncio.create_task(self.plain.up.wait(), name="up")
        await asyncio.wait({plain, up}, return_when=asyncio.FIRST_COMPLETED)
        tls = asyncio.create_task(self._tls.serve(), name="https")
        watch = asyncio.create_task(self._watch(), name="certificate")
        try:
            await asyncio.gather(plain, tls)
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        assert self._files is not None
        assert self._context is not None
        shown = self._files.cert.stat().st_mtime_ns
        while True:
            await asyncio.sleep(self._look_s)
            _renew(self._files)
            try:
                if (there := self._files.cert.stat().st_mtime_ns) != shown:
                    certs.load_into(self._context, self._files)
                    shown = there
            except (
                OSError,
                certs.CertificateError,
            ) as error:  # the one in use goes on; doctor says when it ends
                log.warning("certificate_not_read", why=str(error))

    def _config(self, app: object, host: str, port: int, *, lifespan: str = "on") -> uvicorn.Config:
        return uvicorn.Config(
            app,  # type: ignore[arg-type]
            http=BoundedHttp,
            ws="none",
            host=host,
            port=port,
            lifespan=lifespan,  # type: ignore[arg-type]
            forwarded_allow_ips=self._settings.trusted_proxies,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,  # the live feed never ends by itself
            server_header=False,
        )
