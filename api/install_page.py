"""The installer's page, and the CA certificate that a phone has to trust before it opens that page unwarned."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

from api import certs
from api.errors import Problem
from api.settings import Settings
from api.static import DIST, NOT_BUILT


def install(app: FastAPI, settings: Settings, dist: Path = DIST) -> None:
    """Serve ``/install`` and ``/install/ca.crt``. Neither tells a secret, so neither asks who is there."""

    @app.get("/install", include_in_schema=False)
    async def page() -> Response:
        built = dist / "install.html"
        if not built.is_file():
            return HTMLResponse(NOT_BUILT, 503)
        return FileResponse(built, headers={"Cache-Control": "no-cache"})

    @app.get("/install/ca.crt", include_in_schema=False)
    async def authority() -> Response:
        ca = certs.own_ca(settings)
        if ca is None:
            raise Problem("not-found", "This installation has no CA of its own: `lianfang certs` makes one.")
        headers = {
            "Cache-Control": "no-cache",
            "Content-Disposition": 'attachment; filename="lianfang-ca.crt"',
            "X-Certificate-SHA256": certs.fingerprint(ca),
        }
        return Response(
            ca.public_bytes(Encoding.PEM), media_type="application/x-x509-ca-cert", headers=headers
        )
