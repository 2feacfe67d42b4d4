"""Network in two phases, on nodes and over the cluster; firewall rules by position (contract 15.3, 15.11, 15.12)."""

from __future__ import annotations

import pytest

from tests.simulators.proxmox.bench import bench

NET = "/nodes/pve2/network"
RULES = "/cluster/firewall/rules"


async def test_changes_are_staged_shown_as_a_difference_and_applied() -> None:
    async with bench() as one:
        before = await one.call("GET", NET)
        assert "changes" not in before.document
        await one.do("POST", NET, {"iface": "vmbr1", "type": "bridge", "bridge_ports": "eno2", "cidr": "10.30.0.2/24"})
        staged = await one.call("GET", NET)
        assert "+iface vmbr1 inet static" in staged.document["changes"]
        row = next(row for row in staged.data if row["iface"] == "vmbr1")
        assert (row["method"], row["address"], row["netmask"]) == ("static", "10.30.0.2", "24")
        assert "active" not in row
        assert await one.run("PUT", NET) == "OK"
        applied = await one.call("GET", NET)
        assert "changes" not in applied.document
        assert next(row for row in applied.data if row["iface"] == "vmbr1")["active"] == 1


async def test_staged_changes_are_discarded() -> None:
    async with bench() as one:
        await one.do("DELETE", f"{NET}/vmbr0")
        assert (await one.refused("GET", f"{NET}/vmbr0")).reason == "interface does not exist"
        await one.do("DELETE", NET)
        assert (await one.get(f"{NET}/vmbr0"))["gateway"] == "10.20.0.1"


async def test_an_address_family_that_is_not_sent_again_is_dropped() -> None:
    async with bench() as one:
        await one.do("PUT", f"{NET}/vmbr0", {"type": "bridge", "bridge_ports": "eno1", "cidr6": "fd00::2/64"})
        row = await one.get(f"{NET}/vmbr0")
        assert "cidr" not in row
        assert (row["cidr6"], row["method"], row["method6"]) == ("fd00::2/64", "manual", "static")


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        ({"iface": "vmbr0", "type": "bridge"}, 500, "interface already exists"),
        ({"iface": "vmbr2", "type": "bridge", "bridge_ports": "eno9"}, 500, "unable to find bridge port 'eno9'"),
        ({"iface": "bond0", "type": "bond", "slaves": "eno8,eno9"}, 500, "unable to find bond slave 'eno8'"),
        ({"iface": "eno1.5", "type": "vlan", "vlan-raw-device": "eno7"}, 500, "unable to find parent 'eno7'"),
        ({"iface": "vmbr2", "type": "bridge", "cidr": "10.1.0.1/24", "gateway": "10.1.0.2"}, 400, "Parameter"),
        ({"iface": "vmbr2", "type": "bridge", "cidr": "10.1.0.1"}, 400, "Parameter"),
    ],
)
async def test_interfaces_that_cannot_be_are_refused(form: dict[str, str], status: int, text: str) -> None:
    async with bench() as one:
        answer = await one.refused("POST", NET, form)
        assert answer.status == status
        assert text in answer.reason


async def test_sdn_changes_are_pending_until_applied_or_rolled_back() -> None:
    async with bench() as one:
        await one.do("POST", "/cluster/sdn/zones", {"zone": "zone1", "type": "simple"})
        [row] = await one.get("/cluster/sdn/zones", pending=1)
        assert (row["state"], row["type"]) == ("new", "simple")
        assert await one.get("/cluster/sdn/zones", running=1) == []
        assert await one.run("PUT", "/cluster/sdn") == "OK"
        assert len(await one.get("/cluster/sdn/zones", running=1)) == 1
        await one.do("PUT", "/cluster/sdn/zones/zone1", {"mtu": 1400})
        [row] = await one.get("/cluster/sdn/zones", pending=1)
        assert (row["state"], row["pending"]) == ("changed", {"mtu": 1400})
        await one.do("DELETE", "/cluster/sdn/zones/zone1")
        [row] = await one.get("/cluster/sdn/zones", pending=1)
        assert row["state"] == "deleted"
        await one.do("POST", "/cluster/sdn/rollback")
        [row] = await one.get("/cluster/sdn/zones", pending=1)
        assert "state" not in row


async def test_a_lock_of_the_sdn_is_needed_for_every_change() -> None:
    async with bench() as one:
        token = await one.do("POST", "/cluster/sdn/lock")
        form = {"zone": "zone1", "type": "simple"}
        assert (await one.refused("POST", "/cluster/sdn/zones", form)).reason == "invalid lock token provided!"
        await one.do("POST", "/cluster/sdn/zones", {**form, "lock-token": token})
        assert (await one.refused("POST", "/cluster/sdn/lock")).reason == "configuration is already locked!"
        assert await one.run("PUT", "/cluster/sdn", {"lock-token": token}) == "OK"
        await one.do("PUT", "/cluster/sdn/zones/zone1", {"mtu": 1400})


async def test_a_dry_run_shows_what_would_change() -> None:
    async with bench() as one:
        await one.do("POST", "/cluster/sdn/zones", {"zone": "zone1", "type": "simple"})
        await one.do("POST", "/cluster/sdn/vnets", {"vnet": "vnet1", "zone": "zone1"})
        assert "+auto vnet1" in (await one.get("/cluster/sdn/dry-run", node="pve1"))["interfaces-diff"]


async def test_rules_are_inserted_on_top_and_disabled() -> None:
    async with bench() as one:
        for comment in ("first", "second"):
            await one.do("POST", RULES, {"type": "in", "action": "ACCEPT", "comment": comment})
        rows = await one.get(RULES)
        assert [(row["pos"], row["comment"], row["enable"]) for row in rows] == [(0, "second", 0), (1, "first", 0)]
        await one.do("PUT", f"{RULES}/1", {"moveto": 0})
        assert [row["comment"] for row in await one.get(RULES)] == ["first", "second"]


async def test_a_rule_is_deleted_by_position_with_a_digest_that_fits() -> None:
    async with bench() as one:
        answer = await one.refused("DELETE", f"{RULES}/0")
        assert answer.reason.startswith("Can't use an undefined value as an ARRAY reference at /usr/share/perl5/")
        for comment in ("first", "second"):
            await one.do("POST", RULES, {"type": "in", "action": "ACCEPT", "comment": comment})
        digest = (await one.get(RULES))[0]["digest"]
        assert (await one.refused("DELETE", f"{RULES}/7")).reason == "no rule at position 7"
        await one.do("DELETE", f"{RULES}/0", {"digest": digest})
        answer = await one.refused("DELETE", f"{RULES}/0", {"digest": digest})
        assert answer.reason == "detected modified configuration - file changed by other user? Try again."
        assert [row["comment"] for row in await one.get(RULES)] == ["first"]


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"action": "PERHAPS"}, "action"),
        ({"action": "ACCEPT", "macro": "Gopher"}, "macro"),
        ({"action": "ACCEPT", "dport": "22"}, "proto"),
        ({"action": "ACCEPT", "source": "+absent"}, "source"),
        ({"action": "ACCEPT", "dest": "absent"}, "dest"),
    ],
)
async def test_rules_that_cannot_be_are_refused_under_the_name_of_their_fault(rule: dict[str, str], name: str) -> None:
    async with bench() as one:
        answer = await one.refused("POST", RULES, {"type": "in", **rule})
        assert (answer.status, list(answer.errors)) == (400, [name])


async def test_guest_rules_name_network_cards_of_the_guest() -> None:
    async with bench() as one:
        base = "/nodes/pve2/qemu/110/firewall/rules"
        answer = await one.refused("POST", base, {"type": "in", "action": "ACCEPT", "iface": "eth0"})
        assert list(answer.errors) == ["iface"]
        await one.do("POST", base, {"type": "in", "action": "ACCEPT", "iface": "net0"})


async def test_references_list_what_rules_may_name() -> None:
    async with bench() as one:
        await one.do("POST", "/cluster/firewall/aliases", {"name": "Office", "cidr": "192.0.2.10"})
        await one.do("POST", "/nodes/pve2/qemu/110/firewall/ipset", {"name": "friends"})
        rows = await one.get("/nodes/pve2/qemu/110/firewall/refs")
        assert {row["ref"] for row in rows} == {"dc/office", "+guest/friends"}


async def test_a_custom_certificate_is_used_and_dropped_again() -> None:
    async with bench() as one:
        pem = one.sim.cluster.authority.root.pem
        fingerprints = {row["node"]: row["ssl_fingerprint"] for row in await one.get("/nodes")}
        assert fingerprints["pve3"] is None
        info = {row["filename"]: row for row in await one.get("/nodes/pve2/certificates/info")}
        assert info["pve-ssl.pem"]["fingerprint"] == fingerprints["pve2"]
        assert "pve2.rack.example" in info["pve-ssl.pem"]["san"]
        await one.do("POST", "/nodes/pve2/certificates/custom", {"certificates": pem})
        now = {row["node"]: row["ssl_fingerprint"] for row in await one.get("/nodes")}
        assert now["pve2"] == info["pve-root-ca.pem"]["fingerprint"]
        answer = await one.refused("POST", "/nodes/pve2/certificates/custom", {"certificates": pem})
        assert answer.reason == "Custom certificate exists but 'force' is not set."
        await one.do("DELETE", "/nodes/pve2/certificates/custom")
        assert {row["node"]: row["ssl_fingerprint"] for row in await one.get("/nodes")} == fingerprints
