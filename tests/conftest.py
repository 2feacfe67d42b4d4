"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.schemacoverage import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown"]

# How fast a shared machine generates examples says nothing about the code.
settings.register_profile("holdfast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("holdfast")
