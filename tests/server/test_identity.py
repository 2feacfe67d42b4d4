"""Who calls: static tokens by name, and what the policy makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.control.caller import Caller
from holdfast.errors import PolicyError
from holdfast.server.guard import any_of, static_tokens
from tests.support.rooms import room


async def test_static_tokens_stand_for_principals_by_name() -> None:
    verify = any_of(static_tokens({"alice": "a" * 40, "bob": "b" * 40}))
    assert await verify("a" * 40) == "alice"
    assert await verify("b" * 40) == "bob"
    assert await verify("c" * 40) is None


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
