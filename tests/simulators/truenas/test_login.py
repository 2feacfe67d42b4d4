"""Logging in, being limited and being thrown out (contract sections 5 and 6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.alerts import Alerts
from tests.simulators.truenas.peer import Peer, Stand, standing


async def login(peer: Peer, **data: Any) -> dict[str, Any]:
    """The answer to `auth.login_ex`."""
    answer: dict[str, Any] = await peer.call("auth.login_ex", data)
    return answer


def key_login(stand: Stand, **more: Any) -> dict[str, Any]:
    """The arguments of a login by the service account's key."""
    return {"mechanism": "API_KEY_PLAIN", **stand.simulator.credentials, **more}


async def test_a_key_with_its_username_logs_in_and_tells_who_it_is() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        answer = await login(peer, **key_login(stand))
        assert answer["response_type"] == "SUCCESS"
        assert answer["authenticator"] == "LEVEL_1"
        assert answer["user_info"]["pw_name"] == "mcp"
        assert answer["user_info"]["privilege"]["roles"] == {"$set": ["FULL_ADMIN"]}
        assert (await peer.call("auth.me"))["pw_name"] == "mcp"
        quiet = await login(await stand.connect(), **key_login(stand, login_options={"user_info": False}))
        assert quiet["user_info"] is None


async def test_a_wrong_key_and_an_unknown_user_cannot_be_told_apart() -> None:
    async with standing() as stand:
        for changes in (
            {"api_key": "1-wrong"},
            {"username": "nobody-here"},
            {"username": "alice"},
            {"api_key": "junk"},
        ):
            answer = await login(await stand.connect(), **(key_login(stand) | changes))
            assert answer == {"response_type": "AUTH_ERR"}


@pytest.mark.parametrize("persona", ["25.04", "25.10"])
async def test_after_a_failed_login_the_socket_cannot_log_in_any_more(persona: str) -> None:
    async with standing(persona) as stand:
        peer = await stand.connect()
        assert (await login(peer, **key_login(stand, api_key="1-wrong")))["response_type"] == "AUTH_ERR"
        error = await peer.refused("auth.login_ex", key_login(stand))
        assert error.data["reason"] == "unexpected authenticator run state"


async def test_26_forgives_a_failed_login_on_the_same_socket() -> None:
    async with standing("26") as stand:
        peer = await stand.connect()
        assert (await login(peer, **key_login(stand, api_key="1-wrong")))["response_type"] == "AUTH_ERR"
        assert (await login(peer, **key_login(stand)))["response_type"] == "SUCCESS"


@pytest.mark.parametrize(("persona", "word"), [("25.10", "AUTH_ERR"), ("26", "DENIED")])
async def test_an_account_without_privileges_is_refused_in_the_words_of_the_release(persona: str, word: str) -> None:
    async with standing(persona) as stand:
        key = stand.simulator.add_account("plain")
        assert (await login(await stand.connect(), **key_login(stand, username="plain", api_key=key)))[
            "response_type"
        ] == word


async def test_a_valid_key_over_plain_websocket_is_revoked_for_ever() -> None:
    async with standing(secure=False) as stand:
        answer = await login(await stand.connect(), **key_login(stand))
        assert answer == {"response_type": "EXPIRED"}
        assert await login(await stand.connect(), **key_login(stand)) == {"response_type": "EXPIRED"}
        key = next(iter(stand.box.get(Accounts).keys))
        assert key["revoked"] is True
        assert any(row["klass"] == "ApiKeyRevoked" for row in stand.box.get(Alerts).alerts.values())


async def test_a_wrong_key_over_plain_websocket_harms_nobody() -> None:
    async with standing(secure=False) as stand:
        answer = await login(await stand.connect(), **key_login(stand, api_key="1-wrong"))
        assert answer == {"response_type": "AUTH_ERR"}
        assert next(iter(stand.box.get(Accounts).keys))["revoked"] is False


async def test_the_old_key_login_also_revokes_over_plain_websocket() -> None:
    async with standing(secure=False) as stand:
        peer = await stand.connect()
        assert await peer.call("auth.login_with_api_key", stand.simulator.credentials["api_key"]) is False
        assert next(iter(stand.box.get(Accounts).keys))["revoked"] is True


async def test_a_password_login_works_over_plain_websocket() -> None:
    async with standing(secure=False) as stand:
        peer = await stand.connect()
        answer = await login(peer, mechanism="PASSWORD_PLAIN", username="truenas_admin", password="harbour-42")
        assert answer["response_type"] == "SUCCESS"
        row = (await peer.call("auth.sessions", [["current", "=", True]]))[0]
        assert (row["secure_transport"], row["credentials"]) == (False, "LOGIN_PASSWORD")


async def test_an_expired_key_answers_expired() -> None:
    async with standing() as stand:
        admin = await stand.login()
        expiry = {"$date": int((stand.clock.now() + 100) * 1000)}
        made = await admin.call("api_key.create", {"name": "short", "username": "mcp", "expires_at": expiry})
        stand.clock.advance(101)
        assert (await login(await stand.connect(), **key_login(stand, api_key=made["key"])))[
            "response_type"
        ] == "EXPIRED"


async def test_a_user_with_two_factors_is_asked_for_the_code() -> None:
    async with standing() as stand:
        admin = await stand.login()
        await admin.call("auth.twofactor.update", {"enabled": True})
        await admin.call("user.renew_2fa_secret", "truenas_admin", {})
        password = {"mechanism": "PASSWORD_PLAIN", "username": "truenas_admin", "password": "harbour-42"}
        peer = await stand.connect()
        assert await login(peer, **password) == {"response_type": "OTP_REQUIRED", "username": "truenas_admin"}
        assert (await peer.refused("system.info")).errno == 207
        code = stand.box.get(Accounts).one_time_password("truenas_admin")
        assert (await login(peer, mechanism="OTP_TOKEN", otp_token=code))["response_type"] == "SUCCESS"
        wrong = await stand.connect()
        await login(wrong, **password)
        stale = {"mechanism": "OTP_TOKEN", "otp_token": "000000" if code != "000000" else "111111"}
        assert (await wrong.call("auth.login_ex_continue", stale))["response_type"] == "AUTH_ERR"


async def test_a_code_without_a_question_is_refused() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        assert (await peer.refused("auth.login_ex", {"mechanism": "OTP_TOKEN", "otp_token": "123456"})).code == -32001


async def test_a_token_logs_in_until_it_was_idle_too_long() -> None:
    async with standing() as stand:
        admin = await stand.login()
        token = await admin.call("auth.generate_token", 100)
        for _ in range(2):
            stand.clock.advance(60)
            answer = await login(await stand.connect(), mechanism="TOKEN_PLAIN", token=token)
            assert answer["response_type"] == "SUCCESS"
        stand.clock.advance(101)
        assert (await login(await stand.connect(), mechanism="TOKEN_PLAIN", token=token))["response_type"] == "AUTH_ERR"


async def test_a_single_use_token_works_once() -> None:
    async with standing() as stand:
        admin = await stand.login()
        token = await admin.call("auth.generate_token", 600, {}, True, True)
        first, second = await stand.connect(), await stand.connect()
        assert await first.call("auth.login_with_token", token) is True
        assert await second.call("auth.login_with_token", token) is False


async def test_26_gives_a_single_use_reconnect_token_when_asked() -> None:
    async with standing("26") as stand:
        peer = await stand.connect()
        answer = await login(peer, **key_login(stand, login_options={"reconnect_token": True}))
        again = await login(await stand.connect(), mechanism="TOKEN_PLAIN", token=answer["reconnect_token"])
        assert (again["response_type"], again["reconnect_token"]) == ("SUCCESS", None)
        third = await login(await stand.connect(), mechanism="TOKEN_PLAIN", token=answer["reconnect_token"])
        assert third["response_type"] == "AUTH_ERR"


async def test_25_10_refuses_the_options_of_26() -> None:
    async with standing("25.10") as stand:
        peer = await stand.connect()
        error = await peer.refused("auth.login_ex", key_login(stand, login_options={"reconnect_token": True}))
        assert error.code == -32602
        error = await peer.refused(
            "auth.login_ex", {"mechanism": "SCRAM", "scram_type": "CLIENT_FIRST_MESSAGE", "rfc_str": ""}
        )
        assert error.code == -32602


async def test_stig_mode_ends_login_by_key() -> None:
    async with standing() as stand:
        admin = await stand.login()
        await admin.call("auth.twofactor.update", {"enabled": True})
        await admin.done("system.security.update", {"enable_fips": True, "enable_gpos_stig": True})
        assert len((await admin.call("system.reboot.info"))["reboot_required_reasons"]) == 2
        error = await (await stand.connect()).refused("auth.login_ex", key_login(stand))
        assert error.errno == 95
        assert await (await stand.connect()).call("auth.mechanism_choices") == ["PASSWORD_PLAIN"]


async def test_a_session_ages_out_after_thirty_days() -> None:
    async with standing() as stand:
        stand.simulator.set_fault("idle-close", seconds=1e9)
        peer = await stand.login()
        stand.clock.advance(30 * 86_400 - 60)
        assert await peer.call("system.info")
        stand.clock.advance(60)
        error = await peer.refused("system.info")
        assert (error.errno, error.data["reason"]) == (13, "[EACCES] Session is expired")
        assert (await peer.refused("system.info")).errno == 207


async def test_logging_out_forgets_the_identity() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert await peer.call("auth.logout") is True
        assert (await peer.refused("system.info")).errno == 207


async def test_another_administrator_can_close_a_session_in_good_order() -> None:
    async with standing() as stand:
        victim, admin = await stand.login(), await stand.login()
        row = (await admin.call("auth.sessions", [["current", "=", False]]))[0]
        assert await admin.call("auth.terminate_session", row["id"]) is True
        with pytest.raises(ConnectionError, match="1000"):
            await victim.frame()


async def test_twenty_calls_a_minute_before_login_and_then_ebusy() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        for _ in range(20):
            await peer.call("core.ping")
        error = await peer.refused("core.ping")
        assert (error.errno, error.data["reason"]) == (16, "[EBUSY] Rate Limit Exceeded")
        assert await peer.call("auth.mechanism_choices"), "the limit is per method"
        stand.clock.advance(60)
        assert await (await stand.connect()).call("core.ping") == "pong"


async def test_setting_options_is_not_rate_limited_and_nothing_is_after_login() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        for _ in range(30):
            await peer.call("core.set_options", {})
        peer = await stand.login()
        for _ in range(30):
            await peer.call("core.ping")


async def test_25_04_answers_ping_only_after_login() -> None:
    async with standing("25.04") as stand:
        peer = await stand.connect()
        assert (await peer.refused("core.ping")).errno == 207
        assert await (await stand.login()).call("core.ping") == "pong"


async def test_roles_decide_what_may_be_called_and_listed() -> None:
    async with standing() as stand:
        key = stand.simulator.add_account("pooler", "POOL_WRITE")
        peer = await stand.login(username="pooler", api_key=key)
        assert await peer.call("pool.query")
        assert (await peer.refused("pool.dataset.query")).errno == 13
        methods = await peer.call("core.get_methods")
        assert "pool.offline" in methods
        assert "sharing.smb.query" not in methods
        assert "core.get_jobs" in methods


async def test_secrets_are_masked_for_those_without_the_write_role() -> None:
    async with standing() as stand:
        admin = await stand.login()
        key = stand.simulator.add_account("reader", "READONLY_ADMIN")
        reader = await stand.login(username="reader", api_key=key)
        seen = (await admin.call("user.query", [["username", "=", "alice"]]))[0]["unixhash"]
        hidden = (await reader.call("user.query", [["username", "=", "alice"]]))[0]["unixhash"]
        assert seen.startswith("$6$")
        assert hidden == "********"
        machine = (await reader.call("vm.query", [["name", "=", "router"]]))[0]
        assert [d["attributes"]["password"] for d in machine["devices"] if d["attributes"]["dtype"] == "DISPLAY"] == [
            "********"
        ]


async def test_26_can_drop_one_session_to_read_only() -> None:
    async with standing("26") as stand:
        peer, other = await stand.login(), await stand.login()
        await peer.call("privilege.become_readonly")
        assert await peer.call("pool.query")
        assert (await peer.refused("alert.dismiss", "x")).errno == 13
        assert (await peer.call("auth.me"))["privilege"]["roles"] == {"$set": ["READONLY_ADMIN"]}
        assert (await other.refused("alert.dismiss", "x")).errno == 2, "the other session is as before"


# SCRAM ----------------------------------------------------------------------------------------------------------


def xor(left: bytes, right: bytes) -> bytes:
    """Byte-wise."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


async def scram(peer: Peer, username: str, key: str, header: str, binding: bytes) -> dict[str, Any]:
    """A SCRAM-SHA-512 login by RFC 5802, written for this test; the last answer, server signature checked."""
    number, _, secret = key.partition("-")
    bare = f"n={username}:{number},r=clientnonce"
    data = {"mechanism": "SCRAM", "scram_type": "CLIENT_FIRST_MESSAGE", "rfc_str": header + bare}
    answer = await peer.call("auth.login_ex", data)
    if answer["response_type"] != "SCRAM_RESPONSE":
        return dict(answer)
    first = answer["rfc_str"]
    fields = dict(part.split("=", 1) for part in first.split(","))
    assert fields["r"].startswith("clientnonce")
    rounds = int(fields["i"])
    assert 50_000 <= rounds <= 5_000_000
    salted = hashlib.pbkdf2_hmac("sha512", secret.encode(), base64.b64decode(fields["s"]), rounds)
    client_key = hmac.digest(salted, b"Client Key", "sha512")
    without = f"c={base64.b64encode(header.encode() + binding).decode()},r={fields['r']}"
    message = f"{bare},{first},{without}".encode()
    proof = xor(client_key, hmac.digest(hashlib.sha512(client_key).digest(), message, "sha512"))
    final = f"{without},p={base64.b64encode(proof).decode()}"
    answer = await peer.call(
        "auth.login_ex", {"mechanism": "SCRAM", "scram_type": "CLIENT_FINAL_MESSAGE", "rfc_str": final}
    )
    if answer["response_type"] == "SCRAM_RESPONSE":
        expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha512"), message, "sha512")
        assert answer["rfc_str"] == f"v={base64.b64encode(expected).decode()}"
    return dict(answer)


def certificate(peer: Peer) -> bytes:
    """SHA-256 of the certificate that the server showed on this socket."""
    shown = peer.socket.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return hashlib.sha256(shown).digest()


async def test_scram_logs_in_without_sending_the_key() -> None:
    async with standing("26") as stand:
        credentials = stand.simulator.credentials
        peer = await stand.connect()
        answer = await scram(peer, credentials["username"], credentials["api_key"], "n,,", b"")
        assert (answer["response_type"], answer["scram_type"]) == ("SCRAM_RESPONSE", "SERVER_FINAL_RESPONSE")
        assert answer["user_info"]["pw_name"] == "mcp"
        assert await peer.call("system.info")
        secret = credentials["api_key"].partition("-")[2].encode()
        assert not any(secret in arrival.body for arrival in stand.simulator.state.arrivals)


async def test_scram_binds_to_the_certificate_of_the_connection() -> None:
    async with standing("26") as stand:
        credentials = stand.simulator.credentials
        header = "p=tls-server-end-point,,"
        peer = await stand.connect()
        answer = await scram(peer, credentials["username"], credentials["api_key"], header, certificate(peer))
        assert answer["response_type"] == "SCRAM_RESPONSE"
        assert await peer.call("system.info")
        elsewhere = await stand.connect()
        answer = await scram(elsewhere, credentials["username"], credentials["api_key"], header, b"\0" * 32)
        assert answer == {"response_type": "AUTH_ERR"}


async def test_scram_refuses_a_wrong_key_and_an_unknown_user() -> None:
    async with standing("26") as stand:
        credentials = stand.simulator.credentials
        wrong = credentials["api_key"][:-1] + ("a" if credentials["api_key"][-1] != "a" else "b")
        assert await scram(await stand.connect(), "mcp", wrong, "n,,", b"") == {"response_type": "AUTH_ERR"}
        assert await scram(await stand.connect(), "alice", credentials["api_key"], "n,,", b"") == {
            "response_type": "AUTH_ERR"
        }


async def test_scram_over_plain_websocket_revokes_nothing_but_cannot_bind() -> None:
    async with standing("26", secure=False) as stand:
        credentials = stand.simulator.credentials
        answer = await scram(await stand.connect(), "mcp", credentials["api_key"], "n,,", b"")
        assert answer["response_type"] == "SCRAM_RESPONSE"
        bound = await scram(await stand.connect(), "mcp", credentials["api_key"], "p=tls-server-end-point,,", b"")
        assert bound == {"response_type": "AUTH_ERR"}
        assert next(iter(stand.box.get(Accounts).keys))["revoked"] is False


async def test_a_scram_exchange_must_begin_at_its_beginning() -> None:
    async with standing("26") as stand:
        peer = await stand.connect()
        final = {"mechanism": "SCRAM", "scram_type": "CLIENT_FINAL_MESSAGE", "rfc_str": "c=biws,r=x,p=AA=="}
        assert (await peer.refused("auth.login_ex", final)).code == -32001
        first = {"mechanism": "SCRAM", "scram_type": "CLIENT_FIRST_MESSAGE", "rfc_str": "nonsense"}
        assert (await peer.refused("auth.login_ex", first)).code == -32602


async def test_a_new_key_of_26_comes_with_what_scram_needs() -> None:
    async with standing("26") as stand:
        admin = await stand.login()
        made = await admin.call("api_key.create", {"name": "second", "username": "mcp"})
        secret = made["key"].partition("-")[2].encode()
        salted = hashlib.pbkdf2_hmac("sha512", secret, base64.b64decode(made["salt"]), made["iterations"])
        client_key = hmac.digest(salted, b"Client Key", "sha512")
        assert base64.b64decode(made["client_key"]) == client_key
        assert base64.b64decode(made["stored_key"]) == hashlib.sha512(client_key).digest()
        answer = await scram(await stand.connect(), "mcp", made["key"], "n,,", b"")
        assert answer["response_type"] == "SCRAM_RESPONSE"
