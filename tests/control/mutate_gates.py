"""Neuters every gate between a model and an appliance, one at a time, and requires the tests to notice.

    python -m tests.control.mutate_gates            all modules
    python -m tests.control.mutate_gates plans      those whose name contains the word
    python -m tests.control.mutate_gates --count    only count the mutants
    python -m tests.control.mutate_gates --table    only print the figures of the last runs, for docs/security.md

A mutant is the module with one change (see `tests.control.mutation`). It counts as killed when a test fails (or
hangs). What cannot be told apart from the original is listed in `tests.control.equivalents` with the reason. Exits 1
when a mutant survives or an entry of that list is not needed; otherwise the counts are written to `KILLED`, from which
docs/security.md has its figures.

Each mutant runs the tests of its module in a forked process that sees the mutant in place of the module; nothing else
on disk is changed. Tests that start other processes cannot see a mutant and are left out.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from tests.control.equivalents import EQUIVALENT
from tests.control.mutation import Mutant, count, mutants, path_of

ROOT: Final = Path(__file__).resolve().parents[2]
TESTS: Final = ROOT / "tests"
KILLED: Final = Path(__file__).with_name("gates_killed.json")
"""By module: how many mutants were tried and killed, and how many behave as the original."""
CPU_LIMIT_S: Final = 60
TEST_LIMIT_S: Final = 40
"""A test of a mutant that runs longer hangs. Both are far above what the tests take on a busy machine."""

_LEDGER: Final = tuple(
    f"control/test_{name}.py"
    for name in ("ledger_records", "ledger", "ledger_tampering", "ledger_reading", "ledger_faults")
)
_BY_HAND: Final = "control/test_ledger_by_hand.py"
_HTTP: Final = ("server/test_guard.py", "server/test_http.py", "server/test_limits.py")
GROUPS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "What is listed, and what a call must pass": {
        "control.inventory": ("control/test_gates.py",),
        "control.arguments": ("control/test_arguments.py",),
        "control.wellformed": ("control/test_arguments.py",),
        "control.dispatch": ("control/test_dispatch.py", "control/test_gates.py"),
        "control.policy": ("control/test_policy.py",),
        "control.policynames": ("control/test_policynames.py",),
        "control.room": ("control/test_room.py",),
        "control.grammar": ("control/test_identifiers.py",),
        "control.identifiers": ("control/test_identifiers.py",),
        "appliances.pfsense.identifiers": ("control/test_identifiers.py",),
        "appliances.proxmox.identifiers": ("control/test_identifiers.py",),
        "control.filenames": ("control/test_filenames.py",),
        "control.paging": ("control/test_paging.py",),
        "control.cursors": ("control/test_cursors.py", "control/test_paging.py"),
        "control.boundpages": ("control/test_dispatch.py",),
        "control.spec": ("control/test_spec.py",),
    },
    "Plans, confirmation, one execution": {
        "control.canonical": ("control/test_canonical.py",),
        "control.statefiles": ("control/test_statefiles.py",),
        "control.statestore": ("control/test_statestore.py",),
        "control.plans": ("control/test_plans.py",),
        "control.approvalkeys": ("control/test_approval.py",),
        "control.approval": ("control/test_approval.py",),
        "cli.approvals": ("cli/test_approvals.py",),
        "control.killswitch": ("control/test_killswitch.py",),
        "transport.lastlook": ("transport/test_last_look.py",),
        "transport.credentials": ("transport/test_credentials.py",),
        "control.writes": ("control/test_writes.py", "control/test_write_answers.py"),
        "control.writeanswers": ("control/test_write_answers.py", "control/test_writes.py"),
        "control.change": ("control/test_change.py",),
        "control.parts": ("control/test_parts.py",),
        "control.settling": ("control/test_settling.py",),
        "control.questions": ("control/test_write_answers.py", "security/test_cut_secrets.py"),
        "server.elicitation": ("server/test_elicitation.py", "server/test_confirmation.py"),
    },
    "The ledger": {
        "control.ledger.records": _LEDGER,
        "control.ledger.chain": (
            "control/test_ledger_walk.py",
            "control/test_ledger_chain.py",
            *_LEDGER[2:],
            *_LEDGER[:2],
        ),
        "control.ledger.head": ("control/test_ledger_head.py", *_LEDGER[2:], *_LEDGER[:2]),
        "control.ledger.files": ("control/test_ledger_files.py", _BY_HAND, *_LEDGER[1:]),
        "control.ledger.reading": (_LEDGER[3], _BY_HAND, _LEDGER[2], _LEDGER[4], _LEDGER[1]),
        "control.ledger.verifying": (_LEDGER[2], _LEDGER[3], _BY_HAND, _LEDGER[4], _LEDGER[1]),
        "control.ledger.unknown": (_BY_HAND,),
        "control.ledger.export": (_LEDGER[3], _BY_HAND),
        "cli.audit": ("cli/test_audit.py",),
        "control.ledger.book": ("control/test_ledger_late.py", _BY_HAND, _LEDGER[1], _LEDGER[4]),
    },
    "The one exit": {
        "control.textfields": ("control/test_textfields.py",),
        "control.cleaning": ("control/test_cleaning.py",),
        "config.secrets": ("config/test_secrets.py",),
        "control.secretkeys": ("control/test_redaction.py",),
        "control.secretforms": (
            "control/test_secretforms.py",
            "control/test_encoded_twice.py",
            "control/test_redaction.py",
        ),
        "control.secretindex": ("control/test_redaction.py", "control/test_encoded_twice.py"),
        "control.secretshapes": ("control/test_redaction.py",),
        "control.redaction": (
            "control/test_redaction.py",
            "control/test_redacted_logs.py",
            "control/test_secretviews.py",
        ),
        "control.redactedlogs": ("control/test_redacted_logs.py",),
        "control.secretviews": ("control/test_encoded_twice.py", "control/test_secretviews.py"),
        "control.textviews": ("control/test_secretviews.py", "control/test_encoded_twice.py"),
        "control.textescapes": ("control/test_secretviews.py",),
        "control.textcodecs": ("control/test_encoded_twice.py",),
        "control.exit": ("control/test_exit.py", "control/test_redacted_logs.py"),
        "cutting": ("security/test_cutting.py", "security/test_cut_secrets.py"),
        "control.rendering": ("control/test_rendering.py",),
        "control.lastgood": ("control/test_lastgood.py",),
        "server.errors": ("server/test_errors.py",),
    },
    "The protocol and HTTP": {
        "server.adapter": ("server/test_adapter.py",),
        "server.application": ("server/test_application.py",),
        "server.guard": (*_HTTP, "server/test_discovery.py", "server/test_sessions.py", "server/test_identity.py"),
        "server.http": (*_HTTP, "server/test_discovery.py"),
        "server.discovery": ("server/test_discovery.py",),
        "server.slowclients": ("server/test_limits.py", "server/test_http.py"),
        "server.oidc": ("server/test_oidc.py",),
    },
    "Gates of the rooms": {
        "appliances.idrac.pushing": ("appliances/idrac/test_pushing.py",),
        "appliances.proxmox.firewallreach": ("appliances/proxmox/test_firewall_reach.py",),
        "appliances.proxmox.readpaths": ("appliances/proxmox/test_read_paths.py",),
        "appliances.proxmox.here": ("appliances/proxmox/test_here.py",),
        "appliances.proxmox.protection": ("appliances/proxmox/test_protection.py",),
        "appliances.pfsense.lockout": ("appliances/pfsense/test_lockout_decisions.py",),
        "appliances.truenas.masking": ("appliances/truenas/test_masking.py",),
        "appliances.truenas.reach": ("appliances/truenas/test_reach.py",),
    },
    "Credentials of the rooms": {
        "appliances.pfsense.session": ("appliances/pfsense/test_sessions.py",),
        "appliances.proxmox.session": ("appliances/proxmox/test_tickets.py", "appliances/proxmox/test_session.py"),
        "appliances.idrac.session": ("appliances/idrac/test_session_edges.py",),
        "appliances.truenas.auth": ("appliances/truenas/test_auth.py",),
        "appliances.truenas.scram": ("appliances/truenas/test_auth.py",),
    },
    "The wire: whom it reaches, what leaves, what comes in": {
        "transport.tls": ("transport/test_tls_told.py", "transport/test_tls.py", "transport/test_jsonrpc_opening.py"),
        "config.settings": ("config/test_choosing.py",),
        "config.targets": ("config/test_targets.py",),
        "appliances.wiring": ("appliances/test_wiring.py",),
        "transport.urls": ("transport/test_identifiers.py",),
        "transport.jsontext": ("transport/test_json.py",),
        "transport.intake": ("transport/test_intake.py",),
        "transport.limits": ("transport/test_intake.py",),
        "transport.deadline": ("transport/test_deadline.py",),
        "transport.guarded": ("transport/test_guard.py",),
        "transport.jsonrpc": (
            "transport/test_rpccalls.py",
            "transport/test_jsonrpc_opening.py",
            "transport/test_jsonrpc.py",
            "transport/test_last_look.py",
        ),
        "transport.websocket": ("transport/test_websocket.py", "transport/test_jsonrpc_opening.py"),
        "transport.givenup": ("transport/test_outliving.py", "transport/test_given_up.py"),
        "transport.rpcfailures": ("transport/test_rpcfailures.py",),
        "transport.exchange": (
            "transport/test_exchange.py",
            "transport/test_attempt.py",
            "transport/test_requests.py",
            "transport/test_resends.py",
            "transport/test_given_up.py",
            "transport/test_redirects.py",
            "transport/test_pool.py",
            "transport/test_tls.py",
            "transport/test_broken_replies.py",
        ),
        "transport.messages": ("transport/test_messages.py",),
        "transport.outgoing": ("transport/test_outgoing.py",),
        "transport.proxy": ("transport/test_requests.py",),
        "transport.http": (
            "transport/test_requests.py",
            "transport/test_identifiers.py",
            "transport/test_redirects.py",
            "transport/test_tls.py",
        ),
        "transport.trust": ("transport/test_trust.py", "transport/test_tls.py"),
        "transport.attempt": (
            "transport/test_attempt.py",
            "transport/test_redirects.py",
            "transport/test_last_look.py",
            "transport/test_resends.py",
            "transport/test_given_up.py",
            "transport/test_requests.py",
            "transport/test_pool.py",
            "transport/test_broken_replies.py",
        ),
    },
}
MODULES: Final = {module: tests for group in GROUPS.values() for module, tests in group.items()}

_LEFT_OUT: Final = (
    "another_process_lists_and_approves",
    "signal_to_one_process_stops_all",
    "crash_report_shows_where",
    "interruption_ends_quietly",
    "processes_of_one_machine_share_its_boot",
    "lock_holds_between_processes",
    "several_processes_write_one_chain",
    "process_killed_at_any_point",
    "limit_on_file_sizes",
    "linear_time",
)
_NOT_RUN: Final = 70
_SCRATCH: Final = tempfile.TemporaryDirectory(prefix="mutants-")


class _Finder(MetaPathFinder):
    """Puts the mutant in place of its module."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `MetaPathFinder`."""
        if fullname != self._name:
            return None
        code = self._code

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                return code

        return spec_from_file_location(fullname, self._path, loader=Loader(fullname, str(self._path)))


def start(module: str, code: CodeType | None) -> int:
    """Run the tests of a module with this code in its place, in a process of its own; its id."""
    child = os.fork()
    if child == 0:
        status = _NOT_RUN
        try:
            signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
            _in_child(module, code)
            import pytest

            files = [str(TESTS / name) for name in MODULES[module]]
            left_out = " and ".join(f"not {name}" for name in _LEFT_OUT)
            options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-k", left_out, "--tb=no"]
            options += [f"--timeout={TEST_LIMIT_S}", "--timeout-method=thread", "--force-reruns=0"]
            # Of its own: the common one is tidied by whoever comes first.
            options.append(f"--basetemp={_SCRATCH.name}/{os.getpid()}")
            try:
                status = int(pytest.main([*files, *options]))
            except BaseException:  # noqa: BLE001 - a mutant that breaks out of the test runner was noticed
                status = 3
        finally:
            os._exit(status)
    return child


def passes(ended: int) -> bool:
    """Whether the tests of a process that ended so have passed.

    Raises:
        RuntimeError: The tests could not be run.
    """
    if os.WIFSIGNALED(ended):
        return False
    status = os.WEXITSTATUS(ended)
    # 1: a test failed; 2: collecting failed, as when the mutant cannot be imported; 3: it broke the test runner
    if status not in (0, 1, 2, 3):
        raise RuntimeError(f"the tests could not be run: status {status}")
    return status == 0


def run_all(tried: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Run mutants, several at a time; those that survive. Those that hang are killed, and named."""
    waiting, running, alive = list(reversed(tried)), dict[int, Mutant](), list[Mutant]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[start(mutant.module, mutant.code)] = mutant
        child, ended = os.wait()
        shutil.rmtree(Path(_SCRATCH.name) / str(child), ignore_errors=True)
        mutant = running.pop(child)
        if os.WIFSIGNALED(ended):
            ending = f"ended by signal {os.WTERMSIG(ended)}"
            say(f"    {ending}: {mutant.module}:{mutant.line}: {mutant.what}: {mutant.text}")
        if passes(ended):
            alive.append(mutant)
    return sorted(alive, key=lambda mutant: mutant.line)


def _in_child(module: str, code: CodeType | None) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(ROOT)
    if code is not None:
        name = f"holdfast.{module}"
        assert name not in sys.modules, "the module must not be loaded yet"
        sys.meta_path.insert(0, _Finder(name, path_of(module), code))


def _warm_up() -> None:
    """Load what every child needs, but nothing of Holdfast itself."""
    import aiohttp
    import hypothesis
    import jwt
    import mcp.server.lowlevel.server
    import pydantic
    import pytest
    import pytest_asyncio
    import structlog
    import uvicorn

    assert all((aiohttp, jwt, mcp, pydantic, pytest, pytest_asyncio, structlog, uvicorn))
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None)
    hypothesis.settings.load_profile("mutation")
    assert not [name for name in sys.modules if name.startswith("holdfast.")]


def survey(module: str, jobs: int) -> tuple[dict[str, int], list[Mutant], set[tuple[str, str, str]]]:
    """Run all mutants of a module: its figures, which mutants survived, and which equivalents were met."""
    if not passes(os.waitpid(start(module, None), 0)[1]):
        raise RuntimeError(f"the tests of {module} do not pass without any mutant")
    began = time.monotonic()
    found = list(mutants(module))
    tried = [mutant for mutant in found if mutant.key not in EQUIVALENT]
    alive = run_all(tried, jobs)
    say(f"{module}: {len(tried)} mutants, {len(alive)} survive, {time.monotonic() - began:.0f} s")
    for mutant in alive:
        say(f"    {mutant.module}:{mutant.line}: {mutant.what}: {mutant.text}")
    figures = {
        "mutants": len(found),
        "killed": len(tried) - len(alive),
        "equivalent": len(found) - len(tried),
    }
    return figures, alive, {mutant.key for mutant in found} & set(EQUIVALENT)


def recorded() -> dict[str, dict[str, int]]:
    """The figures of the last run of each module."""
    found: dict[str, dict[str, int]] = json.loads(KILLED.read_text(encoding="utf-8")) if KILLED.exists() else {}
    return {module: found[module] for module in MODULES if module in found}


def record(module: str, figures: dict[str, int]) -> None:
    """Keep the figures of a module."""
    text = json.dumps({**recorded(), module: figures}, indent=1, sort_keys=True)
    KILLED.write_text(text + "\n", encoding="utf-8")


def table() -> str:
    """The figures of the last runs by group, as docs/security.md has them."""
    rows = ["| Gates | Modules | Mutants | Killed | The same as the original |", "|---|---|---|---|---|"]
    found, sums, most = recorded(), [0, 0, 0], 0
    for group, modules in GROUPS.items():
        of = [found[module] for module in modules if module in found]
        most += len(of)
        figures = [sum(one[name] for one in of) for name in ("mutants", "killed", "equivalent")]
        sums = [before + more for before, more in zip(sums, figures, strict=True)]
        rows.append(f"| {group} | {len(of)} of {len(modules)} | {' | '.join(map(str, figures))} |")
    return "\n".join([*rows, f"| In all | {most} of {len(MODULES)} | {' | '.join(map(str, sums))} |"])


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="only modules whose name contains one of these words")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--count", action="store_true", help="only count the mutants")
    parser.add_argument("--table", action="store_true", help="only print the figures of the last runs")
    options = parser.parse_args()
    if options.table:
        say(table())
        return 0
    chosen = [m for m in MODULES if not options.modules or any(word in m for word in options.modules)]
    if options.count:
        for module in chosen:
            say(f"{module}: {count(module)}")
        return 0
    _warm_up()
    began = time.monotonic()
    killed = total = bad = equivalent = 0
    for module in chosen:
        figures, alive, met = survey(module, options.jobs)
        stale = [key for key in EQUIVALENT if key[0] == module and key not in met]
        for key in stale:
            say(f"no such mutant any more: {key}")
        if not alive and not stale:
            record(module, figures)
        bad += len(alive) + len(stale)
        killed, equivalent = killed + figures["killed"], equivalent + figures["equivalent"]
        total += figures["mutants"] - figures["equivalent"]
    percent = 100 * killed / total if total else 100.0
    took = time.monotonic() - began
    say(f"{killed} of {total} mutants killed ({percent:.1f} %), {equivalent} equivalent, {took:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
