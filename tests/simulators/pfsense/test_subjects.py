"""Subjects with rules of their own: NAT, certificates, gateways, DHCP, VPN objects (contract §13)."""

from __future__ import annotations

import asyncio
import base64

from holdfast.simulators.pfsense.certificates import load_certificate
from tests.simulators.pfsense.caller import Caller

FORWARD = {
    "interface": "wan",
    "protocol": "tcp",
    "source": "any",
    "destination": "wan:ip",
    "destination_port": "8443",
    "target": "10.20.0.14",
    "local_port": "443",
    "descr": "nas ui",
}


async def test_a_forward_with_a_new_rule_makes_the_rule_and_takes_it_along(fw: Caller) -> None:
    made = await fw.post("/firewall/nat/port_forward", FORWARD | {"associated_rule_id": "new"})
    link = made["associated_rule_id"]
    assert link.startswith("nat_")
    [rule] = await fw.get(f"/firewall/rules?associated_rule_id={link}")
    assert rule["descr"] == f"Associated rule for port forward rule {link}"
    assert (rule["destination"], rule["destination_port"], rule["interface"]) == ("10.20.0.14", "443", ["wan"])
    await fw("DELETE", f"/firewall/nat/port_forward?id={made['id']}")
    assert await fw.get(f"/firewall/rules?associated_rule_id={link}") == []


async def test_a_forward_may_pass_without_a_rule_or_have_none(fw: Caller) -> None:
    before = len(await fw.get("/firewall/rules"))
    passing = await fw.post("/firewall/nat/port_forward", FORWARD | {"associated_rule_id": "pass"})
    assert passing["associated_rule_id"] == "pass"
    assert (await fw.post("/firewall/nat/port_forward", FORWARD))["associated_rule_id"] in ("", None)
    assert len(await fw.get("/firewall/rules")) == before


async def test_nat_entries_are_not_unique_so_a_repeated_create_duplicates(fw: Caller) -> None:
    before = len(await fw.get("/firewall/nat/port_forwards"))
    for _ in range(2):
        await fw.post("/firewall/nat/port_forward", FORWARD)
    assert len(await fw.get("/firewall/nat/port_forwards")) == before + 2


async def test_an_outbound_target_keeps_128_bits_unless_told(fw: Caller) -> None:
    wanted = {
        "interface": "wan",
        "source": "any",
        "source_port": None,
        "destination": "any",
        "destination_port": None,
        "target": "198.51.100.8",
    }
    full = wanted | {"source_port": "1024:65535", "destination_port": "443"}
    assert (await fw("POST", "/firewall/nat/outbound/mapping", full)).error[0] == 400
    assert (await fw("POST", "/firewall/nat/outbound/mapping", full | {"target_subnet": 32})).status == 200


async def test_certificates_tell_when_they_end(fw: Caller) -> None:
    rows = {row["descr"]: row for row in await fw.get("/system/certificates")}
    assert rows["GUI default"]["valid_days_left"] == 98
    assert rows["OpenVPN server"]["valid_days_left"] == 21
    assert "prv" not in rows["GUI default"]
    certificate = load_certificate(rows["alice VPN"]["crt"])
    assert certificate is not None
    assert "alice" in certificate.subject.rfc4514_string()


async def test_a_certificate_in_use_stays(fw: Caller) -> None:
    reply = await fw("DELETE", "/system/certificate?id=0")
    assert reply.error == (403, "CERTIFICATE_CANNOT_BE_DELETED_WHILE_IN_USE")
    reply = await fw("DELETE", "/system/certificate_authority?id=0")
    assert reply.error == (409, "CERTIFICATE_AUTHORITY_CANNOT_BE_DELETED_WHILE_IN_USE")


async def test_a_certificate_is_generated_and_renewed(fw: Caller) -> None:
    wanted = {
        "descr": "web",
        "caref": "66f0a1b2c3d40",
        "keytype": "ECDSA",
        "ecname": "prime256v1",
        "digest_alg": "sha256",
        "lifetime": 90,
        "dn_commonname": "web.rack.example",
        "dn_dns_sans": ["web.rack.example"],
    }
    made = await fw.post("/system/certificate/generate", wanted)
    assert "prv" not in made
    stored = (await fw.get(f"/system/certificates?refid={made['refid']}"))[0]
    assert stored["valid_days_left"] == 90
    fw.clock.advance(60 * 86400)
    assert (await fw.get(f"/system/certificates?refid={made['refid']}"))[0]["valid_days_left"] == 30
    renewed = await fw.post("/system/certificate/renew", {"certref": made["refid"]})
    assert renewed["oldserial"] == renewed["newserial"]
    assert (await fw.get(f"/system/certificates?refid={made['refid']}"))[0]["valid_days_left"] == 90


async def test_a_request_is_made_and_signed(fw: Caller) -> None:
    wanted = {"descr": "req", "keytype": "ECDSA", "ecname": "prime256v1", "digest_alg": "sha256", "dn_commonname": "r"}
    request = await fw.post("/system/certificate/signing_request", wanted)
    assert "BEGIN CERTIFICATE REQUEST" in request["csr"]
    signing = {"descr": "signed", "caref": "66f0a1b2c3d40", "csr": request["csr"], "digest_alg": "sha256"}
    signed = await fw.post("/system/certificate/signing_request/sign", signing | {"lifetime": 30})
    assert load_certificate(signed["crt"]) is not None


async def test_a_new_authority_can_issue(fw: Caller) -> None:
    wanted = {
        "descr": "second CA",
        "keytype": "ECDSA",
        "ecname": "prime256v1",
        "digest_alg": "sha256",
        "dn_commonname": "second",
    }
    made = await fw.post("/system/certificate_authority/generate", wanted)
    assert [row["refid"] for row in await fw.get("/system/certificate_authorities")] == [
        "66f0a1b2c3d40",
        made["refid"],
    ]
    renewed = await fw("POST", "/system/certificate_authority/renew", {"caref": made["refid"]})
    assert renewed.status == 200


async def test_deleting_the_default_gateway_leaves_no_default(fw: Caller) -> None:
    gateway = {"name": "BACKUP", "ipprotocol": "inet", "interface": "wan", "gateway": "198.51.100.2"}
    made = await fw.post("/routing/gateway", gateway)
    await fw("PATCH", "/routing/gateway/default", {"defaultgw4": "BACKUP"})
    assert (await fw("DELETE", f"/routing/gateway?id={made['id']}")).status == 200
    assert (await fw.get("/routing/gateway/default"))["defaultgw4"] in ("", None)


async def test_a_gateway_in_a_group_stays(fw: Caller) -> None:
    assert (await fw("DELETE", "/routing/gateway?id=0")).error == (
        409,
        "ROUTING_GATEWAY_CANNOT_BE_DELETED_WHILE_IN_USE",
    )


async def test_a_gateways_status_is_what_is_live_not_what_is_stored(fw: Caller) -> None:
    gateway = {"name": "BACKUP", "ipprotocol": "inet", "interface": "wan", "gateway": "198.51.100.2"}
    await fw.post("/routing/gateway", gateway)
    assert "BACKUP" not in {row["name"] for row in await fw.get("/status/gateways")}
    await fw.post("/routing/apply", {})
    fw.clock.advance(3)
    assert "BACKUP" in {row["name"] for row in await fw.get("/status/gateways")}


async def test_an_interface_that_asks_dhcp_brings_a_gateway_that_nobody_created(fw: Caller) -> None:
    assert len(await fw.get("/routing/gateways")) == 2
    assert (await fw("PATCH", "/interface", {"id": "wan", "typev4": "dhcp", "ipaddr": "dhcp"})).status == 200
    rows = await fw.get("/routing/gateways")
    assert [(row["id"], row["name"]) for row in rows[2:]] == [(2, "WAN_DHCP")]
    made = {"name": "NEXT", "ipprotocol": "inet", "interface": "lan", "gateway": "10.20.0.252"}
    assert (await fw.post("/routing/gateway", made))["id"] == 3


async def test_a_gateway_of_the_wrong_family_is_refused(fw: Caller) -> None:
    gateway = {"name": "SIX", "ipprotocol": "inet6", "interface": "wan", "gateway": "198.51.100.2"}
    assert (await fw("POST", "/routing/gateway", gateway)).error[0] == 400


async def test_relay_and_server_exclude_each_other(fw: Caller) -> None:
    reply = await fw("PATCH", "/services/dhcp_relay", {"enable": True, "server": ["10.99.0.2"], "interface": ["lan"]})
    assert reply.error[0] == 409


async def test_a_pool_may_not_overlap_and_lies_in_the_network(fw: Caller) -> None:
    url = "/services/dhcp_server/address_pool"
    outside = {"parent_id": "lan", "range_from": "10.99.0.1", "range_to": "10.99.0.9"}
    assert (await fw("POST", url, outside)).error[0] == 400
    overlapping = {"parent_id": "lan", "range_from": "10.20.0.190", "range_to": "10.20.0.210"}
    assert (await fw("POST", url, overlapping)).error == (409, "DHCP_SERVER_ADDRESS_POOL_OVERLAPS_EXISTING_OBJECT")
    fine = {"parent_id": "lan", "range_from": "10.20.0.150", "range_to": "10.20.0.160"}
    assert (await fw("POST", url, fine)).status == 200


async def test_a_phase_1_with_children_stays(fw: Caller) -> None:
    assert (await fw("DELETE", "/vpn/ipsec/phase1?id=0")).error == (409, "IPSEC_PHASE1_CANNOT_BE_DELETED_WHILE_IN_USE")


async def test_a_schedule_in_use_stays_and_knows_whether_it_is_in_force(fw: Caller) -> None:
    [schedule] = await fw.get("/firewall/schedules")
    assert schedule["active"] in (True, False)
    rule = {"type": "pass", "interface": ["lan"], "ipprotocol": "inet", "source": "any", "destination": "any"}
    await fw.post("/firewall/rule", rule | {"sched": "workhours"})
    assert (await fw("DELETE", "/firewall/schedule?id=0")).error[0] == 409
    states = set()
    for _ in range(14):
        fw.clock.advance(12 * 3600)
        states.add((await fw.get("/firewall/schedules", headers={"Connection": "close"}))[0]["active"])
    assert states == {True, False}


async def test_an_acme_certificate_is_issued_in_the_background(fw: Caller) -> None:
    account = {"name": "acc", "acmeserver": "letsencrypt-staging-2"}
    await fw.post("/services/acme/account_key", account)
    wanted = {
        "name": "www",
        "acmeaccount": "acc",
        "a_domainlist": [{"name": "www.rack.example", "method": "standalone"}],
    }
    await fw.post("/services/acme/certificate", wanted)
    assert (await fw.post("/services/acme/certificate/issue", {"certificate": "www"}))["status"] == "pending"
    fw.clock.advance(46)
    [job] = await fw.get("/services/acme/certificate/issuances")
    assert (job["status"], "success" in job["result_log"]) == ("completed", True)
    unknown = await fw("POST", "/services/acme/certificate/renew", {"certificate": "nothing"})
    assert unknown.error == (404, "FOREIGN_MODEL_FIELD_VALUE_NOT_FOUND")


async def test_an_openvpn_client_configuration_is_exported(fw: Caller) -> None:
    await fw.post("/vpn/openvpn/client_export/config", {"server": 1})
    wanted = {"id": 0, "type": "confinline", "certref": "66f0a1b2c3d43"}
    exported = await fw.post("/vpn/openvpn/client_export", wanted)
    assert "remote 198.51.100.7 1194 udp4" in exported["binary_data"]
    binary = {"Accept": "application/octet-stream"}
    reply = await fw("POST", "/vpn/openvpn/client_export", wanted, headers=binary)
    assert reply.body.startswith(b"dev tun")


async def test_a_user_can_log_in_with_the_password_given_to_it(fw: Caller) -> None:
    await fw.post("/user", {"name": "bob", "password": "hunter22", "priv": ["page-all"]})
    assert "bob" in (await fw.get("/user/groups?name=all"))[0]["member"]
    header = {"Authorization": "Basic Ym9iOmh1bnRlcjIy", "X-API-Key": ""}
    assert (await fw("GET", "/system/version", headers=header)).status == 200
    users = {row["name"]: row["id"] for row in await fw.get("/users")}
    assert (await fw("PATCH", "/user", {"id": users["bob"], "descr": "x"})).status == 200
    assert (await fw("GET", "/system/version", headers=header)).status == 200
    await fw("PATCH", "/user", {"id": users["bob"], "password": "other"})
    assert (await fw("GET", "/system/version", headers=header)).status == 401
    assert (await fw("DELETE", f"/user?id={users['admin']}")).error[0] == 403


async def test_settings_are_pushed_by_a_peer_with_basic_credentials(fw: Caller) -> None:
    header = {"Authorization": "Basic " + _basic(fw), "X-API-Key": ""}
    body = {"sync_data": '{"jwt_exp": 600}'}
    assert (await fw("POST", "/system/restapi/settings/sync", body, headers=header)).status == 200
    assert (await fw.get("/system/restapi/settings"))["jwt_exp"] == 600


def _basic(fw: Caller) -> str:
    return base64.b64encode(f"admin:{fw.sim.password('admin')}".encode()).decode()


async def test_two_thousand_rules_are_practical(fw: Caller) -> None:
    fw.sim.fill_rules(2000)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    rows = await fw.get("/firewall/rules")
    assert len(rows) >= 2006
    page = await fw.get("/firewall/rules?limit=50&offset=1500")
    assert [row["id"] for row in page] == list(range(1500, 1550))
    made = await fw.post("/firewall/rule", {k: v for k, v in rows[1].items() if k not in ("id", "tracker")})
    await fw("DELETE", f"/firewall/rule?id={made['id']}")
    # generous: the machine is shared, and each of these takes tens of milliseconds
    assert loop.time() - begun < 10
