"""What an operator's Prometheus asks: requests, the live feed, the pools. One registry for each application."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.live import Feed

ENDLESS = "/api/v1/live"
"""How long it lasts says nothing of the server."""


class Metrics:
    """The counters of one application."""

    def __init__(self, state: State) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lianfang_http_requests",
            "Requests by route and answer",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "lianfang_http_request_seconds",
            "How long answers took, the live feed apart",
            ["route"],
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(_Running(state))


class _Running(Collector):
    """Asks the feed and the pools when Prometheus asks."""

    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        feed: Feed | None = getattr(self._state, "feed", None)
        if feed is not None:
            yield GaugeMetricFamily("lianfang_feed_clients", "Open live feeds", feed.clients)
            yield GaugeMetricFamily("lianfang_feed_last_seq", "The newest change read", feed.last_seq)
            yield GaugeMetricFamily(
                "lianfang_feed_lag_seconds", "How old the newest change was when it was read", feed.lag_s
            )
            yield GaugeMetricFamily(
                "lianfang_feed_follows", "1: the feed follows its database", int(feed.follows)
            )
            yield CounterMetricFamily("lianfang_feed_events", "Changes sent, to all clients", feed.sent)
        sizes = GaugeMetricFamily("lianfang_pool_connections", "Connections to the database", labels=["pool"])
        free = GaugeMetricFamily("lianfang_pool_available", "Those that nobody uses", labels=["pool"])
        waiting = GaugeMetricFamily(
            "lianfang_pool_waiting", "Requests that wait for a connection", labels=["pool"]
        )
        for name in ("pool", "sync_pool"):
            pool: AsyncConnectionPool | ConnectionPool | None = getattr(self._state, name, None)
            if pool is not None:
                stats = pool.get_stats()
                sizes.add_metric([pool.name], stats.get("pool_size", 0))
                free.add_metric([pool.name], stats.get("pool_available", 0))
                waiting.add_metric([pool.name], stats.get("requests_waiting", 0))
        yield from (sizes, free, waiting)


class CountRequests:
    """Counts each request under its route's path, never under an address that somebody made up."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                route = _route(scope)
                self._metrics.requests.labels(scope["method"], route, str(status)).inc()
            await send(message)

        await self._app(scope, receive, noted)
        route = _route(scope)
        if route != ENDLESS:
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else "none"
