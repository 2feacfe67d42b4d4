"""Node 22 and the foreign MCP clients, from npm, below `.node/` of the project."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[1] / ".node"
_INSTALL_LIMIT_S = 900


class MissingError(Exception):
    """This machine cannot have a part that the checks need."""


def npm() -> str:
    """The path of npm, installed from Debian's packages when it is missing and that is possible.

    Raises:
        MissingError: There is none, and it cannot be installed.
    """
    if found := shutil.which("npm"):
        return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "npm"]):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=_INSTALL_LIMIT_S)
    if found := shutil.which("npm"):
        return found
    raise MissingError("npm is missing; on Debian: apt-get install npm")


def ready() -> Path:
    """Install what is missing; the folder with the commands.

    Raises:
        MissingError: npm, or one of the packages, cannot be had.
    """
    wanted = hashlib.sha256((HERE / "package.json").read_bytes()).hexdigest()
    stamp = PLACE / ".ready"
    if not stamp.exists() or stamp.read_text() != wanted:
        PLACE.mkdir(exist_ok=True)
        shutil.copy(HERE / "package.json", PLACE / "package.json")
        command = [npm(), "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        done = subprocess.run(command, cwd=PLACE, check=False, capture_output=True, text=True, timeout=_INSTALL_LIMIT_S)
        if done.returncode != 0:
            raise MissingError(f"npm install failed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
        stamp.write_text(wanted)
    return PLACE / "node_modules" / ".bin"


def environment() -> dict[str, str]:
    """The environment of the clients: Node 22 first in the path, no desktop key ring."""
    return {
        **os.environ,
        "PATH": f"{PLACE / 'node_modules' / '.bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "MCP_INSPECTOR_SECRET_STORE": "memory",
        "NO_COLOR": "1",
    }
