"""Credentials, privileges and gates (contract §3)."""

from __future__ import annotations

import base64
import json

import pytest

from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.conftest import Start


def basic(fw: Caller, username: str, password: str | None = None) -> dict[str, str]:
    pair = f"{username}:{password or fw.sim.password(username)}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode(), "X-API-Key": ""}


async def test_the_published_credential_logs_in(fw: Caller) -> None:
    assert list(fw.sim.credentials) == ["api_key"]
    headers = {"X-API-Key": fw.sim.credentials["api_key"]}
    assert (await fw("GET", "/system/version", headers=headers)).status == 200


async def test_a_wrong_key_is_401_without_a_challenge(fw: Caller) -> None:
    reply = await fw("GET", "/system/version", headers={"X-API-Key": "00"})
    assert reply.error == (401, "AUTH_AUTHENTICATION_FAILED")
    assert reply.json["data"] == []
    assert "WWW-Authenticate" not in reply.headers


async def test_a_wrong_password_is_401_with_a_challenge(fw: Caller) -> None:
    reply = await fw("GET", "/system/version", headers=basic(fw, "admin", "wrong"))
    assert reply.error == (401, "AUTH_AUTHENTICATION_FAILED")
    assert reply.headers["WWW-Authenticate"] == 'Basic realm="Login for pfSense REST API"'


async def test_an_api_key_is_shown_once_and_works_until_it_is_revoked(fw: Caller) -> None:
    made = (await fw("POST", "/auth/key", {"descr": "robot", "length_bytes": 16}, headers=basic(fw, "admin"))).data
    assert len(made["key"]) == 32
    assert "hash" not in made
    assert made["username"] == "admin"
    listed = {row["descr"]: row for row in await fw.get("/auth/keys")}
    assert listed["robot"]["key"] is None
    headers = {"X-API-Key": made["key"]}
    assert (await fw("GET", "/system/version", headers=headers)).status == 200
    revoked = await fw("DELETE", f"/auth/key?id={listed['robot']['id']}", headers=basic(fw, "admin"))
    assert revoked.status == 200
    assert (await fw("GET", "/system/version", headers=headers)).error[0] == 401


async def test_keys_and_tokens_are_issued_against_basic_credentials_only(fw: Caller) -> None:
    for path in ("/auth/key", "/auth/jwt"):
        assert (await fw("POST", path, {})).error == (401, "AUTH_AUTHENTICATION_FAILED")
        fw.sim.machine.protection.forget()


async def test_a_token_works_until_it_expires(fw: Caller) -> None:
    token = (await fw("POST", "/auth/jwt", headers=basic(fw, "holdfast"))).data["token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] - claims["nbf"] == 3600
    assert claims["data"] == "holdfast"
    bearer = {"Authorization": f"Bearer {token}", "X-API-Key": ""}
    assert (await fw("GET", "/system/version", headers=bearer)).status == 200
    fw.clock.advance(3601)
    fw.sim.front.timing.read_s = 0
    expired = await fw_fresh(fw, bearer)
    assert expired == (401, "AUTH_AUTHENTICATION_FAILED")


async def fw_fresh(fw: Caller, headers: dict[str, str]) -> tuple[int, str]:
    """The outcome on a new connection: the old one has idled away."""
    reply = await fw("GET", "/system/version", headers=headers | {"Connection": "close"})
    return reply.error


async def test_a_forged_token_is_refused(fw: Caller) -> None:
    token = (await fw("POST", "/auth/jwt", headers=basic(fw, "visitor"), user="holdfast")).status
    assert token == 403
    forged = "eyJhbGciOiJub25lIn0.eyJkYXRhIjoiYWRtaW4iLCJleHAiOjk5OTk5OTk5OTl9."
    reply = await fw("GET", "/system/version", headers={"Authorization": f"Bearer {forged}", "X-API-Key": ""})
    assert reply.error[0] == 401


async def test_a_reader_reads_and_may_not_write(fw: Caller) -> None:
    assert await fw.get("/firewall/rules", user="reader")
    reply = await fw("POST", "/firewall/alias", {"name": "x", "type": "host"}, user="reader")
    assert reply.error == (403, "AUTH_AUTHORIZATION_FAILED")


async def test_privileges_are_named_after_url_and_method_and_groups_lend_them(fw: Caller) -> None:
    assert (await fw("GET", "/system/version", user="visitor")).error[0] == 403
    group = {"name": "versions", "member": ["visitor"], "priv": ["api-v2-system-version-get"]}
    await fw.post("/user/group", group)
    assert (await fw("GET", "/system/version", user="visitor")).status == 200
    assert (await fw("GET", "/system/dns", user="visitor")).error == (403, "AUTH_AUTHORIZATION_FAILED")


async def test_a_privilege_that_does_not_exist_is_404(fw: Caller) -> None:
    reply = await fw("POST", "/user", {"name": "eve", "password": "pw", "priv": ["api-v2-nothing"]})
    assert reply.error == (404, "USER_PRIV_NOT_FOUND")


async def test_a_disabled_user_cannot_log_in(fw: Caller) -> None:
    users = {row["name"]: row["id"] for row in await fw.get("/users")}
    await fw("PATCH", "/user", {"id": users["reader"], "disabled": True})
    assert (await fw("GET", "/system/version", user="reader")).error[0] == 401


async def test_only_the_first_present_method_counts_since_2_10_and_any_before(start: Start) -> None:
    newest = await start("2.10")
    mixed = basic(newest, "admin", "wrong") | {"X-API-Key": newest.sim.api_key("holdfast")}
    # BasicAuth comes first in the settings, and its header is there
    assert (await newest("GET", "/system/version", headers=mixed)).error[0] == 401
    older = await start("2.9")
    mixed = basic(older, "admin", "wrong") | {"X-API-Key": older.sim.api_key("holdfast")}
    assert (await older("GET", "/system/version", headers=mixed)).status == 200


async def test_a_method_that_is_switched_off_is_not_looked_at(fw: Caller) -> None:
    await fw("PATCH", "/system/restapi/settings", {"auth_methods": ["BasicAuth"]})
    assert (await fw("GET", "/system/version")).error[0] == 401
    assert (await fw("GET", "/system/version", headers=basic(fw, "admin"))).status == 200


async def test_the_access_list_denies_by_first_match_and_by_default(fw: Caller) -> None:
    await fw("POST", "/system/restapi/access_list/entry", {"type": "deny", "weight": 0, "network": "127.0.0.0/8"})
    assert (await fw("GET", "/system/version")).error == (403, "ENDPOINT_CLIENT_NOT_ALLOWED_BY_ACL")


async def test_an_access_list_entry_may_be_for_some_users_only(fw: Caller) -> None:
    entry = {"type": "deny", "weight": 0, "network": "127.0.0.0/8", "users": ["reader"]}
    await fw.post("/system/restapi/access_list/entry", entry)
    assert (await fw("GET", "/system/version")).status == 200
    assert (await fw("GET", "/system/version", user="reader")).error[0] == 403


async def test_an_api_that_is_switched_off_answers_503_and_a_retry_after_that_means_nothing(fw: Caller) -> None:
    await fw("PATCH", "/system/restapi/settings", {"enabled": False})
    reply = await fw("GET", "/system/version", headers={"X-API-Key": "wrong"})
    assert reply.error == (503, "ENDPOINT_REST_API_IS_NOT_ENABLED")
    assert reply.headers["Retry-After"] == "5"


async def test_the_interface_is_checked_before_the_credential(fw: Caller) -> None:
    await fw("PATCH", "/system/restapi/settings", {"allowed_interfaces": ["wan"]})
    reply = await fw("GET", "/system/version", headers={"X-API-Key": "wrong"})
    assert reply.error == (403, "ENDPOINT_INTERFACE_NOT_ALLOWED")


async def test_read_only_mode_cannot_be_left_through_the_api(fw: Caller) -> None:
    await fw("PATCH", "/system/restapi/settings", {"read_only": True})
    reply = await fw("PATCH", "/system/restapi/settings", {"read_only": False})
    assert reply.error == (405, "ENDPOINT_METHOD_NOT_ALLOWED_IN_READ_ONLY_MODE")
    assert (await fw("GET", "/system/version")).status == 200


async def test_options_is_an_uncaught_error_with_a_stack_trace(fw: Caller) -> None:
    reply = await fw("OPTIONS", "/firewall/rules")
    assert reply.error == (500, "ENDPOINT_RECEIVED_UNEXPECTED_ERROR")
    assert "#0 /usr/local/pkg/RESTAPI" in reply.json["message"]


async def test_the_schema_needs_no_credentials_and_names_the_version(fw: Caller) -> None:
    reply = await fw("GET", "/schema/openapi", headers={"X-API-Key": ""})
    assert reply.status == 200
    assert json.loads(reply.body)["info"]["version"] == "2.10.0"
    for other in ("native", "graphql"):
        assert (await fw("GET", f"/schema/{other}", headers={"X-API-Key": ""})).status == 200


@pytest.mark.parametrize(
    ("persona", "reported", "pfsense"),
    [("2.10", "v2.10", "2.8.1-RELEASE"), ("2.6", "v2.6.0", "2.8.0-RELEASE"), ("2.8", "v2.8.4", "2.8.1-RELEASE")],
)
async def test_versions_are_reported_as_each_release_reports_them(
    start: Start, persona: str, reported: str, pfsense: str
) -> None:
    fw = await start(persona)
    version = await fw.get("/system/restapi/version")
    assert version["current_version"] == reported
    assert version["update_available"] == (persona != "2.10")
    assert (await fw.get("/system/version"))["version"] == pfsense


async def test_an_unknown_persona_is_refused(start: Start) -> None:
    assert (await start("2.7.7")).sim.machine.persona.name == "2.7"
    with pytest.raises(LookupError, match=r"no pfSense persona '1\.9'"):
        await start("1.9")
