"""What the end of a socket means for a call: sent or not, executed or not, and what to do."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import (
    Executed,
    HoldfastError,
    InputError,
    LimitError,
    LostReplyError,
    NotSentError,
    PermissionDeniedError,
    ProtocolError,
)
from holdfast.transport.rpcfailures import READ_BACK, JsonRpcError, Pending, failure_of
from holdfast.transport.wire import WireClosed

NO, UNKNOWN = Executed.NO, Executed.UNKNOWN


def call(*, safe: bool, written: bool = True) -> Pending:
    loop = asyncio.new_event_loop()
    entry = Pending(loop.create_future(), "pool.create", safe)
    loop.close()
    entry.written = written
    return entry


def told(
    code: int, entry: Pending | None, error: HoldfastError | None = None, *, alone: bool = False, before: bool = False
) -> HoldfastError:
    found = failure_of(
        WireClosed(code, "as the peer says it", error, before_sending=before), entry, target="truenas.nas", alone=alone
    )
    assert found.target == "truenas.nas"
    assert found.details == {"close_code": code}
    return found


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("code", [1000, 1006, 1007, 1009])
@pytest.mark.parametrize("safe", [True, False])
def test_what_was_not_written_was_not_executed(safe: bool, code: int, alone: bool) -> None:
    for found in (
        told(code, None, alone=alone),
        told(code, call(safe=safe, written=False), alone=alone),
        told(code, call(safe=safe), before=True, alone=alone),
        told(code, call(safe=safe), ProtocolError("x"), before=True, alone=alone),
    ):
        assert isinstance(found, NotSentError)
        assert found.executed is NO
        assert str(found) == f"The socket was closed (code {code}) before the call was sent."


@pytest.mark.parametrize(("safe", "executed"), [(True, NO), (False, UNKNOWN)])
def test_of_what_was_written_and_not_answered_only_a_read_is_known_to_have_changed_nothing(
    safe: bool, executed: Executed
) -> None:
    for found in (told(1006, call(safe=safe)), told(1006, call(safe=safe), LostReplyError("no answer to a ping"))):
        assert isinstance(found, LostReplyError)
        assert found.executed is executed
        assert str(found) == "The socket was closed (code 1006) before pool.create was answered."
        assert found.next_step == (LostReplyError("x").next_step if safe else READ_BACK)


@pytest.mark.parametrize(("safe", "executed"), [(True, NO), (False, UNKNOWN)])
@pytest.mark.parametrize("error", [ProtocolError("It broke the protocol.", next_step="Look."), LimitError("Too much.")])
def test_a_socket_that_ended_because_of_an_error_tells_that_error(
    error: HoldfastError, safe: bool, executed: Executed
) -> None:
    found = told(1002, call(safe=safe), error)
    assert type(found) is type(error)
    assert (found.message, found.next_step, found.executed) == (error.message, error.next_step, executed)


def test_an_address_that_is_not_allowed_is_told_as_that() -> None:
    for entry, executed in (
        (None, NO),
        (call(safe=False, written=False), NO),
        (call(safe=True), NO),
        (call(safe=False), UNKNOWN),
    ):
        found = told(1008, entry)
        assert isinstance(found, PermissionDeniedError)
        assert found.executed is executed
    assert not isinstance(told(1006, None), PermissionDeniedError)


@pytest.mark.parametrize("code", [1007, 1009])
def test_a_call_that_was_refused_as_too_long_was_not_executed_when_it_was_the_only_one(code: int) -> None:
    alone = told(code, call(safe=False), alone=True)
    assert isinstance(alone, InputError)
    assert (alone.executed, alone.next_step) == (NO, "Send less at once.")
    assert str(alone) == f"The appliance refused the call to pool.create as too long (close code {code})."
    among_others = told(code, call(safe=False), alone=False)
    assert isinstance(among_others, LostReplyError)
    assert among_others.executed is UNKNOWN
    assert isinstance(told(1006, call(safe=False), alone=True), LostReplyError)


def test_an_error_object_of_the_appliance_is_told_by_its_number_and_never_by_its_text() -> None:
    error = JsonRpcError("pool.create", -32001, "canary", {"trace": "canary"}, "truenas.nas")
    assert str(error) == "The appliance answered pool.create with error -32001."
    assert (error.executed, error.target, error.status) == (UNKNOWN, "truenas.nas", -32001)
    assert (error.rpc_code, error.rpc_message, error.data) == (-32001, "canary", {"trace": "canary"})
    assert "canary" not in str(error) + repr(error.details) + str(error.next_step)
