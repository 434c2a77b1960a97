"""Grid cells in the database: drawn, drawn anew, joined; and the commands as an operator types them."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from api.cli_load import grids_app, load_app
from gis.grids import check_grid_cells, draw
from gis.locate import place_devices, place_sites
from gis.mesh import DrawingError

VILLAGES = ("411202001001", "411202001002")


@pytest.fixture
def ground(owner_conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Two villages side by side with 300 sites each, a device at every third, and one village without a boundary."""
    owner_conn.execute(
        "INSERT INTO divisions (code, tier, name, boundary) VALUES"
        " ('411200000000', 1, 'city', ST_Multi(ST_MakeEnvelope(111.1, 34.7, 111.3, 34.8, 4326))),"
        " ('411202001001', 4, 'a', ST_Multi(ST_MakeEnvelope(111.1, 34.7, 111.2, 34.8, 4326))),"
        " ('411202001002', 4, 'b', ST_Multi(ST_MakeEnvelope(111.2, 34.7, 111.3, 34.8, 4326))),"
        " ('411202001003', 4, 'c', NULL)"
    )
    owner_conn.execute("SELECT setseed(0.5)")
    owner_conn.execute(
        "INSERT INTO sites (external_ref, kind, name, position) SELECT 's' || n, 'household', '李家',"
        " ST_SetSRID(ST_MakePoint(111.1001 + random() * 0.1998, 34.7001 + random() * 0.0998), 4326)"
        " FROM generate_series(1, 600) n"
    )
    owner_conn.execute(
        "INSERT INTO devices (device_id, kind, site_id) "
        " SELECT 'd' || id, 'infrared_sensor', id FROM sites WHERE mod(id, 3) = 0",
    )
    place_sites(owner_conn, [row[0] for row in owner_conn.execute("SELECT id FROM sites")])
    place_devices(owner_conn, [row[0] for row in owner_conn.execute("SELECT id FROM devices")])
    return owner_conn


def _codes(conn: psycopg.Connection[Any], where: str = "valid_to IS NULL") -> list[str]:
    return [row[0] for row in conn.execute(f"SELECT code FROM grid_cells WHERE {where} ORDER BY code")]


def test_drawn_cells_cover_and_hold_about_the_wanted_number(ground: psycopg.Connection[Any]) -> None:
    done = draw(ground, 50)
    assert (done.villages, done.without_boundary, done.closed) == (2, 1, 0)
    assert done.sites_moved == 600
    assert done.devices_moved == 200
    assert 10 <= done.drawn <= 14
    assert check_grid_cells(ground) == []
    counts = [row[0] for row in ground.execute("SELECT count(*) FROM sites GROUP BY grid_cell_id")]
    assert len(counts) == done.drawn
    assert sum(counts) == 600
    assert sorted(counts)[len(counts) // 2] == pytest.approx(50, abs=20)
    mismatched = ground.execute(
        "SELECT count(*) FROM sites s JOIN grid_cells c ON c.id = s.grid_cell_id"
        " WHERE NOT ST_Covers(c.boundary, s.position) OR s.grid_cell <> c.code OR s.village <> c.village"
    ).fetchone()
    assert mismatched == (0,)


def test_drawing_again_closes_the_old_cells_and_takes_new_numbers(ground: psycopg.Connection[Any]) -> None:
    draw(ground, 50)
    before = _codes(ground)
    other = _codes(ground, f"village = '{VILLAGES[1]}'")
    versions = dict(ground.execute("SELECT layer, version FROM layer_versions").fetchall())
    done = draw(ground, 100, VILLAGES[0], seed=2)
    assert done.villages == 1
    assert done.closed == len(before) - len(other)
    after = _codes(ground)
    assert set(other) <= set(after), "the other village keeps its cells"
    assert not set(after) - set(other) & set(before), "signals carry the codes of the old ones"
    assert _codes(ground, "valid_to IS NOT NULL") == [code for code in before if code not in other]
    joined = ground.execute(
        "SELECT count(*) FROM devices d JOIN sites s ON s.id = d.site_id JOIN grid_cells c ON c.id = d.grid_cell_id"
        " WHERE c.valid_to IS NULL AND d.grid_cell = s.grid_cell"
    ).fetchone()
    assert joined == (200,)
    now = dict(ground.execute("SELECT layer, version FROM layer_versions").fetchall())
    assert now["grid_cells"] > versions["grid_cells"]


def test_what_cannot_be_drawn_leaves_all_as_it_was(ground: psycopg.Connection[Any]) -> None:
    draw(ground, 50)
    before = _codes(ground)
    with pytest.raises(DrawingError, match="lianfang load boundaries"):
        draw(ground, 50, "411202001003")
    with pytest.raises(DrawingError):
        draw(ground, 0)
    assert _codes(ground) == before


def no_line(*_: object, **__: object) -> None:
    raise psycopg.OperationalError("the server closed the connection")


def test_the_commands_as_an_operator_types_them(
    ground: psycopg.Connection[Any], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.commit()
    monkeypatch.setenv("LIANFANG_DATABASE_URL", database_url)
    run = CliRunner()
    file, refused = tmp_path / "sites.csv", tmp_path / "refused.csv"
    file.write_text(
        "external_ref,kind,户名,lon,lat\nx1,household,李家,111.15,34.75\nx2,castle,堡,111.15,34.75\n",
        encoding="utf-8",
    )
    missing = run.invoke(load_app, ["sites", str(file)])
    assert missing.exit_code == 1
    assert "--crs" in missing.output
    nothing = run.invoke(load_app, ["sites", str(file), "--crs", "GCJ-02", "--all-or-nothing"])
    assert nothing.exit_code == 1
    assert "nothing was loaded" in nothing.output
    nowhere = run.invoke(
        load_app, ["sites", str(file), "--crs", "GCJ-02", "--refused", str(tmp_path / "no-folder" / "x.csv")]
    )
    assert nowhere.exit_code == 1
    assert "cannot be written: No such file or directory" in nowhere.output
    assert ground.execute("SELECT count(*) FROM sites WHERE external_ref = 'x1'").fetchone() == (0,)
    ground.rollback()
    with monkeypatch.context() as broken:
        broken.setattr("alarms.registry.audit.write", no_line)
        run.invoke(load_app, ["sites", str(file), "--crs", "GCJ-02"])
    assert ground.execute("SELECT count(*) FROM sites WHERE external_ref = 'x1'").fetchone() == (0,)
    ground.rollback()
    done = run.invoke(load_app, ["sites", str(file), "--crs", "GCJ-02", "--refused", str(refused)])
    assert done.exit_code == 0, done.output
    assert "1 added" in done.output
    assert 'row 3, kind "castle"' in done.output
    assert "castle" in refused.read_text(encoding="utf-8-sig")
    file.write_text("device_id,kind\nd-1,camera\n")
    loaded = run.invoke(load_app, ["devices", str(file)])
    assert (
        "1 devices that speak for themselves cannot log in yet: `lianfang device passwords" in loaded.output
    )
    assert run.invoke(load_app, ["sites", str(tmp_path / "none.csv")]).exit_code == 1
    assert run.invoke(load_app, ["sites", str(file), "--column", "kind"]).exit_code == 2
    drawn = run.invoke(grids_app, ["draw", "--division", "411202001", "--sites-per-cell", "100"])
    assert drawn.exit_code == 0, drawn.output
    assert "1 villages have no boundary" in drawn.output
    lines = ground.execute(
        "SELECT action, object, details ->> 'added' FROM audit_log ORDER BY seq"
    ).fetchall()
    assert lines == [
        ("load.sites", "file/sites.csv", "1"),
        ("load.devices", "file/sites.csv", "1"),
        ("grids.draw", "division/411202001000", None),
    ], "what loaded nothing leaves no line"
    assert len(_codes(ground)) == 6
    assert run.invoke(grids_app, ["draw", "--division", "4a"]).exit_code == 2
    assert run.invoke(grids_app, ["draw", "--division", "411299"]).exit_code == 1
