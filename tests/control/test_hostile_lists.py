"""The lists that other tests rely on are as large and as varied as promised."""

from __future__ import annotations

from tests.support.hostile import IDENTIFIERS, SHELL, STRINGS


def test_there_are_at_least_300_different_hostile_strings() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 300


def test_there_are_at_least_42_different_hostile_identifiers() -> None:
    assert len(set(IDENTIFIERS)) == len(IDENTIFIERS) >= 42


def test_there_are_at_least_60_different_shell_payloads() -> None:
    assert len(set(SHELL)) == len(SHELL) >= 60
