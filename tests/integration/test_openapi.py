"""The OpenAPI document against the running application: schemathesis finds nothing (the endless feed apart)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.integration.serving import Served
from tests.stories import NIGHT, VILLAGE, Intake, World, says, told

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)
ROOT = Path(__file__).parents[2]
TESTER = 900_001
GUARD = """
CREATE FUNCTION spare_the_tester() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) ->> TG_ARGV[0])::bigint <> 900001 THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN NULL ELSE OLD END;
END $$;
CREATE TRIGGER spare BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION spare_the_tester('id');
CREATE TRIGGER spare BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION spare_the_tester('user_id');
CREATE TRIGGER spare BEFORE DELETE ON grants FOR EACH ROW EXECUTE FUNCTION spare_the_tester('user_id');
"""
"""Schemathesis takes numbers from answers, and would disable the very user that it is."""


@pytest.fixture
def tester(owner_conn: psycopg.Connection, intake_conn: psycopg.Connection) -> str:
    """An administrator of the whole installation, where there is one of each thing, with low numbers."""
    world = World(owner_conn)
    world.village(VILLAGE, 111.1, 34.7)
    company = world.organisation()
    for n in range(3):
        site = world.site(f"No. {n}", village=VILLAGE, organisation=company)
        world.device(f"pir-{n}", site=site, village=VILLAGE)
        owner_conn.execute(
            "INSERT INTO contacts (site_id, name, phone) VALUES (%s, 'Wang', '13812345678')", [site]
        )
        world.user(f"user-{n}", division=VILLAGE)
    Intake(intake_conn).accept(
        *(says(f"pir-{n}", "burglary", text="words", at=NIGHT + timedelta(hours=n)) for n in range(3)),
        says("stranger", "burglary"),
        told("lianfang/v1/broken/signal", b"\xff\x00broken"),
        at=NIGHT + timedelta(hours=3),
    )
    owner_conn.execute(
        "INSERT INTO users (id, username, display_name, password_hash) OVERRIDING SYSTEM VALUE"
        " VALUES (%s, 'tester', 'tester', '')",
        [TESTER],
    )
    owner_conn.execute("INSERT INTO grants (user_id, role) VALUES (%s, 'admin')", [TESTER])
    owner_conn.execute(GUARD)
    owner_conn.commit()
    return "tester"


def run(served: Served, token: str, *arguments: str, folder: Path) -> None:
    """Run schemathesis; its report is the failure's text."""
    command: Sequence[str] = (
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "run", f"{served.url}/api/openapi.json",
        "--header", f"Authorization: Bearer {token}",
        "--checks", ",".join(CHECKS),
        "--phases", "examples,coverage,fuzzing",
        "--seed", "411200",
        "--request-timeout", "20",
        "--continue-on-failure",
        "--no-color",
        "--generation-database", "none",
        "--generation-with-security-parameters", "false",  # the valid token stays; ignored_auth tries without
        "--warnings", "off",
        *arguments,
    )  # fmt: skip
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)


@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(
    tester: str, served: Served, owner_conn: psycopg.Connection, tmp_path: Path
) -> None:
    token = served.token(owner_conn, tester)
    owner_conn.execute(
        "INSERT INTO heartbeats (service, at, details)"
        """ VALUES ('intake', now() + interval '10 minutes', '{"connected": true, "stored": 0}')"""
    )
    owner_conn.commit()
    run(
        served, token,
        "--exclude-path", "/api/v1/live",
        "--max-examples", os.environ.get("SCHEMATHESIS_EXAMPLES", "5"),
        "--workers", "2",
        folder=tmp_path,
    )  # fmt: skip
    answer = served.client(owner_conn, tester).get(
        "/api/v1/session", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200, "the tester was thrown out on the way, and little was tested"
