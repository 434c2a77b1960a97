"""The optional base map below ours: none by default, because control rooms have no internet."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from api.settings import Settings


class Basemap(BaseModel):
    """What the browser needs to show it."""

    kind: Literal["pmtiles", "tianditu", "amap"]
    url: str | None = None
    key: str | None = None


def basemap_of(settings: Settings) -> Basemap | None:
    """The base map that the operator chose, if any: a PMTiles file before services on the internet."""
    if settings.basemap_pmtiles is not None:
        return Basemap(kind="pmtiles", url="/basemap.pmtiles")
    if settings.tianditu_key is not None:
        return Basemap(kind="tianditu", key=settings.tianditu_key)
    if settings.basemap_amap:
        return Basemap(kind="amap")
    return None


def hosts(settings: Settings) -> tuple[str, ...]:
    """Hosts that the content security policy must let the map load images from."""
    basemap = basemap_of(settings)
    if basemap is None or basemap.kind == "pmtiles":
        return ()
    return ("https://*.tianditu.gov.cn",) if basemap.kind == "tianditu" else ("https://*.is.autonavi.com",)
