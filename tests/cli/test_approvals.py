"""A decision is made by who says yes to what was shown; anything else decides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.cli import approvals
from holdfast.cli.setting import control_parts
from holdfast.control.approvalkeys import Ed25519Approver
from holdfast.control.ledger.reading import Filter
from holdfast.control.plans import Plan, Subject
from holdfast.errors import PlanError

SUBJECT = Subject("proxmox_stop_guest", "pve", "rack", "alice", {"vmid": 101}, {"POST": "/x"}, {"status": "running"})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "holdfast.toml"
    file.write_text(f'[control]\nstate_dir = "{tmp_path / "state"}"\n')
    return file


def asked(config: Path, undo: str | None = None) -> Plan:
    parts = control_parts(config)
    plan = parts.plans.issue(SUBJECT)
    parts.approvals.request(plan, risk="destructive", summary="Stop VM 101 (web) on pve1", undo=undo)
    return plan


def decided(config: Path, plan: Plan) -> str | None:
    decision = control_parts(config).approvals.decision(plan)
    return None if decision is None else decision.verdict


def decide(config: Path, plan: Plan, *, approve: bool = True, yes: bool = False) -> bool:
    return approvals.decide(config, plan.plan_id, approve=approve, reason="planned", yes=yes, key=None)


Typed = Callable[[str | None], list[str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Has somebody type this when asked, or end the input; gives what was asked."""

    def prepare(text: str | None) -> list[str]:
        questions: list[str] = []

        def answer(question: str) -> str:
            questions.append(question)
            if text is None:
                raise EOFError
            return text

        monkeypatch.setattr("builtins.input", answer)
        return questions

    return prepare


@pytest.mark.parametrize("text", ["y", "Y", "yes", " YES "])
def test_who_says_yes_to_what_was_shown_approves(
    text: str, config: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, questions = asked(config), typed(text)
    assert decide(config, plan) is True
    assert questions == ["Carry this out? [y/N] "]
    out = capsys.readouterr().out
    assert out.startswith(f"{plan.plan_id}  Stop VM 101 (web) on pve1  (destructive, ")
    assert "  target: pve\n  asked by: alice\n" in out
    assert out.endswith(f"  undo: cannot be undone\n{plan.plan_id} is approved. The assistant can apply it now.\n")
    assert decided(config, plan) == "approved"


@pytest.mark.parametrize("text", ["", "n", "no", "yess", "ye", "ok", None])
def test_any_other_word_and_none_decide_nothing(
    text: str | None, config: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, questions = asked(config), typed(text)
    assert decide(config, plan) is False
    assert len(questions) == 1
    assert capsys.readouterr().out.endswith(("\n\n" if text is None else "\n") + "Not approved.\n")
    assert decided(config, plan) is None


@pytest.mark.parametrize(("approve", "verdict"), [(True, "approved"), (False, "denied")])
def test_who_has_said_it_beforehand_is_not_asked_and_a_denial_needs_no_question(
    approve: bool, verdict: str, config: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, questions = asked(config, undo="proxmox_start_guest"), typed("y")
    assert decide(config, plan, approve=approve, yes=approve) is True
    assert questions == []
    assert decided(config, plan) == verdict
    out = capsys.readouterr().out
    assert "  undo: proxmox_start_guest\n" in out
    assert ("The assistant can apply it now." in out) is approve
    records = control_parts(config).ledger.reader.show(Filter()).records
    (told,) = (record.line().decode() for record in records if plan.plan_id in record.line().decode())
    assert f'"{verdict}"' in told


def test_nothing_is_decided_about_a_plan_that_there_is_not(config: Path, typed: Typed) -> None:
    questions = typed("y")
    with pytest.raises(PlanError):
        approvals.decide(config, "plan-aaaaaaaaaaaaaaaa", approve=True, reason=None, yes=False, key=None)
    assert questions == []


def test_the_plans_that_wait_are_listed_for_people_and_for_programs(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approvals.show_plans(config, as_json=False)
    assert capsys.readouterr().out == "No plan waits for a decision.\n"
    approvals.show_plans(config, as_json=True)
    assert json.loads(capsys.readouterr().out) == []
    plans = [asked(config), asked(config)]
    approvals.show_plans(config, as_json=False)
    out = capsys.readouterr().out
    assert [plan.plan_id in out for plan in plans] == [True, True]
    assert "No plan" not in out
    assert out.count("  undo: cannot be undone\n") == 2
    approvals.show_plans(config, as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert {one["plan_id"] for one in listed} == {plan.plan_id for plan in plans}


def test_the_public_key_of_an_approver_is_shown_as_the_configuration_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approvals.show_key(tmp_path / "approver")
    public = Ed25519Approver.from_file(tmp_path / "approver").public_text
    assert capsys.readouterr().out == f'approver_key = "{public}"\n'
