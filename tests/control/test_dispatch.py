"""The way of a call to its tool, with a tool of each sort and nothing behind it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from pydantic import Field, JsonValue

from holdfast.config import Mode, TargetSettings
from holdfast.control.answers import Answer, JsonObject, Page, Row, WriteResult
from holdfast.control.caller import Caller
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.cleaning import Untrusted
from holdfast.control.context import Context
from holdfast.control.dispatch import DEFAULT_TIME_LIMIT_S, Clocks, Dispatcher
from holdfast.control.inventory import Entry
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.rendering import compact
from holdfast.control.spec import Risk, ToolSpec, tool
from holdfast.errors import (
    CircuitOpenError,
    ConflictError,
    DeadlineError,
    Executed,
    HoldfastError,
    InputError,
    LostReplyError,
    NotSentError,
    PolicyError,
    ReadOnlyError,
    UnknownTargetError,
    UnknownToolError,
)
from holdfast.resilience import Breaker, DeadlineExceededError, remaining_s

SECRET = "s3cret-s3cret"
NUMBER = 73117311


class Target(TargetSettings):
    """A target of a kind of its own."""

    kind = "proxmox"


class Elsewhere(TargetSettings):
    """A target of another kind."""

    kind = "pfsense"


@dataclass
class Appliance:
    """What a client is to this floor."""

    fails: BaseException | None = None
    hangs: bool = False
    limits: list[float] = field(default_factory=list)
    asked: list[Context[Appliance]] = field(default_factory=list)

    async def ask(self, ctx: Context[Appliance]) -> None:
        self.asked.append(ctx)
        left = remaining_s()
        assert left is not None
        self.limits.append(left)
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails


class Door(Row):
    name: Untrusted


class Doors(Page[Door]):
    """A page of doors."""


def hung(count: int) -> list[Door]:
    return [Door(name=f"{number:060}") for number in range(count)]


@tool(title="List", toolset="doors")
async def proxmox_list(
    ctx: Context[Appliance],
    *,
    doors: Annotated[int, Field(ge=0, description="How many.")] = 1,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> Doors:
    """List doors."""
    await ctx.client.ask(ctx)
    return paginate(Doors, hung(doors), limit, cursor)


@tool(title="Quick", toolset="doors", time_limit_s=7)
async def proxmox_quick(ctx: Context[Appliance]) -> Answer:
    """Has a time limit of its own."""
    await ctx.client.ask(ctx)
    return Answer(notes=["looked"])


@tool(title="Shut", toolset="doors", risk=Risk.WRITE, idempotent=True)
async def proxmox_shut(ctx: Context[Appliance], *, door: int = 1) -> Change:
    """Shut a door."""
    await ctx.client.ask(ctx)
    return change(destructive=door == 13)


@tool(title="Wide", toolset="doors", fleet=True)
async def proxmox_wide(
    ctx: Context[object], *, fails: bool = False, doors: int = 1, limit: Limit = 200, cursor: Cursor = None
) -> Doors:
    """Chooses among targets itself."""
    if fails:
        raise LostReplyError("the line went dead")
    left = remaining_s()
    assert left is not None
    return paginate(Doors, hung(doors), limit, cursor, notes=[f"{left:.0f}"])


@tool(title="Estate", toolset="doors", time_limit_s=3)
async def estate_look(ctx: Context[object]) -> Answer:
    """Across all."""
    return Answer(notes=[f"{remaining_s():.0f}"])


@tool(title="Break", toolset="doors", risk=Risk.DESTRUCTIVE, idempotent=False, time_limit_s=7)
async def proxmox_break(ctx: Context[Appliance]) -> Change:
    """Break a door."""
    await ctx.client.ask(ctx)
    return change(destructive=True)


@tool(title="Each", toolset="doors", fleet=True)
async def proxmox_each(
    ctx: Context[object],
    *,
    tool: str,
    doors: int | None = None,
    kind: str = "proxmox",
    max_age_s: float = 0,
    more: dict[str, JsonValue] | None = None,
) -> Answer:
    """Asks another tool."""
    target = (Target if kind == "proxmox" else Elsewhere)(name="lab", host="door.example")
    arguments: dict[str, object] = {"target": "lab"} if doors is None else {"doors": doors}
    arguments |= more or {}
    told = await ctx.read(tool, target, arguments, limit_s=4, max_age_s=max_age_s)
    return Answer(notes=[str(told.age_s), compact(told.answer)])


SPECS: dict[str, ToolSpec] = {
    spec.name: spec
    for spec in (proxmox_list, proxmox_quick, proxmox_shut, proxmox_wide, estate_look, proxmox_break, proxmox_each)
}


def change(*, destructive: bool = False) -> Change:
    async def apply() -> Applied:
        raise AssertionError("this floor sends nothing itself")

    async def read_back() -> Observed:
        raise AssertionError("this floor reads nothing back itself")

    return Change("Shut the door", "door 7", {"a": 1}, {"a": 2}, apply, read_back, destructive=destructive)


@dataclass(frozen=True)
class Listed(Entry):
    """An entry whose tool is one of this file."""

    def spec(self) -> ToolSpec:
        return SPECS[self.name]


def listed(spec: ToolSpec) -> Entry:
    return Listed(
        spec.name, spec.kind, spec.toolset, True, spec.risk, False, "none", spec.title, "A tool.", {}, {}, spec.hints
    )


@dataclass
class Installation:
    """A dispatcher, and everything around it as simple as can be."""

    appliance: Appliance = field(default_factory=Appliance)
    mode: Mode = Mode.OPERATE
    cap: int = 32_000
    passed: float = 0.0
    gated: list[tuple[str, str | None, str]] = field(default_factory=list)
    refuses: bool = False
    written: list[tuple[dict[str, object], bool, str | None]] = field(default_factory=list)
    write_fails: HoldfastError | None = None
    opened: int = 0
    slept: list[float] = field(default_factory=list)
    real_time: bool = False

    def __post_init__(self) -> None:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        self.dispatcher = Dispatcher(
            entries=[listed(spec) for spec in SPECS.values()],
            connections=self,
            writer=self,
            exit=self,
            gate=self.gate,
            answer_cap_bytes=self.cap,
            clocks=None if self.real_time else Clocks(lambda: 5.0, lambda: self.passed, sleep),
            command_allow=("uptime",),
        )

    def gate(self, *, principal: str, target: TargetSettings | None, entry: Entry) -> None:
        self.gated.append((principal, target.label if target else None, entry.name))
        if self.refuses:
            raise PolicyError("No. Nothing was executed.")

    # -- connections

    def targets(self, kind: str | None = None) -> Sequence[TargetSettings]:
        return [self.target("proxmox", None)]

    def target(self, kind: str, name: str | None) -> TargetSettings:
        if name not in (None, "lab", "other"):
            raise UnknownTargetError("There is no such target.")
        return Target(name=name or "lab", host="door.example", mode=self.mode, total_timeout=20)

    async def client(self, target: TargetSettings) -> object:
        self.opened += 1
        return self.appliance

    def breakers(self) -> Sequence[tuple[TargetSettings, str, Breaker]]:
        return []

    # -- the exit

    def text(self, text: str) -> str:
        return text.replace(SECRET, "[redacted]")

    whole = line = text

    def value(self, value: JsonObject) -> JsonObject:
        return {**{key: "[redacted]" if item == NUMBER else item for key, item in value.items()}, "left": True}

    # -- the writer

    async def run(
        self,
        entry: Entry,
        target: TargetSettings,
        caller: Caller,
        arguments: dict[str, object],
        compute: Callable[[], Awaitable[Change]],
        *,
        dry_run: bool,
        plan_id: str | None,
    ) -> WriteResult:
        made = await compute()
        self.written.append((arguments, dry_run, plan_id))
        if self.write_fails is not None:
            raise self.write_fails
        return WriteResult(outcome="applied", summary=made.summary)

    # -- calls

    async def call(self, name: str, **arguments: object) -> JsonObject:
        return await self.dispatcher.call(name, arguments, Caller(principal="alice", correlation_id="c1"))

    async def fails(self, name: str, **arguments: object) -> HoldfastError:
        with pytest.raises(HoldfastError) as caught:
            await self.call(name, **arguments)
        return caught.value


@pytest.fixture
def made() -> Installation:
    return Installation()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time limits are over at once."""
    real = asyncio.timeout
    monkeypatch.setattr(asyncio, "timeout", lambda delay: real(0.01))


async def test_a_read_is_answered_through_the_exit_and_counted(made: Installation) -> None:
    assert await made.call("proxmox_list") == {"items": [{"name": "0" * 60}], "total": 1, "left": True}
    assert made.gated == [("alice", "proxmox.lab", "proxmox_list")]
    assert made.dispatcher.counts == {("proxmox_list", "ok"): 1}
    assert made.opened == 1


async def test_the_tool_knows_who_calls_and_what_it_may_use(made: Installation) -> None:
    await made.call("proxmox_list")
    (context,) = made.appliance.asked
    assert (context.principal, context.correlation_id, context.command_allow) == ("alice", "c1", ("uptime",))
    assert context.target.label == "proxmox.lab"
    assert context.now() == 5.0
    await context.sleep(2)
    assert made.slept == [2]


async def test_time_is_real_unless_told_otherwise() -> None:
    made = Installation(real_time=True)
    await made.call("proxmox_list")
    assert abs(made.appliance.asked[0].now() - time.time()) < 60


@pytest.mark.parametrize(
    ("name", "counted"),
    [("proxmox_list", "proxmox_list"), ("proxmox_shut", "proxmox_shut"), ("proxmox_explode", "unknown")],
)
def test_an_unexpected_error_is_counted_and_unknown_only_when_something_may_have_been_sent(
    made: Installation, name: str, counted: str
) -> None:
    caller = Caller()
    assert made.dispatcher.failed_internally(name, caller) is Executed.NO
    caller.sending.begun = True
    assert made.dispatcher.failed_internally(name, caller) is Executed.UNKNOWN
    assert made.dispatcher.counts == {(counted, "internal"): 2}
    assert not Caller().sending.begun


async def test_a_tool_that_is_not_listed_reaches_nothing(made: Installation) -> None:
    error = await made.fails("proxmox_explode")
    assert isinstance(error, UnknownToolError)
    assert error.executed is Executed.NO
    assert "Nothing was executed" in error.message
    assert made.dispatcher.counts == {("unknown", "unknown_tool"): 1}
    assert made.gated == []


@pytest.mark.parametrize("name", ["proxmox_list", "proxmox_shut", "proxmox_wide", "estate_look"])
async def test_what_the_policy_refuses_opens_no_connection(made: Installation, name: str) -> None:
    made.refuses = True
    assert isinstance(await made.fails(name), PolicyError)
    assert (made.opened, made.written, made.appliance.asked) == (0, [], [])
    target = None if name in ("proxmox_wide", "estate_look") else "proxmox.lab"
    assert made.gated == [("alice", target, name)]


async def test_arguments_are_looked_at_before_the_policy_and_the_target(made: Installation) -> None:
    assert isinstance(await made.fails("proxmox_list", doors=-1), InputError)
    assert made.gated == []


async def test_a_write_on_a_read_only_target_opens_no_connection(made: Installation) -> None:
    made.mode = Mode.READ_ONLY
    error = await made.fails("proxmox_shut")
    assert isinstance(error, ReadOnlyError)
    assert error.target == "proxmox.lab"
    assert (made.opened, made.written) == (0, [])
    assert (await made.call("proxmox_list"))["left"] is True


async def test_a_write_gets_its_arguments_without_those_of_control(made: Installation) -> None:
    assert (await made.call("proxmox_shut", target="lab", door=3))["outcome"] == "applied"
    await made.call("proxmox_shut", dry_run=True, plan_id="plan-x")
    assert made.written == [({"door": 3}, False, None), ({"door": 1}, True, "plan-x")]


@pytest.mark.parametrize("name", ["proxmox_list", "proxmox_wide"])
async def test_an_error_of_a_read_never_leaves_open_whether_something_was_executed(
    made: Installation, name: str
) -> None:
    made.appliance.fails = LostReplyError("the line went dead")
    arguments = {"fails": True} if name == "proxmox_wide" else {}
    error = await made.fails(name, **arguments)
    assert isinstance(error, LostReplyError)
    assert error.executed is Executed.NO
    assert made.dispatcher.counts == {(name, "lost_reply"): 1}


async def test_an_error_of_a_write_says_itself_whether_it_was_executed(made: Installation) -> None:
    made.write_fails = LostReplyError("the line went dead")
    assert (await made.fails("proxmox_shut")).executed is Executed.UNKNOWN


async def test_errors_are_redacted_with_their_next_step_and_details(made: Installation) -> None:
    details: dict[str, str | int | float | bool | None] = {
        "status": 409,
        "number": NUMBER,
        "none": None,
        "properties": f"Password={SECRET}",
    }
    made.appliance.fails = ConflictError(f"jammed by {SECRET}", next_step=f"oil it with {SECRET}", details=details)
    error = await made.fails("proxmox_list")
    assert error.details == {
        "status": 409,
        "number": "[redacted]",
        "none": None,
        "properties": "Password=[redacted]",
    }
    assert (error.message, error.next_step) == ("jammed by [redacted]", "oil it with [redacted]")
    assert SECRET not in str(error)
    assert SECRET not in repr(error)


async def test_an_error_without_a_next_step_keeps_none(made: Installation) -> None:
    made.appliance.fails = ConflictError("jammed")
    assert (await made.fails("proxmox_list")).next_step is None


async def test_an_error_names_the_target_unless_it_names_one_itself(made: Installation) -> None:
    made.appliance.fails = ConflictError("jammed")
    assert (await made.fails("proxmox_list")).target == "proxmox.lab"
    made.appliance.fails = ConflictError("jammed", target="proxmox.other")
    assert (await made.fails("proxmox_list")).target == "proxmox.other"


async def test_time_limits_are_the_targets_or_the_tools_own(made: Installation) -> None:
    for name in ("proxmox_list", "proxmox_quick", "proxmox_shut", "proxmox_break"):
        await made.call(name)
    assert [round(limit) for limit in made.appliance.limits] == [20, 7, 20, 7]
    assert (await made.call("proxmox_wide"))["notes"] == [f"{DEFAULT_TIME_LIMIT_S:.0f}"]
    assert (await made.call("estate_look"))["notes"] == ["3"]


@pytest.mark.usefixtures("hurried")
async def test_a_tool_that_hangs_is_ended_at_its_limit(made: Installation) -> None:
    made.appliance.hangs = True
    error = await made.fails("proxmox_list")
    assert isinstance(error, DeadlineError)
    assert "within 20 s" in error.message
    assert error.executed is Executed.NO


async def test_a_deadline_of_the_resilience_library_is_told_as_one_of_ours(made: Installation) -> None:
    made.appliance.fails = DeadlineExceededError("door", "look", attempts=1, elapsed_s=20)
    assert isinstance(await made.fails("proxmox_quick"), DeadlineError)


async def test_a_time_out_that_says_more_is_told_as_it_is(made: Installation) -> None:
    made.appliance.fails = DeadlineError("the door takes its time")
    assert (await made.fails("proxmox_list")).message == "the door takes its time"


@pytest.mark.parametrize("failure", [CircuitOpenError("the circuit is open"), NotSentError("no route")])
async def test_while_an_appliance_cannot_be_asked_its_last_answer_is_shown_as_an_old_one(
    made: Installation, failure: HoldfastError
) -> None:
    made.appliance.fails = failure
    assert type(await made.fails("proxmox_list")) is type(failure)
    made.appliance.fails = None
    fresh = await made.call("proxmox_list")
    made.appliance.fails, made.passed = failure, 30
    stale = await made.call("proxmox_list")
    assert stale.pop("stale") == {"age_s": 30, "reason": failure.message}
    assert stale == fresh
    assert type(await made.fails("proxmox_list", doors=2)) is type(failure)
    made.passed = 901
    assert type(await made.fails("proxmox_list")) is type(failure)


async def test_an_error_of_the_appliance_is_not_covered_by_an_old_answer(made: Installation) -> None:
    await made.call("proxmox_list")
    made.appliance.fails = ConflictError("jammed")
    assert isinstance(await made.fails("proxmox_list"), ConflictError)


def names(answer: JsonObject) -> list[str]:
    items = answer["items"]
    assert isinstance(items, list)
    return [str(row["name"]) for row in items if isinstance(row, dict)]


@pytest.mark.parametrize("name", ["proxmox_list", "proxmox_wide", "stale"])
async def test_an_answer_over_the_cap_is_cut_and_goes_on_where_it_was_cut(name: str) -> None:
    made = Installation(cap=2000)
    tool = "proxmox_list" if name == "stale" else name
    seen: list[str] = []
    cursor: object = None
    for _ in range(30):
        given: dict[str, object] = {"doors": 100, "limit": 60, "cursor": cursor}
        answer = await made.call(tool, **given)
        if name == "stale":
            made.appliance.fails = CircuitOpenError("the circuit is open")
            old = await made.call(tool, **given)
            made.appliance.fails = None
            assert old.pop("stale")
            answer = old
        assert 0 < len(names(answer)) < 60
        assert "changed" not in answer
        seen += names(answer)
        cursor = answer.get("next_cursor")
        if cursor is None:
            break
    assert seen == [door.name for door in hung(100)]


CURSOR_OF_OTHERS: list[tuple[str, dict[str, object]]] = [
    ("proxmox_list", {"doors": 6, "limit": 2}),
    ("proxmox_list", {"doors": 5, "limit": 2, "target": "other"}),
    ("proxmox_wide", {"doors": 5, "limit": 2}),
]


@pytest.mark.parametrize(("tool", "other"), CURSOR_OF_OTHERS)
async def test_a_cursor_with_another_argument_target_or_tool_is_refused_and_nothing_is_asked(
    tool: str, other: dict[str, object]
) -> None:
    made = Installation()
    first = await made.call("proxmox_list", doors=5, limit=2)
    asked = len(made.appliance.asked)
    error = await made.fails(tool, **other, cursor=first["next_cursor"])
    assert isinstance(error, InputError)
    assert "belongs to another list" in str(error)
    assert str(error).endswith("Nothing was executed.")
    assert "Call without cursor" in str(error.next_step)
    assert error.executed is Executed.NO
    assert len(made.appliance.asked) == asked
    again = await made.call("proxmox_list", doors=5, limit=3, target="lab", cursor=first["next_cursor"])
    assert names(again) == [door.name for door in hung(5)[2:]]


async def test_the_cursor_that_a_tool_is_told_by_another_is_good_for_that_question_at_every_target(
    made: Installation,
) -> None:
    async def told(**more: object) -> dict[str, list[dict[str, str]]]:
        notes = (await made.call("proxmox_each", tool="proxmox_list", more={"doors": 3, "limit": 1, **more}))["notes"]
        assert isinstance(notes, list)
        return dict(json.loads(str(notes[1])))

    first = await told()
    more = {"cursor": first["next_cursor"]}
    second = await told(**more)
    assert [row["name"] for row in second["items"]] == [hung(3)[1].name]
    asked = len(made.appliance.asked)
    error = await made.fails("proxmox_each", tool="proxmox_list", more={**more, "doors": 4, "limit": 1})
    assert "belongs to another list" in str(error)
    assert len(made.appliance.asked) == asked


async def test_a_tool_may_ask_another_that_reads_under_its_callers_policy_and_its_own_limit(
    made: Installation,
) -> None:
    answer = await made.call("proxmox_each", tool="proxmox_list", doors=1)
    assert answer["notes"] == ["None", compact({"items": [{"name": "0" * 60}], "total": 1})]
    assert made.gated == [("alice", None, "proxmox_each"), ("alice", "proxmox.lab", "proxmox_list")]
    assert [round(limit) for limit in made.appliance.limits] == [4]
    assert made.appliance.asked[0].principal == "alice"
    assert (await made.call("proxmox_each", tool="proxmox_quick"))["notes"]


@pytest.mark.parametrize("tool_name", ["proxmox_shut", "proxmox_break", "proxmox_wide", "estate_look", "nothing"])
async def test_a_tool_may_ask_no_other_that_writes_or_is_about_no_single_target(
    made: Installation, tool_name: str
) -> None:
    error = await made.fails("proxmox_each", tool=tool_name)
    assert isinstance(error, UnknownToolError)
    assert "reads one proxmox target" in error.message
    assert (made.opened, made.appliance.asked, made.written) == (0, [], [])


async def test_a_tool_may_ask_about_its_own_kind_of_target_only(made: Installation) -> None:
    assert isinstance(await made.fails("proxmox_each", tool="proxmox_list", kind="pfsense"), UnknownToolError)
    assert made.opened == 0


async def test_what_a_tool_asks_of_another_is_validated_and_refused_by_the_policy_as_any_call(
    made: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(await made.fails("proxmox_each", tool="proxmox_list", doors=-1), InputError)

    def refuse(*, principal: str, target: TargetSettings | None, entry: Entry) -> None:
        if target is not None:
            raise PolicyError("No. Nothing was executed.")

    monkeypatch.setattr(made.dispatcher, "_gate", refuse)
    assert isinstance(await made.fails("proxmox_each", tool="proxmox_list"), PolicyError)
    assert made.opened == 0


async def test_an_answer_that_is_young_enough_is_not_asked_for_again(made: Installation) -> None:
    await made.call("proxmox_list", doors=1)
    made.passed = 30
    again = await made.call("proxmox_each", tool="proxmox_list", doors=1, max_age_s=30)
    assert again["notes"] == ["30.0", compact({"items": [{"name": "0" * 60}], "total": 1})]
    assert len(made.appliance.asked) == 1
    await made.call("proxmox_each", tool="proxmox_list", doors=1, max_age_s=29)
    assert len(made.appliance.asked) == 2


@pytest.mark.parametrize(
    ("tool_name", "door", "risks"),
    [
        ("proxmox_shut", {"door": 3}, ["write"]),
        ("proxmox_shut", {"door": 13}, ["write", "destructive"]),
        ("proxmox_break", {}, ["destructive"]),
    ],
)
async def test_a_change_that_destroys_is_asked_of_the_policy_as_such(
    made: Installation, monkeypatch: pytest.MonkeyPatch, tool_name: str, door: dict[str, int], risks: list[str]
) -> None:
    asked: list[tuple[str, str, str | None]] = []

    def gate(*, principal: str, target: TargetSettings | None, entry: Entry) -> None:
        asked.append((principal, entry.risk.value, target.label if target else None))

    monkeypatch.setattr(made.dispatcher, "_gate", gate)
    await made.call(tool_name, **door)
    assert asked == [("alice", risk, "proxmox.lab") for risk in risks]

    def refuse(*, principal: str, target: TargetSettings | None, entry: Entry) -> None:
        if entry.risk is Risk.DESTRUCTIVE:
            raise PolicyError("No. Nothing was executed.")

    monkeypatch.setattr(made.dispatcher, "_gate", refuse)
    made.written.clear()
    if "destructive" in risks:
        assert isinstance(await made.fails(tool_name, **door), PolicyError)
        assert made.written == []
    else:
        await made.call(tool_name, **door)


async def test_a_change_is_computed_anew_for_settling_without_policy_or_mode(made: Installation) -> None:
    made.mode, made.refuses = Mode.READ_ONLY, True
    found = await made.dispatcher.recompute(
        "proxmox_shut", "proxmox.lab", {"door": 3, "target": "lab", "dry_run": False, "plan_id": None}
    )
    assert found.summary == "Shut the door"
    assert [context.principal for context in made.appliance.asked] == ["holdfast"]
    await made.dispatcher.recompute("proxmox_break", "proxmox.lab", {})
    assert [round(limit) for limit in made.appliance.limits] == [20, 7]


@pytest.mark.parametrize(
    ("tool_name", "label", "arguments", "error"),
    [
        ("proxmox_explode", "proxmox.lab", {}, UnknownToolError),
        ("proxmox_list", "proxmox.lab", {}, UnknownToolError),
        ("proxmox_shut", "proxmox.gone", {}, UnknownTargetError),
        ("proxmox_shut", "proxmox.lab", {"window": 1}, InputError),
    ],
)
async def test_what_cannot_be_computed_anew_is_an_error(
    made: Installation, tool_name: str, label: str, arguments: JsonObject, error: type[HoldfastError]
) -> None:
    with pytest.raises(error):
        await made.dispatcher.recompute(tool_name, label, arguments)
    assert made.appliance.asked == []


async def test_progress_passes_the_exit(made: Installation) -> None:
    told: list[tuple[float, float | None, str]] = []

    async def progress(done: float, total: float | None, message: str) -> None:
        told.append((done, total, message))

    context = made.dispatcher._context(None, None, Caller(progress=progress))
    await context.progress(1.0, 2.0, f"half of {SECRET}")
    assert told == [(1.0, 2.0, "half of [redacted]")]


async def test_a_read_for_others_is_checked_before_it_is_made(made: Installation) -> None:
    context = made.dispatcher._context(None, None, Caller())
    context.check_read("proxmox_list", "proxmox", {})
    for name, kind in (("proxmox_shut", "proxmox"), ("proxmox_list", "idrac"), ("nothing", "proxmox")):
        with pytest.raises(UnknownToolError):
            context.check_read(name, kind, {})
