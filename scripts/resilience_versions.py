"""The resilience tests with the lowest and the newest pybreaker and tenacity that pyproject.toml allows.

``python -m scripts.resilience_versions [pytest options]``. Each pair is installed into a temporary folder that goes
before everything else on the path, so nothing is changed; a package index must be reachable. Not part of `make test`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARIES = ("pybreaker", "tenacity")
TESTS = "tests/resilience"


def allowed() -> dict[str, str]:
    """The requirement on each library, from pyproject.toml: ``{"pybreaker": ">=1.3,<2", …}``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for requirement in project["dependencies"]:
        match = re.fullmatch(r"([A-Za-z0-9_-]+)(.*)", requirement)
        if match and match[1] in LIBRARIES:
            found[match[1]] = match[2]
    if set(found) != set(LIBRARIES):
        raise SystemExit(f"pyproject.toml does not say which {' and '.join(LIBRARIES)} are allowed")
    return found


def lowest(requirement: str) -> str:
    """The lowest version that a requirement allows."""
    match = re.search(r">=\s*([0-9.]+)", requirement)
    if match is None:
        raise SystemExit(f"no lowest version in {requirement!r}")
    return f"=={match[1]}"


def run(title: str, requirements: dict[str, str], options: list[str]) -> bool:
    """Installs one pair and runs the tests with it. Returns whether they passed."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"{name}{version}" for name, version in requirements.items()]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, *wanted]
        subprocess.run(pip, check=True)
        path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        environment = {**os.environ, "PYTHONPATH": path}
        check = "\n".join(
            f"import {name}, importlib.metadata\n"
            f"assert {name}.__file__.startswith({folder!r})\n"
            f"print({name!r}, importlib.metadata.version({name!r}))"
            for name in LIBRARIES
        )
        print(f"== {title}", flush=True)
        subprocess.run([sys.executable, "-c", check], check=True, env=environment)
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS, *options]
        return subprocess.run(tests, check=False, env=environment, cwd=ROOT).returncode == 0


def main() -> int:
    """Runs both pairs; 1 if either fails."""
    options = sys.argv[1:]
    requirements = allowed()
    floors = {name: lowest(requirement) for name, requirement in requirements.items()}
    passed = [run("lowest allowed", floors, options), run("newest allowed", requirements, options)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
