"""Settings of all tests."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.matrix import pytest_collection_modifyitems
from tests.support.schemacoverage import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]

# How fast a shared machine generates examples says nothing about the code.
settings.register_profile("holdfast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("holdfast")


def in_memory() -> Path | None:
    """A folder in memory with room for what tests write; ledgers wait for the disk tens of thousands of times."""
    folder = Path("/dev/shm")
    enough = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2**31
    return folder if enough else None


def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders are in memory where that can be; their root is pytest's own setting."""
    folder = in_memory()
    if folder is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded stays: looking through all of it for garbage again and again took a tenth of the time."""
    gc.collect()
    gc.freeze()
