"""What operators and programmers look at: metrics, the page that shows the interface, headers, limits."""

from __future__ import annotations

import re

import psycopg
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.headers import MAX_BODY
from api.settings import Settings
from tests.integration.listening import Listener
from tests.integration.serving import Served, serve, wait_until
from tests.stories import Intake, World, says


def figures(served: Served) -> dict[tuple[str, tuple[str, ...]], float]:
    text = served.anybody().get("/metrics").text
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_requests_by_route_and_show_feed_and_pools(
    served: Served, owner_conn: psycopg.Connection, intake_conn: psycopg.Connection
) -> None:
    world = World(owner_conn)
    world.user("wang")
    world.device("pir-1", site=world.site())
    client = served.client(owner_conn, "wang")
    for number in (1, 2, 3):
        client.get(f"/api/v1/incidents/{number}")
    client.get("/made/up/address")
    client.get("/made-up")
    listener = Listener(client)
    Intake(intake_conn).accept(says("pir-1", "130"))
    listener.hears(2)
    now = figures(served)
    assert now["lianfang_http_requests_total", ("GET", "/api/v1/incidents/{incident_id}", "404")] == 3
    assert now["lianfang_http_request_seconds_count", ("/api/v1/incidents/{incident_id}",)] == 3
    assert now["lianfang_http_requests_total", ("GET", "/api/v1/live", "200")] == 1
    assert now["lianfang_feed_clients", ()] == 1
    assert now["lianfang_feed_last_seq", ()] == 2
    assert now["lianfang_feed_events_total", ()] == 2
    assert now["lianfang_feed_follows", ()] == 1
    assert now["lianfang_pool_connections", ("api",)] >= 1
    assert now["lianfang_pool_waiting", ("api-act",)] == 0
    assert not any("made" in label for _, labels in now for label in labels), "addresses are no labels"
    listener.close()
    wait_until(lambda: figures(served)["lianfang_feed_clients", ()] == 0)


def test_each_application_has_its_own_figures(served: Served, settings: Settings) -> None:
    other = create_app(settings)
    assert other.state.metrics.registry is not served.app.state.metrics.registry


def test_the_page_that_shows_the_interface_loads_nothing_from_elsewhere(served: Served) -> None:
    client = served.anybody()
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=|https?://", page.text)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded == ["/api/docs/docs.css", "/api/docs/docs.js"]
    for address in loaded:
        answer = client.get(address)
        assert answer.status_code == 200
        assert not re.search(r"https?://|innerHTML|eval\(", answer.text)
    assert client.get("/api/docs/../app.py").status_code == 404


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/incidents", "/nothing", "/api/docs"])
def test_every_answer_carries_the_headers_that_keep_a_browser_to_us(served: Served, path: str) -> None:
    headers = served.anybody().get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_fault_is_a_problem_with_all_headers_and_is_counted(settings: Settings) -> None:
    def prepare(app: FastAPI) -> None:
        @app.get("/broken/address")
        def broken() -> None:
            raise RuntimeError("secret words")

    with serve(settings, prepare) as served:
        answer = served.anybody().get("/broken/address")
        assert (answer.status_code, answer.json()["type"]) == (500, "/problems/fault")
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret" not in answer.text
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert figures(served)["lianfang_http_requests_total", ("GET", "/broken/address", "500")] == 1


def test_a_name_that_no_file_can_have_is_not_found(served: Served) -> None:
    assert served.anybody().get("/" + 300 * "a").status_code == 404


def test_what_takes_a_body_says_that_it_may_be_too_large(settings: Settings) -> None:
    """Every writing route is behind the same limit."""
    paths = create_app(settings).openapi()["paths"]
    writing = {
        f"{method} {path}": operation["responses"]
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }
    assert len(writing) > 20
    assert not [route for route, responses in writing.items() if "413" not in responses]


def test_a_body_that_nobody_needs_is_refused_declared_or_not(served: Served) -> None:
    client = served.anybody()
    large = b'{"username": "' + b"x" * MAX_BODY + b'", "password": "x"}'
    pieces = (large[n : n + 65536] for n in range(0, len(large), 65536))
    for content in (large, pieces):
        answer = client.post("/api/v1/session", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.json()["type"] == "/problems/too-large"
