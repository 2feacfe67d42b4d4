"""What one server makes of its configuration: which kinds, which tools, for whom circuits and metrics are, its end."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from holdfast.appliances.kinds import settings_classes
from holdfast.config import Config, parse_config
from holdfast.control.caller import Caller
from holdfast.control.dispatch import Clocks
from holdfast.errors import ConfigError, PolicyError, UnknownToolError
from holdfast.server.application import Application, Serving
from tests.support.rooms import CATALOGUE, Room, room

READ_ONLY = "read-only"


def configured(tmp_path: Path, *, control: str = "", **modes: str) -> Config:
    """A configuration with one target of each of these kinds in this mode."""
    credentials = {
        "proxmox": 'token_id = "root@pam!holdfast"\ntoken_secret = "literal"',
        "truenas": 'username = "admin"\napi_key = "1-literal"',
        "pfsense": 'api_key = "literal"',
    }
    targets = "\n".join(
        f'[targets.{kind}.lab]\nhost = "127.0.0.1"\nmode = "{mode}"\n{credentials[kind]}'
        for kind, mode in modes.items()
    )
    return parse_config(f'{targets}\n[control]\nstate_dir = "{tmp_path / "state"}"\n{control}', settings_classes())


def listed(config: Config, serving: Serving | None = None) -> set[str]:
    return {entry.name for entry in Application(config, serving or Serving(), catalogue=CATALOGUE).entries}


def kinds_of(names: set[str]) -> set[str]:
    return {name.partition("_")[0] for name in names} & {"proxmox", "truenas", "pfsense", "idrac"}


def test_the_configured_kinds_are_served_and_of_these_the_named_ones(tmp_path: Path) -> None:
    config = configured(tmp_path, proxmox=READ_ONLY, truenas=READ_ONLY)
    both = Application(config, Serving(), catalogue=CATALOGUE)
    assert set(both.kinds) == {"proxmox", "truenas"}
    assert kinds_of({entry.name for entry in both.entries}) == {"proxmox", "truenas"}
    assert both.mcp_server().name == "holdfast"
    one = Application(config, Serving(kinds=("truenas",)), catalogue=CATALOGUE)
    assert one.kinds == ("truenas",)
    assert kinds_of({entry.name for entry in one.entries}) == {"truenas"}
    assert one.mcp_server().name == "holdfast-truenas"
    assert "Proxmox" in both.instructions
    assert "Proxmox" not in one.instructions


def test_nothing_is_served_without_a_target_nor_a_kind_without_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No target is configured\."):
        Application(configured(tmp_path), Serving(), catalogue=CATALOGUE)
    with pytest.raises(ConfigError, match=r"No pfSense target is configured\.") as caught:
        Application(configured(tmp_path, proxmox=READ_ONLY), Serving(kinds=("proxmox", "pfsense")), catalogue=CATALOGUE)
    assert caught.value.next_step == "Add a [targets.pfsense.NAME] table."


def test_the_tools_of_the_package_are_served_unless_others_are_given(tmp_path: Path) -> None:
    config = configured(tmp_path, proxmox=READ_ONLY)
    known = {entry.name for entry in Application(config, Serving()).entries}
    assert known == listed(config)
    fewer = dataclasses.replace(
        CATALOGUE, entries=tuple(entry for entry in CATALOGUE.entries if entry.name != "proxmox_system_info")
    )
    assert known - {entry.name for entry in Application(config, Serving(), catalogue=fewer).entries} == {
        "proxmox_system_info"
    }


def test_changes_are_listed_for_kinds_with_a_target_that_may_be_changed_and_for_nobody_who_only_reads(
    tmp_path: Path,
) -> None:
    config = configured(tmp_path, proxmox="operate", truenas=READ_ONLY)
    writes = {entry.name for entry in CATALOGUE.entries if entry.risk.value != "read"}
    assert kinds_of(listed(config, Serving(toolsets=("all",))) & writes) == {"proxmox"}
    assert not listed(config, Serving(read_only=True)) & writes
    assert not listed(configured(tmp_path, proxmox="operate", control="read_only = true")) & writes


def test_a_policy_that_names_a_tool_that_there_is_not_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rules]]\nprincipals = ["*"]\nrisks = ["read"]\ntools = ["proxmox_list_guets"]\n')
    policy.chmod(0o600)
    config = configured(tmp_path, control=f'policy_file = "{policy}"', proxmox=READ_ONLY)
    with pytest.raises(ConfigError, match="rule 1 names the tool proxmox_list_guets, and there is none"):
        Application(config, Serving(), catalogue=CATALOGUE)


async def test_circuits_and_metrics_are_told_to_whom_the_policy_lets_know_all_circuits(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[rules]]\nprincipals = ["alice"]\nrisks = ["read"]\n'
        '[[rules]]\nprincipals = ["bob"]\nrisks = ["read"]\ntargets = ["proxmox.*"]\n'
    )
    policy.chmod(0o600)
    async with room("proxmox", tmp_path, control=f'policy_file = "{policy}"') as pve:
        await pve.application.dispatcher.call("proxmox_system_info", {}, Caller(principal="alice"))
        assert {row["target"] for row in pve.application.circuits("alice")} == {"proxmox.lab"}
        assert pve.application.metrics("alice")[0]
        for principal in ("bob", "carol", "local"):
            with pytest.raises(PolicyError):
                pve.application.circuits(principal)
            with pytest.raises(PolicyError):
                pve.application.metrics(principal)


async def test_where_the_tool_of_circuits_is_not_listed_they_are_not_told(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path, control='deny_tools = ["circuits_*"]') as pve:
        with pytest.raises(UnknownToolError):
            pve.application.circuits()


async def test_readiness_counts_targets_and_the_circuits_that_are_open(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path) as pve:
        await pve.call("proxmox_system_info")
        assert pve.application.ready()[1] == {
            "targets": 1,
            "circuits_open": 0,
            "ledger_writable": 1,
            "ledger_whole": 1,
            "writes_stopped": 0,
        }
        for _, _, breaker in pve.application.connections.breakers():
            breaker.open()
        assert pve.application.ready()[1]["circuits_open"] == len(pve.application.connections.breakers()) >= 1


async def test_the_time_of_a_server_is_the_one_that_it_is_given_or_the_systems(tmp_path: Path) -> None:
    config = configured(tmp_path, proxmox=READ_ONLY)
    clocks = Clocks(now=lambda: 5.0)
    assert Application(config, Serving(), clocks, CATALOGUE)._clocks is clocks
    assert abs(Application(config, Serving(), catalogue=CATALOGUE)._clocks.now() - time.time()) < 60


async def test_a_server_that_ends_has_started_its_control_room_closed_its_connections_and_its_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def serve(pve: Room) -> None:
        application = pve.application
        start, stop, close = application.room.start, application.room.stop, application.connections.close

        async def started(recompute: object) -> None:
            done.append("started")
            await start(recompute)  # type: ignore[arg-type]

        async def stopped() -> None:
            done.append("stopped")
            await stop()

        async def closed() -> None:
            done.append("closed")
            await close()

        monkeypatch.setattr(application.room, "start", started)
        monkeypatch.setattr(application.room, "stop", stopped)
        monkeypatch.setattr(application.connections, "close", closed)
        async with application.running():
            done.append("served")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        async with room("proxmox", tmp_path) as pve:
            await serve(pve)
    assert done[:4] == ["started", "served", "closed", "stopped"]
