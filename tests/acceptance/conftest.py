"""The same real servers as the integration tests have."""

from tests.integration.conftest import (
    api_conn,
    broker,
    database_url,
    fresh_broker,
    intake_conn,
    owner_conn,
    run_dir,
    servers,
    settings,
)

__all__ = [
    "api_conn",
    "broker",
    "database_url",
    "fresh_broker",
    "intake_conn",
    "owner_conn",
    "run_dir",
    "servers",
    "settings",
]
