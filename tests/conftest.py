"""For all tests: no setting of the developer's shell reaches a test, and two runs of the same code try the same.

``pytest --hypothesis-profile=explore tests/unit`` looks for examples that no run has tried yet.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", max_examples=1000)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LIANFANG_")]:
        monkeypatch.delenv(name)
