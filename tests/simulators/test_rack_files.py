"""What a run of `holdfast simulate` leaves on disk while it lasts."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest

from holdfast.appliances.kinds import settings_classes
from holdfast.config import load_config
from holdfast.simulators.rack import KINDS, ControlEndpoint, RackFiles
from holdfast.simulators.rack.files import MARK, MODES
from tests.support import running_rack
from tests.support.echo import EchoSimulator


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def permissions(paths: list[Path]) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in paths}


class QuotingSimulator(EchoSimulator):
    """Has a credential that needs care in TOML."""

    @property
    def credentials(self) -> dict[str, str]:
        return {"password": 'a"b\\c\td é'}


@pytest.mark.parametrize("mode", MODES)
async def test_the_configuration_names_every_simulator_with_its_credentials(tmp_path: Path, mode: str) -> None:
    files = RackFiles(tmp_path / "holdfast.toml")
    async with running_rack(EchoSimulator(name="echo"), QuotingSimulator(name="odd")) as rack:
        files.check()
        files.write(rack, ControlEndpoint(rack), mode)
        text = read(files.config)
        assert text.startswith(MARK)
        assert tomllib.loads(text)["targets"]["echo"] == {
            "echo": {
                "host": "127.0.0.1",
                "port": rack["echo"].port,
                "ca_file": str(files.ca),
                "mode": mode,
                "api_key": "echo-key",
            },
            "odd": {
                "host": "127.0.0.1",
                "port": rack["odd"].port,
                "ca_file": str(files.ca),
                "mode": mode,
                "password": 'a"b\\c\td é',
            },
        }
        assert read(files.ca) == rack.authority.ca_pem


async def test_the_files_are_their_owners_alone_and_go_when_told(tmp_path: Path) -> None:
    files = RackFiles(tmp_path / "holdfast.toml")
    async with running_rack(EchoSimulator()) as rack:
        control = ControlEndpoint(rack)
        files.write(rack, control, "operate")
        written = inside(tmp_path)
        assert written == [files.ca, files.state, files.config]
        assert permissions(written) == {0o600}
        state = json.loads(read(files.state))
        assert state["pid"] == os.getpid()
        assert state["control"] == {"url": control.url, "token": control.token}
        assert state["simulators"] == {"echo": rack["echo"].url}
        files.remove()
        assert inside(tmp_path) == []


async def test_a_configuration_that_somebody_edited_stays(tmp_path: Path) -> None:
    files = RackFiles(tmp_path / "holdfast.toml")
    async with running_rack(EchoSimulator()) as rack:
        files.write(rack, ControlEndpoint(rack), "operate")
    edited = MARK + "\n[targets]\n"
    files.config.write_text(edited, encoding="utf-8")
    files.remove()
    assert [read(path) for path in inside(tmp_path)] == [edited]


async def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    files = RackFiles(tmp_path / "holdfast.toml")
    files.config.write_text(MARK + "stale", encoding="utf-8")
    files.state.write_text(json.dumps({"pid": 2**22 + 1}), encoding="utf-8")
    files.check()
    async with running_rack(EchoSimulator()) as rack:
        files.write(rack, ControlEndpoint(rack), "operate")
        assert "stale" not in read(files.config)
    files.remove()
    assert inside(tmp_path) == []


def test_a_configuration_of_the_user_is_never_overwritten(tmp_path: Path) -> None:
    config = tmp_path / "holdfast.toml"
    config.write_text("[targets.proxmox.home]\n", encoding="utf-8")
    with pytest.raises(FileExistsError, match="not written by holdfast simulate"):
        RackFiles(config).check()


def test_a_configuration_in_use_by_a_living_run_is_left_alone(tmp_path: Path) -> None:
    files = RackFiles(tmp_path / "holdfast.toml")
    files.state.write_text(json.dumps({"pid": os.getppid()}), encoding="utf-8")
    with pytest.raises(FileExistsError, match=f"running \\(process {os.getppid()}\\)"):
        files.check()


@pytest.mark.parametrize("content", ["", "[]", '{"pid": "x"}', '{"pid": -1}', "{"])
def test_a_damaged_state_file_stops_nothing(tmp_path: Path, content: str) -> None:
    files = RackFiles(tmp_path / "holdfast.toml")
    files.state.write_text(content, encoding="utf-8")
    files.check()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere"):
        RackFiles(tmp_path / "nowhere" / "holdfast.toml").check()


async def test_holdfast_itself_reads_the_written_configuration(tmp_path: Path) -> None:
    files = RackFiles(tmp_path / "holdfast.toml")
    async with running_rack(*KINDS) as rack:
        files.write(rack, ControlEndpoint(rack), "operate")
        config = load_config(files.config, settings_classes())
        assert {target.label: (target.origin, target.mode.value, target.ca_file) for target in config.targets} == {
            f"{kind}.{kind}": (rack[kind].url, "operate", files.ca) for kind in KINDS
        }
