"""Settings of all tests."""

from __future__ import annotations

import gc

import pytest
from hypothesis import HealthCheck, settings

from tests.support.schemacoverage import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown"]

# How fast a shared machine generates examples says nothing about the code.
settings.register_profile("holdfast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("holdfast")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded stays: looking through all of it for garbage again and again took a tenth of the time."""
    gc.collect()
    gc.freeze()
