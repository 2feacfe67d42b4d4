"""The figures of docs/security.md are those of the tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.control import mutate_gates, test_killed_write, test_ledger_faults
from tests.control.equivalents import EQUIVALENT
from tests.control.killing import STEPS
from tests.control.mutation import count
from tests.control.test_encoded_twice import KNOWN
from tests.security import test_canary, test_hostile_identifiers, test_wrong_credentials
from tests.server import test_http
from tests.support.encodings import ENCODINGS, PLANTED
from tests.support.hostile import STRINGS
from tests.support.workingcalls import WORKING
from tests.transport.proofs import PROMISED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TAMPER_CLASSES = max(
    int(number)
    for number in re.findall(r"def test_class_(\d+)_", (ROOT / "tests" / "control" / "test_plans.py").read_text())
)


@pytest.mark.parametrize(
    "figure",
    [
        f"{len(PLANTED)} planted secrets × {len(WORKING)} tools × {len(test_canary.ERROR_PATHS)} paths × "
        f"{len(test_canary.KINDS)} appliances: 0 hits",
        f"0 hits in the reports of {len(WORKING)} tools that crash",
        f"in {len(ENCODINGS)} encodings, and in arguments",
        f"each of {len(ENCODINGS)} encodings by each exit: 0 hits",
        f"{len(KNOWN)} secrets looked for in the answers of {len(WORKING)} tools",
        f"any of {len(test_canary.STAGES)} stages of the exit taken out",
        f"{len(STRINGS)} strings × every type of text field",
        f"{len(test_hostile_identifiers.VALUES)} values × every text argument of every tool",
        f"{PROMISED['redirect_variants']} variants: 0 followed",
        f"{PROMISED['bad_certificates']} kinds: 0 credential bytes",
        f"{len(test_http.HOSTILE_HOSTS)} hosts and {len(test_http.HOSTILE_ORIGINS)} origins × "
        f"{len(test_http.PATHS)} paths, 3 doubled",
        f"{TAMPER_CLASSES} classes: all refused",
        f"{PROMISED['bombs']} kinds: typed error, growth < {PROMISED['bomb_memory_growth_mib_max']} MiB",
        f"{PROMISED['drip_patterns']} patterns: over the deadline by < {PROMISED['drip_overrun_s_max']} s",
        f"{test_wrong_credentials.CALLS_AT_ONCE * test_wrong_credentials.ROUNDS} calls in ten minutes",
        f"{len(test_killed_write.POINTS) + len(STEPS)} points of a write and {len(test_ledger_faults.POINTS)} within",
    ],
)
def test_the_page_says_what_the_tests_do(figure: str) -> None:
    assert figure in PAGE


@pytest.mark.parametrize("module", mutate_gates.recorded())
def test_a_gate_whose_mutants_are_counted_as_killed_has_not_been_changed_since(module: str) -> None:
    """One that was changed has to be mutated anew: `python -m tests.control.mutate_gates NAME`."""
    found = mutate_gates.recorded()[module]
    assert found["mutants"] == count(module)
    assert found["killed"] + found["equivalent"] == found["mutants"]


def test_the_page_has_the_figures_of_the_mutants_that_were_killed() -> None:
    assert mutate_gates.table() in PAGE


def test_every_reason_for_leaving_a_mutant_alive_is_about_a_gate() -> None:
    assert {module for module, _, _ in EQUIVALENT} <= set(mutate_gates.MODULES)
    assert all(len(reason) > 20 for reason in EQUIVALENT.values())
