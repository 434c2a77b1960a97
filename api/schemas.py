"""The shapes of answers, as the OpenAPI document tells them. The documents themselves are made by the database
(``api/database/migrations/0006_documents.sql``); a test holds the two equal."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from alarms.model import Category, Disposition, IncidentState
from gis.model import SiteKind

Place = str | None
LonLat = list[float]


class Link(BaseModel):
    """A link to another page."""

    rel: Literal["next"]
    href: str


class SiteBrief(BaseModel):
    """A site as an incident shows it."""

    id: int
    name: str
    kind: SiteKind
    address: str
    unit: str
    synthetic: bool


class Person(BaseModel):
    """A user, by name."""

    id: int
    name: str


class _Placed(BaseModel):
    grid_cell: Place
    county: Place
    township: Place
    village: Place
    organisation_id: int | None


class IncidentProperties(_Placed):
    """An incident without its position."""

    id: int
    version: int
    source: Literal["device", "operator"]
    state: IncidentState
    category: Category
    priority: int = Field(ge=1, le=5)
    verification_level: int = Field(ge=0, le=4)
    title: str
    site: SiteBrief | None
    opened_at: datetime
    last_alarm_at: datetime
    alarm_count: int
    active_alarm_count: int
    handler: Person | None
    acknowledged_at: datetime | None
    dispatched_at: datetime | None
    on_scene_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    disposition: Disposition | None
    reopened_count: int


class Incident(IncidentProperties):
    """An incident as lists, the snapshot and the feed show it."""

    position: LonLat | None


class DeviceBrief(BaseModel):
    """A device as an alarm shows it."""

    id: int
    device_id: str
    name: str
    kind: str


class AlarmProperties(_Placed):
    """An alarm without its position."""

    id: int
    version: int
    incident_id: int
    category: Category
    event: str
    priority: int = Field(ge=1, le=5)
    active: bool
    zone: str
    device: DeviceBrief
    site_id: int | None
    opened_at: datetime
    last_at: datetime
    restored_at: datetime | None
    occurrence_count: int
    acknowledged_at: datetime | None
    shelved_until: datetime | None
    closed_at: datetime | None


class Alarm(AlarmProperties):
    """An alarm as lists, the snapshot and the feed show it."""

    position: LonLat | None


class Entry(BaseModel):
    """A line of an incident's timeline."""

    id: int
    at: datetime
    user: Person | None
    kind: str
    text: str
    details: dict[str, Any]


class MaskedContact(BaseModel):
    """Whom to call; the number itself takes a reason."""

    id: int
    name: str
    relation: str
    call_order: int
    phone_masked: str


class MaskedCaller(BaseModel):
    """Who called; name and number take a reason."""

    name_masked: str | None
    phone_masked: str | None


class PastIncident(BaseModel):
    """An earlier incident of the same site."""

    id: int
    category: Category
    opened_at: datetime
    disposition: Disposition | None


class SiteHistory(BaseModel):
    """What happened at this site in the last 90 days."""

    incidents_90d: int
    false_90d: int
    last: list[PastIncident]


class CameraBrief(BaseModel):
    """A camera that raised an alarm of an incident, and what it sees of the ground (GeoJSON polygon)."""

    id: int
    device_id: str
    name: str
    state: Literal["unknown", "seeing", "lost"]
    sector: dict[str, Any] | None


class PictureBrief(BaseModel):
    """A picture of an incident; itself at ``/api/v1/evidence/{sha256}``, against a reason."""

    sha256: str
    taken_at: datetime
    width_px: int
    height_px: int
    device_id: int
    camera: str


class IncidentCase(Incident):
    """An incident with all that its case shows."""

    alarms: list[Alarm]
    entries: list[Entry]
    contacts: list[MaskedContact]
    caller: MaskedCaller | None
    devices: list[dict[str, Any]]
    cameras: list[CameraBrief]
    pictures: list[PictureBrief]
    history: SiteHistory


class Snapshot(BaseModel):
    """All that is open and in scope; take the changes after ``seq``."""

    seq: int
    now: datetime
    incidents: list[Incident]
    alarms: list[Alarm]


class Point(BaseModel):
    """A GeoJSON point."""

    type: Literal["Point"]
    coordinates: LonLat


class IncidentFeature(BaseModel):
    """An incident on the map."""

    type: Literal["Feature"]
    id: int
    geometry: Point | None
    properties: IncidentProperties


class AlarmFeature(BaseModel):
    """An alarm on the map."""

    type: Literal["Feature"]
    id: int
    geometry: Point | None
    properties: AlarmProperties


class IncidentCollection(BaseModel):
    """A page of incidents."""

    type: Literal["FeatureCollection"]
    features: list[IncidentFeature]
    links: list[Link]


class AlarmCollection(BaseModel):
    """A page of alarms."""

    type: Literal["FeatureCollection"]
    features: list[AlarmFeature]
    links: list[Link]


class Refused(BaseModel):
    """An incident that an action on many was not done on."""

    id: int
    type: str
    detail: str


class Done(BaseModel):
    """An incident that an action on many was done on, and its version since."""

    id: int
    version: int


class ManyDone(BaseModel):
    """What an action on many came to."""

    done: list[Done]
    refused: list[Refused]


class SignalProperties(BaseModel):
    """A signal without its position."""

    id: int
    received_at: datetime
    occurred_at: datetime | None
    device_id: int
    site_id: int | None
    event: str
    category: Category
    priority: int = Field(ge=1, le=5)
    qualifier: Literal["new", "restore", "status"]
    zone: str
    partition: str
    text: str | None
    judgement: str
    alarm_id: int | None
    battery_percent: float | None
    rssi_dbm: float | None
    grid_cell: Place
    county: Place
    township: Place
    village: Place
    details: dict[str, Any] | None


class SignalFeature(BaseModel):
    """A signal, at the position that it brought, else where its device or site is."""

    type: Literal["Feature"]
    id: int
    geometry: Point | None
    properties: SignalProperties


class SignalCollection(BaseModel):
    """A page of signals."""

    type: Literal["FeatureCollection"]
    features: list[SignalFeature]
    links: list[Link]
