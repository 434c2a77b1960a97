"""What every answer carries, and how large a request may be."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import basemap
from api.errors import Problem, fault, response
from api.settings import Settings

MAX_BODY = 1_048_576


def content_security_policy(settings: Settings) -> str:
    """Nothing but our own; a base map from the internet only when the operator chose one."""
    outside = "".join(f" {host}" for host in basemap.hosts(settings))
    return (
        f"default-src 'self'; worker-src 'self'; img-src 'self' data: blob:{outside}; connect-src 'self'{outside}; "
        "style-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


class SecurityHeaders:
    """Adds the headers that keep a browser to our own pages, also to the answer for what nobody caught."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": content_security_policy(settings),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "permissions-policy": "geolocation=(self), camera=(self), microphone=(), payment=()",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        began = False

        async def with_headers(message: Message) -> None:
            nonlocal began
            began = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # people share computers: no cache keeps what one of them may see
                if scope["path"].startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:
            if began:
                raise  # half an answer cannot be taken back: the connection breaks
            await fault(Request(scope), error)(scope, receive, with_headers)


class BodyLimit:
    """Refuses bodies that nobody needs, before they fill the memory."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = Problem("too-large", f"The body is larger than {self._limit} bytes.")
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > self._limit:
            await response(Request(scope), problem)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise problem
            return message

        async def unless_too_large(message: Message) -> None:
            if received <= self._limit:
                await send(message)
            elif message["type"] == "http.response.start":  # whatever the reader of the body made of it
                await response(Request(scope), problem)(scope, receive, send)

        await self._app(scope, counted, unless_too_large)
