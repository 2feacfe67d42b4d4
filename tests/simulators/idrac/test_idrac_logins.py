"""The root without credentials, sessions, Basic, privileges, lock-out."""

from __future__ import annotations

import pytest

from holdfast.simulators.idrac.bmc import MONITOR, OPERATOR, PASSWORD, USERNAME
from tests.simulators.idrac.bench import ALL, GONE, MGR, ROOT, SYS, Answer, Bench, bench

SESSIONS = f"{ROOT}/SessionService/Sessions"


def _sessions(at: Bench) -> str:
    return SESSIONS if at.generation >= 9 else f"{ROOT}/Sessions"


async def _login(at: Bench, username: str = USERNAME, password: str = PASSWORD) -> Answer:
    return await at.post(_sessions(at), {"UserName": username, "Password": password}, auth=None)


async def _with(at: Bench, token: str, method: str, path: str) -> Answer:
    return await at.request(method, path, headers={"X-Auth-Token": token}, auth=None)


@pytest.mark.parametrize("persona", ALL)
async def test_the_root_answers_without_credentials_and_nothing_else_does(persona: str) -> None:
    async with bench(persona) as at:
        root = await at.get(f"{ROOT}/", auth=None)
        assert root.status == 200
        assert root.at("Oem", "Dell", "ServiceTag") == at.simulator.bmc.server.service_tag
        assert root.at("Oem", "Dell", "ManagerMACAddress") == at.simulator.bmc.server.bmc_mac
        for path in (SYS, MGR, f"{ROOT}/Systems", _sessions(at), f"{ROOT}/Nowhere"):
            refused = await at.get(path, auth=None)
            assert refused.status == 401
            assert refused.headers["WWW-Authenticate"].startswith("Basic")
            assert "SYS416" in refused.ids
        for path in ("/redfish", f"{ROOT}/odata", f"{ROOT}/$metadata", f"{ROOT}/Registries", f"{ROOT}/JsonSchemas"):
            assert (await at.get(path, auth=None)).status == 200


@pytest.mark.parametrize("persona", ALL)
async def test_a_login_gives_a_token_and_a_place_to_end_it(persona: str) -> None:
    async with bench(persona) as at:
        login = await _login(at)
        assert login.status == 201
        token, place = login.headers["X-Auth-Token"], login.headers["Location"]
        assert login.body["@odata.id"] == place
        assert login.body["Password"] is None
        assert (await _with(at, token, "GET", SYS)).status == 200
        assert (await _with(at, token, "DELETE", place)).status in (200, 204)
        assert (await _with(at, token, "GET", SYS)).status == 401
        assert (await at.get(place)).status in (400, 404)


async def test_old_firmware_takes_no_login_at_the_new_address() -> None:
    async with bench("8") as at:
        answer = await at.post(SESSIONS, {"UserName": USERNAME, "Password": PASSWORD}, auth=None)
        assert answer.status in (401, 405)
        answer = await at.post(SESSIONS, {"UserName": USERNAME, "Password": PASSWORD})
        assert answer.status == 405
        assert "SYS402" in answer.ids


@pytest.mark.parametrize("persona", ALL)
async def test_the_ninth_session_is_refused_as_informational_and_basic_still_works(persona: str) -> None:
    async with bench(persona) as at:
        tokens = [(await _login(at)).headers["X-Auth-Token"] for _ in range(8)]
        full = await _login(at)
        assert full.status == 503
        assert full.ids == ["RAC0218"]
        assert full.infos[0]["Severity"] == "Informational"
        assert (await at.get(SYS)).status == 200
        assert len(at.simulator.bmc.sessions.members) == len(set(tokens)) == 8


async def test_an_idle_session_ends_and_a_used_one_goes_on() -> None:
    async with bench("9") as at:
        idle, used = await _login(at), await _login(at)
        for _ in range(3):
            at.wait(900)
            assert (await _with(at, used.headers["X-Auth-Token"], "GET", SYS)).status == 200
        expired = await _with(at, idle.headers["X-Auth-Token"], "GET", SYS)
        assert expired.status == 401
        assert "SYS416" in expired.ids


async def test_a_new_session_timeout_counts_for_sessions_opened_later() -> None:
    async with bench("9") as at:
        old = (await _login(at)).headers["X-Auth-Token"]
        assert (await at.patch(f"{ROOT}/SessionService", {"SessionTimeout": 60})).status == 200
        young = (await _login(at)).headers["X-Auth-Token"]
        at.wait(61)
        assert (await _with(at, old, "GET", SYS)).status == 200
        assert (await _with(at, young, "GET", SYS)).status == 401


async def test_one_user_cannot_end_the_session_of_another_without_the_privilege() -> None:
    async with bench("9") as at:
        root = await _login(at)
        monitor = await _login(at, *MONITOR)
        refused = await _with(at, monitor.headers["X-Auth-Token"], "DELETE", root.headers["Location"])
        assert refused.status == 403
        done = await _with(at, root.headers["X-Auth-Token"], "DELETE", monitor.headers["Location"])
        assert done.status == 200


@pytest.mark.parametrize("persona", ALL)
async def test_three_bad_passwords_block_the_address_for_a_minute(persona: str) -> None:
    async with bench(persona) as at:
        for _ in range(3):
            answer = await _login(at, USERNAME, "wrong-password")
            assert answer.status == 401
            assert "SYS415" in answer.ids
        with pytest.raises(GONE):
            await at.get(ROOT)
        at.wait(61)
        assert (await at.get(SYS)).status == 200


async def test_two_bad_passwords_in_a_minute_block_nobody() -> None:
    async with bench("9") as at:
        for _ in range(4):
            assert (await _login(at, USERNAME, "wrong-password")).status == 401
            at.wait(40)
        assert (await at.get(SYS)).status == 200


async def test_requests_without_credentials_never_block_an_address() -> None:
    async with bench("9") as at:
        for _ in range(6):
            assert (await at.get(SYS, auth=None)).status == 401
        assert (await at.get(SYS)).status == 200


async def test_roles_decide_what_may_be_done() -> None:
    async with bench("9") as at:
        reset = f"{SYS}/Actions/ComputerSystem.Reset"
        refused = await at.post(reset, {"ResetType": "Nmi"}, auth=MONITOR)
        assert refused.status == 403
        assert refused.ids == ["RAC0506", "InsufficientPrivilege"]
        assert (await at.get(SYS, auth=MONITOR)).status == 200
        assert (await at.post(reset, {"ResetType": "Nmi"}, auth=OPERATOR)).status == 204
        assert (
            await at.post(f"{MGR}/Actions/Manager.Reset", {"ResetType": "GracefulRestart"}, auth=OPERATOR)
        ).status == 403


async def test_a_changed_password_ends_the_sessions_of_its_user() -> None:
    async with bench("9") as at:
        token = (await _login(at, *MONITOR)).headers["X-Auth-Token"]
        accounts = f"{ROOT}/AccountService/Accounts/3"
        assert (await at.patch(accounts, {"Password": "Another-one-9"})).status == 200
        assert (await _with(at, token, "GET", SYS)).status == 401
        assert (await at.get(SYS, auth=(MONITOR[0], "Another-one-9"))).status == 200


async def test_the_rack_is_told_whether_a_request_was_authorised() -> None:
    async with bench("9") as at:
        await at.get(SYS)
        await at.get(SYS, auth=None)
        assert [arrival.authorised for arrival in at.simulator.state.arrivals] == [True, False]


async def test_idrac8_writes_each_basic_login_to_its_lifecycle_log() -> None:
    async with bench("8") as at:
        await at.get(SYS)
        await at.get(SYS)
        assert [record.message_id for record in at.simulator.bmc.lclog.own].count("USR0030") == 2
    async with bench("9") as at:
        await at.get(SYS)
        assert not at.simulator.bmc.lclog.own


async def test_logins_can_be_made_to_fail_in_every_way() -> None:
    async with bench("9") as at:
        at.fault("sessions-full")
        assert (await _login(at)).ids == ["RAC0218"]
        at.simulator.bmc.sessions.close_all()
        at.fault("password-locked", count=0)
        assert (await at.get(SYS)).status == 401
        at.running.heal()
        token = (await _login(at)).headers["X-Auth-Token"]
        at.fault("expired-token", count=1)
        assert (await _with(at, token, "GET", SYS)).status == 401
        at.fault("html-401", count=1)
        page = await at.get(SYS)
        assert page.status == 401
        assert page.headers["Content-Type"].startswith("text/html")
        at.fault("address-blocked", seconds=30.0)
        with pytest.raises(GONE):
            await at.get(SYS)
        at.wait(31)
        assert (await at.get(SYS)).status == 200
