"""HTTP routes, thin: they read the request, call what knows, and write the answer."""

from api.routes import alarms, divisions, incidents, live, session

ROUTERS = (session.router, live.router, incidents.router, alarms.router, divisions.router)
"""Every router of the interface, in the order of the OpenAPI document."""
