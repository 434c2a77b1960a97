"""Map tiles: what is in them, who gets which, by which index, and how they are cached."""

import math
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import mapbox_vector_tile
import psycopg
import pytest
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

from api import errors
from api.auth.dependencies import Reader
from api.auth.permissions import PERMISSIONS
from api.database.pool import connect, open_pool
from api.routes import tiles as route
from api.settings import load_settings
from tests.integration.demo_database import demo_conn, demo_url

__all__ = ["demo_conn", "demo_url"]

COUNTY, OTHER_COUNTY = "411202000000", "411282000000"
ROLES = list(PERMISSIONS["site.read"])


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    """The tile of a zoom that a point lies in."""
    n = 2**z
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return z, int((lon + 180) / 360 * n), int(y * n)


def _user(conn: psycopg.Connection[Any], name: str, *grants: tuple[str, str | None, int | None]) -> int:
    row = conn.execute(
        "INSERT INTO users (username, display_name, password_hash) VALUES (%s, %s, '') RETURNING id",
        (name, name),
    ).fetchone()
    assert row is not None
    for role, division, organisation in grants:
        conn.execute(
            "INSERT INTO grants (user_id, role, division_code, organisation_id) VALUES (%s, %s, %s, %s)",
            (row[0], role, division, organisation),
        )
    return int(row[0])


def _features(
    conn: psycopg.Connection[Any],
    layer: str,
    user: int,
    address: tuple[int, int, int],
    name: str | None = None,
) -> list[dict[str, Any]]:
    query = f"SELECT tile FROM tile_{layer}(%s, %s, %s, %s, %s)"
    row = conn.execute(query, (user, ROLES, *address)).fetchone()
    assert row is not None
    decoded = mapbox_vector_tile.decode(row[0]) if row[0] else {}
    return list(decoded.get(name or layer, {"features": []})["features"])


def _busy_place(conn: psycopg.Connection[Any], where: str = "true") -> tuple[float, float]:
    row = conn.execute(
        f"SELECT ST_X(position), ST_Y(position) FROM sites WHERE {where} AND unit = '' AND grid_cell IS NOT NULL"
        " ORDER BY id LIMIT 1"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_tiers_come_with_the_zoom_and_fit_their_neighbours(demo_conn: psycopg.Connection[Any]) -> None:
    user = _user(demo_conn, "t", ("dispatcher", None, None))
    lon, lat = _busy_place(demo_conn)
    tiers = {
        z: {
            feature["properties"]["tier"]
            for feature in _features(demo_conn, "divisions", user, tile_at(lon, lat, z))
        }
        for z in (6, 8, 10, 12, 14)
    }
    assert tiers == {6: {1, 2}, 8: {1, 2, 3}, 10: {1, 2, 3, 4}, 12: {1, 2, 3, 4}, 14: {1, 2, 3, 4}}
    feature = _features(demo_conn, "divisions", user, tile_at(lon, lat, 12))[-1]
    assert isinstance(feature["id"], int)
    assert {"code", "tier", "name", "name_latin", "synthetic"} <= feature["properties"].keys()
    labels = _features(demo_conn, "divisions", user, tile_at(lon, lat, 8), "labels")
    assert labels
    assert all(label["geometry"]["type"] == "Point" for label in labels)


def test_simplified_boundaries_still_tile_the_ground(demo_conn: psycopg.Connection[Any]) -> None:
    row = demo_conn.execute(
        "SELECT max(abs(ST_Area(whole) - parts) / ST_Area(whole)), min(before), max(after) FROM ("
        " SELECT ST_Union(s.to_z8) AS whole, sum(ST_Area(s.to_z8)) AS parts,"
        "        sum(ST_NPoints(d.boundary)) AS before, sum(ST_NPoints(s.to_z8)) AS after"
        "   FROM division_shapes s JOIN divisions d ON d.id = s.division_id WHERE d.tier = 4) t"
    ).fetchone()
    assert row is not None
    difference, before, after = row
    assert difference < 1e-9, "no gap and no overlap between simplified neighbours"
    assert after < before / 1.5


def test_sites_of_a_tile_are_those_in_scope_and_flats_stay_apart(demo_conn: psycopg.Connection[Any]) -> None:
    flat = demo_conn.execute(
        "SELECT ST_X(position), ST_Y(position) FROM sites WHERE unit <> '' AND county = %s ORDER BY id LIMIT 1",
        (COUNTY,),
    ).fetchone()
    assert flat is not None
    address = tile_at(flat[0], flat[1], 14)
    everything = _features(
        demo_conn, "sites", _user(demo_conn, "a", ("dispatcher", "411200000000", None)), address
    )
    expected = demo_conn.execute(
        "SELECT id FROM sites WHERE ST_Transform(position, 3857) && ST_TileEnvelope(%s, %s, %s)", address
    ).fetchall()
    assert {row[0] for row in expected} <= {one["properties"]["id"] for one in everything}
    assert any(one["properties"].get("unit") for one in everything)
    own = _features(demo_conn, "sites", _user(demo_conn, "b", ("dispatcher", COUNTY, None)), address)
    assert own
    in_county = {row[0] for row in demo_conn.execute("SELECT id FROM sites WHERE county = %s", (COUNTY,))}
    assert {one["properties"]["id"] for one in own} == {
        one["properties"]["id"] for one in everything
    } & in_county
    for nobody in (
        _user(demo_conn, "c", ("dispatcher", OTHER_COUNTY, None)),
        _user(demo_conn, "d"),
        _user(demo_conn, "e", ("auditor", None, None)),
    ):
        assert _features(demo_conn, "sites", nobody, address) == []


def test_a_grant_within_an_organisation_opens_its_sites_only(demo_conn: psycopg.Connection[Any]) -> None:
    row = demo_conn.execute(
        "SELECT organisation_id, ST_X(position), ST_Y(position) FROM sites"
        " WHERE kind = 'shop' AND grid_cell IS NOT NULL ORDER BY id LIMIT 1"
    ).fetchone()
    assert row is not None
    organisation, lon, lat = row
    user = _user(demo_conn, "o", ("installer", None, organisation))
    seen = {one["properties"]["id"] for one in _features(demo_conn, "sites", user, tile_at(lon, lat, 13))}
    assert seen
    owners = demo_conn.execute(
        "SELECT DISTINCT organisation_id FROM sites WHERE id = ANY (%s)", (list(seen),)
    ).fetchall()
    assert owners == [(organisation,)]


def test_grid_cells_are_those_of_the_readers_ground(demo_conn: psycopg.Connection[Any]) -> None:
    lon, lat = _busy_place(demo_conn, f"county = '{COUNTY}'")
    address = tile_at(lon, lat, 13)
    own = _features(demo_conn, "grid_cells", _user(demo_conn, "g", ("dispatcher", COUNTY, None)), address)
    assert own
    assert {one["properties"]["village"][:6] for one in own} == {COUNTY[:6]}
    township = own[0]["properties"]["village"][:9]
    fewer = _features(
        demo_conn, "grid_cells", _user(demo_conn, "h", ("patrol", f"{township}000", None)), address
    )
    assert {one["properties"]["village"][:9] for one in fewer} == {township}
    assert (
        _features(demo_conn, "grid_cells", _user(demo_conn, "i", ("patrol", OTHER_COUNTY, None)), address)
        == []
    )
    assert _features(demo_conn, "divisions", _user(demo_conn, "j"), address) == [], "no grant, no map"


@pytest.mark.timeout(180)
def test_the_api_role_gets_its_tiles_by_index(servers: dict[str, Any], database_url: str) -> None:
    """As lianfang_api, over 100,000 sites: the index on the position answers; row security does not get in its way."""
    notices: list[str] = []
    url = re.sub(r"/[^/]*$", "/" + database_url.rsplit("/", 1)[1], servers["superuser_url"].split("?")[0])
    with psycopg.connect(url) as conn:
        conn.execute("SET ROLE lianfang_owner")
        conn.execute(
            "INSERT INTO sites (kind, name, county, township, village, position)"
            " SELECT 'household', 'x', '411282000000', '411282101000', '411282101200',"
            " ST_SetSRID(ST_MakePoint(110.3 + 1.6 * random(), 33.6 + 1.4 * random()), 4326)"
            " FROM generate_series(1, 100000)"
        )
        conn.execute("ANALYZE sites")
        township = _user(conn, "t", ("dispatcher", "411282101000", None))
        city = _user(conn, "u", ("dispatcher", None, None))
        conn.execute("RESET ROLE; LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0")
        conn.execute("SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice")
        conn.execute("SET auto_explain.log_analyze = on; SET client_min_messages = notice")
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        conn.execute("SET ROLE lianfang_api")
        for user in (township, city) * 4:  # often enough for a plan that does not know the keys
            assert 5 < len(_features(conn, "sites", user, tile_at(111.0, 34.3, 14))) < 500
        for layer in ("divisions", "grid_cells"):
            _features(conn, layer, city, tile_at(111.0, 34.3, 13))
    plans = "\n".join(notices)
    assert "sites_position" in plans
    assert "Seq Scan on sites" not in plans
    assert "sites_scope" not in plans, "for '*' that index holds every site"
    assert "divisions_boundary_web" in plans
    assert "grid_cells_boundary_web" in plans


@pytest.fixture
def people(demo_url: str) -> Iterator[dict[str, int]]:
    """Two committed users: one of the city, one of a county."""
    with connect(load_settings(database_url=demo_url), "owner") as conn:
        found = {
            "city": _user(conn, "city-eye", ("dispatcher", None, None)),
            "county": _user(conn, "county-eye", ("dispatcher", COUNTY, None)),
        }
        conn.commit()
        yield found
        conn.execute("DELETE FROM users WHERE id = ANY (%s)", (list(found.values()),))
        conn.commit()


class _SignedIn:
    """Knows one reader, whoever asks: stands in for the table of sessions."""

    def __init__(self, who: Reader) -> None:
        self.who = who

    async def reader_of(self, _pool: object, _token: str) -> Reader:
        return self.who


def _as_reader(user: int, key: str) -> Reader:
    return Reader(
        user_id=user, username="u", display_name="u", locale="zh", grants=({"role": "dispatcher", "key": key},),
        token_hash=b"",
    )  # fmt: skip


@asynccontextmanager
async def _client(url: str, who: Reader | None) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
    app = FastAPI()
    errors.install(app)
    app.include_router(route.router)
    pool: AsyncConnectionPool[Any] = await open_pool(load_settings(database_url=url), "api", min_size=1)
    app.state.pool = pool
    headers = {"accept-encoding": "identity"}
    if who is not None:
        app.state.sessions = _SignedIn(who)
        headers["authorization"] = "Bearer x"
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://test",
            headers=headers,
        ) as client:
            yield client, app
    finally:
        await pool.close()


async def _version(app: FastAPI, layer: str) -> int:
    async with app.state.pool.connection() as conn:
        row = await (
            await conn.execute("SELECT version FROM layer_versions WHERE layer = %s", (layer,))
        ).fetchone()
    return int(row[0])


async def test_a_tile_is_private_unchanging_and_made_once(
    demo_url: str, demo_conn: psycopg.Connection[Any], people: dict[str, int]
) -> None:
    who = _as_reader(people["city"], "*")
    z, x, y = tile_at(*_busy_place(demo_conn), 14)
    async with _client(demo_url, who) as (client, app):
        path = f"/tiles/v{await _version(app, 'sites')}/sites/{z}/{x}/{y}.mvt?scope={who.scope_digest}"
        first = await client.get(path)
        assert first.status_code == 200
        assert first.headers["content-type"] == "application/vnd.mapbox-vector-tile"
        assert "private" in first.headers["cache-control"]
        assert "immutable" in first.headers["cache-control"]
        assert "Cookie" in first.headers["vary"]
        assert mapbox_vector_tile.decode(first.content)["sites"]["features"]
        assert len(app.state.tiles.cache) == 1
        zipped = await client.get(path, headers={"accept-encoding": "gzip"})
        assert zipped.content == first.content
        again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert len(app.state.tiles.cache) == 1


async def test_nobody_gets_anothers_tile(
    demo_url: str, demo_conn: psycopg.Connection[Any], people: dict[str, int]
) -> None:
    city, county = _as_reader(people["city"], "*"), _as_reader(people["county"], COUNTY)
    z, x, y = tile_at(*_busy_place(demo_conn, f"county = '{OTHER_COUNTY}'"), 14)
    async with _client(demo_url, city) as (client, app):
        version = await _version(app, "sites")
        path = f"/tiles/v{version}/sites/{z}/{x}/{y}.mvt"
        assert (await client.get(path, params={"scope": city.scope_digest})).content
        app.state.sessions.who = county
        stolen = await client.get(path, params={"scope": city.scope_digest})
        assert stolen.status_code == 404
        assert stolen.headers["content-type"] == "application/problem+json"
        own = await client.get(path, params={"scope": county.scope_digest})
        assert (own.status_code, own.content) == (200, b"")
        # a reader remembered with more than the database now grants gets what is granted, and leaves it to nobody
        app.state.sessions.who = _as_reader(people["county"], "*")
        z, x, y = tile_at(*_busy_place(demo_conn, f"county = '{OTHER_COUNTY}'"), 15)
        path = f"/tiles/v{version}/sites/{z}/{x}/{y}.mvt"
        stale = await client.get(path, params={"scope": city.scope_digest})
        assert (stale.content, stale.headers["cache-control"]) == (b"", "no-store")
        app.state.sessions.who = city
        assert (await client.get(path, params={"scope": city.scope_digest})).content


async def test_what_is_no_tile_is_a_problem_and_an_old_version_leads_to_the_new(
    demo_url: str, people: dict[str, int]
) -> None:
    who = _as_reader(people["city"], "*")
    async with _client(demo_url, who) as (client, app):
        version = await _version(app, "divisions")
        for path in (
            f"v{version}/divisions/3/8/0", f"v{version}/divisions/23/0/0", f"v{version}/divisions/-1/0/0",
            f"v{version}/divisions/a/0/0", f"v{version}/alarms/3/0/0", f"v{version + 1}/divisions/3/0/0",
            "vx/sites/1/0/0", f"v{version}/divisions/3/99999999999999999999/0",
        ):  # fmt: skip
            answer = await client.get(f"/tiles/{path}.mvt", params={"scope": who.scope_digest})
            assert answer.status_code == 404, path
            assert answer.headers["content-type"] == "application/problem+json"
        old = await client.get(
            f"/tiles/v{version - 1}/divisions/7/103/51.mvt", params={"scope": who.scope_digest}
        )
        assert old.status_code == 307
        assert old.headers["cache-control"] == "no-store"
        assert (await client.get(old.headers["location"])).status_code == 200


async def test_without_a_sign_in_there_is_no_tile(demo_url: str) -> None:
    async with _client(demo_url, None) as (client, _):
        answer = await client.get("/tiles/v1/divisions/3/0/0.mvt")
        assert answer.status_code == 401
