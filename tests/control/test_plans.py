"""Plans: good for exactly what was planned, by whom, once, for five minutes."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from holdfast.control import plans as module
from holdfast.control.canonical import digest
from holdfast.control.plans import FREE_PLANS, MAX_OPEN_PLANS, MAX_OPEN_PLANS_OF_ALL, PlanStore, Subject, _boot_id
from holdfast.control.statestore import FileState, MemoryState, State
from holdfast.errors import Executed, PlanError

KEY = b"k" * 32
SUBJECT = Subject(
    tool="proxmox_stop_guest",
    target="pve",
    identity={"cluster": "rack", "node": "pve1"},
    principal="alice",
    arguments={"node": "pve1", "vmid": 101, "tags": ["a", "b"]},
    content={"steps": [{"POST": "/nodes/pve1/qemu/101/status/stop"}, {"POST": "/x"}]},
    before={"status": "running", "digest": "abc"},
)


class Time:
    """Clocks that a test moves; the monotonic one is apart from the wall."""

    def __init__(self) -> None:
        self.wall = 1_795_000_000.0
        self.monotonic = 5000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["memory", "files"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    return MemoryState() if request.param == "memory" else FileState(tmp_path / "state")


def store(state: State, time: Time, key: bytes = KEY, boot: str = "boot") -> PlanStore:
    return PlanStore(state, key, wall=lambda: time.wall, monotonic=lambda: time.monotonic, boot=boot)


def reason(refused: pytest.ExceptionInfo[PlanError]) -> object:
    assert refused.value.executed is Executed.NO
    assert "Nothing was executed." in str(refused.value)
    return refused.value.details["reason"]


def test_a_plan_is_good_for_what_was_planned(state: State, time: Time) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    assert plans.check(plan.plan_id, SUBJECT) == plan
    assert plans.consume(plan.plan_id, SUBJECT) == plan
    assert plan.expires_at - plan.created_at == 300
    assert (plan.tool, plan.target, plan.principal) == ("proxmox_stop_guest", "pve", "alice")


def test_checking_does_not_use_a_plan_up(state: State, time: Time) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    for _ in range(3):
        plans.check(plan.plan_id, SUBJECT)
    assert not plans.is_used(plan.plan_id)
    plans.consume(plan.plan_id, SUBJECT)
    assert plans.is_used(plan.plan_id)


def test_the_order_of_keys_is_no_change(state: State, time: Time) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    same = dataclasses.replace(SUBJECT, arguments={"tags": ["a", "b"], "vmid": 101, "node": "pve1"})
    assert plans.check(plan.plan_id, same) == plan


def but(**changed: Any) -> Subject:
    return dataclasses.replace(SUBJECT, **changed)


# Classes 1 to 12: the subject at the time of applying is not the one of the plan.
MOVED: dict[str, tuple[Subject, str]] = {
    "1 an argument has another value": (but(arguments={"node": "pve1", "vmid": 102, "tags": ["a", "b"]}), "arguments"),
    "2 an argument is missing": (but(arguments={"node": "pve1", "vmid": 101}), "arguments"),
    "3 an argument is added": (
        but(arguments={"node": "pve1", "vmid": 101, "tags": ["a", "b"], "force": True}),
        "arguments",
    ),
    "4 an argument has another type": (
        but(arguments={"node": "pve1", "vmid": "101", "tags": ["a", "b"]}),
        "arguments",
    ),
    "5 a list has another order": (but(arguments={"node": "pve1", "vmid": 101, "tags": ["b", "a"]}), "arguments"),
    "6 steps are sent in another order": (
        but(content={"steps": [{"POST": "/x"}, {"POST": "/nodes/pve1/qemu/101/status/stop"}]}),
        "content",
    ),
    "7 something else is sent": (but(content={"steps": []}), "content"),
    "8 the state has moved": (but(before={"status": "stopped", "digest": "abc"}), "before"),
    "9 the target is another": (but(target="pve2"), "target"),
    "10 the target is another appliance by the same name": (but(identity={"cluster": "lab"}), "identity"),
    "11 the tool is another": (but(tool="proxmox_delete_guest"), "tool"),
    "12 the principal is another": (but(principal="mallory"), "principal"),
    "12b the principal differs in case": (but(principal="Alice"), "principal"),
    "8b the state is empty": (but(before=None), "before"),
    "8c state and content are exchanged": (but(before=SUBJECT.content, content=SUBJECT.before), "before"),
}


@pytest.mark.parametrize("what", MOVED)
def test_a_plan_is_refused_when(what: str, state: State, time: Time) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    subject, expected = MOVED[what]
    for use in (plans.check, plans.consume):
        with pytest.raises(PlanError) as refused:
            use(plan.plan_id, subject)
        assert reason(refused) == expected
    assert not plans.is_used(plan.plan_id)


def test_class_13_a_used_plan_is_refused_by_every_process(state: State, time: Time) -> None:
    plan = store(state, time).issue(SUBJECT)
    store(state, time).consume(plan.plan_id, SUBJECT)
    for _ in range(2):
        with pytest.raises(PlanError) as refused:
            store(state, time).consume(plan.plan_id, SUBJECT)
        assert reason(refused) == "used"
    with pytest.raises(PlanError) as refused:
        store(state, time).check(plan.plan_id, SUBJECT)
    assert reason(refused) == "used"


def test_of_many_that_use_a_plan_at_once_exactly_one_may(state: State, time: Time) -> None:
    plan = store(state, time).issue(SUBJECT)
    barrier = threading.Barrier(12)

    def use(_: int) -> bool:
        barrier.wait(10)
        try:
            store(state, time).consume(plan.plan_id, SUBJECT)
        except PlanError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(use, range(12))) == 1


def test_the_mark_of_use_decides_and_not_the_check_before_it(time: Time) -> None:
    class Race(MemoryState):
        """Another process uses the plan between the check and the mark."""

        def get(self, space: str, key: str) -> bytes | None:
            return None if space == "plans-used" else super().get(space, key)

    state = Race()
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    plans.consume(plan.plan_id, SUBJECT)
    with pytest.raises(PlanError) as refused:
        plans.consume(plan.plan_id, SUBJECT)
    assert reason(refused) == "used"


def test_class_14_an_expired_plan_is_refused(state: State, time: Time) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    time.pass_(299.9)
    plans.check(plan.plan_id, SUBJECT)
    time.pass_(0.1)
    with pytest.raises(PlanError) as refused:
        plans.consume(plan.plan_id, SUBJECT)
    assert reason(refused) == "expired"


def test_class_15_a_clock_that_is_set_back_lengthens_no_life(state: State, time: Time) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    time.pass_(400)
    time.wall -= 200
    for process in (plans, store(state, time)):
        with pytest.raises(PlanError) as refused:
            process.check(plan.plan_id, SUBJECT)
        assert reason(refused) == "expired"


def test_a_clock_that_stands_before_the_plan_was_made_is_not_believed(state: State, time: Time) -> None:
    plan = store(state, time).issue(SUBJECT)
    time.wall -= 5
    store(state, time).check(plan.plan_id, SUBJECT)
    time.wall -= 0.1
    with pytest.raises(PlanError) as refused:
        store(state, time).check(plan.plan_id, SUBJECT)
    assert reason(refused) == "clock"


def test_a_monotonic_clock_that_goes_back_is_not_believed(state: State, time: Time) -> None:
    plan = store(state, time).issue(SUBJECT)
    time.monotonic -= 0.1
    with pytest.raises(PlanError) as refused:
        store(state, time).check(plan.plan_id, SUBJECT)
    assert reason(refused) == "expired"


def test_on_another_machine_the_wall_clock_alone_counts(state: State, time: Time) -> None:
    plan = store(state, time).issue(SUBJECT)
    time.monotonic = 1.0
    assert store(state, time, boot="other").check(plan.plan_id, SUBJECT) == plan
    time.wall += 300
    with pytest.raises(PlanError) as refused:
        store(state, time, boot="other").check(plan.plan_id, SUBJECT)
    assert reason(refused) == "expired"


def test_the_last_moment_is_the_one_before_the_time_to_live(state: State, time: Time) -> None:
    plan = store(state, time).issue(SUBJECT)
    time.monotonic += 299.9
    store(state, time).check(plan.plan_id, SUBJECT)
    time.monotonic += 0.1
    with pytest.raises(PlanError) as refused:
        store(state, time).check(plan.plan_id, SUBJECT)
    assert reason(refused) == "expired"


def test_the_boot_of_a_machine_is_its_own() -> None:
    boots = {PlanStore(MemoryState(), KEY, boot=boot)._boot for boot in ("a", "b", "")}
    own = PlanStore(MemoryState(), KEY)._boot
    assert len(boots) == 3
    assert own == PlanStore(MemoryState(), KEY)._boot == digest(_boot_id())
    assert own not in boots


def test_class_16_a_replica_with_another_key_refuses(state: State, time: Time) -> None:
    plan = store(state, time).issue(SUBJECT)
    assert store(state, time, key=KEY).check(plan.plan_id, SUBJECT) == plan
    with pytest.raises(PlanError) as refused:
        store(state, time, key=b"x" * 32).check(plan.plan_id, SUBJECT)
    assert reason(refused) == "altered"


@pytest.mark.parametrize(
    "shorten",
    [
        lambda text: text[:-1],
        lambda text: text[:5],
        lambda text: "",
        lambda text: text + "a",
        lambda text: text.upper(),
        lambda text: " " + text,
        lambda text: text + "\n",
        lambda text: "../" + text,
        lambda text: text.replace("plan-", "plan-used-"),
        lambda text: "plan-" + "a" * 16,
    ],
)
def test_class_17_an_id_that_is_not_exactly_the_plan_s_is_unknown(
    state: State, time: Time, shorten: Callable[[str], str]
) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    with pytest.raises(PlanError) as refused:
        plans.consume(shorten(plan.plan_id), SUBJECT)
    assert reason(refused) == "unknown"


def altered(record: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    found = json.loads(record)
    change(found)
    return json.dumps(found).encode()


def setting(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda record: record.update(fields)


FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    **{
        f"its {name} is altered": setting(**{name: "0" * 64})
        for name in ("arguments_digest", "content_digest", "before_digest", "identity_digest", "digest", "boot")
    },
    **{f"its {name} is altered": setting(**{name: "x"}) for name in ("tool", "target", "principal", "plan_id")},
    "its life is lengthened": lambda record: record.update(expires_at=record["expires_at"] + 3600),
    "its beginning is moved": lambda record: record.update(created_at=record["created_at"] + 200),
    "its monotonic time is moved": lambda record: record.update(monotonic_at=record["monotonic_at"] + 200),
    "a field is missing": lambda record: record.pop("boot"),
    "a field is added": lambda record: record.update(approved=True),
    "a field has another type": lambda record: record.update(expires_at="9999999999"),
    "a time is a truth": lambda record: record.update(expires_at=True),
    "a time is a list": setting(expires_at=[1]),
    "the digest is a number": setting(digest=1),
    "the id is a number": setting(plan_id=1),
    "a text is a number": setting(tool=1),
    "the digest is empty": lambda record: record.update(digest=""),
}


@pytest.mark.parametrize("what", FORGED)
def test_class_18_a_kept_plan_is_refused_when(what: str, time: Time) -> None:
    state = MemoryState()
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    record = state.get("plans", plan.plan_id)
    assert record is not None
    state.remove("plans", plan.plan_id)
    state.create("plans", plan.plan_id, altered(record, FORGED[what]), expires_at=plan.expires_at)
    with pytest.raises(PlanError) as refused:
        plans.consume(plan.plan_id, SUBJECT)
    assert reason(refused) == "altered"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'"plan"'])
def test_a_kept_plan_that_is_garbage_is_refused(content: bytes, time: Time) -> None:
    state = MemoryState()
    plan_id = "plan-" + "a" * 16
    state.create("plans", plan_id, content, expires_at=1.0)
    with pytest.raises(PlanError) as refused:
        store(state, time).find(plan_id)
    assert reason(refused) == "altered"


def test_class_19_the_record_of_one_plan_is_worth_nothing_under_the_id_of_another(time: Time) -> None:
    state = MemoryState()
    plans = store(state, time)
    harmless, harmful = plans.issue(but(tool="a")), plans.issue(but(tool="b"))
    record = state.get("plans", harmful.plan_id)
    assert record is not None
    state.remove("plans", harmless.plan_id)
    state.create("plans", harmless.plan_id, record, expires_at=1e12)
    with pytest.raises(PlanError) as refused:
        plans.consume(harmless.plan_id, but(tool="b"))
    assert reason(refused) == "altered"


def test_the_state_holds_no_values(tmp_path: Path, time: Time) -> None:
    state = FileState(tmp_path)
    store(state, time).issue(but(arguments={"password": "C4nary-Passw0rd!"}, before={"comment": "C4nary-Passw0rd!"}))
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
    assert content
    assert b"C4nary" not in content


def test_digests_cannot_be_guessed_without_the_key(time: Time) -> None:
    one = store(MemoryState(), time, key=b"1" * 32).issue(SUBJECT)
    two = store(MemoryState(), time, key=b"2" * 32).issue(SUBJECT)
    assert one.arguments_digest != two.arguments_digest


def test_ids_are_random_and_fit_into_an_argument(time: Time) -> None:
    plans = store(MemoryState(), time)
    ids = {plans.issue(SUBJECT).plan_id for _ in range(200)}
    assert len(ids) == 200
    assert all(len(plan_id) == 21 for plan_id in ids)


@pytest.mark.parametrize("value", [float("nan"), {1: 2}, object()])
def test_what_cannot_be_described_cannot_be_planned(value: Any, time: Time) -> None:
    with pytest.raises(PlanError) as refused:
        store(MemoryState(), time).issue(but(content=value))
    assert reason(refused) == "content"


def issue(plans: PlanStore, principal: str, count: int) -> list[str]:
    return [plans.issue(but(principal=principal)).plan_id for _ in range(count)]


def test_open_plans_of_a_principal_are_bounded_and_expired_ones_make_room(time: Time) -> None:
    state = MemoryState()
    plans = store(state, time)
    issue(plans, "alice", MAX_OPEN_PLANS)
    with pytest.raises(PlanError) as refused:
        plans.issue(SUBJECT)
    assert reason(refused) == "too_many"
    assert str(refused.value) == f"{MAX_OPEN_PLANS} plans of yours are open. Nothing was executed."
    assert refused.value.next_step == "Wait until some have expired."
    assert refused.value.retry_after_s == 300
    time.pass_(301)
    plans.issue(SUBJECT)
    assert len(state.keys("plans")) == 1


def test_a_principal_with_all_its_plans_open_keeps_no_other_from_planning(
    monkeypatch: pytest.MonkeyPatch, state: State, time: Time
) -> None:
    monkeypatch.setattr(module, "MAX_OPEN_PLANS", 12)
    plans = store(state, time)
    issue(plans, "alice", 12)
    with pytest.raises(PlanError):
        plans.issue(SUBJECT)
    plan = plans.issue(but(principal="bob"))
    assert plans.consume(plan.plan_id, but(principal="bob")) == plan


def test_many_principals_together_are_bounded_but_who_has_few_plans_can_always_make_one(
    monkeypatch: pytest.MonkeyPatch, time: Time
) -> None:
    monkeypatch.setattr(module, "MAX_OPEN_PLANS", 40)
    monkeypatch.setattr(module, "MAX_OPEN_PLANS_OF_ALL", 100)
    plans = store(MemoryState(), time)
    for number in range(3):
        issue(plans, f"greedy{number}", 33)
    issue(plans, "greedy0", 1)
    with pytest.raises(PlanError) as refused:
        issue(plans, "greedy0", 1)
    assert reason(refused) == "too_many"
    assert str(refused.value) == "100 plans are open, 34 of them yours. Nothing was executed."
    issue(plans, "late", FREE_PLANS)
    with pytest.raises(PlanError) as refused:
        issue(plans, "late", 1)
    assert reason(refused) == "too_many"
    assert len(issue(plans, "later", 1)) == 1
    time.pass_(301)
    issue(plans, "greedy0", 1)


def test_a_plan_that_was_used_is_not_open_any_more(monkeypatch: pytest.MonkeyPatch, time: Time) -> None:
    monkeypatch.setattr(module, "MAX_OPEN_PLANS", 2)
    plans = store(MemoryState(), time)
    for _ in range(7):
        plans.consume(plans.issue(SUBJECT).plan_id, SUBJECT)
    issue(plans, "alice", 2)
    with pytest.raises(PlanError):
        plans.issue(SUBJECT)


def test_the_bounds_leave_room_for_several_who_plan_much() -> None:
    assert (FREE_PLANS, MAX_OPEN_PLANS, MAX_OPEN_PLANS_OF_ALL) == (10, 500, 5000)


def test_an_id_tells_its_own_installation_only_whose_plan_it_is(time: Time) -> None:
    def prefixes(key: bytes) -> list[str]:
        plans = store(MemoryState(), time, key=key)
        return [plan_id[:11] for principal in ("alice", "bob") for plan_id in issue(plans, principal, 2)]

    own, other = prefixes(KEY), prefixes(b"o" * 32)
    assert own[0] == own[1] != own[2] == own[3]
    assert not set(own) & set(other)


def test_a_recently_expired_plan_is_still_known_as_such_and_an_old_one_is_gone(state: State, time: Time) -> None:
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    time.pass_(1000)
    plans.issue(SUBJECT)
    with pytest.raises(PlanError) as refused:
        plans.check(plan.plan_id, SUBJECT)
    assert reason(refused) == "expired"
    time.pass_(5000)
    plans.issue(SUBJECT)
    with pytest.raises(PlanError) as refused:
        plans.check(plan.plan_id, SUBJECT)
    assert reason(refused) == "unknown"


def test_a_mark_of_use_outlives_its_plan(time: Time) -> None:
    state = MemoryState()
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    plans.consume(plan.plan_id, SUBJECT)
    seen_without_plan = False
    for _ in range(100):
        time.pass_(100)
        plans.issue(SUBJECT)
        kept, mark = state.get("plans", plan.plan_id), state.get("plans-used", plan.plan_id)
        assert kept is None or mark is not None
        seen_without_plan = seen_without_plan or (kept is None and mark is not None)
    assert seen_without_plan
    assert state.get("plans-used", plan.plan_id) is None


class Broken(MemoryState):
    def __init__(self, *failing: str) -> None:
        super().__init__()
        self.failing = failing

    def create(self, space: str, key: str, record: bytes, *, expires_at: float) -> bool:
        if f"create {space}" in self.failing:
            raise OSError(28, "No space left on device")
        return super().create(space, key, record, expires_at=expires_at)

    def get(self, space: str, key: str) -> bytes | None:
        if f"get {space}" in self.failing:
            raise OSError(5, "Input/output error")
        return super().get(space, key)


def test_when_the_state_cannot_be_written_there_is_no_plan(time: Time) -> None:
    with pytest.raises(PlanError) as refused:
        store(Broken("create plans"), time).issue(SUBJECT)
    assert reason(refused) == "state"


def test_an_id_that_is_taken_is_not_shared(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = store(MemoryState(), time)
    monkeypatch.setattr("holdfast.control.plans.secrets.token_bytes", lambda count: b"\x00" * count)
    plans.issue(SUBJECT)
    with pytest.raises(PlanError) as refused:
        plans.issue(SUBJECT)
    assert reason(refused) == "state"


@pytest.mark.parametrize("failing", ["create plans-used", "get plans-used", "get plans"])
def test_when_the_state_fails_the_plan_is_not_good(failing: str, time: Time) -> None:
    state = Broken()
    plans = store(state, time)
    plan = plans.issue(SUBJECT)
    state.failing = (failing,)
    with pytest.raises(PlanError) as refused:
        plans.consume(plan.plan_id, SUBJECT)
    assert reason(refused) == "state"


def test_processes_of_one_machine_share_its_boot(tmp_path: Path) -> None:
    plans = PlanStore(FileState(tmp_path), KEY)
    plan = plans.issue(SUBJECT)
    code = (
        "import sys; from pathlib import Path\n"
        "from holdfast.control.plans import PlanStore\n"
        "from holdfast.control.statestore import FileState\n"
        "plans = PlanStore(FileState(Path(sys.argv[1])), b'k' * 32)\n"
        "assert plans.find(sys.argv[2]).boot == plans._boot\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), plan.plan_id], check=True, timeout=30)
    assert plans.consume(plan.plan_id, SUBJECT) == plan
    assert os.path.exists(tmp_path / "plans-used" / f"{plan.plan_id}.json")
