"""What `holdfast simulate --config-out FILE` leaves on disk while it runs, and takes away when it ends."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Final

from holdfast.simulators.rack.control import ControlEndpoint
from holdfast.simulators.rack.rack import Rack

MARK: Final = "# Written by `holdfast simulate`, which removes it when it ends.\n"
MODES: Final = ("read-only", "operate")


def config_text(rack: Rack, ca_file: Path, mode: str) -> str:
    """A holdfast.toml with one target for each simulator; the credentials are the simulators' and open nothing else."""
    tables = []
    for name, running in rack.items():
        values: dict[str, str | int] = {
            "host": running.host,
            "port": running.port,
            "ca_file": str(ca_file),
            "mode": mode,
            **running.credentials,
        }
        lines = [f"[targets.{running.kind}.{name}]"]
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        tables.append("\n".join(lines) + "\n")
    return MARK + "\n" + "\n".join(tables)


class RackFiles:
    """The configuration, the CA and the state file of one run; all readable by their owner only.

    Next to `holdfast.toml` these are `holdfast.ca.pem` and `holdfast.state.json`. The state file holds the process id
    and the control endpoint's address and token.
    """

    def __init__(self, config: Path) -> None:
        self.config = config.absolute()
        self.ca = self.config.with_name(f"{self.config.stem}.ca.pem")
        self.state = self.config.with_name(f"{self.config.stem}.state.json")
        self._written: dict[Path, bytes] = {}

    def check(self) -> None:
        """Make sure that writing will destroy nothing but what an earlier run left behind.

        Raises:
            FileExistsError: the configuration is not one of ours, or another process that lives uses it.
            NotADirectoryError: its folder does not exist.
        """
        if not self.config.parent.is_dir():
            raise NotADirectoryError(f"the folder {self.config.parent} does not exist")
        if self.config.exists() and not _begins_with_mark(self.config):
            raise FileExistsError(f"{self.config} exists and was not written by holdfast simulate")
        process = self._process_of_state()
        if process is not None and _is_alive(process):
            raise FileExistsError(f"{self.config} belongs to a holdfast simulate that is running (process {process})")

    def write(self, rack: Rack, control: ControlEndpoint, mode: str) -> None:
        """Write all three files, the configuration last: who sees it may use it."""
        state = {
            "pid": os.getpid(),
            "control": {"url": control.url, "token": control.token},
            "config": str(self.config),
            "ca_file": str(self.ca),
            "simulators": {name: running.url for name, running in rack.items()},
        }
        self._write(self.ca, rack.authority.ca_pem)
        self._write(self.state, json.dumps(state, indent=2) + "\n")
        self._write(self.config, config_text(rack, self.ca, mode))

    def remove(self) -> None:
        """Remove what `write` wrote; a file that somebody changed since stays."""
        for path, content in self._written.items():
            with contextlib.suppress(OSError):
                if path.read_bytes() == content:
                    path.unlink()
        self._written.clear()

    def _write(self, path: Path, text: str) -> None:
        content = text.encode()
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        self._written[path] = content

    def _process_of_state(self) -> int | None:
        try:
            state = json.loads(self.state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        process = state.get("pid") if isinstance(state, dict) else None
        return process if isinstance(process, int) and process > 0 else None


def _begins_with_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MARK.encode())) == MARK.encode()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
