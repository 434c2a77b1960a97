"""What each role may do. A permission names roles; a transaction for it sees just what those grants open."""

from __future__ import annotations

ROLES = ("dispatcher", "installer", "investigator", "patrol", "grid_member", "auditor", "admin")

_DESK = ("dispatcher", "admin")
_FIELD = ("dispatcher", "patrol", "grid_member", "admin")
_ALL_BUT_AUDITOR = ("dispatcher", "installer", "investigator", "patrol", "grid_member", "admin")

PERMISSIONS: dict[str, tuple[str, ...]] = {
    "division.read": ROLES,
    "incident.read": _FIELD,
    "incident.open": _FIELD,
    "incident.acknowledge": _DESK,
    "incident.handle": _DESK,
    "incident.dispatch": _DESK,
    "incident.on-scene": _FIELD,
    "incident.resolve": _FIELD,
    "incident.verify": _FIELD,
    "incident.notes": _FIELD,
    "incident.close": _DESK,
    "incident.reopen": _DESK,
    "caller.reveal": _DESK,
    "history.search": ("investigator", "admin"),
    "signal.read": ("dispatcher", "installer", "admin"),
    "site.read": _ALL_BUT_AUDITOR,
    "site.write": ("installer", "admin"),
    "contact.reveal": ("dispatcher", "installer", "admin"),
    "device.read": _ALL_BUT_AUDITOR,
    "device.write": ("installer", "admin"),
    "camera.read": _ALL_BUT_AUDITOR,
    "camera.write": ("installer", "admin"),
    "evidence.read": ("dispatcher", "investigator", "patrol", "grid_member", "admin"),
    "message.read": ("installer", "admin"),
    "organisation.read": ROLES,
    "organisation.write": ("admin",),
    "user.read": ("admin",),
    "user.write": ("admin",),
    "audit.read": ("auditor", "admin"),
}
"""Permission -> the roles that have it. ``docs/security.md`` shows this table; a test holds the two equal."""
