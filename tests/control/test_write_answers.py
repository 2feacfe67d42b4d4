"""What a reader of a write's answer knows: what happened, whether anything was executed, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import ControlSettings
from holdfast.control.answers import UndoCall
from holdfast.control.caller import Ask, Question, Reply, cannot_ask
from holdfast.control.change import Applied, Observed
from holdfast.control.rendering import as_json
from holdfast.control.spec import Risk
from holdfast.errors import (
    ApplianceFaultError,
    DeadlineError,
    Executed,
    LostReplyError,
    NotConfirmedError,
    PlanError,
)
from holdfast.server.errors import error_text
from tests.control.doors import Door, Installation, accepts, declines, strict

LOST = LostReplyError("the connection broke", executed=Executed.UNKNOWN)


async def nobody_answers(question: Question) -> Reply:
    return Reply.UNANSWERED


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return Installation(tmp_path, ControlSettings(), Door())


async def test_what_was_applied_is_told_with_the_state_before_and_after_and_the_way_back(made: Installation) -> None:
    assert as_json(await made.run()) == {
        "outcome": "applied",
        "summary": "Shut the door",
        "verified": True,
        "identity": "door 7",
        "before": {"state": "open"},
        "after": {"state": "shut"},
        "undo": {"tool": "proxmox_open_door", "arguments": {}},
    }


async def test_empty_facts_are_left_out(made: Installation) -> None:
    made.door.answer = Applied()
    answer = as_json(
        await made.run(
            change=lambda: made.door.change(before={}, after={}, content={"x": 1}, undo=None, cannot_undo="no key")
        )
    )
    assert set(answer) == {"outcome", "summary", "verified", "identity", "after", "cannot_undo"}
    warned = as_json(await made.run(dry_run=True, change=lambda: made.door.change("locked", warnings=["cold"])))
    assert warned["warnings"] == ["cold"]
    planned = as_json(await made.run(dry_run=True, change=lambda: made.door.change("locked", before={}, after={})))
    assert not {"before", "after", "blast_radius", "warnings"} & set(planned)


async def test_what_else_is_touched_and_every_warning_are_told(made: Installation) -> None:
    made.door.answer = Applied(details={"bolts": 2}, warnings=["it squeaks"])
    made.door.note = "seen through the window"
    answer = as_json(
        await made.run(change=lambda: made.door.change(blast_radius=["the cat stays out"], warnings=["it is cold"]))
    )
    assert answer["blast_radius"] == ["the cat stays out"]
    assert answer["details"] == {"bolts": 2}
    assert answer["warnings"] == ["it is cold", "it squeaks", "seen through the window"]


@pytest.mark.parametrize(("answered", "found"), [("task-1", None), (None, "task-2"), ("task-1", "task-2")])
async def test_the_task_is_told_and_recorded_wherever_it_came_from(
    made: Installation, answered: str | None, found: str | None
) -> None:
    made.door.task, made.door.found_task = answered, found
    result = await made.run()
    assert (result.outcome, result.task) == ("applied", answered or found)
    outcome = made.records("outcome")[0]
    assert outcome["task"] == (answered or found)
    assert outcome["verified"] is True


@pytest.mark.parametrize(("answered", "found"), [("task-1", None), (None, "task-2")])
async def test_work_that_goes_on_is_told_as_started_however_its_task_was_learnt(
    made: Installation, answered: str | None, found: str | None
) -> None:
    made.door.blind, made.door.task, made.door.found_task = True, answered, found
    result = await made.run()
    assert (result.outcome, result.task, result.verified) == ("started", answered or found, False)
    assert "Do not repeat it" in str(result.next_step)
    assert "wait tool" in str(result.next_step)
    assert made.records("outcome")[0]["verified"] is False


@pytest.mark.parametrize(
    ("takes_effect", "outcome", "warning", "step"),
    [
        (
            True,
            "applied",
            "Not verified: the appliance took it without an error, but its state does not show whether it took effect.",
            "Do not repeat it. Before building on it, look for its effect with a read tool.",
        ),
        (
            False,
            "not_applied",
            "Not verified: that nothing happened follows from what the appliance answers, not from its state.",
            "It was sent once. Look for the reason, and for an effect, before trying again.",
        ),
    ],
)
async def test_what_the_state_does_not_show_is_never_called_verified(
    made: Installation, takes_effect: bool, outcome: str, warning: str, step: str
) -> None:
    made.door.takes_effect, made.door.shown = takes_effect, False
    result = await made.run()
    assert (result.outcome, result.verified) == (outcome, False)
    assert (result.warnings or [])[-1] == warning
    assert result.next_step == step
    assert made.records("outcome")[0]["verified"] is False


async def test_what_is_unknown_is_not_verified_and_warned_of_once(made: Installation) -> None:
    made.door.blind, made.door.shown = True, False
    result = await made.run()
    assert (result.outcome, result.verified) == ("unknown", False)
    assert "Not verified" not in str(result.warnings)
    assert "whether it took effect, or still will, is not known" in str(result.next_step)


@pytest.mark.parametrize(
    "found",
    [
        Observed("applied"),
        Observed("applied", shown=False),
        Observed("not_applied"),
        Observed("unknown"),
        Observed("unknown", task="task-9"),
    ],
    ids=lambda found: f"{found.effect}-{found.shown}-{found.task}",
)
async def test_a_next_step_that_the_state_shows_goes_before_what_the_outcome_alone_says(
    made: Installation, found: Observed
) -> None:
    async def exact() -> Observed:
        return replace(found, next_step="Look at the hinges.")

    async def plain() -> Observed:
        return found

    assert (await made.run(change=lambda: made.door.change(read_back=exact))).next_step == "Look at the hinges."
    made.door.state = "open"
    assert (await made.run(change=lambda: made.door.change(read_back=plain))).next_step != "Look at the hinges."


async def test_a_way_back_that_only_the_made_object_shows_replaces_what_was_planned(made: Installation) -> None:
    made.door.found_undo = UndoCall(tool="proxmox_open_door", arguments={"door": 9})
    result = await made.run(change=lambda: made.door.change(undo=None, cannot_undo="its number is not known yet"))
    assert (result.undo, result.cannot_undo) == (made.door.found_undo, None)


async def test_an_unknown_outcome_says_that_it_was_sent_and_is_not_to_be_repeated(made: Installation) -> None:
    made.door.blind, made.door.fails = True, LOST
    result = await made.run()
    assert (result.outcome, result.verified) == ("unknown", False)
    assert result.after == {"state": "shut"}
    step = str(result.next_step)
    assert step.startswith("It was sent once; whether it took effect")
    assert "Do not repeat it: read the state" in step
    warnings = " ".join(result.warnings or [])
    assert "The answer to the write was lost (lost_reply); it was sent once, then the state was read back." in warnings
    assert "nothing to be seen" in warnings
    assert made.records("outcome")[0]["error"] == "lost_reply"


async def test_an_outcome_that_did_not_happen_shows_the_state_that_was_found(made: Installation) -> None:
    made.door.takes_effect = False
    result = await made.run()
    assert (result.outcome, result.after) == ("not_applied", {"state": "open"})
    assert str(result.next_step).startswith("It was sent once and did not take effect")
    assert "error" not in made.records("outcome")[0]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (DeadlineError("no answer within 50 s"), "The answer to the write was lost (deadline)"),
        *(
            (
                ApplianceFaultError(f"the bolt is bent{end}", executed=Executed.UNKNOWN),
                f"The write ended with an error (appliance_fault): the bolt is bent{end or '.'} It was sent once",
            )
            for end in ("", ".", "!", "?")
        ),
    ],
)
async def test_a_lost_answer_is_told_apart_from_an_error(made: Installation, failure: Exception, said: str) -> None:
    made.door.fails = failure  # type: ignore[assignment]
    result = await made.run()
    assert result.outcome == "applied"
    assert any(warning.startswith(said) for warning in result.warnings or [])


async def test_nothing_to_do_says_that_nothing_was_sent_and_there_is_nothing_to_take_back(made: Installation) -> None:
    made.door.state = "shut"
    result = await made.run(change=lambda: made.door.change(cannot_undo="the key is lost"))
    assert (result.undo, result.cannot_undo) == (None, None)
    assert result.next_step == "The state was already as wanted; nothing was sent."
    assert result.verified is None


async def test_a_plan_that_has_nothing_left_to_do_is_not_taken_as_done(made: Installation) -> None:
    planned = await made.run(dry_run=True)
    made.door.state = "shut"
    with pytest.raises(PlanError, match="state has changed"):
        await made.run(plan_id=planned.plan_id)


@pytest.mark.parametrize(
    ("approve", "said", "requests"),
    [
        ("none", "None needed: call the tool again with the same arguments and plan_id=", 0),
        ("plan", "Call the tool again with the same arguments and plan_id=", 0),
        ("person", "A person must confirm it. Call the tool again", 1),
    ],
)
async def test_a_plan_says_what_it_needs_to_be_carried_out(
    tmp_path: Path, approve: str, said: str, requests: int
) -> None:
    made = strict(tmp_path, approve)  # type: ignore[arg-type]
    planned = await made.run(dry_run=True)
    assert planned.outcome == "planned"
    assert str(planned.approval).startswith(said)
    assert str(planned.plan_id) in str(planned.approval)
    assert planned.expires_in_s == 300
    assert str(planned.next_step).startswith("Nothing was executed yet.")
    assert len(made.parts.approvals.pending()) == requests


@pytest.mark.parametrize(
    ("ask", "said", "step"),
    [
        (
            nobody_answers,
            "Nobody answered the question in time.",
            "Tell the user. To confirm, they run holdfast approve plan-",
        ),
        (
            cannot_ask,
            "A person must confirm it, and this client cannot ask one.",
            "Tell the user what it would change. To confirm, they run holdfast approve plan-",
        ),
        (
            declines,
            "The question was declined, or dismissed.",
            "Tell the user, and do not ask again unless they want it. Should they want it after all, they run holdfast",
        ),
    ],
)
async def test_what_nobody_confirmed_is_told_with_the_reason_and_the_way_on(
    tmp_path: Path, ask: Ask, said: str, step: str
) -> None:
    with pytest.raises(NotConfirmedError) as caught:
        await strict(tmp_path).run(ask=ask)
    text = error_text(caught.value)
    assert text.startswith(f"Not confirmed: Shut the door. {said} Nothing was executed. Next: {step}")
    assert "within 5 minutes of the plan" in text
    assert "executed=no" in text
    assert text.count("Nothing was executed") == 1


@pytest.mark.parametrize(
    ("refused", "said", "step"),
    [
        ("used", "The plan was used already, by an earlier call.", "Read the state to see what the earlier call did"),
        ("undone", "The plan was used already, by an earlier call.", "Read the state to see what the earlier call did"),
        ("moved", "The state has changed since the plan was made.", "Make a new plan: call the tool with dry_run=true"),
        ("expired", "The plan has expired.", "Make a new plan: call the tool with dry_run=true"),
        ("other", "The target is not the appliance that the plan was made for.", "Tell the user: another machine"),
        ("unknown", "There is no such plan; it may have expired.", "Make a new plan: call the tool with dry_run=true"),
    ],
)
async def test_a_refused_plan_is_told_with_the_reason_and_the_way_on(
    made: Installation, monkeypatch: pytest.MonkeyPatch, refused: str, said: str, step: str
) -> None:
    plan_id = (await made.run(dry_run=True)).plan_id
    if refused in ("used", "undone"):
        await made.run(plan_id=plan_id)
        made.door.state = "open" if refused == "undone" else made.door.state
    elif refused == "moved":
        made.door.state = "ajar"
    elif refused == "expired":
        later = made.parts.plans._wall() + 301
        monkeypatch.setattr(made.parts.plans, "_wall", lambda: later)
    elif refused == "unknown":
        plan_id = "plan-" + "a" * 16
    sent = made.door.sent
    with pytest.raises(PlanError) as caught:
        await made.run(
            plan_id=plan_id, change=lambda: made.door.change(identity="door 8" if refused == "other" else "door 7")
        )
    assert made.door.sent == sent
    text = error_text(caught.value)
    assert text.startswith(f"{said} Nothing was executed. Next: {step}")
    assert text.count("Nothing was executed") == 1


async def test_a_denial_tells_who_and_not_to_go_round_it(tmp_path: Path) -> None:
    made = strict(tmp_path)
    planned = await made.run(dry_run=True)
    made.parts.approvals.decide(str(planned.plan_id), approve=False, by="bob", reason="not today")
    with pytest.raises(NotConfirmedError) as caught:
        await made.run(plan_id=planned.plan_id)
    assert error_text(caught.value).startswith(
        "bob has denied the plan: not today. Nothing was executed. Next: Tell the user what happened, and do not try "
        "another way."
    )


@pytest.mark.parametrize("when", ["before the question", "after the question"])
async def test_an_error_while_planning_never_leaves_open_whether_something_was_executed(
    tmp_path: Path, when: str
) -> None:
    made = strict(tmp_path)

    async def breaks(question: Question) -> Reply:
        made.door.planning_fails = LOST
        return Reply.ACCEPTED

    if when == "before the question":
        made.door.planning_fails = LostReplyError("the connection broke")
    with pytest.raises(LostReplyError) as caught:
        await made.run(ask=breaks)
    assert caught.value.executed is Executed.NO
    assert (made.door.sent, made.kinds()) == (0, [])


async def test_a_write_that_needs_no_person_is_computed_once(made: Installation) -> None:
    computed = 0

    def counted() -> object:
        nonlocal computed
        computed += 1
        return made.door.change()

    await made.run(change=counted)  # type: ignore[arg-type]
    assert computed == 1


async def test_a_plan_that_the_call_names_goes_before_one_that_an_earlier_round_asked_about(tmp_path: Path) -> None:
    made = strict(tmp_path)
    asked: list[str] = []

    async def notes(question: Question) -> Reply:
        asked.append(question.plan_id)
        return Reply.ACCEPTED

    one, two = [(await made.run(dry_run=True)).plan_id for _ in range(2)]
    await made.run(plan_id=one, resumed=two, ask=notes)
    made.door.state = "open"
    await made.run(resumed=two, ask=notes)
    assert asked == [one, two]


async def test_the_plan_is_bound_to_the_content_rather_than_the_state_wanted(made: Installation) -> None:
    planned = await made.run(dry_run=True, change=lambda: made.door.change(content={"bolts": 1}))
    with pytest.raises(PlanError, match="not what was planned"):
        await made.run(plan_id=planned.plan_id, change=lambda: made.door.change(content={"bolts": 2}))


async def question_about(made: Installation, **more: Any) -> list[str]:
    """Lines of the question that a person is asked about a change."""
    asked: list[str] = []

    async def notes(question: Question) -> Reply:
        asked.append(question.message)
        return Reply.DECLINED

    with pytest.raises(NotConfirmedError):
        await made.run(ask=notes, risk=Risk.DESTRUCTIVE, change=lambda: made.door.change(**more))
    return asked[0].splitlines()


async def test_a_person_reads_the_target_what_changes_what_it_touches_and_how_it_is_taken_back(
    made: Installation,
) -> None:
    assert await question_about(
        made,
        before={"state": "open", "colour": "red", "lock": None},
        after={"state": "shut", "colour": "red", "bolts": 3},
        blast_radius=["the cat"],
        warnings=["it is cold"],
    ) == [
        "Shut the door?",
        "Target: proxmox.lab (door 7)",
        'state: "open" -> "shut"',
        "bolts: null -> 3",
        "Affects: the cat",
        "Warning: it is cold",
        "Undo: proxmox_open_door {}",
    ]
    request = made.parts.approvals.pending()[0]
    assert request.changes == ['state: "open" -> "shut"', "bolts: null -> 3"]
    assert request.undo == "proxmox_open_door {}"


@pytest.mark.parametrize(("why", "said"), [("the key is lost", "the key is lost"), (None, "cannot be undone")])
async def test_a_person_reads_why_it_cannot_be_taken_back(made: Installation, why: str | None, said: str) -> None:
    assert (await question_about(made, undo=None, cannot_undo=why))[-1] == f"Undo: {said}"


async def test_a_long_change_is_shown_in_part_and_says_how_much_is_not_shown(made: Installation) -> None:
    lines = await question_about(
        made,
        before={},
        after={f"field{number}": "x" * 1000 for number in range(13)},
        blast_radius=[f"cat {number}" for number in range(9)],
        warnings=[f"cold {number}" for number in range(6)],
    )
    assert "… and 1 further changes: holdfast plans shows them" in lines
    assert "… and 1 further effects: holdfast plans shows them" in lines
    assert "… and 2 further warnings: holdfast plans shows them" in lines
    assert lines[-1] == "Undo: proxmox_open_door {}"
    assert 230 < max(map(len, lines)) <= 240
    assert sum(line.startswith("field") and line.endswith(" more characters]") for line in lines) == 12
    exactly = await question_about(made, before={}, after={f"key{number}": 1 for number in range(12)})
    assert not any("further" in line for line in exactly)


async def test_a_line_is_cut_only_when_it_is_too_long(made: Installation) -> None:
    fits, long = await question_about(made, summary="x" * 239), await question_about(made, summary="x" * 240)
    assert fits[0] == "x" * 239 + "?"
    assert long[0] == "x" * 216 + "… [24 more characters]?"


async def test_an_approval_out_of_band_is_asked_for_before_the_client_is(tmp_path: Path) -> None:
    made = strict(tmp_path)
    planned = await made.run(dry_run=True)
    made.parts.approvals.decide(str(planned.plan_id), approve=True, by="bob")

    async def never(question: Question) -> Reply:
        raise AssertionError("asked although it was approved")

    await made.run(plan_id=planned.plan_id, ask=never)
    assert made.records("intent")[0]["approved_by"] == "bob (out of band)"


async def test_an_accepted_question_is_a_yes_for_this_plan_only(tmp_path: Path) -> None:
    made = strict(tmp_path)
    await made.run(ask=accepts)
    made.door.state = "open"
    with pytest.raises(NotConfirmedError):
        await made.run()
