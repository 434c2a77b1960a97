"""The servers that `lianfang up` starts for itself: PostgreSQL with PostGIS, and mosquitto.

Each has its own folder below ``var/``, its own generated passwords and its own port, on loopback unless a setting lets
devices in, and never runs as root. A server here is prepared, described (``command()``) and asked (``is_ready()``);
``api.services`` keeps it running.
"""


class EmbeddedError(Exception):
    """An embedded server cannot be prepared or started; the message says what to do."""
