"""Mutation testing of the breaker and the executor: does a test notice when a line of them is changed?

``python -m scripts.resilience_mutation`` installs mutmut into an environment of its own, copies what is needed into
``.cache/mutation``, runs mutmut there and prints the score and the survivors. Takes an hour; not part of `make test`.
``--report`` prints the last results again. The survivors are explained in docs/resilience.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".cache" / "mutation"
TOOL = "mutmut==3.8.1"
TOOLS = ROOT / ".cache" / "mutation-tools"
LEAST_KILLED = 0.95
ROUNDS = ((3, 1), (8, 3))
"""Factor on the time that the tests of a mutant take, and workers: what exceeds the time of the first round is tried
again in the second, because on a busy machine any mutant can look like one that hangs."""

MUTATED = (
    "machine",
    "circuit_data",
    "breaker",
    "executor",
    "call",
    "gate",
    "driving",
    "driving_sync",
    "bulkhead",
)
"""The state machine and its public face; the executor and what it drives."""

TESTS = (
    "test_breaker_states",
    "test_breaker_triggers",
    "test_breaker_calls",
    "test_breaker_model",
    "test_executor",
    "test_executor_limits",
    "test_executor_async",
    "test_bounds",
    "test_queue",
    "test_queue_threads",
    "test_bookkeeping",
    "test_parts",
    "test_probe",
    "test_reads",
    "test_sharing",
    "test_guide_functions",
    "test_guide_behaviours",
    "test_known_defects",
    "test_keeper",
    "test_waits",
    "test_bad_input",
)
"""Without those that start processes, measure time or repeat what these show."""

SETUP = """[mutmut]
source_paths=src
only_mutate=
    {mutated}
also_copy=
    benchmarks
    pytest.ini
pytest_add_cli_args=
    -q
    -x
    -p
    no:cacheprovider
    --deselect=tests/resilience/test_known_defects.py::test_d06_the_guides_lines_are_seen_where_nobody_configured_logging
pytest_add_cli_args_test_selection=
    {tests}
timeout_multiplier={patience}
timeout_constant=5
use_git_change_detection=false
"""

PYTEST = """[pytest]
addopts = --import-mode=importlib
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
pythonpath = .
filterwarnings = error
"""


def tool() -> list[str]:
    """The command of mutmut, which lives in an environment of its own that sees the one this runs in."""
    python = TOOLS / "bin" / "python"
    if not (TOOLS / "ready").exists():
        shutil.rmtree(TOOLS, ignore_errors=True)
        venv.create(TOOLS, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", TOOL], check=True)
        where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        own = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
        Path(own, "outer.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        (TOOLS / "ready").touch()
    return [str(python), "-m", "mutmut"]


def prepare() -> None:
    """Copies sources and tests, and writes the configuration of pytest."""
    shutil.rmtree(WORK, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    source = Path("src/holdfast")
    (WORK / source).mkdir(parents=True)
    shutil.copy(ROOT / source / "__init__.py", WORK / source)
    for folder in (source / "resilience", Path("tests/resilience"), Path("benchmarks")):
        shutil.copytree(ROOT / folder, WORK / folder, ignore=ignore)
    shutil.copy(ROOT / "tests/__init__.py", WORK / "tests")
    (WORK / "pytest.ini").write_text(PYTEST, encoding="utf-8")


def mutate(patience: int, workers: int) -> None:
    """Runs mutmut over the mutants that have no verdict yet; a change of patience takes back those that timed out."""
    mutated = "\n    ".join(f"src/holdfast/resilience/{name}.py" for name in MUTATED)
    tests = "\n    ".join(f"tests/resilience/{name}.py" for name in TESTS)
    setup = SETUP.format(mutated=mutated, tests=tests, patience=patience)
    (WORK / "setup.cfg").write_text(setup, encoding="utf-8")
    environment = {**os.environ, "CI": "true"}  # hypothesis then tries the same examples on every mutant
    subprocess.run([*tool(), "run", "--max-children", str(workers)], cwd=WORK, check=False, env=environment)


def results() -> list[tuple[str, str]]:
    """Every mutant and what became of it."""
    done = subprocess.run([*tool(), "results", "--all", "true"], cwd=WORK, check=True, capture_output=True, text=True)
    pairs = (line.strip().rpartition(": ") for line in done.stdout.splitlines() if ": " in line)
    return [(name, result) for name, _, result in pairs]


def main() -> int:
    """Runs all; 1 when fewer than `LEAST_KILLED` of the mutants are killed."""
    if "--report" not in sys.argv:
        prepare()
        os.nice(10)
        for patience, workers in ROUNDS:
            mutate(patience, workers)
    found = results()
    counts = Counter(result for _, result in found)
    killed = counts["killed"] + counts["timeout"]
    print(dict(counts))
    for name, result in found:
        if result not in ("killed", "timeout"):
            print(f"  {result}: {name}")
    share = killed / max(1, len(found))
    print(f"{killed} of {len(found)} killed: {share:.1%}")
    return 0 if share >= LEAST_KILLED else 1


if __name__ == "__main__":
    sys.exit(main())
