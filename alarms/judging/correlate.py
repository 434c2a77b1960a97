"""Which incident a new alarm belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from alarms.model import Incident, IncidentState

TAKES_MORE = frozenset(IncidentState) - {IncidentState.RESOLVED, IncidentState.CLOSED}


def joins(incidents: Iterable[Incident], opened_at: datetime, window: timedelta) -> Incident | None:
    """Find the incident of a site that an alarm opened at ``opened_at`` joins; None: it begins a new one.

    Alarms of one site within ``window`` of the incident's newest alarm are one incident, unless it is resolved.
    """
    open_ones = [
        incident
        for incident in incidents
        if incident.state in TAKES_MORE and opened_at - incident.last_alarm_at <= window
    ]
    return max(open_ones, key=lambda incident: (incident.last_alarm_at, incident.id), default=None)
