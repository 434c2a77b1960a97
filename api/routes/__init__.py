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
    session,
    sites,
    tiles,
    unknown,
    users,
)

ROUTERS = (
    session.router,
    live.router,
    incidents.router,
    alarms.router,
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
    tiles.router,
)
"""Every router of the interface, in the order of the OpenAPI document."""
