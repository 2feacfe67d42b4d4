"""Approval out of band: signed by who decided, about exactly one plan, once, in time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from holdfast.control import statefiles
from holdfast.control.approval import Approvals, Decision, Request, denied
from holdfast.control.approvalkeys import Ed25519Approver, Ed25519Checker, SharedKey
from holdfast.control.plans import Plan, PlanStore, Subject
from holdfast.control.redaction import REDACTED, Redactor
from holdfast.control.statestore import FileState, MemoryState, State
from holdfast.errors import ConfigError, Executed, NotConfirmedError, PlanError
from tests.support.hostile import STRINGS

KEY = b"k" * 32
SECRET = "C4nary-Passw0rd!"
START = 1_795_000_000.0
SUBJECT = Subject("proxmox_stop_guest", "pve", "rack", "alice", {"vmid": 101}, {"POST": "/x"}, {"status": "running"})


class World:
    """A serving process and a deciding one that share the state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.now = START
        self.plans = PlanStore(state, KEY, wall=lambda: self.now, monotonic=lambda: self.now, boot="boot")
        self.server = self.process()
        self.operator = self.process()

    def process(self, key: bytes = KEY, **options: Any) -> Approvals:
        return Approvals(self.state, key, redactor=Redactor([SECRET]), now=lambda: self.now, **options)

    def asked(self, subject: Subject = SUBJECT) -> Plan:
        plan = self.plans.issue(subject)
        self.server.request(plan, risk="destructive", summary="Stop VM 101 (web) on pve1")
        return plan

    def rewrite(self, space: str, plan: Plan, change: Callable[[dict[str, Any]], object]) -> None:
        data = self.state.get(space, plan.plan_id)
        assert data is not None
        record = json.loads(data)
        change(record)
        self.state.remove(space, plan.plan_id)
        self.state.create(space, plan.plan_id, json.dumps(record).encode(), expires_at=plan.expires_at)


@pytest.fixture(params=["memory", "files"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(MemoryState() if request.param == "memory" else FileState(tmp_path / "state"))


def test_a_plan_that_somebody_approved_may_be_carried_out_once(world: World) -> None:
    plan = world.asked()
    assert world.server.decision(plan) is None
    decision = world.operator.decide(plan.plan_id, approve=True, by="bob", reason="planned maintenance")
    assert world.server.decision(plan) == decision
    assert world.server.redeem(plan) == decision
    assert (decision.by, decision.reason, decision.approved) == ("bob", "planned maintenance", True)
    with pytest.raises(NotConfirmedError, match="used already"):
        world.server.redeem(plan)
    with pytest.raises(NotConfirmedError, match="used already"):
        world.process().redeem(plan)


def test_a_plan_that_nobody_decided_about_may_not(world: World) -> None:
    plan = world.asked()
    with pytest.raises(NotConfirmedError, match="Nobody has approved") as refused:
        world.server.redeem(plan)
    assert refused.value.executed is Executed.NO


def test_a_plan_that_somebody_denied_may_not(world: World) -> None:
    plan = world.asked()
    decision = world.operator.decide(plan.plan_id, approve=False, by="bob", reason="not today")
    assert not decision.approved
    with pytest.raises(NotConfirmedError, match=r"bob has denied the plan: not today\. Nothing was executed"):
        world.server.redeem(plan)
    assert str(denied(decision.model_copy(update={"reason": None}))).startswith("bob has denied the plan. ")


def test_the_first_decision_stands(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=False, by="bob")
    with pytest.raises(PlanError, match="decided about already"):
        world.operator.decide(plan.plan_id, approve=True, by="eve")
    assert world.server.decision(plan).by == "bob"  # type: ignore[union-attr]  # there is one


def test_an_approval_that_is_not_used_yet_can_be_withdrawn_once_and_for_all(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    withdrawn = world.operator.decide(plan.plan_id, approve=False, by="eve", reason="the backup runs")
    assert world.server.decision(plan) == withdrawn
    with pytest.raises(NotConfirmedError, match=r"eve has denied the plan: the backup runs\. Nothing was executed"):
        world.server.redeem(plan)
    for approve in (True, False):
        with pytest.raises(PlanError, match="decided about already"):
            world.operator.decide(plan.plan_id, approve=approve, by="bob")
    world.now += 5000
    world.asked()
    assert world.state.get("approvals-withdrawn", plan.plan_id) is None


def test_an_approval_is_no_second_one_and_withdraws_nothing(world: World) -> None:
    plan = world.asked()
    first = world.operator.decide(plan.plan_id, approve=True, by="bob")
    with pytest.raises(PlanError, match="decided about already"):
        world.operator.decide(plan.plan_id, approve=True, by="eve")
    assert world.server.decision(plan) == first


def test_what_is_no_decision_is_not_withdrawn(world: World) -> None:
    plan = world.asked()
    world.state.create("approval-decisions", plan.plan_id, b"garbage", expires_at=plan.expires_at)
    with pytest.raises(PlanError, match="decided about already"):
        world.operator.decide(plan.plan_id, approve=False, by="eve")


def test_a_denial_is_no_second_one(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=False, by="bob", reason="first")
    with pytest.raises(PlanError, match="decided about already"):
        world.operator.decide(plan.plan_id, approve=False, by="eve", reason="second")
    assert world.server.decision(plan).reason == "first"  # type: ignore[union-attr]  # there is one


def test_an_approval_that_was_used_cannot_be_withdrawn_and_it_is_told_so(world: World) -> None:
    plan = world.asked()
    approved = world.operator.decide(plan.plan_id, approve=True, by="bob")
    world.server.redeem(plan)
    with pytest.raises(PlanError, match="was used already: it is too late to deny it") as caught:
        world.operator.decide(plan.plan_id, approve=False, by="eve")
    assert caught.value.details == {"reason": "used"}
    assert world.server.decision(plan) == approved


def test_an_approval_that_is_withdrawn_while_it_is_used_is_not_used(world: World) -> None:
    """Whoever comes second sees the other: never is a plan carried out of which a person was told that it is denied."""
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    create = world.state.create

    def withdrawn_first(space: str, key: str, record: bytes, *, expires_at: float) -> bool:
        if space == "approvals-redeemed":
            world.state.create = create  # type: ignore[method-assign]
            world.operator.decide(plan.plan_id, approve=False, by="eve")
        return create(space, key, record, expires_at=expires_at)

    world.state.create = withdrawn_first  # type: ignore[method-assign]
    with pytest.raises(NotConfirmedError, match="withdrawn meanwhile"):
        world.server.redeem(plan)
    other = world.asked()
    world.operator.decide(other.plan_id, approve=True, by="bob")

    def redeemed_first(space: str, key: str, record: bytes, *, expires_at: float) -> bool:
        if space == "approvals-withdrawn":
            world.state.create = create  # type: ignore[method-assign]
            world.server.redeem(other)
        return create(space, key, record, expires_at=expires_at)

    world.state.create = redeemed_first  # type: ignore[method-assign]
    with pytest.raises(PlanError, match="too late to deny it"):
        world.operator.decide(other.plan_id, approve=False, by="eve")


def test_garbage_in_place_of_a_withdrawal_is_no_approval(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    world.state.create("approvals-withdrawn", plan.plan_id, b"garbage", expires_at=plan.expires_at)
    with pytest.raises(NotConfirmedError, match="not signed"):
        world.server.redeem(plan)


def test_of_many_that_decide_at_once_one_does_and_one_may_withdraw_it(world: World) -> None:
    plan = world.asked()
    barrier = threading.Barrier(10)

    def decide(number: int) -> str:
        barrier.wait(10)
        try:
            return world.process().decide(plan.plan_id, approve=number % 2 == 0, by=f"p{number}").verdict
        except PlanError:
            return "none"

    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(decide, range(10)))
    assert made.count("denied") == 1
    assert made.count("approved") <= 1
    found = world.server.decision(plan)
    assert found is not None
    assert not found.approved


def test_of_many_that_redeem_at_once_exactly_one_may(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    barrier = threading.Barrier(10)

    def redeem(_: int) -> bool:
        barrier.wait(10)
        try:
            world.process().redeem(plan)
        except NotConfirmedError:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(redeem, range(10))) == 1


def test_open_requests_are_listed_the_oldest_first_until_decided_or_expired(world: World) -> None:
    first = world.asked()
    world.now += 1
    second = world.asked()
    assert [request.plan_id for request in world.operator.pending()] == [first.plan_id, second.plan_id]
    world.operator.decide(first.plan_id, approve=True, by="bob")
    assert [request.plan_id for request in world.operator.pending()] == [second.plan_id]
    world.now += 300
    assert world.operator.pending() == []


def test_an_expired_request_cannot_be_decided_about(world: World) -> None:
    plan = world.asked()
    world.now += 300
    with pytest.raises(PlanError, match="expired"):
        world.operator.decide(plan.plan_id, approve=True, by="bob")
    assert world.server.decision(plan) is None


def test_a_clock_set_back_makes_no_old_request_new(world: World) -> None:
    world.now -= 5
    early = world.asked()
    world.now += 5
    plan = world.asked()
    world.now -= 5
    # Clocks of two machines may differ by five seconds, not by more.
    world.operator.decide(early.plan_id, approve=True, by="bob")
    assert [request.plan_id for request in world.operator.pending()] == [plan.plan_id]
    world.now -= 0.1
    with pytest.raises(PlanError, match="expired"):
        world.operator.decide(plan.plan_id, approve=True, by="bob")


def test_an_approval_expires_with_its_plan(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    world.now += 300
    with pytest.raises(NotConfirmedError, match="expired"):
        world.server.redeem(plan)


def test_the_clock_of_who_decides_may_be_five_seconds_slow(world: World) -> None:
    plan = world.asked()
    world.now -= 5
    decided = world.operator.decide(plan.plan_id, approve=True, by="bob")
    assert decided.decided_at == plan.created_at - 5
    world.now += 5
    assert world.server.redeem(plan) == decided


def test_an_approval_from_the_future_is_not_believed(world: World) -> None:
    plan = world.asked()
    world.now += 10
    decided = world.operator.decide(plan.plan_id, approve=True, by="bob")
    world.now -= 5.1
    with pytest.raises(NotConfirmedError, match="expired"):
        world.server.redeem(plan)
    world.now = decided.decided_at - 5
    assert world.server.redeem(plan) == decided


@pytest.mark.parametrize("plan_id", ["plan-" + "a" * 16, "plan-", "", "../x", "plan-AAAAAAAAAAAAAAAA", "x" * 21])
def test_nobody_can_decide_about_a_plan_that_nobody_asked_about(world: World, plan_id: str) -> None:
    with pytest.raises(PlanError, match="no request"):
        world.operator.decide(plan_id, approve=True, by="bob")
    with pytest.raises(PlanError, match="no request"):
        world.operator.find(plan_id)


def test_a_request_shows_what_will_happen(world: World) -> None:
    plan = world.plans.issue(SUBJECT)
    made = world.server.request(
        plan,
        risk="write",
        summary="Stop VM 101",
        changes=["status: running → stopped"],
        blast_radius=["2 services depend on it"],
        undo="proxmox_start_guest",
    )
    assert world.operator.find(plan.plan_id) == made
    assert made.plan_digest == plan.digest
    assert (made.tool, made.target, made.principal, made.risk) == ("proxmox_stop_guest", "pve", "alice", "write")
    assert (made.summary, made.changes, made.blast_radius, made.undo) == (
        "Stop VM 101",
        ["status: running → stopped"],
        ["2 services depend on it"],
        "proxmox_start_guest",
    )
    assert (made.created_at, made.expires_at) == (plan.created_at, plan.expires_at)


def test_asking_twice_about_a_plan_changes_nothing(world: World) -> None:
    plan = world.asked()
    world.server.request(plan, risk="read", summary="something harmless")
    assert world.operator.find(plan.plan_id).summary == "Stop VM 101 (web) on pve1"


def test_what_is_shown_is_cleaned_and_redacted(world: World) -> None:
    plan = world.plans.issue(SUBJECT)
    short = [text for text in STRINGS if len(text) < 3000]
    made = world.server.request(
        plan,
        risk="w\x1b[2J",
        summary=f"set {SECRET[:3]}\u200b{SECRET[3:]}",
        changes=short,
        blast_radius=[SECRET],
        undo=SECRET,
    )
    assert made.summary == f"set {REDACTED}"
    assert made.blast_radius == [REDACTED]
    assert made.undo == REDACTED
    assert made.risk == "w"
    assert len(made.changes) == 200
    assert made.changes[-1].endswith("further changes that are not shown here: deny it if in doubt")
    for line in made.changes:
        assert line.isprintable() or "\ufffd" in line or line == ""
        assert "\n" not in line
    stored = world.state.get("approval-requests", plan.plan_id)
    assert stored is not None
    assert SECRET.encode() not in stored


def forge(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda sealed: sealed["record"].update(changed)


@pytest.mark.parametrize(
    "change",
    [
        forge(verdict="approved"),
        forge(by="the boss"),
        forge(decided_at=1.0),
        forge(plan_digest="0" * 64),
        forge(request_digest="0" * 64),
        forge(plan_id="plan-" + "a" * 16),
        forge(reason="because"),
        forge(extra=1),
        lambda sealed: sealed.update(signature=""),
        lambda sealed: sealed.update(signature="0" * 64),
        lambda sealed: sealed.update(more=1),
        lambda sealed: sealed.pop("signature"),
        lambda sealed: sealed.update(record=[]),
        lambda sealed: sealed["record"].pop("by"),
    ],
)
def test_an_altered_decision_is_not_genuine(world: World, change: Callable[[dict[str, Any]], object]) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=False, by="bob")
    world.rewrite("approval-decisions", plan, change)
    for use in (world.server.decision, world.server.redeem):
        with pytest.raises(NotConfirmedError, match="not signed") as refused:
            use(plan)
        assert refused.value.executed is Executed.NO


@pytest.mark.parametrize("data", [b"", b"{}", b"approved", b"\xff", b"[" * 100_000, b'{"record": {}, "signature": 1}'])
def test_garbage_in_place_of_a_decision_is_no_approval(world: World, data: bytes) -> None:
    plan = world.asked()
    world.state.create("approval-decisions", plan.plan_id, data, expires_at=plan.expires_at)
    with pytest.raises(NotConfirmedError, match="not signed"):
        world.server.redeem(plan)


def signed_as_decision(record: dict[str, Any], key: bytes = KEY) -> bytes:
    return json.dumps({"record": record, "signature": SharedKey(key).sign({"decision": record})}).encode()


def decision_about(world: World, plan: Plan, **changed: object) -> dict[str, Any]:
    other = world.process()
    genuine = other.decide(plan.plan_id, approve=True, by="bob").model_dump(mode="json")
    world.state.remove("approval-decisions", plan.plan_id)
    return {**genuine, **changed}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"plan_digest": "0" * 64}, "another plan"),
        ({"request_digest": "0" * 64}, "another plan"),
        ({"plan_id": "plan-" + "a" * 16}, "another plan"),
        ({"decided_at": 1.0}, "outside of the plan's life"),
        ({"decided_at": 1e12}, "outside of the plan's life"),
        ({"decided_at": START + 300}, "outside of the plan's life"),
        ({"decided_at": START - 5.1}, "outside of the plan's life"),
        ({"verdict": "perhaps"}, "damaged"),
        ({"extra": 1}, "damaged"),
    ],
)
def test_a_genuine_signature_on_a_decision_about_something_else_is_not_enough(
    world: World, changed: dict[str, object], what: str
) -> None:
    plan = world.asked()
    record = decision_about(world, plan, **changed)
    world.state.create("approval-decisions", plan.plan_id, signed_as_decision(record), expires_at=plan.expires_at)
    with pytest.raises(NotConfirmedError, match=what):
        world.server.redeem(plan)


def test_the_same_record_signed_by_hand_is_what_a_decision_is(world: World) -> None:
    plan = world.asked()
    record = decision_about(world, plan)
    world.state.create("approval-decisions", plan.plan_id, signed_as_decision(record), expires_at=plan.expires_at)
    assert world.server.redeem(plan).by == "bob"


def test_a_decision_signed_with_another_key_is_not_genuine(world: World) -> None:
    plan = world.asked()
    record = decision_about(world, plan)
    world.state.create(
        "approval-decisions", plan.plan_id, signed_as_decision(record, b"x" * 32), expires_at=plan.expires_at
    )
    with pytest.raises(NotConfirmedError, match="not signed"):
        world.server.redeem(plan)


def test_the_seal_of_a_request_is_worth_nothing_as_a_signature_of_a_decision(world: World) -> None:
    plan = world.asked()
    record = decision_about(world, plan)
    sealed = json.dumps({"record": record, "signature": SharedKey(KEY).sign({"request": record})}).encode()
    world.state.create("approval-decisions", plan.plan_id, sealed, expires_at=plan.expires_at)
    with pytest.raises(NotConfirmedError, match="not signed"):
        world.server.redeem(plan)


def test_an_approval_is_about_what_was_shown_and_not_about_what_is_shown_now(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    request = world.operator.find(plan.plan_id)
    shown = request.model_dump(mode="json") | {"summary": "Delete everything"}
    world.state.remove("approval-requests", plan.plan_id)
    sealed = json.dumps({"record": shown, "signature": SharedKey(KEY).sign({"request": shown})}).encode()
    world.state.create("approval-requests", plan.plan_id, sealed, expires_at=plan.expires_at)
    with pytest.raises(NotConfirmedError, match="another plan"):
        world.server.redeem(plan)


def test_an_approval_without_the_request_it_answers_is_not_enough(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    world.state.remove("approval-requests", plan.plan_id)
    with pytest.raises(NotConfirmedError, match="another plan"):
        world.server.redeem(plan)


@pytest.mark.parametrize(
    "change",
    [
        forge(summary="Restart a test machine"),
        forge(plan_digest="0" * 64),
        forge(expires_at=1e12),
        forge(plan_id="plan-" + "a" * 16),
        forge(extra=1),
        lambda sealed: sealed.update(signature="0" * 64),
    ],
)
def test_an_altered_request_is_neither_listed_nor_decided_about(
    world: World, change: Callable[[dict[str, Any]], object]
) -> None:
    plan = world.asked()
    world.rewrite("approval-requests", plan, change)
    assert world.operator.pending() == []
    with pytest.raises(PlanError, match="no request"):
        world.operator.decide(plan.plan_id, approve=True, by="bob")


def test_the_request_of_one_plan_is_worth_nothing_under_the_id_of_another(world: World) -> None:
    harmless, harmful = world.asked(), world.asked()
    data = world.state.get("approval-requests", harmless.plan_id)
    assert data is not None
    world.state.remove("approval-requests", harmful.plan_id)
    world.state.create("approval-requests", harmful.plan_id, data, expires_at=harmful.expires_at)
    assert [request.plan_id for request in world.operator.pending()] == [harmless.plan_id]
    with pytest.raises(PlanError):
        world.operator.decide(harmful.plan_id, approve=True, by="bob")


def test_a_request_with_a_genuine_seal_but_another_shape_is_not_shown(world: World) -> None:
    plan = world.asked()
    record: JsonValue = {"plan_id": plan.plan_id}
    sealed = json.dumps({"record": record, "signature": SharedKey(KEY).sign({"request": record})}).encode()
    world.state.remove("approval-requests", plan.plan_id)
    world.state.create("approval-requests", plan.plan_id, sealed, expires_at=plan.expires_at)
    assert world.operator.pending() == []


def test_strange_records_are_not_shown(world: World) -> None:
    world.state.create("approval-requests", "not-a-plan", b"{}", expires_at=1e12)
    assert world.operator.pending() == []


def test_an_approval_of_a_plan_made_anew_does_not_count_for_the_new_one(world: World) -> None:
    old = world.asked()
    world.operator.decide(old.plan_id, approve=True, by="bob")
    data = world.state.get("approval-decisions", old.plan_id)
    assert data is not None
    new = world.asked()
    world.state.create("approval-decisions", new.plan_id, data, expires_at=new.expires_at)
    with pytest.raises(NotConfirmedError, match="another plan"):
        world.server.redeem(new)


def test_old_records_are_removed_in_time(world: World) -> None:
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    world.server.redeem(plan)
    world.now += 5000
    world.asked()
    assert world.state.get("approval-requests", plan.plan_id) is None
    assert world.state.get("approval-decisions", plan.plan_id) is None
    # The mark of use goes last.
    assert world.state.get("approvals-redeemed", plan.plan_id) is not None
    world.now += 5000
    world.asked()
    assert world.state.get("approvals-redeemed", plan.plan_id) is None


class Broken(MemoryState):
    failing = ""

    def create(self, space: str, key: str, record: bytes, *, expires_at: float) -> bool:
        if f"create {space}" == self.failing:
            raise OSError(28, "No space left on device")
        return super().create(space, key, record, expires_at=expires_at)

    def get(self, space: str, key: str) -> bytes | None:
        if f"get {space}" == self.failing:
            raise OSError(5, "Input/output error")
        return super().get(space, key)


@pytest.mark.parametrize("failing", ["get approval-decisions", "get approvals-withdrawn", "create approvals-redeemed"])
def test_when_the_state_fails_nothing_is_approved(failing: str) -> None:
    state = Broken()
    world = World(state)
    plan = world.asked()
    world.operator.decide(plan.plan_id, approve=True, by="bob")
    state.failing = failing
    with pytest.raises(NotConfirmedError, match="cannot be"):
        world.server.redeem(plan)


def test_when_the_state_cannot_be_written_nobody_can_be_asked() -> None:
    state = Broken()
    world = World(state)
    state.failing = "create approval-requests"
    with pytest.raises(NotConfirmedError, match="cannot be written"):
        world.asked()


def test_with_a_private_key_elsewhere_the_server_can_check_but_not_sign(tmp_path: Path) -> None:
    world = World(MemoryState())
    approver = Ed25519Approver.from_file(tmp_path / "approver.key")
    server = world.process(decisions=Ed25519Checker.from_text(approver.public_text))
    operator = world.process(decisions=approver)
    plan = world.asked()
    with pytest.raises(NotConfirmedError, match="check approvals, not make them"):
        server.decide(plan.plan_id, approve=True, by="server")
    # Whoever holds the installation's secret only cannot sign either.
    forged = world.process().decide(plan.plan_id, approve=True, by="server")
    assert forged.approved
    with pytest.raises(NotConfirmedError, match="not signed"):
        server.redeem(plan)
    world.state.remove("approval-decisions", plan.plan_id)
    operator.decide(plan.plan_id, approve=True, by="root")
    assert server.redeem(plan).by == "root"


def test_signatures_are_bound_to_key_and_record(tmp_path: Path) -> None:
    one, two = Ed25519Approver(b"1" * 32), Ed25519Approver(b"2" * 32)
    signature = one.sign({"a": 1})
    assert one.genuine({"a": 1}, signature)
    assert Ed25519Checker.from_text(one.public_text).genuine({"a": 1}, signature)
    attempts: list[tuple[Ed25519Checker, JsonValue, str]] = [
        (two, {"a": 1}, signature),
        (one, {"a": 2}, signature),
        (one, {"a": 1}, signature[:-4]),
        (one, {"a": 1}, ""),
        (one, {"a": 1}, "not base64!"),
        (one, {"a": 1}, signature + "\n"),
        (one, {"a": 1}, "é"),
    ]
    for checker, record, text in attempts:
        assert not checker.genuine(record, text)
    shared = SharedKey(KEY)
    assert shared.genuine({"a": 1}, shared.sign({"a": 1}))
    assert not shared.genuine({"a": 2}, shared.sign({"a": 1}))
    assert not SharedKey(b"x" * 32).genuine({"a": 1}, shared.sign({"a": 1}))


@pytest.mark.parametrize("text", ["", "AAAA", "no base64", "A" * 45, "A" * 44 + "="])
def test_a_public_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="public key"):
        Ed25519Checker.from_text(text)


def test_the_approver_s_key_file_is_private(tmp_path: Path) -> None:
    first = Ed25519Approver.from_file(tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o777 == statefiles.PRIVATE_FILE
    assert Ed25519Approver.from_file(tmp_path / "k").public_text == first.public_text
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(ConfigError):
        Ed25519Approver.from_file(tmp_path / "k")


OPERATOR = """
import sys
from pathlib import Path
from holdfast.control.approval import Approvals
from holdfast.control.redaction import Redactor
from holdfast.control.statestore import FileState
approvals = Approvals(FileState(Path(sys.argv[1])), b"k" * 32, redactor=Redactor())
[request] = approvals.pending()
print(request.summary)
approvals.decide(request.plan_id, approve=True, by="bob")
"""


def test_another_process_lists_and_approves(tmp_path: Path) -> None:
    state = FileState(tmp_path / "state")
    plan = PlanStore(state, KEY).issue(SUBJECT)
    server = Approvals(state, KEY, redactor=Redactor())
    server.request(plan, risk="write", summary="Stop VM 101")
    shown = subprocess.run(
        [sys.executable, "-c", OPERATOR, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout == "Stop VM 101\n"
    assert server.redeem(plan).by == "bob"


def test_records_are_closed_and_silent_about_values() -> None:
    with pytest.raises(ValueError) as caught:
        Decision.model_validate({"verdict": SECRET})
    assert SECRET not in str(caught.value)
    assert Request.model_config["extra"] == "forbid"


@pytest.mark.parametrize("count", [200, 201, 500])
def test_more_lines_than_are_shown_are_told_by_their_number(world: World, count: int) -> None:
    plan = world.plans.issue(SUBJECT)
    lines = [f"line {number}" for number in range(count)]
    made = world.server.request(plan, risk="write", summary="s", changes=lines, blast_radius=lines)
    if count == 200:
        assert made.changes == made.blast_radius == lines
        return
    assert made.changes[:199] == made.blast_radius[:199] == lines[:199]
    left = count - 199
    assert made.changes[199:] == [f"… and {left} further changes that are not shown here: deny it if in doubt"]
    assert made.blast_radius[199:] == [f"… and {left} further effects that are not shown here: deny it if in doubt"]
    assert world.operator.find(plan.plan_id) == made


def test_a_change_that_is_too_large_to_be_shown_is_refused_with_a_way_on(tmp_path: Path) -> None:
    world = World(FileState(tmp_path / "state"))
    plan = world.plans.issue(SUBJECT)
    lines = ["é" * 990 for _ in range(200)]
    with pytest.raises(NotConfirmedError, match="too large to be shown to a person") as caught:
        world.server.request(plan, risk="write", summary="s", changes=lines, blast_radius=lines)
    assert caught.value.executed is Executed.NO
    assert caught.value.next_step == "Make the change in several smaller calls."
    assert world.server.pending() == []
