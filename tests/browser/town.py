"""A small town for the browser tests, and the alarms of a story in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from api.auth.passwords import hash_password
from tests.stories import Intake, World, says

CITY, COUNTY, ZONE = "411200000000", "411282000000", "411271000000"
TOWNSHIP, VILLAGE, OTHER_VILLAGE = "411282103000", "411282103205", "411282103206"
HERE = (110.915, 34.615)
"""A yard of the village, WGS 84."""
PASSWORD = "correct horse battery"
HASHED = hash_password(PASSWORD)

DIVISIONS = (
    # code, tier, name, Latin name, parent, west, south, east, north
    (CITY, 1, "三门峡市", "Sanmenxia", None, (110.4, 33.6, 112.0, 35.0)),
    (COUNTY, 2, "灵宝市", "Lingbao City", CITY, (110.4, 34.2, 111.2, 34.8)),
    (ZONE, 2, "开发区", "Development Zone", CITY, None),
    (TOWNSHIP, 3, "函谷关镇", "Hanguguan Town", COUNTY, (110.8, 34.5, 111.0, 34.7)),
    (VILLAGE, 4, "孟村村民委员会", "Mengcun", TOWNSHIP, (110.9, 34.6, 110.93, 34.63)),
    (OTHER_VILLAGE, 4, "西寨村民委员会", "Xizhai", TOWNSHIP, (110.93, 34.6, 110.96, 34.63)),
)


class Town:
    """Arranges the town, and lets its devices speak now."""

    def __init__(self, owner: psycopg.Connection[Any], intake: psycopg.Connection[Any]) -> None:
        self.owner = owner
        self.world = World(owner)
        self.intake = Intake(intake)
        for code, tier, name, latin, parent, box in DIVISIONS:
            owner.execute(
                "INSERT INTO divisions (code, tier, name, name_latin, parent_code, boundary, label_point, synthetic)"
                " SELECT %s, %s, %s, %s, %s, ST_Multi(box), ST_Centroid(box), %s"
                " FROM (SELECT ST_MakeEnvelope(%s, %s, %s, %s, 4326) AS box) b",
                [code, tier, name, latin, parent, tier > 2, *(box or (None,) * 4)],
            )
        owner.commit()
        self.li = self.world.user("li")
        owner.execute(
            "UPDATE users SET display_name = 'Li Jiejing', password_hash = %s, locale = 'en' WHERE id = %s",
            [HASHED, self.li],
        )
        owner.commit()

    def house(
        self,
        name: str,
        device: str,
        kind: str = "infrared_sensor",
        *,
        unit: str = "",
        at: tuple[float, float] = HERE,
        village: str | None = VILLAGE,
    ) -> int:
        """A site with one device and one contact."""
        site = self.world.site(name, village=village)
        self.owner.execute(
            "UPDATE sites SET unit = %s, position = CASE WHEN %s THEN ST_SetSRID(ST_MakePoint(%s, %s), 4326) END"
            " WHERE id = %s",
            [unit, village is not None, *at, site],
        )
        self.owner.execute(
            "INSERT INTO contacts (site_id, name, phone, relation) VALUES (%s, 'Wang Jianguo', '13812345678', 'owner')",
            [site],
        )
        self.world.device(device, site=site, kind=kind, village=village)
        return site

    def hears(self, device: str, event: str, *, ago_s: float = 0) -> int:
        """The device's message, so long ago, through the intake; returns the newest incident's id."""
        at = datetime.now(UTC) - timedelta(seconds=ago_s)
        assert self.intake.accept(says(device, event, at=at)) == ["stored"]
        row = self.owner.execute("SELECT max(id) FROM incidents").fetchone()
        self.owner.commit()
        assert row is not None
        return int(row[0])

    def state(self, incident: int) -> str:
        """The state of an incident, as the database has it."""
        row = self.owner.execute("SELECT state FROM incidents WHERE id = %s", [incident]).fetchone()
        self.owner.commit()
        assert row is not None
        return str(row[0])
