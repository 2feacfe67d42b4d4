"""When a session is opened, kept, replaced, deleted, what is sent in its place, and when no credential is sent at all.

The other end is played here, to the second and to the request; over sockets, against the simulator, sessions are tested
by `test_sessions` and `test_outages`.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
from collections.abc import Iterator, Mapping

import pytest

from holdfast.appliances.idrac import session as session_module
from holdfast.appliances.idrac.errors import NotReadyError, SessionPoolFullError, ValueRefusedError
from holdfast.appliances.idrac.inflight import InFlight
from holdfast.appliances.idrac.logins import ROOT
from holdfast.appliances.idrac.outage import PATIENCE_S
from holdfast.appliances.idrac.session import (
    BASIC_FOR_S,
    IDLE_S,
    LEGACY_SESSIONS,
    LOST_FOR_S,
    RENEW_AT,
    SHORTEST_IDLE_S,
    Session,
    _Token,
)
from holdfast.appliances.idrac.settings import IDracSettings
from holdfast.errors import (
    AuthenticationError,
    Executed,
    HoldfastError,
    LostReplyError,
    NotSentError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuarantinedError,
    UnavailableError,
)
from holdfast.transport import Reply, Request
from holdfast.transport.messages import Headers
from holdfast.transport.urls import Origin

SESSIONS = "/redfish/v1/SessionService/Sessions"
SERVICE = "/redfish/v1/SessionService"
BASIC = f"Basic {base64.b64encode(b'root:calvin-2').decode()}"
READ = Request("GET", "/redfish/v1/Systems")
CHANGE = Request("PATCH", "/redfish/v1/Systems", json={"x": 1})
FULL = {"error": {"@Message.ExtendedInfo": [{"MessageId": "IDRAC.2.8.RAC0218", "Message": "Full."}]}}
_sleep = asyncio.sleep


def reply(status: int, body: object = None, **headers: str) -> Reply:
    text = b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, headers=Headers({"Content-Type": "application/json", **named}), body=text)


class Played:
    """An iDRAC, told what to answer.

    Attributes:
        now: Seconds of the client's clock.
        sent: All that arrived.
        open: Tokens of sessions that are open.
        logins: Answers to logins, in turn; when there are none left, a login is accepted.
        answers: Answers to all else by path, errors too; what is not in it is answered when the credential is right.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[Request] = []
        self.open: set[str] = set()
        self.logins: list[Reply | HoldfastError] = []
        self.answers: dict[str, list[Reply | HoldfastError]] = {}
        self.service = SESSIONS
        self.sessions: str | None = SESSIONS
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Event()
        self._number = 0

    async def send(self, request: Request) -> Reply:
        self.sent.append(request)
        await _sleep(0)
        if request.method == "POST":
            return await self._login(request)
        scripted = self.answers.get(request.target)
        if scripted:
            return _said(scripted.pop(0))
        if request.target == ROOT:
            return reply(200, {"RedfishVersion": "1.17.0"})
        token = request.headers.get("X-Auth-Token")
        if request.method == "DELETE":
            self.open.discard(str(token))
            return reply(204)
        if token not in self.open and request.headers.get("Authorization") != BASIC:
            return reply(401)
        return reply(200, {"by": "token" if token else "basic"})

    async def _login(self, request: Request) -> Reply:
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.logins:
            return _said(self.logins.pop(0))
        if request.json != {"UserName": "root", "Password": "calvin-2"}:
            return reply(401)
        return self.opened()

    def opened(self) -> Reply:
        self._number += 1
        self.open.add(f"token-{self._number}")
        return reply(201, {}, X_Auth_Token=f"token-{self._number}", Location=f"{self.service}/{self._number}")

    def session(self, **settings: object) -> Session:
        given = {"name": "bmc", "host": "bmc", "username": "root", "password": "calvin-2", **settings}
        return Session(
            IDracSettings.model_validate(given),
            self.send,
            origin=Origin("https", "bmc", 443),
            find_sessions=self._find,
            monotonic=lambda: self.now,
            on_secret=None,
        )

    async def _find(self) -> str | None:
        return self.sessions

    def seen(self, method: str) -> list[str]:
        return [one.target for one in self.sent if one.method == method]

    @property
    def credentials(self) -> int:
        """How often the password was sent."""
        return len(self.seen("POST")) + sum("Authorization" in one.headers for one in self.sent)


def _said(answer: Reply | HoldfastError) -> Reply:
    if isinstance(answer, HoldfastError):
        raise answer
    return answer


def by(answer: Reply) -> object:
    return json.loads(answer.body)["by"]


@pytest.fixture
def bmc() -> Played:
    return Played()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the session waited, instead of waiting."""
    waited: list[float] = []

    async def short(seconds: float) -> None:
        waited.append(seconds)
        await _sleep(0)

    monkeypatch.setattr("holdfast.appliances.idrac.session.asyncio.sleep", short)
    return waited


async def test_one_session_serves_all_and_its_token_is_told_to_the_redaction(bmc: Played) -> None:
    session, told = bmc.session(), list[str]()
    session._on_secret = told.append
    answers = await asyncio.gather(*(session.send(READ) for _ in range(5)), session.send(CHANGE, changes=True))
    assert [by(answer) for answer in answers] == ["token"] * 6
    assert (told, bmc.credentials) == (["token-1"], 1)
    assert (session.by_basic, session.full, session.lost, session.offered) == (False, False, False, True)
    assert bmc.sent[0].fresh_connection


async def test_what_is_not_a_refused_login_is_handed_back(bmc: Played) -> None:
    session = bmc.session()
    for status in (403, 404, 500, 503):
        bmc.answers[READ.target] = [reply(status)]
        assert (await session.send(READ)).status == status
    assert bmc.credentials == 1


async def test_another_way_to_send_is_taken_for_the_request_alone(bmc: Played) -> None:
    taken: list[Request] = []

    async def into_file(request: Request) -> Reply:
        taken.append(request)
        return reply(200, {"by": "file"})

    session = bmc.session()
    assert by(await session.send(READ, by=into_file)) == "file"
    assert [one.headers["X-Auth-Token"] for one in taken] == ["token-1"]
    bmc.sessions, plain = None, bmc.session()
    assert by(await plain.send(READ, by=into_file)) == "file"
    assert taken[1].headers["Authorization"] == BASIC
    assert READ.target not in bmc.seen("GET")


async def test_of_calls_whose_token_is_refused_together_one_logs_in_and_the_old_one_is_deleted_in_the_end(
    bmc: Played,
) -> None:
    session = bmc.session()
    await session.send(READ)
    bmc.answers[READ.target] = [reply(401), reply(401)]
    answers = await asyncio.gather(session.send(READ), session.send(READ))
    assert [by(answer) for answer in answers] == ["token", "token"]
    assert bmc.credentials == 2
    await session.close()
    assert bmc.seen("DELETE") == [f"{SESSIONS}/1", f"{SESSIONS}/2"]
    assert bmc.open == set()


async def test_a_second_refusal_in_a_row_is_told_and_no_third_is_waited_for(bmc: Played) -> None:
    session = bmc.session()
    bmc.answers[READ.target] = [reply(401), reply(401)]
    with pytest.raises(AuthenticationError):
        await session.send(READ)
    assert bmc.credentials == 2
    assert by(await session.send(READ)) == "token", "the password is right, and not quarantined"


async def test_a_refused_token_is_replaced_by_basic_where_sessions_have_come_to_be_all_taken(
    bmc: Played, pauses: list[float]
) -> None:
    session = bmc.session()
    await session.send(READ)
    bmc.open.clear()
    bmc.logins = [reply(503, FULL)] * 3
    assert by(await session.send(READ)) == "basic"
    assert pauses == [1.0, 2.0]


async def test_a_wrong_password_is_sent_once(bmc: Played) -> None:
    session = bmc.session(password="wrong")
    ends = await asyncio.gather(*(session.send(READ) for _ in range(4)), return_exceptions=True)
    assert all(isinstance(end, AuthenticationError) and end.executed is Executed.NO for end in ends)
    with pytest.raises(QuarantinedError, match="The user name and password"):
        await session.send(READ)
    assert bmc.credentials == 1
    assert bmc.seen("GET") == []


async def test_a_full_pool_is_asked_three_times_and_then_read_by_basic_for_two_minutes(
    bmc: Played, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    session = bmc.session(retry_min_wait=0, retry_max_wait=1.5)
    bmc.logins = [reply(503, FULL)] * 3
    with caplog.at_level(logging.WARNING, "holdfast.idrac"):
        assert by(await session.send(READ)) == "basic"
    assert "RAC0218" in caplog.text
    assert pauses == [1.0, 1.5]
    assert (session.by_basic, session.full, session.lost) == (True, True, False)
    bmc.now += BASIC_FOR_S - 0.5
    assert by(await session.send(READ)) == "basic"
    assert len(bmc.seen("POST")) == 3
    bmc.now += 0.5
    assert (session.by_basic, session.full) == (False, False)
    assert by(await session.send(READ)) == "token"
    assert len(bmc.seen("POST")) == 4


async def test_nothing_is_changed_while_the_pool_is_full_but_a_session_is_asked_for_anew(
    bmc: Played, pauses: list[float]
) -> None:
    session = bmc.session()
    bmc.logins = [reply(503, FULL)] * 6
    await session.send(READ)
    with pytest.raises(SessionPoolFullError, match="read without one, not changed") as told:
        await session.send(CHANGE, changes=True)
    assert told.value.executed is Executed.NO
    assert bmc.seen("PATCH") == []
    assert len(bmc.seen("POST")) == 6
    assert by(await session.send(CHANGE, changes=True)) == "token"
    assert len(bmc.seen("POST")) == 7


async def test_a_session_whose_opening_was_answered_into_the_void_is_followed_by_no_other_while_it_may_be_open(
    bmc: Played, caplog: pytest.LogCaptureFixture
) -> None:
    session = bmc.session()
    bmc.logins = [LostReplyError("cut")]
    with caplog.at_level(logging.WARNING, "holdfast.idrac"):
        assert by(await session.send(READ)) == "basic"
    assert "answer to a login was lost" in caplog.text
    assert (session.by_basic, session.full, session.lost) == (True, False, True)
    assert by(await session.send(CHANGE, changes=True)) == "basic"
    assert len(bmc.seen("POST")) == 1
    bmc.now += LOST_FOR_S
    assert (session.full, session.lost) == (False, False)
    assert by(await session.send(READ)) == "token"


async def test_a_pool_that_is_full_later_is_told_as_full_though_a_session_was_lost_before(
    bmc: Played, pauses: list[float]
) -> None:
    session = bmc.session()
    bmc.logins = [LostReplyError("cut"), *[reply(503, FULL)] * 3]
    await session.send(READ)
    bmc.now += LOST_FOR_S
    assert by(await session.send(READ)) == "basic"
    assert (session.full, session.lost) == (True, False)


async def test_where_no_sessions_are_offered_everything_goes_by_basic_for_good(bmc: Played) -> None:
    bmc.sessions = None
    session = bmc.session()
    assert by(await session.send(READ)) == "basic"
    bmc.now += 1e9
    assert by(await session.send(CHANGE, changes=True)) == "basic"
    assert (session.by_basic, session.offered, session.full, session.lost) == (True, False, False, False)
    assert bmc.seen("POST") == []


@pytest.mark.parametrize("status", [404, 405])
async def test_sessions_are_looked_for_where_older_firmware_has_them(status: int, bmc: Played) -> None:
    session = bmc.session()
    bmc.logins = [reply(status)]
    bmc.service = LEGACY_SESSIONS
    assert by(await session.send(READ)) == "token"
    assert bmc.seen("POST") == [SESSIONS, LEGACY_SESSIONS]
    assert not session.by_basic


@pytest.mark.parametrize("status", [404, 405])
async def test_where_sessions_are_nowhere_basic_is_used_for_good(status: int, bmc: Played) -> None:
    session = bmc.session()
    bmc.logins = [reply(status), reply(status)]
    assert by(await session.send(READ)) == "basic"
    assert bmc.seen("POST") == [SESSIONS, LEGACY_SESSIONS]
    assert not session.offered


@pytest.mark.parametrize(("status", "error"), [(400, ValueRefusedError), (403, PermissionDeniedError)])
async def test_a_login_that_fails_otherwise_ends_the_call_which_was_not_sent(
    status: int, error: type[HoldfastError], bmc: Played
) -> None:
    session = bmc.session()
    bmc.logins = [reply(status)]
    with pytest.raises(error) as told:
        await session.send(CHANGE, changes=True)
    assert told.value.executed is Executed.NO
    assert bmc.seen("PATCH") == []
    assert by(await session.send(READ)) == "token"


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (reply(201, {"@odata.id": f"{SESSIONS}/7"}, X_Auth_Token="t"), True),
        (reply(201, {}, X_Auth_Token="t", Location="https://bmc/redfish/v1/Sessions/7"), True),
        (reply(201, {"@odata.id": f"{SESSIONS}/7"}), False),
        (reply(201, {}, X_Auth_Token="t"), False),
        (reply(201, {"@odata.id": 7}, X_Auth_Token="t"), False),
        (reply(201, {}, X_Auth_Token="t", Location="https://elsewhere/redfish/v1/Sessions/7"), False),
    ],
)
async def test_a_session_needs_a_token_and_an_address_of_this_idrac(answer: Reply, good: bool, bmc: Played) -> None:
    session = bmc.session()
    bmc.logins, bmc.open = [answer], {"t"}
    if good:
        assert by(await session.send(READ)) == "token"
        await session.close()
        assert [target.rpartition("/")[2] for target in bmc.seen("DELETE")] == ["7"]
        return
    with pytest.raises(HoldfastError) as told:
        await session.send(READ)
    assert type(told.value) is ProtocolError or "elsewhere" in str(answer.headers)
    assert bmc.seen("GET") == []


SOON = RENEW_AT * SHORTEST_IDLE_S


async def test_a_session_that_was_used_just_now_is_used_without_asking(bmc: Played) -> None:
    session = bmc.session()
    await session.send(READ)
    for _ in range(3):
        bmc.now += SOON
        await session.send(READ)
    assert SERVICE not in bmc.seen("GET")
    assert bmc.credentials == 1


@pytest.mark.parametrize(
    ("told", "idle_s"),
    [
        ([reply(200, {"SessionTimeout": 300})], 300.0),
        ([reply(200, {"SessionTimeout": 60})], 60.0),
        ([reply(200, {"SessionTimeout": 59})], IDLE_S),
        ([reply(200, {"SessionTimeout": "300"})], IDLE_S),
        ([reply(200, {})], IDLE_S),
        ([reply(404, {"SessionTimeout": 300})], IDLE_S),
        ([UnavailableError("not now")], IDLE_S),
    ],
)
async def test_a_session_is_replaced_when_most_of_its_idle_time_has_gone_by(
    told: list[Reply | HoldfastError], idle_s: float, bmc: Played
) -> None:
    session = bmc.session()
    await session.send(READ)
    bmc.answers[SERVICE] = told
    if (edge := RENEW_AT * idle_s) > SOON:
        bmc.now += edge
        await session.send(READ)
        assert (bmc.credentials, bmc.seen("GET").count(SERVICE)) == (1, 1)
    bmc.now += edge + 0.5
    assert by(await session.send(READ)) == "token"
    assert (bmc.credentials, bmc.seen("GET").count(SERVICE)) == (2, 1)
    assert bmc.seen("DELETE") == [f"{SESSIONS}/1"]
    assert bmc.open == {"token-2"}
    bmc.now += SOON + 0.5
    await session.send(READ)
    assert bmc.seen("GET").count(SERVICE) == 2, "another session, another time-out"


@pytest.mark.parametrize("service", [LEGACY_SESSIONS, "/redfish/v1/Elsewhere"])
async def test_a_session_that_belongs_to_no_service_has_the_usual_idle_time(service: str, bmc: Played) -> None:
    bmc.service = service
    session = bmc.session()
    await session.send(READ)
    bmc.now += RENEW_AT * IDLE_S
    await session.send(READ)
    assert set(bmc.seen("GET")) == {READ.target}
    bmc.now += RENEW_AT * IDLE_S + 0.5
    await session.send(READ)
    assert bmc.seen("DELETE") == [f"{service}/1"]


AWAY: tuple[Mapping[str, object], ...] = (
    {"error": LostReplyError},
    {"error": NotSentError},
    *({"status": s} for s in (502, 503, 504)),
)


async def away(session: Session, bmc: Played, how: Mapping[str, object]) -> None:
    """A call meets the iDRAC away; then its sessions are gone."""
    error, status = how.get("error"), how.get("status")
    bmc.answers[READ.target] = [error("gone") if isinstance(error, type) else reply(int(str(status)))]
    if error is not None:
        with pytest.raises((LostReplyError, NotSentError)):
            await session.send(READ)
    else:
        await session.send(READ)
    bmc.open.clear()


@pytest.mark.parametrize("how", AWAY, ids=["lost", "not sent", "502", "503", "504"])
async def test_a_login_that_is_refused_while_the_idrac_restarts_is_sent_once_more_when_it_answers(
    how: Mapping[str, object], bmc: Played
) -> None:
    session = bmc.session()
    await session.send(READ)
    await away(session, bmc, how)
    bmc.logins = [reply(401)]
    with pytest.raises(NotReadyError, match="restarts") as told:
        await session.send(READ)
    assert told.value.retry_after_s == PATIENCE_S
    assert told.value.executed is Executed.NO
    sent = len(bmc.sent)
    bmc.now += PATIENCE_S - 0.5
    with pytest.raises(NotReadyError) as told:
        await session.send(READ)
    assert (told.value.retry_after_s, len(bmc.sent)) == (0.5, sent)
    bmc.now += 0.5
    for root in (reply(503), reply(500, {"RedfishVersion": "1"}), reply(200)):
        bmc.answers[ROOT] = [root]
        with pytest.raises(NotReadyError) as told:
            await session.send(READ)
        assert told.value.retry_after_s == PATIENCE_S / 4
    assert bmc.credentials == 2
    assert by(await session.send(READ)) == "token"
    assert bmc.sent[-3].target == ROOT
    await session.send(READ)
    assert bmc.seen("GET").count(ROOT) == 4, "the root is not asked any more"


async def test_a_second_refusal_after_a_restart_is_believed(bmc: Played) -> None:
    session = bmc.session()
    await session.send(READ)
    await away(session, bmc, {"status": 503})
    bmc.logins = [reply(401), reply(401)]
    with pytest.raises(NotReadyError):
        await session.send(READ)
    bmc.now += PATIENCE_S
    with pytest.raises(AuthenticationError):
        await session.send(READ)
    with pytest.raises(QuarantinedError):
        await session.send(READ)
    assert bmc.credentials == 3


@pytest.mark.parametrize("status", [500, 404])
async def test_a_login_that_is_refused_by_an_idrac_that_was_not_away_is_not_excused(status: int, bmc: Played) -> None:
    session = bmc.session()
    await session.send(READ)
    await away(session, bmc, {"status": status})
    bmc.logins = [reply(401)]
    with pytest.raises(AuthenticationError):
        await session.send(READ)
    with pytest.raises(QuarantinedError):
        await session.send(READ)


async def test_a_full_pool_is_no_restart(bmc: Played, pauses: list[float]) -> None:
    session = bmc.session()
    await session.send(READ)
    bmc.open.clear()
    bmc.logins = [reply(503, FULL), reply(401)]
    with pytest.raises(AuthenticationError):
        await session.send(READ)
    with pytest.raises(QuarantinedError):
        await session.send(READ)


async def test_basic_that_is_refused_is_not_sent_again(bmc: Played) -> None:
    bmc.sessions = None
    session = bmc.session(password="wrong")
    ends = await asyncio.gather(*(session.send(READ) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(end, AuthenticationError) for end in ends)
    assert bmc.credentials == 1


@pytest.fixture
def unheard() -> Iterator[list[str]]:
    """What the event loop complains about."""
    found: list[str] = []
    yield found
    assert found == []


async def complaining(found: list[str]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: found.append(str(context["message"])))


async def given_up(session: Session, bmc: Played) -> None:
    """A call that is given up while it logs in."""
    bmc.gate = asyncio.Event()
    call = asyncio.create_task(session.send(READ))
    await bmc.arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_login_goes_on_when_its_call_is_given_up_and_serves_the_next(bmc: Played) -> None:
    session = bmc.session()
    await given_up(session, bmc)
    call = asyncio.create_task(session.send(READ))
    await asyncio.sleep(0)
    assert bmc.gate is not None
    bmc.gate.set()
    assert by(await call) == "token"
    assert bmc.credentials == 1


async def test_the_place_of_a_call_that_was_given_up_is_taken_until_its_login_is_answered(bmc: Played) -> None:
    session, places = bmc.session(), InFlight(1)

    async def call() -> None:
        async with places.place(1.0):
            await session.send(READ)

    bmc.gate = asyncio.Event()
    given = asyncio.create_task(call())
    await bmc.arrived.wait()
    given.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given
    with pytest.raises(OverloadedError):
        async with places.place(0.0):
            pass
    bmc.gate.set()
    async with places.place(30.0):
        assert bmc.credentials == 1


async def test_a_login_that_fails_after_its_call_was_given_up_is_nobodys_error(bmc: Played, unheard: list[str]) -> None:
    await complaining(unheard)
    session = bmc.session()
    await given_up(session, bmc)
    bmc.logins = [reply(403)]
    assert bmc.gate is not None
    bmc.gate.set()
    assert session._pending is not None
    await asyncio.wait({session._pending})
    session._pending = None
    gc.collect()
    await asyncio.sleep(0)


async def test_closing_waits_a_little_for_a_login_and_deletes_what_it_opened(bmc: Played) -> None:
    session = bmc.session()
    await given_up(session, bmc)
    assert bmc.gate is not None
    closing = asyncio.create_task(session.close())
    await asyncio.sleep(0)
    bmc.gate.set()
    await closing
    assert bmc.seen("DELETE") == [f"{SESSIONS}/1"]
    assert bmc.open == set()


async def test_closing_gives_up_a_login_that_is_not_answered(
    bmc: Played, unheard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await complaining(unheard)
    monkeypatch.setattr(session_module, "LOGOUT_BUDGET_S", 0.01)
    session = bmc.session()
    await given_up(session, bmc)
    await session.close()
    pending = session._pending
    assert pending is not None
    await asyncio.wait({pending})
    assert pending.cancelled()
    assert bmc.seen("DELETE") == []


async def test_a_session_that_cannot_be_deleted_is_left_and_said_to_be(
    bmc: Played, caplog: pytest.LogCaptureFixture
) -> None:
    session = bmc.session()
    await session.send(READ)
    bmc.answers[f"{SESSIONS}/1"] = [NotSentError("gone")]
    with caplog.at_level(logging.INFO, "holdfast.idrac"):
        await session.close()
    assert "could not be deleted" in caplog.text
    assert [one.headers["X-Auth-Token"] for one in bmc.sent if one.method == "DELETE"] == ["token-1"]
    await session.close()
    assert len(bmc.seen("DELETE")) == 1


async def test_sessions_of_another_client_of_the_same_idrac_are_deleted_with_the_own(bmc: Played) -> None:
    old, new, none = bmc.session(), bmc.session(), bmc.session()
    await old.send(READ)
    bmc.answers[READ.target] = [reply(401)]
    await old.send(READ)
    await new.send(READ)
    new.take_over(old)
    new.take_over(none)
    await old.close()
    assert bmc.seen("DELETE") == []
    await new.close()
    assert bmc.seen("DELETE") == [f"{SESSIONS}/{number}" for number in (1, 2, 3)]
    assert bmc.open == set()


async def test_closing_without_a_session_sends_nothing(bmc: Played) -> None:
    await bmc.session().close()
    assert bmc.sent == []


async def test_a_session_that_was_opened_late_is_used_from_then_on(bmc: Played) -> None:
    session = bmc.session()
    bmc.logins = [LostReplyError("cut")]
    assert by(await session.send(READ)) == "basic"
    bmc.now += RENEW_AT * SHORTEST_IDLE_S + 1
    session._adopt(session._opened(bmc.opened()))
    assert (session.by_basic, session.lost) == (False, False)
    assert by(await session.send(READ)) == "token"
    assert bmc.seen("GET").count(SERVICE) == 0, "it was opened just now"
    await session.close()
    assert bmc.open == set()


async def test_the_idle_time_of_a_session_that_was_opened_late_is_its_own(bmc: Played) -> None:
    session = bmc.session()
    await session.send(READ)
    for _ in range(2):
        bmc.answers[SERVICE] = [reply(200, {"SessionTimeout": 10_000})]
        bmc.now += RENEW_AT * SHORTEST_IDLE_S + 1
        assert by(await session.send(READ)) == "token"
        assert bmc.answers[SERVICE] == []
        bmc.open.clear()
        session._forget(_token_of(session))
        session._adopt(session._opened(bmc.opened()))
    await session.close()


async def test_of_two_sessions_the_one_that_was_opened_late_is_deleted_in_the_end(bmc: Played) -> None:
    session = bmc.session()
    await session.send(READ)
    session._adopt(session._opened(bmc.opened()))
    assert bmc.open == {"token-1", "token-2"}
    await session.send(READ)
    assert bmc.sent[-1].headers["X-Auth-Token"] == "token-1"
    await session.close()
    assert bmc.open == set()


def _token_of(session: Session) -> _Token:
    assert session._token is not None
    return session._token


async def test_sessions_are_not_looked_for_elsewhere_where_the_place_answers_with_another_status(bmc: Played) -> None:
    session = bmc.session()
    missing = {"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.12.ResourceMissingAtURI", "Message": "No."}]}}
    bmc.logins = [reply(400, missing)]
    assert by(await session.send(READ)) == "basic"
    assert bmc.seen("POST") == [SESSIONS]
