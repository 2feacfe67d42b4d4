"""`holdfast simulate` as a process: what it prints, how it ends, what it refuses."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.simulators.faultlist import CUT, FAULTS
from tests.support import free_port

COMMAND = [sys.executable, "-m", "holdfast.cli.main", "simulate"]
PATIENTLY_S = 60


@contextmanager
def simulating(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """The command with --json; the process and what it printed. Ended if the test did not end it."""
    with subprocess.Popen([*COMMAND, *arguments, "--json"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            if process.poll() is None:
                process.kill()


def finished(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENTLY_S, check=False)


def get(url: str, context: ssl.SSLContext | None = None, token: str | None = None) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, context=context, timeout=PATIENTLY_S) as answer:
        return answer.status, json.load(answer)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_stopped_exits_0_and_takes_its_files_away(tmp_path: Path, end: signal.Signals) -> None:
    config = tmp_path / "holdfast.toml"
    with simulating("idrac*2", "--config-out", str(config), "--mode", "operate") as (process, told):
        assert [one["name"] for one in told["simulators"]] == ["idrac", "idrac2"]
        targets = tomllib.loads(config.read_text(encoding="utf-8"))["targets"]["idrac"]
        for one in told["simulators"]:
            target = targets[one["name"]]
            assert (target["port"], target["mode"]) == (one["port"], "operate")
            trust = ssl.create_default_context(cafile=target["ca_file"])
            status, root = get(f"https://{target['host']}:{target['port']}/redfish/v1/", trust)
            assert (status, root["@odata.id"].rstrip("/")) == (200, "/redfish/v1")
        state_file = json.loads(Path(told["state_file"]).read_text(encoding="utf-8"))
        assert state_file["control"] == told["control"]
        assert state_file["pid"] == process.pid
        status, state = get(f"{told['control']['url']}/state", token=told["control"]["token"])
        assert (status, [one["arrivals"] for one in state["simulators"]]) == (200, [1, 1])
        process.send_signal(end)
        assert process.wait(PATIENTLY_S) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_port_base_puts_the_control_endpoint_first_and_the_simulators_behind_it() -> None:
    base = free_port(following=2)
    with simulating("pfsense", "idrac", "--port-base", str(base)) as (_process, told):
        assert told["control"]["url"] == f"http://127.0.0.1:{base}"
        assert [one["port"] for one in told["simulators"]] == [base + 1, base + 2]


def test_for_people_it_prints_a_table_with_addresses_and_credentials() -> None:
    with subprocess.Popen([*COMMAND, "pfsense"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = ""
            while "Stop with Ctrl-C" not in printed and (line := process.stdout.readline()):
                printed += line
            assert re.search(r"pfsense\b.*https://127\.0\.0\.1:\d+.*api_key = \S+", printed)
            assert re.search(r"^control endpoint +http://127\.0\.0\.1:\d+$", printed, re.MULTILINE)
            assert re.search(r"^token +\S{43,}$", printed, re.MULTILINE)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENTLY_S) == 0
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("arguments", [("toaster",), ("idrac*0",), ("idrac:no-such-persona",)])
def test_what_cannot_be_simulated_is_refused_in_one_line(arguments: tuple[str, ...]) -> None:
    done = finished(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("holdfast: ")
    assert "holdfast simulate --help" in done.stderr


def test_a_configuration_of_the_users_own_is_not_touched(tmp_path: Path) -> None:
    config = tmp_path / "holdfast.toml"
    config.write_text("# mine\n", encoding="utf-8")
    done = finished("pfsense", "--config-out", str(config))
    assert done.returncode == 2
    assert "not written by holdfast simulate" in done.stderr
    assert config.read_text(encoding="utf-8") == "# mine\n"
    assert list(tmp_path.iterdir()) == [config]


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = finished("pfsense", "--port-base", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "cannot start" in done.stderr
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_faults_are_listed_for_people_and_for_programs() -> None:
    rows = json.loads(finished("--list-faults", "--json").stdout)
    assert [row["fault"] for row in rows if row["appliance"] == "any"] == [*FAULTS, CUT]
    assert {row["appliance"] for row in rows} == {"any", "pfsense", "truenas", "idrac", "proxmox"}
    assert all(row["summary"] for row in rows)
    assert "black-hole" in finished("--list-faults").stdout
