"""Envelopes, headers and encodings on the wire (contract §2, §4, §5)."""

from __future__ import annotations

import pytest

from tests.simulators.pfsense.caller import Caller


async def test_a_success_is_the_envelope_with_code_200(fw: Caller) -> None:
    reply = await fw("GET", "/system/version")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.json == {
        "code": 200,
        "status": "ok",
        "response_id": "SUCCESS",
        "message": "",
        "data": {"version": "2.8.1-RELEASE", "base": "2.8.1", "patch": "0", "buildtime": "2025-09-02 18:41:03 UTC"},
    }


async def test_an_error_has_status_reason_and_empty_data_and_no_quotes(fw: Caller) -> None:
    reply = await fw("POST", "/firewall/alias", {"name": "x\"y'z", "type": "host"})
    assert reply.status == 400
    assert reply.json["code"] == 400
    assert reply.json["status"] == "bad request"
    assert reply.json["data"] == []
    assert "`x`y`z`" in reply.json["message"]
    assert "'" not in reply.json["message"]


async def test_an_unknown_path_is_an_html_404_of_nginx(fw: Caller) -> None:
    for path in ("/firewall/nothing", "//favicon.ico", "/graphql"):
        reply = await fw("GET", path)
        assert reply.status == 404
        assert reply.headers["Content-Type"].startswith("text/html")
        assert b"nginx" in reply.body


async def test_a_missing_object_is_a_json_404(fw: Caller) -> None:
    reply = await fw("GET", "/firewall/alias?id=99")
    assert reply.error == (404, "MODEL_OBJECT_NOT_FOUND")


async def test_the_root_is_the_login_page(fw: Caller) -> None:
    reply = await fw("GET", "//")
    assert reply.status == 200
    assert b"usernamefld" in reply.body


@pytest.mark.parametrize("accept", ["application/json, text/plain, */*", "text/html"])
async def test_an_accept_list_is_406(fw: Caller, accept: str) -> None:
    reply = await fw("GET", "/system/version", headers={"Accept": accept})
    assert reply.error == (406, "CONTENT_HANDLER_ENCODE_NOT_FOUND")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json; charset=utf-8"])
async def test_an_accept_of_json_is_fine_with_parameters(fw: Caller, accept: str) -> None:
    assert (await fw("GET", "/system/version", headers={"Accept": accept})).status == 200


async def test_downloads_want_octet_stream_and_nothing_else_has_it(fw: Caller) -> None:
    binary = {"Accept": "application/octet-stream"}
    assert (await fw("GET", "/system/version", headers=binary)).error == (406, "ENDPOINT_ACCEPT_NOT_SUPPORTED")
    wanted = {"certref": "66f0a1b2c3d43", "passphrase": "secret"}
    refused = await fw("POST", "/system/certificate/pkcs12/export", wanted)
    assert refused.error == (406, "ENDPOINT_ACCEPT_NOT_SUPPORTED")
    reply = await fw("POST", "/system/certificate/pkcs12/export", wanted, headers=binary)
    assert reply.status == 200
    assert reply.headers["Content-Disposition"] == 'attachment; filename="alice_VPN.p12"'
    assert reply.body[:1] == b"\x30"


async def test_a_body_of_an_unknown_type_is_415(fw: Caller) -> None:
    reply = await fw("POST", "/firewall/alias", raw=b"<a/>", headers={"Content-Type": "text/xml"})
    assert reply.error == (415, "CONTENT_HANDLER_DECODE_NOT_FOUND")


async def test_a_body_that_is_no_json_is_400(fw: Caller) -> None:
    reply = await fw("POST", "/firewall/alias", raw=b"{", headers={"Content-Type": "application/json"})
    assert reply.error == (400, "JSON_CONTENT_HANDLER_COULD_NOT_DECODE_JSON")


async def test_a_body_without_a_type_is_taken_for_json(fw: Caller) -> None:
    reply = await fw("POST", "/firewall/alias", raw=b'{"name":"plain","type":"host"}')
    assert reply.data["name"] == "plain"


async def test_a_json_content_type_on_get_makes_the_query_string_vanish(fw: Caller) -> None:
    everything = await fw.get("/firewall/aliases")
    filtered = await fw.get("/firewall/aliases?name=bmc_net")
    trapped = await fw.get("/firewall/aliases?name=bmc_net", headers={"Content-Type": "application/json"})
    assert len(filtered) == 1
    assert trapped == everything


async def test_a_get_may_carry_its_parameters_in_a_json_body(fw: Caller) -> None:
    rows = await fw.get("/firewall/aliases", body={"name__in": ["bmc_net", "web_ports"], "limit": 1})
    assert [row["name"] for row in rows] == ["bmc_net"]


async def test_form_bodies_guess_types_and_break_ports(fw: Caller) -> None:
    form = b"type=pass&interface[]=lan&ipprotocol=inet&protocol=tcp&source=any&destination=any&destination_port=443"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await fw("POST", "/firewall/rule", raw=form, headers=kind)
    assert reply.error == (400, "FIELD_INVALID_TYPE")
    assert reply.json["message"] == "Field `destination_port` must be of type `string`"


async def test_a_method_the_url_lacks_is_405(fw: Caller) -> None:
    assert (await fw("PATCH", "/firewall/rules", {})).error == (405, "ENDPOINT_METHOD_NOT_ALLOWED")
    assert (await fw("POST", "/system/version", {})).error == (405, "ENDPOINT_METHOD_NOT_ALLOWED")


async def test_models_without_fields_answer_an_empty_list(fw: Caller) -> None:
    assert (await fw("POST", "/diagnostics/reboot", {})).data == []


async def test_secrets_are_absent_unless_the_settings_expose_them(fw: Caller) -> None:
    [peer] = await fw.get("/vpn/ipsec/phase1s")
    assert "pre_shared_key" not in peer
    assert "password" not in (await fw.get("/users"))[0]
    await fw("PATCH", "/system/restapi/settings", {"override_sensitive_fields": ["IPsecPhase1:pre_shared_key"]})
    assert len((await fw.get("/vpn/ipsec/phase1s"))[0]["pre_shared_key"]) == 32
    assert "prv" not in (await fw.get("/system/certificates"))[0]
    await fw("PATCH", "/system/restapi/settings", {"expose_sensitive_fields": True})
    assert "PRIVATE KEY" in (await fw.get("/system/certificates"))[0]["prv"]


async def test_links_come_only_when_the_setting_is_on(fw: Caller) -> None:
    assert "_links" not in (await fw("GET", "/firewall/rules?limit=2")).json
    await fw("PATCH", "/system/restapi/settings", {"hateoas": True})
    body = (await fw("GET", "/firewall/rules?limit=2&offset=2")).json
    assert body["_links"]["next"]["href"] == "/api/v2/firewall/rules?offset=4&limit=2"
    assert body["_links"]["prev"]["href"] == "/api/v2/firewall/rules?offset=0&limit=2"
    assert body["data"][0]["_links"]["self"]["href"] == "/api/v2/firewall/rule?id=2"
    route = (await fw.get("/routing/static_routes"))[0]
    assert route["_links"]["pfsense:field:gateway"]["href"] == "/api/v2/routing/gateway?id=1"


async def test_interfaces_are_named_as_the_setting_says_in_answers_and_requests(fw: Caller) -> None:
    first = (await fw.get("/firewall/rules"))[1]
    assert first["interface"] == ["lan"]
    for how, name in (("descr", "LAN"), ("if", "igb1")):
        await fw("PATCH", "/system/restapi/settings", {"represent_interfaces_as": how})
        assert (await fw.get("/firewall/rules"))[1]["interface"] == [name]
        wanted = {"type": "pass", "interface": [name], "ipprotocol": "inet", "source": "any", "destination": "any"}
        assert (await fw.post("/firewall/rule", wanted))["interface"] == [name]
        refused = await fw("POST", "/firewall/rule", wanted | {"interface": ["lan"]})
        assert refused.error == (400, "FIELD_INVALID_CHOICE")
