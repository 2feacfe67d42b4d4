"""Neuters every gate of the control floor, one at a time, and requires the tests to notice.

    python -m tests.control.mutate_gates            all modules
    python -m tests.control.mutate_gates plans      those whose name contains the word

A mutant is the module with one condition forced or turned, one comparison moved by its edge, one refusal, one call or
one operand taken away. It counts as killed when a test fails (or hangs). What cannot be told apart from the original is
listed in `EQUIVALENT` with the reason. Exits 1 when a mutant survives or an entry of that list is not needed.

Each mutant runs the tests of its module in a forked process that sees the mutant in place of the module; nothing on
disk is changed. Tests that start other processes cannot see a mutant and are left out.
"""

from __future__ import annotations

import argparse
import ast
import importlib.machinery
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE: Final = ROOT / "src"
TESTS: Final = ROOT / "tests" / "control"
CPU_LIMIT_S: Final = 60
TIME_LIMIT_S: Final = 300
"""A mutant that runs longer hangs. Both are far above what the tests take on a busy machine."""

_LEDGER: Final = (
    "test_ledger_records.py",
    "test_ledger.py",
    "test_ledger_tampering.py",
    "test_ledger_reading.py",
    "test_ledger_faults.py",
)
MODULES: Final[dict[str, tuple[str, ...]]] = {
    "canonical": ("test_canonical.py",),
    "statefiles": ("test_statefiles.py",),
    "statestore": ("test_statestore.py",),
    "grammar": ("test_identifiers.py",),
    "identifiers": ("test_identifiers.py",),
    "textfields": ("test_textfields.py",),
    "cleaning": ("test_cleaning.py",),
    "secretkeys": ("test_redaction.py",),
    "secretforms": ("test_secretforms.py", "test_redaction.py"),
    "secretindex": ("test_redaction.py",),
    "secretshapes": ("test_redaction.py",),
    "redaction": ("test_redaction.py", "test_redacted_logs.py"),
    "redactedlogs": ("test_redacted_logs.py",),
    "exit": ("test_exit.py",),
    "policy": ("test_policy.py",),
    "killswitch": ("test_killswitch.py",),
    "plans": ("test_plans.py",),
    "approvalkeys": ("test_approval.py",),
    "approval": ("test_approval.py",),
    "ledger.records": _LEDGER,
    "ledger.chain": _LEDGER[2:] + _LEDGER[:2],
    "ledger.head": _LEDGER[2:] + _LEDGER[:2],
    "ledger.files": _LEDGER[1:],
    "ledger.reading": ("test_ledger_reading.py", "test_ledger_tampering.py", "test_ledger_faults.py", "test_ledger.py"),
    "ledger.export": ("test_ledger_reading.py",),
    "inventory": ("test_gates.py",),
    "writes": ("test_writes.py",),
    "ledger.book": ("test_ledger.py", "test_ledger_faults.py"),
}

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
_PLATFORM: Final = ("os.name", "sys.platform", "TYPE_CHECKING")

EQUIVALENT: Final[dict[tuple[str, str, str], str]] = {
    ("redactedlogs", "super().__init__()", "without call"): "the filter's own name is used by nothing",
    **{
        ("cleaning", "if len(text) <= max_length and text.isascii() and text.isprintable():", what): (
            "only spares work: such a text comes out of the long way as it is"
        )
        for what in ("condition -> False", "LtE -> Lt")
    },
    **{
        ("secretshapes", line, "condition -> True"): "only spares work: without that text the pattern finds nothing"
        for line in (
            'if "-----BEGIN " in text:',
            'if "LS0tLS1CRUdJTi" in text:',
            'if "://" in text:',
            'if "=" in text or ":" in text or ">" in text:',
        )
    },
    **{
        ("secretindex", "if len(by_gram) > min(len(text), _FEW):", what): "both ways find the same places"
        for what in ("condition -> True", "condition -> False", "Gt -> GtE")
    },
    **{
        ("secretindex", "if len(self._short) > known:", what): "only spares work: the pattern would be the same"
        for what in ("condition -> True", "Gt -> GtE")
    },
    ("statefiles", "if text is None:", "condition -> True"): "creating a key that is there changes nothing",
}
"""Mutants that behave as the original: (module, source line, mutation) and why."""

_OPPOSITE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes:
        module: Below `holdfast.control`.
        line: Number in the source.
        text: That line, without blanks around it.
        what: The change.
        code: The compiled module with the change.
    """

    module: str
    line: int
    text: str
    what: str
    code: CodeType

    @property
    def key(self) -> tuple[str, str, str]:
        """How `EQUIVALENT` names it."""
        return (self.module, self.text, self.what)


def path_of(module: str) -> Path:
    """The file of a module below `holdfast.control`."""
    return SOURCE.joinpath("holdfast", "control", *module.split(".")).with_suffix(".py")


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    path = path_of(module)
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    count = sum(1 for _ in ast.walk(ast.parse(source)))
    for index in range(count):
        variant = 0
        while True:
            tree = ast.parse(source)
            nodes = list(ast.walk(tree))
            changes = list(_changes(nodes[index], _parents(tree)))
            if variant >= len(changes):
                break
            what, parent, field, position, replacement = changes[variant]
            variant += 1
            line = _line_of(nodes[index])
            _replace(parent, field, position, replacement)
            code = compile(ast.fix_missing_locations(tree), str(path), "exec")
            yield Mutant(module, line, lines[line - 1].strip(), what, code)


def _line_of(node: ast.AST) -> int:
    return next((found.lineno for found in ast.walk(node) if isinstance(found, ast.expr | ast.stmt)), 1)


_Place = tuple[ast.AST, str, int | None]
_Change = tuple[str, ast.AST, str, int | None, ast.AST]


def _parents(tree: ast.AST) -> dict[ast.AST, _Place]:
    found: dict[ast.AST, _Place] = {}
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                found[value] = (parent, name, None)
            elif isinstance(value, list):
                for position, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        found[item] = (parent, name, position)
    return found


def _replace(parent: ast.AST, field: str, position: int | None, replacement: ast.AST) -> None:
    if position is None:
        setattr(parent, field, replacement)
    else:
        getattr(parent, field)[position] = replacement


def _changes(node: ast.AST, parents: dict[ast.AST, _Place]) -> Iterator[_Change]:
    if node not in parents or _is_skipped(node, parents):
        return
    here = parents[node]
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False):
            if not (isinstance(node.test, ast.Constant) and node.test.value is value):
                if isinstance(node, ast.While) and value:
                    continue
                yield (f"condition -> {value}", node, "test", None, ast.Constant(value))
    elif isinstance(node, ast.comprehension):
        for position in range(len(node.ifs)):
            for value in (True, False):
                yield (f"filter {position} -> {value}", node, "ifs", position, ast.Constant(value))
    elif isinstance(node, ast.BoolOp):
        for position in range(len(node.values)):
            rest = [value for number, value in enumerate(node.values) if number != position]
            kept = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
            yield (f"without operand {position}", *here, kept)
    elif isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            turned = _OPPOSITE[type(operator)]()
            name = f"{type(operator).__name__} -> {type(turned).__name__}"
            yield (f"{name} at {position}" if len(node.ops) > 1 else name, node, "ops", position, turned)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ("without not", *here, node.operand)
    elif isinstance(node, ast.Raise):
        yield ("without raise", *here, ast.Pass())
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        yield ("without call", *here, ast.Pass())
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
        yield (f"return {not node.value.value}", node, "value", None, ast.Constant(not node.value.value))
    elif isinstance(node, ast.Return) and _returns_bool(node, parents):
        for value in (True, False):
            yield (f"return {value}", node, "value", None, ast.Constant(value))


def _is_skipped(node: ast.AST, parents: dict[ast.AST, _Place]) -> bool:
    """Conditions on the platform, which is the same for all mutants; declarations of types; words within a message."""
    found: ast.AST | None = node
    while found is not None:
        if isinstance(found, ast.JoinedStr):
            return True
        test = getattr(found, "test", None)
        if isinstance(test, ast.AST) and any(name in ast.unparse(test) for name in _PLATFORM):
            return True
        if isinstance(found, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in found.bases):
            return True
        found = parents[found][0] if found in parents else None
    return False


def _returns_bool(node: ast.AST, parents: dict[ast.AST, _Place]) -> bool:
    found: ast.AST | None = node
    while found is not None and not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        found = parents[found][0] if found in parents else None
    returns = getattr(found, "returns", None)
    return isinstance(returns, ast.Name) and returns.id == "bool"


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
            signal.alarm(TIME_LIMIT_S)
            signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
            _in_child(module, code)
            import pytest

            files = [str(TESTS / name) for name in MODULES[module]]
            left_out = " and ".join(f"not {name}" for name in _LEFT_OUT)
            options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-k", left_out, "--tb=no"]
            # Of its own: the common one is tidied by whoever comes first.
            options.append(f"--basetemp={_SCRATCH.name}/{os.getpid()}")
            status = int(pytest.main([*files, *options]))
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
            say(
                f"    ended by signal {os.WTERMSIG(ended)}: {mutant.module}:{mutant.line}: {mutant.what}: {mutant.text}"
            )
        if passes(ended):
            alive.append(mutant)
    return sorted(alive, key=lambda mutant: mutant.line)


def _in_child(module: str, code: CodeType | None) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(ROOT)
    if code is not None:
        name = f"holdfast.control.{module}"
        assert name not in sys.modules, "the module must not be loaded yet"
        sys.meta_path.insert(0, _Finder(name, path_of(module), code))


def _warm_up() -> None:
    """Load what every child needs, but nothing of Holdfast itself."""
    import hypothesis
    import pydantic
    import pytest
    import pytest_asyncio
    import structlog

    assert all((pydantic, pytest, pytest_asyncio, structlog))
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None)
    hypothesis.settings.load_profile("mutation")
    assert not [name for name in sys.modules if name.startswith("holdfast.")]


def survey(modules: Sequence[str], jobs: int) -> tuple[int, list[Mutant], set[tuple[str, str, str]]]:
    """Run all mutants: how many were killed, which survived, and which equivalents were met."""
    killed, survivors, met = 0, list[Mutant](), set[tuple[str, str, str]]()
    for module in modules:
        if not passes(os.waitpid(start(module, None), 0)[1]):
            raise RuntimeError(f"the tests of {module} do not pass without any mutant")
        began = time.monotonic()
        found = list(mutants(module))
        tried = [mutant for mutant in found if mutant.key not in EQUIVALENT]
        met |= {mutant.key for mutant in found} & set(EQUIVALENT)
        alive = run_all(tried, jobs)
        killed += len(tried) - len(alive)
        survivors += alive
        say(f"{module}: {len(tried)} mutants, {len(alive)} survive, {time.monotonic() - began:.0f} s")
        for mutant in alive:
            say(f"    {mutant.module}:{mutant.line}: {mutant.what}: {mutant.text}")
    return killed, survivors, met


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="only modules whose name contains one of these words")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chosen = [m for m in MODULES if not options.modules or any(word in m for word in options.modules)]
    _warm_up()
    began = time.monotonic()
    killed, survivors, met = survey(chosen, options.jobs)
    stale = [key for key in EQUIVALENT if key[0] in chosen and key not in met]
    for key in stale:
        say(f"no such mutant any more: {key}")
    total = killed + len(survivors)
    percent = 100 * killed / total if total else 100.0
    say(
        f"{killed} of {total} mutants killed ({percent:.1f} %), {len(met)} equivalent, {time.monotonic() - began:.0f} s"
    )
    return 1 if survivors or stale else 0


if __name__ == "__main__":
    sys.exit(main())
