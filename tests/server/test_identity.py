"""Who calls: static tokens by name, and what the policy makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.appliances.kinds import settings_classes
from holdfast.config import parse_config
from holdfast.control.caller import Caller
from holdfast.control.inventory import ESTATE, load_catalogue
from holdfast.errors import ConfigError, PolicyError, UnknownToolError
from holdfast.server.application import CIRCUITS_TOOL, CIRCUITS_TOOLSET, Application, Serving
from holdfast.server.guard import any_of, static_tokens
from holdfast.server.run import static_principals
from tests.support.rooms import room


async def test_static_tokens_stand_for_principals_by_name() -> None:
    verify = any_of(static_tokens({"alice": "a" * 40, "bob": "b" * 40}))
    assert await verify("a" * 40) == "alice"
    assert await verify("b" * 40) == "bob"
    assert await verify("c" * 40) is None


def test_a_token_that_stands_for_two_principals_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match=r"The principals alice and bob under .server. have the same token") as caught:
        static_tokens({"alice": "a" * 40, "carol": "c" * 40, "bob": "a" * 40})
    assert "aaaa" not in str(caught.value)


def test_two_tokens_of_one_principal_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x" * 40)
    (tmp_path / "two").write_text("y" * 40)
    config = parse_config(
        f"""
[server]
token = "file:{tmp_path / "one"}"

[server.tokens]
token = "file:{tmp_path / "two"}"

[targets.proxmox.lab]
host = "127.0.0.1"
token_id = "root@pam!holdfast"
token_secret = "literal"
""",
        settings_classes(),
    )
    with pytest.raises(ConfigError, match=r"server\.token and server\.tokens\.token stand for the same principal"):
        static_principals(Application(config, Serving()))


async def test_with_a_policy_file_each_principal_may_do_what_a_rule_allows_and_nothing_else(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        """
[[rules]]
principals = ["alice"]
risks = ["read", "write"]

[[rules]]
principals = ["bob"]
targets = ["proxmox.*"]
risks = ["read"]

[[tests]]
principal = "bob"
target = "proxmox.lab"
kind = "proxmox"
toolset = "proxmox:guests"
risk = "write"
tool = "proxmox_start_guest"
expect = "deny"
"""
    )
    policy.chmod(0o600)
    async with room("proxmox", tmp_path, control=f'policy_file = "{policy}"') as pve:
        call = pve.application.dispatcher.call
        for principal, tool, arguments, allowed in [
            ("alice", "proxmox_system_info", {}, True),
            ("alice", "proxmox_start_guest", {"guest": "build"}, True),
            ("alice", "proxmox_stop_guest", {"guest": "build"}, False),
            ("bob", "proxmox_system_info", {}, True),
            ("bob", "proxmox_start_guest", {"guest": "build"}, False),
            ("carol", "proxmox_system_info", {}, False),
        ]:
            sent = len(pve.arrivals)
            if allowed:
                await call(tool, dict(arguments), Caller(principal=principal))
            else:
                with pytest.raises(PolicyError, match="Nothing was executed"):
                    await call(tool, dict(arguments), Caller(principal=principal))
                assert len(pve.arrivals) == sent
        assert pve.application.circuits("alice")
        # What a tool would not tell, the resource does not either.
        for principal in ("bob", "carol", "local"):
            with pytest.raises(PolicyError, match="circuits_list"):
                pve.application.circuits(principal)


def test_what_the_circuits_tell_is_named_as_in_the_catalogue() -> None:
    [entry] = [entry for entry in load_catalogue((ESTATE,)).entries if entry.name == CIRCUITS_TOOL]
    assert (entry.toolset, entry.risk.value) == (CIRCUITS_TOOLSET, "read")


async def test_where_the_tool_of_circuits_is_not_listed_the_resource_tells_nothing(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path, control='deny_tools = ["circuits_*"]') as pve:
        with pytest.raises(UnknownToolError):
            pve.application.circuits()
