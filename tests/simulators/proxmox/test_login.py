"""Credentials: tickets, CSRF tokens, API tokens, second factors, and what refusal looks like (contract 2)."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

from holdfast.simulators.proxmox.auth import totp
from tests.simulators.proxmox.bench import bench

SECRET = "JBSWY3DPEHPK3PXP"


async def test_no_credentials_are_refused_without_a_body() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/version", headers={})
        assert (answer.status, answer.reason, answer.body) == (401, "No ticket", b"")


async def test_a_wrong_token_is_refused_without_a_body() -> None:
    async with bench() as one:
        for text in ("ops@pve!holdfast=wrong", "ops@pve!absent=x", "nobody@pve!t=x", "rubbish"):
            answer = await one.call("GET", "/version", headers={"Authorization": f"PVEAPIToken={text}"})
            assert (answer.status, answer.reason, answer.body) == (401, "Authentication failed!", b"")


async def test_refusal_takes_three_seconds_of_the_real_appliance() -> None:
    async with bench() as one:
        one.sim.delay_scale = 0.02
        begun = time.monotonic()
        await one.call("GET", "/version", headers={})
        assert time.monotonic() - begun >= 0.06


async def test_a_space_separates_the_token_as_well() -> None:
    async with bench() as one:
        known = one.sim.credentials
        header = {"Authorization": f"PVEAPIToken {known['token_id']}={known['token_secret']}"}
        assert (await one.call("GET", "/version", headers=header)).status == 200


async def test_a_cookie_hides_the_token() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/version", headers={**one.token(), "Cookie": "PVEAuthCookie=stale"})
        assert answer.status == 401


async def test_an_expired_token_is_refused() -> None:
    async with bench() as one:
        await one.do("PUT", "/access/users/ops@pve/token/holdfast", {"expire": int(one.clock.now()) + 60})
        one.clock.advance(61)
        assert (await one.call("GET", "/version")).status == 401


async def test_all_tokens_of_a_disabled_user_are_refused() -> None:
    async with bench() as one:
        await one.do("PUT", "/access/users/ops@pve", {"enable": 0})
        assert (await one.call("GET", "/version")).status == 401


async def test_a_wrong_password_and_a_wrong_user_look_the_same() -> None:
    async with bench() as one:
        for username in ("root@pam", "ghost@pve", "root@nowhere"):
            form = {"username": username, "password": "wrong"}
            answer = await one.call("POST", "/access/ticket", form, headers={})
            assert (answer.status, answer.reason) == (401, "authentication failure")
            assert answer.document == {"data": None, "message": "authentication failure\n"}


async def test_a_login_gives_ticket_csrf_token_and_capabilities() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/access/ticket", one.sim.password_credentials, headers={})
        stamp = f"{int(one.clock.now()):08X}"
        assert re.fullmatch(rf"PVE:root@pam:{stamp}::[A-Za-z0-9+/=]+", answer.data["ticket"])
        assert answer.data["CSRFPreventionToken"].startswith(f"{stamp}:")
        assert answer.data["clustername"] == "rack"
        assert answer.data["cap"]["vms"]["VM.PowerMgmt"] == 1


async def test_user_and_realm_may_come_apart() -> None:
    async with bench() as one:
        form = {"username": "root", "realm": "pam", "password": one.sim.password_credentials["password"]}
        answer = await one.call("POST", "/access/ticket", form, headers={})
        assert answer.data["username"] == "root@pam"


async def test_a_write_with_a_ticket_needs_the_csrf_token() -> None:
    async with bench() as one:
        root = await one.root()
        read_only = {"Cookie": root["Cookie"]}
        assert (await one.call("GET", "/version", headers=read_only)).status == 200
        answer = await one.call("POST", "/pools", {"poolid": "a"}, headers=read_only)
        assert (answer.status, answer.reason, answer.body) == (401, "Permission denied - invalid csrf token", b"")
        wrong = {**root, "CSRFPreventionToken": "00000000:bogus"}
        assert (await one.call("POST", "/pools", {"poolid": "a"}, headers=wrong)).status == 401
        assert (await one.call("POST", "/pools", {"poolid": "a"}, headers=root)).status == 200


async def test_a_ticket_lives_two_hours() -> None:
    async with bench() as one:
        root = await one.root()
        one.clock.advance(7200)
        assert (await one.call("GET", "/version", headers=root)).status == 200
        one.clock.advance(1)
        answer = await one.call("GET", "/version", headers=root)
        assert (answer.status, answer.reason) == (401, "Authentication failed!")


async def test_a_valid_ticket_renews_itself_as_a_password() -> None:
    async with bench() as one:
        first = await one.call("POST", "/access/ticket", one.sim.password_credentials, headers={})
        one.clock.advance(5000)
        form = {"username": "root@pam", "password": first.data["ticket"]}
        second = await one.call("POST", "/access/ticket", form, headers={})
        assert second.status == 200
        one.clock.advance(5000)
        assert (await one.call("POST", "/access/ticket", form, headers={})).status == 401
        cookie = {"Cookie": f"PVEAuthCookie={quote(second.data['ticket'], safe='')}"}
        assert (await one.call("GET", "/version", headers=cookie)).status == 200


async def test_a_ticket_of_somebody_else_is_no_password() -> None:
    async with bench() as one:
        first = await one.call("POST", "/access/ticket", one.sim.password_credentials, headers={})
        form = {"username": "ops@pve", "password": first.data["ticket"]}
        assert (await one.call("POST", "/access/ticket", form, headers={})).status == 401


async def test_a_ticket_survives_one_rotation_of_the_key() -> None:
    async with bench() as one:
        one.clock.advance(86_000)
        early = await one.login(**one.sim.password_credentials)
        one.clock.advance(1_000)
        await one.login(**one.sim.password_credentials)
        assert (await one.call("GET", "/version", headers=early)).status == 200


async def test_a_tampered_ticket_is_refused() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/access/ticket", one.sim.password_credentials, headers={})
        forged = answer.data["ticket"].replace("root@pam", "ops@pve")
        assert (
            await one.call("GET", "/version", headers={"Cookie": f"PVEAuthCookie={quote(forged, safe='')}"})
        ).status == 401


async def test_a_second_factor_turns_the_challenge_into_a_ticket() -> None:
    async with bench() as one:
        moment = int(one.clock.now())
        uri = f"otpauth://totp/rack:ops?secret={SECRET}"
        form = {"type": "totp", "description": "phone", "totp": uri, "value": totp(SECRET, moment)}
        await one.do("POST", "/access/tfa/ops@pve", form, headers=await one.root())
        password = one.sim.cluster.access.users["ops@pve"].password
        first = await one.call("POST", "/access/ticket", {"username": "ops@pve", "password": password}, headers={})
        assert first.data["NeedTFA"] == 1
        challenge = first.data["ticket"]
        assert challenge.startswith("PVE:!tfa!%7B%22totp%22%3Atrue%7D:")
        half = {"Cookie": f"PVEAuthCookie={quote(challenge, safe='')}"}
        assert (await one.call("GET", "/version", headers=half)).status == 401
        wrong = {"username": "ops@pve", "tfa-challenge": challenge, "password": "totp:000000"}
        assert (await one.call("POST", "/access/ticket", wrong, headers={})).status == 401
        right = {**wrong, "password": f"totp:{totp(SECRET, moment)}"}
        second = await one.call("POST", "/access/ticket", right, headers={})
        assert "NeedTFA" not in second.data
        full = {"Cookie": f"PVEAuthCookie={quote(second.data['ticket'], safe='')}"}
        assert (await one.call("GET", "/version", headers=full)).status == 200


async def test_eight_wrong_codes_lock_the_factor_until_it_is_unlocked() -> None:
    async with bench() as one:
        root = await one.root()
        moment = int(one.clock.now())
        form = {"type": "totp", "totp": f"otpauth://totp/x?secret={SECRET}", "value": totp(SECRET, moment)}
        await one.do("POST", "/access/tfa/ops@pve", form, headers=root)
        login = {"username": "ops@pve", "password": one.sim.cluster.access.users["ops@pve"].password}
        challenge = (await one.call("POST", "/access/ticket", login, headers={})).data["ticket"]
        answer = {"username": "ops@pve", "tfa-challenge": challenge, "password": "totp:000000"}
        for _ in range(8):
            await one.call("POST", "/access/ticket", answer, headers={})
        answer["password"] = f"totp:{totp(SECRET, moment)}"
        assert (await one.call("POST", "/access/ticket", answer, headers={})).status == 401
        assert await one.do("PUT", "/access/users/ops@pve/unlock-tfa", {}, headers=root) == 1
        assert (await one.call("POST", "/access/ticket", answer, headers={})).status == 200


async def test_a_recovery_key_works_once() -> None:
    async with bench() as one:
        keys = await one.do("POST", "/access/tfa/ops@pve", {"type": "recovery"}, headers=await one.root())
        login = {"username": "ops@pve", "password": one.sim.cluster.access.users["ops@pve"].password}
        challenge = (await one.call("POST", "/access/ticket", login, headers={})).data["ticket"]
        key = keys["recovery"][0].split(": ")[1]
        answer = {"username": "ops@pve", "tfa-challenge": challenge, "password": f"recovery:{key}"}
        assert (await one.call("POST", "/access/ticket", answer, headers={})).status == 200
        assert (await one.call("POST", "/access/ticket", answer, headers={})).status == 401


async def test_realms_are_told_without_a_login() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/access/domains", headers={})
        assert {row["realm"] for row in answer.data} == {"pam", "pve"}


async def test_a_token_is_not_a_ticket() -> None:
    async with bench() as one:
        login = {"username": "a@pve", "password": "b"}
        for verb, path, form in (
            ("POST", "/access/ticket", login),
            ("PUT", "/access/password", {"userid": "ops@pve", "password": "12345678"}),
        ):
            answer = await one.refused(verb, path, form)
            assert answer.status == 403
            where = f"Permission check failed (URI '{path}' not available with API token, need proper ticket."
            assert answer.reason == where


async def test_the_secret_of_a_token_is_told_once() -> None:
    async with bench() as one:
        made = await one.do("POST", "/access/users/ops@pve/token/fresh", {"privsep": 0})
        assert made["full-tokenid"] == "ops@pve!fresh"
        assert made["info"]["privsep"] == "0"
        read = await one.get("/access/users/ops@pve/token/fresh")
        assert read == {"privsep": 0, "expire": 0}
        header = {"Authorization": f"PVEAPIToken={made['full-tokenid']}={made['value']}"}
        assert (await one.call("GET", "/version", headers=header)).status == 200
