"""Cameras: where they look and what they see of the ground. Their streams are written here and never shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field

from alarms.model import DeviceStatus
from api.auth.dependencies import Reader, require, transaction
from api.cameras import change
from api.errors import Problem
from api.inputs import Body, Id
from api.paging import MAX_ID, Cursor, Limit, decode_cursor, encode_cursor, next_links
from api.routes.registering import READ, WRITE, actor_of, left_out, registering
from api.schemas import Link
from video import cameras
from video.model import State

router = APIRouter(prefix="/api/v1/cameras", tags=["cameras"])

Viewer = Annotated[Reader, Depends(require("camera.read"))]
Writer = Annotated[Reader, Depends(require("camera.write"))]


def _stream(url: str) -> str:
    """The address with its scheme in small letters. What is wrong is told without a word of it: it holds a password."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("rtsp", "rtsps") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if not right or not url.isprintable() or " " in url:
        raise ValueError(
            "must be the address of an RTSP stream: rtsp://user:password@10.0.0.7/stream1; write /, # and ? in a "
            "password as %2F, %23 and %3F"
        )
    return parts.scheme + url[len(parts.scheme) :]


StreamUrl = Annotated[str, Field(max_length=500), AfterValidator(_stream)]
Degrees = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class CameraBody(Body):
    """Where a camera looks. ``stream_url`` is a secret: null takes it away, left out it stays as it is."""

    bearing_deg: Annotated[Degrees, Field(ge=0, lt=360, description="From true north, clockwise")]
    view_angle_deg: Annotated[Degrees, Field(gt=0, le=360, description="How wide it sees")]
    range_m: Annotated[
        Degrees, Field(gt=0, le=2000, description="How far a person can be told in its picture")
    ]
    stream_url: StreamUrl | None = left_out(None)


class Polygon(BaseModel):
    """A GeoJSON polygon."""

    type: Literal["Polygon"]
    coordinates: list[list[list[float]]]


class CameraProperties(BaseModel):
    """A camera without what it sees. ``state``: how its stream stands, unknown while nobody reads it; ``fault``: why it
    was lost last."""

    id: int
    device_id: str
    name: str
    site_id: int | None
    position: list[float] | None
    county: str | None
    township: str | None
    village: str | None
    organisation_id: int | None
    status: DeviceStatus
    bearing_deg: float
    view_angle_deg: float
    range_m: float
    has_stream: bool
    state: State
    state_at: datetime | None
    fault: str | None


class Camera(CameraProperties):
    """A camera; its view sector is null while it stands nowhere."""

    sector: Polygon | None


class CameraFeature(BaseModel):
    """A camera on the map: what it sees."""

    type: Literal["Feature"]
    id: int
    geometry: Polygon | None
    properties: CameraProperties


class CameraCollection(BaseModel):
    """A page of cameras."""

    type: Literal["FeatureCollection"]
    features: list[CameraFeature]
    links: list[Link]


@router.get("", response_model=CameraCollection, responses=READ)
async def list_cameras(
    request: Request,
    who: Viewer,
    state: Annotated[list[State] | None, Query(max_length=3)] = None,
    sees_site: Annotated[
        int | None, Query(ge=1, le=MAX_ID, description="Only those whose view sector has this site in it")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Cameras in scope by number, as GeoJSON: the geometry is the view sector."""
    after = decode_cursor(cursor, int)
    values = {
        "after": after[0] if after else 0,
        "id": None,
        "state": [one.value for one in state] if state else None,
        "sees_site": sees_site,
        "limit": limit + 1,
    }
    async with transaction(request, who, "camera.read") as conn:
        rows = await (await conn.execute(cameras.SQL["page"], values)).fetchall()
    more = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    return {
        "type": "FeatureCollection",
        "features": [_feature(orjson.loads(row[1])) for row in rows[:limit]],
        "links": next_links(request, more),
    }


@router.get("/{camera_id}", response_model=Camera, responses=READ)
async def get_camera(request: Request, who: Viewer, camera_id: Id) -> Response:
    """One camera, by its device's number."""
    async with transaction(request, who, "camera.read") as conn:
        row = await (await conn.execute(cameras.SQL["page"], _one(camera_id))).fetchone()
    if row is None:
        raise Problem("not-found", f"There is no camera {camera_id} in your scope.")
    return Response(row[1], media_type="application/json")


@router.put("/{camera_id}", response_model=Camera, responses=WRITE)
def put_camera(request: Request, who: Writer, camera_id: Id, body: CameraBody) -> Response:
    """Say where a device of the kind camera looks, and where its stream is; PostGIS draws what it sees."""
    view = cameras.View(
        bearing_deg=body.bearing_deg, view_angle_deg=body.view_angle_deg, range_m=body.range_m
    )
    stream = (body.stream_url,) if "stream_url" in body.model_fields_set else None
    with registering(request, who, "camera.write") as conn:
        try:
            change(conn, camera_id, view, stream, actor_of(who))
        except cameras.NoCameraError as error:
            raise Problem("not-found", f"{str(error).capitalize()}.") from error
        except cameras.CameraError as error:
            raise Problem("conflict", f"{error}.") from error
        row = conn.execute(cameras.SQL["page"], _one(camera_id)).fetchone()
    assert row is not None
    return Response(row[1], media_type="application/json")


def _one(number: int) -> dict[str, Any]:
    return {"after": 0, "id": number, "state": None, "sees_site": None, "limit": 1}


def _feature(camera: dict[str, Any]) -> dict[str, Any]:
    sector = camera.pop("sector")
    return {"type": "Feature", "id": camera["id"], "geometry": sector, "properties": camera}
