"""The gates between a planned change and its one execution."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.config import ControlSettings
from holdfast.control.caller import Ask, Question, Reply, Sending, cannot_ask
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.spec import Risk
from holdfast.errors import (
    ConflictError,
    Executed,
    HoldfastError,
    KillSwitchError,
    LedgerError,
    LostReplyError,
    NotConfirmedError,
    NotSentError,
    PlanError,
)
from holdfast.transport.lastlook import ask_before_sending
from tests.control.doors import Door, Installation, accepts, declines, strict


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return Installation(tmp_path, ControlSettings(), Door())


async def test_a_write_is_carried_out_once_read_back_and_recorded(made: Installation) -> None:
    result = await made.run()
    assert (result.outcome, result.verified) == ("applied", True)
    assert (made.door.sent, made.door.reads) == (1, 1)
    assert made.kinds()[-2:] == ["intent", "outcome"]
    assert made.outcomes() == ["applied"]


async def test_a_state_that_is_as_wanted_sends_and_records_nothing(made: Installation) -> None:
    made.door.state = "shut"
    result = await made.run()
    assert result.outcome == "nothing_to_do"
    assert (result.undo, result.cannot_undo) == (None, None), "there is nothing to take back"
    assert made.door.sent == 0
    assert made.kinds() == []


async def test_a_dry_run_sends_nothing_and_its_plan_can_be_applied_once(made: Installation) -> None:
    planned = await made.run(dry_run=True)
    assert (planned.outcome, made.door.sent) == ("planned", 0)
    assert planned.plan_id is not None
    applied = await made.run(plan_id=planned.plan_id)
    assert applied.outcome == "applied"
    made.door.state = "open"
    with pytest.raises(PlanError, match="used already"):
        await made.run(plan_id=planned.plan_id)
    assert made.door.sent == 1


@pytest.mark.parametrize("moved", ["state", "arguments", "principal", "content"])
async def test_a_plan_is_refused_when_anything_has_moved(made: Installation, moved: str) -> None:
    planned = await made.run(dry_run=True)
    if moved == "state":
        made.door.state = "ajar"
    with pytest.raises(PlanError):
        await made.run(
            plan_id=planned.plan_id,
            principal="mallory" if moved == "principal" else "alice",
            arguments={"door": 8} if moved == "arguments" else None,
            change=(lambda: made.door.change("locked")) if moved == "content" else None,
        )
    assert made.door.sent == 0


async def test_the_kill_switch_refuses_before_anything_is_computed_or_sent(made: Installation) -> None:
    made.parts.kill_switch.engage(reason="drill", who="operator")

    def never() -> Change:
        raise AssertionError("computed although writes are stopped")

    with pytest.raises(KillSwitchError):
        await made.run(change=never)
    assert made.door.sent == 0
    assert made.kinds() == []


async def test_a_kill_switch_that_is_engaged_while_the_person_decides_still_stops_the_write(tmp_path: Path) -> None:
    made = strict(tmp_path)

    async def engages(question: Question) -> Reply:
        made.parts.kill_switch.engage(reason="drill", who="operator")
        return Reply.ACCEPTED

    with pytest.raises(KillSwitchError):
        await made.run(ask=engages)
    assert made.door.sent == 0
    assert made.outcomes() == ["not_applied"]


async def test_a_write_that_needs_a_second_call_is_only_planned_by_the_first(tmp_path: Path) -> None:
    made = strict(tmp_path, "plan")
    planned = await made.run(ask=accepts)
    assert (planned.outcome, made.door.sent) == ("planned", 0)
    assert planned.approval is not None
    assert str(planned.plan_id) in planned.approval
    assert (await made.run(plan_id=planned.plan_id)).outcome == "applied"


@pytest.mark.parametrize("ask", [cannot_ask, declines])
async def test_without_a_persons_yes_nothing_is_sent_and_the_way_on_is_told(tmp_path: Path, ask: Ask) -> None:
    made = strict(tmp_path)
    with pytest.raises(NotConfirmedError) as caught:
        await made.run(ask=ask)
    assert made.door.sent == 0
    assert made.kinds() == []
    plan_id = str(caught.value.details["plan_id"])
    assert f"holdfast approve {plan_id}" in str(caught.value.next_step)
    assert [request.plan_id for request in made.parts.approvals.pending()] == [plan_id]


async def test_a_plan_id_alone_is_no_confirmation(tmp_path: Path) -> None:
    made = strict(tmp_path)
    planned = await made.run(dry_run=True)
    with pytest.raises(NotConfirmedError):
        await made.run(plan_id=planned.plan_id)
    assert made.door.sent == 0


async def test_a_yes_in_the_client_carries_it_out_and_says_who(tmp_path: Path) -> None:
    made = strict(tmp_path)
    assert (await made.run(ask=accepts)).outcome == "applied"
    intent = next(record for record in made.parts.ledger.reader.records() if record.kind == "intent")
    assert intent.body["approved_by"] == "a person in the client"


async def test_what_moves_while_the_person_decides_is_not_changed(tmp_path: Path) -> None:
    made = strict(tmp_path)

    async def decides_slowly(question: Question) -> Reply:
        made.door.state = "ajar"
        return Reply.ACCEPTED

    with pytest.raises(PlanError, match="state has changed"):
        await made.run(ask=decides_slowly)
    assert made.door.sent == 0
    assert made.kinds() == []


async def test_an_approval_out_of_band_is_spent_once(tmp_path: Path) -> None:
    made = strict(tmp_path)
    planned = await made.run(dry_run=True)
    made.parts.approvals.decide(str(planned.plan_id), approve=True, by="bob")
    assert (await made.run(plan_id=planned.plan_id)).outcome == "applied"
    made.door.state = "open"
    with pytest.raises((PlanError, NotConfirmedError)):
        await made.run(plan_id=planned.plan_id)
    assert made.door.sent == 1


async def test_a_denial_out_of_band_wins_over_a_yes_in_the_client(tmp_path: Path) -> None:
    made = strict(tmp_path)
    planned = await made.run(dry_run=True)
    made.parts.approvals.decide(str(planned.plan_id), approve=False, by="bob", reason="no")
    with pytest.raises(NotConfirmedError, match="bob has denied"):
        await made.run(plan_id=planned.plan_id, ask=accepts)
    assert made.door.sent == 0


@pytest.mark.parametrize("reply", [Reply.ACCEPTED, Reply.DECLINED, Reply.UNANSWERED, Reply.CANNOT_ASK])
@pytest.mark.parametrize("when", ["while the question is open", "while it is planned anew"])
async def test_a_denial_that_comes_after_the_question_wins_whoever_says_yes(
    tmp_path: Path, reply: Reply, when: str
) -> None:
    made = strict(tmp_path)
    computed: list[int] = []

    def deny(plan_id: str) -> None:
        made.parts.approvals.decide(plan_id, approve=False, by="bob", reason="not today")

    async def asks(question: Question) -> Reply:
        if when == "while the question is open":
            deny(question.plan_id)
        return reply

    def change() -> Change:
        computed.append(1)
        if when == "while it is planned anew" and len(computed) == 2:
            deny(made.parts.approvals.pending()[0].plan_id)
        return made.door.change()

    asked_only = when == "while it is planned anew" and reply is not Reply.ACCEPTED
    with pytest.raises(
        NotConfirmedError, match="Not confirmed" if asked_only else "bob has denied the plan: not today"
    ):
        await made.run(ask=asks, change=change)
    assert made.door.sent == 0
    assert made.kinds() == []


@pytest.mark.parametrize(
    ("reply", "sent"), [(Reply.ACCEPTED, 1), (Reply.UNANSWERED, 1), (Reply.DECLINED, 0), (Reply.CANNOT_ASK, 0)]
)
async def test_an_approval_that_comes_while_the_question_is_open_stands_in_for_no_answer_and_not_for_a_no(
    tmp_path: Path, reply: Reply, sent: int
) -> None:
    made = strict(tmp_path)

    async def approves(question: Question) -> Reply:
        made.parts.approvals.decide(question.plan_id, approve=True, by="bob")
        return reply

    try:
        assert (await made.run(ask=approves)).outcome == "applied"
    except NotConfirmedError:
        assert sent == 0
    assert made.door.sent == sent


async def test_an_approval_is_not_spent_by_a_look_that_fails(tmp_path: Path) -> None:
    made = strict(tmp_path)
    planned = await made.run(dry_run=True)
    made.parts.approvals.decide(str(planned.plan_id), approve=True, by="bob")
    computed: list[int] = []

    def breaks() -> Change:
        computed.append(1)
        if len(computed) == 2:
            raise NotSentError("the connection broke")
        return made.door.change()

    with pytest.raises(NotSentError):
        await made.run(plan_id=planned.plan_id, change=breaks)
    assert made.door.sent == 0
    assert (await made.run(plan_id=planned.plan_id)).outcome == "applied"
    intent = made.records("intent")[0]
    assert intent["approved_by"] == "bob (out of band)"


async def test_an_approval_that_is_used_elsewhere_meanwhile_counts_once(tmp_path: Path) -> None:
    made = strict(tmp_path)
    planned = await made.run(dry_run=True)
    plan_id = str(planned.plan_id)
    made.parts.approvals.decide(plan_id, approve=True, by="bob")
    plan = made.parts.plans.check(plan_id, made.subject())
    made.parts.approvals.redeem(plan)
    with pytest.raises(NotConfirmedError, match="used already"):
        await made.run(plan_id=plan_id)
    assert made.door.sent == 0


async def test_what_turns_out_to_destroy_when_it_is_planned_anew_is_recorded_as_such(tmp_path: Path) -> None:
    made = strict(tmp_path)
    computed: list[int] = []

    def change() -> Change:
        computed.append(1)
        return made.door.change(destructive=len(computed) == 2)

    assert (await made.run(ask=accepts, change=change)).outcome == "applied"
    assert made.records("intent")[0]["risk"] == "destructive"


async def test_every_request_of_a_change_asks_the_kill_switch_and_none_after_it(made: Installation) -> None:
    asked: list[str] = []

    async def apply() -> Applied:
        ask_before_sending()
        made.parts.kill_switch.engage(reason="drill", who="operator")
        with pytest.raises(KillSwitchError, match="while the change was being made: a part of it was sent") as caught:
            ask_before_sending()
        asked.extend([caught.value.executed.value, str(caught.value.next_step)])
        raise caught.value

    result = await made.run(change=lambda: made.door.change(apply=apply))
    assert result.outcome == "not_applied"
    assert asked == ["unknown", "Tell the user. Read the state to see which part it was."]
    assert "kill_switch" in str(result.warnings)
    ask_before_sending()


async def test_a_kill_switch_that_is_engaged_before_the_first_request_leaves_nothing_open(made: Installation) -> None:
    async def apply() -> Applied:
        made.parts.kill_switch.engage(reason="drill", who="operator")
        ask_before_sending()
        raise AssertionError("sent although writes are stopped")

    with pytest.raises(KillSwitchError, match="engaged by operator: drill") as caught:
        await made.run(change=lambda: made.door.change(apply=apply))
    assert caught.value.executed is Executed.NO
    assert made.outcomes() == ["not_applied"]


async def test_what_a_change_leaves_running_is_not_asked_any_more(made: Installation) -> None:
    done = asyncio.Event()

    async def later() -> None:
        await done.wait()
        ask_before_sending()

    left: list[asyncio.Task[None]] = []

    async def apply() -> Applied:
        left.append(asyncio.create_task(later()))
        made.door.state = "shut"
        return Applied()

    assert (await made.run(change=lambda: made.door.change(apply=apply))).outcome == "applied"
    made.parts.kill_switch.engage(reason="drill", who="operator")
    done.set()
    await left[0]


@pytest.mark.parametrize("destructive_by", ["tool", "change"])
async def test_what_destroys_needs_a_person_even_where_writes_need_none(
    made: Installation, destructive_by: str
) -> None:
    risk = Risk.DESTRUCTIVE if destructive_by == "tool" else Risk.WRITE
    with pytest.raises(NotConfirmedError):
        await made.run(risk=risk, change=lambda: made.door.change(destructive=destructive_by == "change"))
    assert made.door.sent == 0


async def test_an_appliance_that_refused_is_an_error_and_recorded_as_not_applied(made: Installation) -> None:
    made.door.fails = ConflictError("the door is jammed")
    made.door.takes_effect = False
    with pytest.raises(ConflictError):
        await made.run()
    assert made.outcomes() == ["not_applied"]
    assert made.door.reads == 0


@pytest.mark.parametrize(("took_effect", "outcome"), [(True, "applied"), (False, "not_applied")])
async def test_a_lost_answer_is_settled_by_reading_back_and_nothing_is_sent_again(
    made: Installation, took_effect: bool, outcome: str
) -> None:
    made.door.fails = LostReplyError("the connection broke", executed=Executed.UNKNOWN)
    made.door.takes_effect = took_effect
    result = await made.run()
    assert (result.outcome, result.verified) == (outcome, True)
    assert made.door.sent == 1
    assert made.outcomes() == [outcome]
    assert any("lost" in warning for warning in result.warnings or [])


async def test_a_success_that_did_not_happen_is_not_believed(made: Installation) -> None:
    made.door.takes_effect = False
    result = await made.run()
    assert result.outcome == "not_applied"
    assert (result.undo, result.cannot_undo) == (None, None), "there is nothing to take back"


async def test_what_cannot_be_seen_is_unknown_after_three_looks(made: Installation) -> None:
    made.door.blind = True
    result = await made.run()
    assert (result.outcome, result.verified) == ("unknown", False)
    assert made.door.reads == 3
    assert made.door.waits == [1.0, 3.0]
    assert made.outcomes() == ["unknown"]
    assert result.next_step is not None


async def test_work_that_goes_on_is_told_as_started_with_its_task(made: Installation) -> None:
    made.door.blind = True
    made.door.task = "task-9"
    result = await made.run()
    assert (result.outcome, result.task) == ("started", "task-9")
    assert made.outcomes() == ["unknown"]


async def test_a_cancelled_write_is_unknown_on_the_ledger_and_the_cancellation_goes_on(made: Installation) -> None:
    began = asyncio.Event()

    def hanging() -> Change:
        plain = made.door.change()

        async def apply() -> Applied:
            made.door.sent += 1
            began.set()
            await asyncio.Event().wait()
            raise AssertionError("not reached")

        return Change(
            summary=plain.summary,
            identity=plain.identity,
            before=plain.before,
            after=plain.after,
            apply=apply,
            read_back=plain.read_back,
        )

    task = asyncio.create_task(made.run(change=hanging))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made.outcomes() == ["unknown"]


async def test_a_ledger_that_cannot_be_written_refuses_the_write(made: Installation) -> None:
    ledger = made.directory / "state" / "ledger"
    if ledger.exists():
        ledger.rmdir()
    ledger.write_text("a file where the folder should be")
    with pytest.raises((LedgerError, HoldfastError)):
        await made.run()
    assert made.door.sent == 0


def broken(*, before_sending: bool) -> Callable[[], Change]:
    """A change whose code is wrong: it ends with an error of Python before, or after, the request is let out."""

    async def apply() -> Applied:
        if not before_sending:
            ask_before_sending()
        raise ZeroDivisionError("of ours")

    return lambda: replace(Door().change(), apply=apply)


async def test_a_defect_while_a_change_is_planned_has_sent_nothing(made: Installation) -> None:
    def never() -> Change:
        raise ZeroDivisionError("of ours")

    sending = Sending()
    with pytest.raises(ZeroDivisionError):
        await made.run(change=never, sending=sending)
    assert not sending.begun
    assert made.kinds() == []


async def test_a_defect_before_the_first_request_is_let_out_has_sent_nothing_and_is_recorded_so(
    made: Installation,
) -> None:
    sending = Sending()
    with pytest.raises(ZeroDivisionError):
        await made.run(change=broken(before_sending=True), sending=sending)
    assert not sending.begun
    [outcome] = made.records("outcome")
    assert {name: outcome[name] for name in ("result", "verified", "error", "note")} == {
        "result": "not_applied",
        "verified": False,
        "error": "ZeroDivisionError",
        "note": "ended with an internal error before anything was sent",
    }
    assert made.door.reads == 0


async def test_a_defect_after_the_first_request_was_let_out_leaves_unknown_what_became_of_it(
    made: Installation,
) -> None:
    sending = Sending()
    with pytest.raises(ZeroDivisionError):
        await made.run(change=broken(before_sending=False), sending=sending)
    assert sending.begun
    [outcome] = made.records("outcome")
    assert (outcome["result"], outcome["error"]) == ("unknown", "ZeroDivisionError")


async def test_a_defect_while_reading_back_leaves_unknown_what_became_of_it(made: Installation) -> None:
    async def read_back() -> Observed:
        raise ZeroDivisionError("of ours")

    for fails in (None, LostReplyError("the line went dead")):
        sending = Sending()
        made.door.state, made.door.fails = "open", fails
        with pytest.raises(ZeroDivisionError):
            await made.run(change=lambda: replace(made.door.change(), read_back=read_back), sending=sending)
        assert sending.begun
    assert made.outcomes() == ["unknown", "unknown"]


async def test_what_a_defective_change_left_running_can_send_nothing_any_more(made: Installation) -> None:
    gone_on = asyncio.Event()
    left: list[asyncio.Task[None]] = []

    async def later() -> None:
        await gone_on.wait()
        ask_before_sending()

    async def apply() -> Applied:
        left.append(asyncio.create_task(later()))
        raise ZeroDivisionError("of ours")

    with pytest.raises(ZeroDivisionError):
        await made.run(change=lambda: replace(made.door.change(), apply=apply))
    gone_on.set()
    with pytest.raises(NotSentError, match="ended with an internal error"):
        await left[0]


async def test_a_change_that_ended_well_or_was_refused_tells_so_too(made: Installation) -> None:
    sending = Sending()
    await made.run(sending=sending)
    assert sending.begun
    made.door.state, made.door.fails = "open", ConflictError("jammed")
    sending = Sending()
    made.door.fails.executed = Executed.NO
    with pytest.raises(ConflictError):
        await made.run(sending=sending)
    assert not sending.begun
