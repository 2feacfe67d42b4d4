"""Who may do what, and the exact words of a refusal (contract 3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.proxmox.bench import Bench, bench


async def _token(one: Bench, grants: dict[str, str], *, privsep: int = 1) -> dict[str, str]:
    """Header of a fresh token of the operator with only these grants (path: role)."""
    made = await one.do("POST", "/access/users/ops@pve/token/limited", {"privsep": privsep})
    for path, roles in grants.items():
        await one.do("PUT", "/access/acl", {"path": path, "roles": roles, "tokens": "ops@pve!limited"})
    return {"Authorization": f"PVEAPIToken={made['full-tokenid']}={made['value']}"}


async def _data(one: Bench, path: str, headers: dict[str, str], **query: Any) -> Any:
    answer = await one.call("GET", path, query=query or None, headers=headers)
    assert answer.status == 200, answer.reason
    return answer.data


async def test_a_fresh_separated_token_sees_empty_lists_with_200() -> None:
    async with bench() as one:
        bare = await _token(one, {})
        assert await _data(one, "/cluster/resources", bare, type="vm") == []
        assert await _data(one, "/access/permissions", bare) == {}
        assert await _data(one, "/nodes/pve2/qemu", bare) == []
        nodes = await _data(one, "/nodes", bare)
        assert {row["node"] for row in nodes} == {"pve1", "pve2", "pve3"}
        assert all("mem" not in row for row in nodes)


async def test_a_refusal_names_path_and_privilege() -> None:
    async with bench() as one:
        bare = await _token(one, {})
        answer = await one.call("POST", "/nodes/pve2/qemu/110/status/start", {}, headers=bare)
        assert answer.status == 403
        assert answer.reason == "Permission check failed (/vms/110, VM.PowerMgmt)"
        assert answer.document["message"] == "Permission check failed (/vms/110, VM.PowerMgmt)\n"


async def test_a_refusal_of_several_possible_privileges_lists_them() -> None:
    async with bench() as one:
        bare = await _token(one, {})
        answer = await one.call("GET", "/nodes/pve2/storage/local/status", headers=bare)
        assert answer.reason == "Permission check failed (/storage/local, Datastore.Audit|Datastore.AllocateSpace)"


async def test_a_rule_of_alternatives_gives_a_bare_refusal() -> None:
    async with bench() as one:
        clone_only = await _token(one, {"/vms/110": "PVETemplateUser"})
        answer = await one.call("POST", "/nodes/pve2/qemu/110/clone", {"newid": 500}, headers=clone_only)
        assert (answer.status, answer.reason) == (403, "Permission check failed")


async def test_permission_is_asked_before_parameters_and_before_the_guest() -> None:
    async with bench() as one:
        bare = await _token(one, {})
        answer = await one.call("POST", "/nodes/pve2/qemu/999/status/start", {"bogus": 1}, headers=bare)
        assert answer.status == 403


async def test_a_separated_token_has_only_what_user_and_token_both_have() -> None:
    async with bench() as one:
        await one.do("POST", "/access/users", {"userid": "small@pve"})
        await one.do("PUT", "/access/acl", {"path": "/vms/110", "roles": "PVEAuditor", "users": "small@pve"})
        made = await one.do("POST", "/access/users/small@pve/token/tk", {})
        header = {"Authorization": f"PVEAPIToken={made['full-tokenid']}={made['value']}"}
        grant = {"path": "/vms", "roles": "Administrator", "tokens": "small@pve!tk"}
        await one.do("PUT", "/access/acl", grant)
        assert [row["vmid"] for row in await _data(one, "/cluster/resources", header, type="vm")] == [110]
        answer = await one.call("POST", "/nodes/pve2/qemu/110/status/start", {}, headers=header)
        assert answer.status == 403


async def test_a_token_without_separation_has_its_user_s_rights() -> None:
    async with bench() as one:
        full = await _token(one, {}, privsep=0)
        assert len(await _data(one, "/cluster/resources", full, type="vm")) == 7


async def test_no_access_wins_over_what_is_inherited() -> None:
    async with bench() as one:
        limited = await _token(one, {"/vms": "PVEVMAdmin", "/vms/110": "NoAccess"})
        seen = {row["vmid"] for row in await _data(one, "/cluster/resources", limited, type="vm")}
        assert seen == {101, 102, 103, 111, 112, 120}


async def test_a_grant_that_does_not_propagate_stays_where_it_is() -> None:
    async with bench() as one:
        made = await one.do("POST", "/access/users/ops@pve/token/limited", {})
        grant = {"path": "/vms", "roles": "PVEVMAdmin", "tokens": "ops@pve!limited", "propagate": 0}
        await one.do("PUT", "/access/acl", grant)
        header = {"Authorization": f"PVEAPIToken={made['full-tokenid']}={made['value']}"}
        assert await _data(one, "/cluster/resources", header, type="vm") == []


async def test_membership_in_a_pool_grants_the_pool_s_rights() -> None:
    async with bench() as one:
        await one.do("POST", "/pools", {"poolid": "core"})
        limited = await _token(one, {"/pool/core": "PVEVMAdmin"})
        assert await _data(one, "/cluster/resources", limited, type="vm") == []
        await one.do("PUT", "/pools", {"poolid": "core", "vms": "110"})
        assert [row["vmid"] for row in await _data(one, "/cluster/resources", limited, type="vm")] == [110]
        await one.do("PUT", "/pools", {"poolid": "core", "vms": "110", "delete": 1})
        assert await _data(one, "/cluster/resources", limited, type="vm") == []


async def test_a_user_s_own_grant_replaces_the_group_s_on_the_same_path() -> None:
    async with bench() as one:
        await one.do("POST", "/access/users", {"userid": "tess@pve", "groups": "operators"})
        await one.do("PUT", "/access/acl", {"path": "/", "roles": "PVEAuditor", "users": "tess@pve"})
        rights = (await one.call("GET", "/access/permissions", query={"userid": "tess@pve", "path": "/vms/110"})).data
        assert "VM.Audit" in rights["/vms/110"]
        assert "VM.PowerMgmt" not in rights["/vms/110"]


async def test_a_token_of_root_is_not_root() -> None:
    async with bench() as one:
        root = await one.root()
        made = await one.do("POST", "/access/users/root@pam/token/tk", {"privsep": 0}, headers=root)
        header = {"Authorization": f"PVEAPIToken={made['full-tokenid']}={made['value']}"}
        answer = await one.call("PUT", "/nodes/pve1/disks/wipedisk", {"disk": "/dev/sdb"}, headers=header)
        assert (answer.status, answer.reason) == (403, "Permission check failed (user != root@pam)")
        assert (await one.call("PUT", "/nodes/pve1/disks/wipedisk", {"disk": "/dev/sdb"}, headers=root)).status == 200


async def test_parameters_for_root_alone_are_refused_to_others() -> None:
    async with bench() as one:
        answer = await one.refused("POST", "/nodes/pve2/qemu/111/status/stop", {"skiplock": 1})
        assert answer.status == 400
        assert answer.errors == {"skiplock": "Only root may use this option."}
        root = await one.root()
        upid = await one.do("POST", "/nodes/pve2/qemu/111/status/stop", {"skiplock": 1}, headers=root)
        assert await one.finished(upid) == "OK"


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"args": "-no-reboot"}, 500, "only root can set 'args' config"),
        ({"hookscript": "local:snippets/x.sh"}, 500, "only root can set 'hookscript' config"),
        ({"hostpci0": "0000:af:00.0"}, 500, "only root can set 'hostpci0' config for real devices"),
        ({"serial0": "/dev/ttyS0"}, 500, "only root can modify 'serial0' config for real devices"),
        ({"lock": "backup"}, 500, "only root can set 'lock' config"),
    ],
)
async def test_options_of_the_host_are_for_root(change: dict[str, str], status: int, text: str) -> None:
    async with bench() as one:
        answer = await one.refused("PUT", "/nodes/pve2/qemu/110/config", change)
        assert (answer.status, answer.reason) == (status, text)


async def test_container_features_are_for_root() -> None:
    async with bench() as one:
        answer = await one.refused("PUT", "/nodes/pve2/lxc/112/config", {"features": "nesting=1,fuse=1"})
        assert answer.status == 403
        answer = await one.refused("PUT", "/nodes/pve2/lxc/112/config", {"mp0": "/etc,mp=/x"})
        assert answer.status == 403


@pytest.mark.parametrize(
    ("option", "value", "privilege"),
    [
        ("cores", "1", "VM.Config.CPU"),
        ("memory", "1024", "VM.Config.Memory"),
        ("name", "x", "VM.Config.Options"),
        ("net0", "virtio,bridge=vmbr0", "VM.Config.Network"),
        ("scsi1", "local-lvm:1", "VM.Config.Disk"),
        ("machine", "q35", "VM.Config.HWType"),
        ("ciuser", "admin", "VM.Config.Cloudinit"),
    ],
)
async def test_every_option_asks_for_its_own_privilege(option: str, value: str, privilege: str) -> None:
    async with bench() as one:
        await one.do("POST", "/access/roles", {"roleid": "Almost", "privs": "VM.Audit,VM.Config.CDROM"})
        others = {"VM.Config.CPU", "VM.Config.Memory"} - {privilege}
        await one.do("PUT", "/access/roles/Almost", {"privs": ",".join(others), "append": 1})
        almost = await _token(one, {"/vms/110": "Almost"})
        answer = await one.call("PUT", "/nodes/pve2/qemu/110/config", {option: value}, headers=almost)
        assert (answer.status, answer.reason) == (403, f"Permission check failed (/vms/110, {privilege})")


async def test_lists_are_filtered_by_what_the_caller_may_see() -> None:
    async with bench() as one:
        auditor = one.token(one.sim.read_only_credentials)
        content = await _data(one, "/nodes/pve2/storage/nas-vms/content", auditor)
        assert content == []
        assert len(await _data(one, "/nodes/pve2/storage", auditor)) == 4
        limited = await _token(one, {"/storage/local": "PVEDatastoreUser"})
        assert [row["storage"] for row in await _data(one, "/nodes/pve2/storage", limited)] == ["local"]
        assert [row["storage"] for row in await _data(one, "/storage", limited)] == ["local"]


async def test_foreign_tasks_need_an_auditor_of_the_node() -> None:
    async with bench() as one:
        upid = await one.do("POST", "/nodes/pve2/qemu/110/status/start")
        limited = await _token(one, {"/vms": "PVEVMAdmin"})
        assert await _data(one, "/nodes/pve2/tasks", limited, source="all") == []
        answer = await one.call("GET", f"/nodes/pve2/tasks/{upid}/status", headers=limited)
        assert (answer.status, answer.reason) == (403, "Permission check failed (/nodes/pve2, Sys.Audit)")
        auditor = one.token(one.sim.read_only_credentials)
        assert len(await _data(one, "/nodes/pve2/tasks", auditor, source="all")) == 1


async def test_changing_grants_needs_the_right_on_that_path() -> None:
    async with bench() as one:
        limited = await _token(one, {"/vms/110": "PVEVMAdmin"})
        grant = {"path": "/vms/110", "roles": "PVEAuditor", "users": "audit@pve"}
        assert (await one.call("PUT", "/access/acl", grant, headers=limited)).status == 200
        grant["path"] = "/vms/111"
        answer = await one.call("PUT", "/access/acl", grant, headers=limited)
        assert answer.reason == "Permission check failed (/vms/111, Permissions.Modify|VM.Allocate)"


async def test_agent_privileges_differ_between_releases() -> None:
    async with bench() as one:
        limited = await _token(one, {"/vms/101": "PVETemplateUser"})
        answer = await one.call("POST", "/nodes/pve1/qemu/101/agent/exec", {"command": ["id"]}, headers=limited)
        assert "VM.GuestAgent.Unrestricted" in answer.reason
    async with bench(persona="8.4") as old:
        limited = await _token(old, {"/vms/101": "PVETemplateUser"})
        answer = await old.call("POST", "/nodes/pve1/qemu/101/agent/exec", {"command": ["id"]}, headers=limited)
        assert answer.reason == "Permission check failed (/vms/101, VM.Monitor)"
