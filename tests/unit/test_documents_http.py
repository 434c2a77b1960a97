"""docs/http.md is as the interface is: its routes, the documents that it shows, and what it counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from api.app import create_app
from api.metrics import Metrics
from api.schemas import Alarm, Incident, IncidentCase
from api.settings import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`]+)`", TEXT)


@pytest.fixture(scope="module")
def app() -> Any:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none", mqtt_url="mqtt://127.0.0.1:1")
    return create_app(settings)


def shape(path: str) -> str:
    """A path, its parameters all called the same."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def told() -> set[str]:
    """The paths that the page shows, and their ends: it leaves out what stands before them in its line."""
    found: set[str] = set()
    for code in CODE:
        for path in re.findall(r"(?<![\w/])(?:/(?:\{[^}]*\}|[\w.-]+))+", code.replace("...", "")):
            if names := re.search(r"\{([a-z-]+(?:,[a-z-]+)+)\}", path):
                found |= {path.replace(names[0], name) for name in names[1].split(",")}
            else:
                found.add(shape(path))
    return found


def test_every_route_is_told_of(app: Any) -> None:
    shown = told()
    tiles = "/tiles/v{}/{}/{}/{}/{}.mvt"  # docs/places.md
    routes = {shape(path) for path in app.openapi()["paths"]} - {tiles}
    assert len(routes) > 50
    missing = {
        route for route in routes if not any(route.endswith(end) and leads(end, route) for end in shown)
    }
    assert not missing


def leads(end: str, route: str) -> bool:
    """Whether an end is enough to know the route by: all of it, or from a name that only stands there on."""
    return route in (end, f"/api/v1{end}") or not end.strip("/").startswith("{")


def test_every_path_of_the_page_is_there(app: Any) -> None:
    others = {"/api/openapi.json", "/api/docs", "/install", "/install/ca.crt"}
    routes = {shape(path) for path in app.openapi()["paths"]} | others
    for end in told():
        if not end.startswith("/problems"):
            assert any(route.endswith(end) for route in routes), f"there is no {end}"


@pytest.mark.parametrize(("word", "model"), [("Incident document", Incident), ("Alarm document", Alarm)])
def test_the_documents_have_these_fields(word: str, model: type[BaseModel]) -> None:
    fields = TEXT.partition(f"{word}: `")[2].partition("`")[0]
    names = [re.match(r"\w+", one) for one in re.sub(r"\{[^}]*\}", "", fields).split()]
    assert {name[0] for name in names if name} == set(model.model_fields)


def test_a_case_has_these_parts() -> None:
    part = TEXT.partition("- `GET /api/v1/incidents/{id}` -> document + ")[2].partition("\n- ")[0]
    own = set(IncidentCase.model_fields) - set(Incident.model_fields)
    assert set(re.findall(r"`(\w+)`", part)) == own


def test_every_figure_is_told_of(app: Any) -> None:
    metrics = Metrics(app.state)
    names = {family.name for family in metrics.registry.collect() if family.name.startswith("lianfang_")}
    source = (Path(__file__).parents[2] / "api" / "metrics.py").read_text(encoding="utf-8")
    names |= set(re.findall(r'"(lianfang_\w+)"', source))
    shown = {name.removesuffix("_total") for name in CODE if name.startswith("lianfang_") and " " not in name}
    assert shown - {"lianfang_session"} == names
