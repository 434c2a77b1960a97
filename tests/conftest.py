"""For all tests: no setting of the developer's shell reaches a test."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LIANFANG_")]:
        monkeypatch.delenv(name)
