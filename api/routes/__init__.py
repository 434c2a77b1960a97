"""HTTP routes, thin: they read the request, call what knows, and write the answer."""

from api.routes import (
    alarms,
    audit,
    cameras,
    contacts,
    devices,
    divisions,
    evidence,
    grid_cells,
    incidents,
    live,
    locate,
    messages,
    organisations,
    searches,
    session,
    setup,
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
    cameras.router,
    evidence.router,
    setup.router,
    locate.router,
    unknown.router,
    messages.router,
    organisations.router,
    users.router,
    audit.router,
)
"""Every router of the interface, in the order of the OpenAPI document."""
