"""docs/simulators.md says what is true: its table is the code's, its examples run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer
from typer.testing import CliRunner

from holdfast.cli.simulate import simulate
from holdfast.simulators.faultlist import (
    FAULTS,
    METHOD_SUMMARY,
    PATH_SUMMARY,
    TIMES_SUMMARY,
    as_markdown,
)
from holdfast.simulators.rack import ControlEndpoint, Rack
from tests.support import running_rack
from tests.support.echo import EchoSimulator

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "simulators.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def curl_commands() -> list[str]:
    return [command for block in blocks("sh") for command in block.replace("\\\n", " ").splitlines()]


async def curl(command: str, control: ControlEndpoint) -> tuple[int, Any]:
    """Do what this curl command line would, with TOKEN and CONTROL in the environment."""
    told = command.replace("$TOKEN", control.token).replace("$CONTROL", control.url)
    program, *words = shlex.split(told)
    assert program == "curl"
    method, headers, data, urls = None, {}, None, []
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = words.pop(0)
        else:
            assert word.startswith("http")
            urls.append(word)
    [url] = urls
    async with (
        aiohttp.ClientSession() as session,
        session.request(method or ("GET" if data is None else "POST"), url, headers=headers, data=data) as answer,
    ):
        return answer.status, await answer.json()


def stand_ins() -> list[EchoSimulator]:
    return [EchoSimulator(name="pfsense"), EchoSimulator(name="idrac")]


async def test_every_control_command_of_the_guide_is_accepted() -> None:
    commands = curl_commands()
    assert len(commands) >= 10
    async with running_rack(*stand_ins()) as rack:
        control = ControlEndpoint(rack)
        await control.start()
        try:
            for command in commands:
                status, answer = await curl(command, control)
                assert status == 200, (command, answer)
        finally:
            await control.stop()
        assert rack.clock.offset_s == 3600


async def test_the_guides_faults_do_what_it_says_and_its_deletes_undo_them() -> None:
    async with running_rack(*stand_ins()) as rack:
        control = ControlEndpoint(rack)
        await control.start()
        try:
            commands = curl_commands()
            for command in (c for c in commands if "-d" in shlex.split(c) and "/faults" in c):
                await curl(command, control)
            assert names(rack, "pfsense") == ["refuse", "http-503", "lost-reply"]
            assert names(rack, "idrac") == ["lost-reply"]
            seen = []
            for command in (c for c in commands if "DELETE" in c):
                await curl(command, control)
                seen.append((names(rack, "pfsense"), names(rack, "idrac")))
            assert seen == [(["http-503", "lost-reply"], ["lost-reply"]), ([], ["lost-reply"]), ([], [])]
        finally:
            await control.stop()


def names(rack: Rack, simulator: str) -> list[str]:
    return [fault.kind.name for fault in rack[simulator].active_faults()]


def test_the_table_of_faults_is_the_codes() -> None:
    assert as_markdown() in GUIDE, "put the output of holdfast.simulators.faultlist.as_markdown() into the guide"
    for summary in (TIMES_SUMMARY, METHOD_SUMMARY, PATH_SUMMARY):
        assert summary in GUIDE


def test_the_guide_says_rightly_which_faults_take_the_common_options() -> None:
    assert [fault.name for fault in FAULTS.values() if not fault.bounded] == ["refuse", "black-hole"]
    order = list(FAULTS)
    assert [fault.name for fault in FAULTS.values() if fault.matches] == order[order.index("latency") :]
    assert [fault.name for fault in FAULTS.values() if fault.method != "any"] == ["lost-reply"]


@pytest.mark.parametrize("snippet", blocks("python"))
def test_the_python_of_the_guide_runs(snippet: str) -> None:
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_guide_are_understood() -> None:
    commands = [line.partition("#")[0].strip() for block in blocks("console") for line in block.splitlines()]
    assert len(commands) >= 5
    app = typer.Typer()
    app.command()(simulate)
    for command in commands:
        prompt, program, subcommand, *arguments = shlex.split(command)
        assert (prompt, program, subcommand) == ("$", "holdfast", "simulate")
        # --list-faults reads everything else and then ends.
        result = CliRunner().invoke(app, [*arguments, "--list-faults"])
        assert result.exit_code == 0, result.output
