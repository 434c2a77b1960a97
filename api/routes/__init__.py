"""HTTP routes, thin: they read the request, call what knows, and write the answer."""

from api.routes import (
    alarms,
    audit,
    contacts,
    devices,
    divisions,
    grid_cells,
    incidents,
    live,
    messages,
    organisations,
    searches,
    session,
    sites,
    tiles,
    unknown,
    users,
)

ROUTERS = (
    tiles.router,  # first: asked for most often, and routes are tried in order
    session.router,
    live.router,
    incidents.router,
    alarms.router,
    searches.router,
    divisions.router,
    grid_cells.router,
    sites.router,
    contacts.router,
    devices.router,
    unknown.router,
    messages.router,
    organisations.router,
    users.router,
    audit.router,
)
"""Every router of the interface, in the order of the OpenAPI document."""
