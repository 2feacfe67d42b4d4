"""Many servers in one call: partial results, the worst first, who did not answer, nothing asked twice in a minute."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdfast.appliances.kinds import settings_classes
from holdfast.config import parse_config
from holdfast.control.caller import Caller
from holdfast.server.application import Application, Serving
from holdfast.simulators.idrac import IDracSimulator
from holdfast.simulators.rack import Rack
from tests.support.racks import shared_authority

HOSTS = ("pve1", "pve2", "pve3", "nas1")


@asynccontextmanager
async def fleet(
    tmp_path: Path, *, policy: str | None = None, persona: str | None = None
) -> AsyncIterator[tuple[Rack, Application]]:
    """Four servers of three generations, or of one; pve2 has the tag `lab`, pve3 and nas1 are the group `hall-1`."""
    async with Rack(authority=shared_authority()) as rack:
        running = {host: await rack.add("idrac", name=host, persona=persona) for host in HOSTS}
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text(rack.authority.ca_pem)
        targets = "".join(
            f"""
[targets.idrac.{host}]
host = "127.0.0.1"
port = {one.port}
ca_file = "{ca_file}"
username = "{one.credentials["username"]}"
password = "{one.credentials["password"]}"
connect_timeout = 0.3
retry_max_attempts = 1
tags = ["{"lab" if host == "pve2" else "rack"}"]
group = "{"hall-1" if host in ("pve3", "nas1") else "hall-2"}"
"""
            for host, one in running.items()
        )
        control = f'[control]\nstate_dir = "{tmp_path / "state"}"\n'
        if policy is not None:
            (tmp_path / "policy.toml").write_text(policy)
            control += f'policy_file = "{tmp_path / "policy.toml"}"\n'
        config = parse_config(f"{targets}\n{control}", settings_classes())
        application = Application(config, Serving(toolsets=("all",)))
        async with application.running():
            yield rack, application


async def ask(application: Application, **arguments: object) -> dict[str, Any]:
    return await application.dispatcher.call("idrac_fleet_health", dict(arguments), Caller("tester"))


def names(answer: dict[str, Any]) -> list[str]:
    return [row["target"] for row in answer["items"]]


async def test_a_server_that_is_silent_does_not_keep_the_others_from_answering(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        rack["pve1"].fault("black-hole")
        rack["nas1"].simulator.set_fault("component", id="PSU.Slot.2", health="Critical")
        answer = await ask(application)
        assert answer["silent"] == ["pve1"]
        assert (answer["asked"], answer["ok"], answer["not_ok"]) == (4, 2, 1)
        assert names(answer) == ["nas1", "pve1", "pve2", "pve3"]
        assert any("PS" in one for one in answer["items"][0]["degraded"])
        assert "unreachable" in answer["items"][1]["error"]


async def test_answers_of_the_last_minute_are_not_asked_for_again_unless_wanted(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        await ask(application)
        counted = {host: rack[host].state.arrivals_total for host in HOSTS}
        again = await ask(application)
        assert all("age_s" in row for row in again["items"])
        assert {host: rack[host].state.arrivals_total for host in HOSTS} == counted
        await ask(application, max_age_s=0)
        assert {host: rack[host].state.arrivals_total - counted[host] for host in HOSTS} == dict.fromkeys(HOSTS, 1)


async def test_servers_are_chosen_by_name_tag_model_and_generation(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (_, application):
        assert names(await ask(application, names=["pve1", "nas1"])) == ["nas1", "pve1"]
        assert names(await ask(application, tag="lab")) == ["pve2"]
        assert names(await ask(application, group="hall-1")) == ["nas1", "pve3"]
        assert names(await ask(application, generation=8)) == ["pve3"]
        assert names(await ask(application, model="r760")) == ["nas1"]
        assert names(await ask(application, not_ok_only=True)) == []
        first = await ask(application, limit=3)
        assert len(names(first)) == 3
        assert len(names(await ask(application, limit=3, cursor=first["next_cursor"]))) == 1


async def test_no_session_is_left_at_any_server(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (rack, application):
        await ask(application)
        await application.connections.close()
        for host in HOSTS:
            simulator = rack[host].simulator
            assert isinstance(simulator, IDracSimulator)
            assert simulator.sessions_opened == 1
            assert simulator.sessions_open == 0
