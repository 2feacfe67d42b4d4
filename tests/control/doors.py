"""A door in place of an appliance, and a control room over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from holdfast.config import ControlSettings, Mode, TargetSettings
from holdfast.control.answers import JsonObject, UndoCall, WriteResult
from holdfast.control.caller import Ask, Caller, Question, Reply, Sending, cannot_ask
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.inventory import Entry
from holdfast.control.parts import Parts, make_parts
from holdfast.control.plans import Subject
from holdfast.control.redaction import Redactor
from holdfast.control.spec import Risk
from holdfast.errors import HoldfastError


class Target(TargetSettings):
    """A target of a kind of its own."""

    kind = "proxmox"


@dataclass
class Door:
    """A thing with a state, changed by a write: what an appliance is to this floor."""

    state: str = "open"
    sent: int = 0
    reads: int = 0
    fails: HoldfastError | None = None
    takes_effect: bool = True
    task: str | None = None
    answer: Applied | None = None
    blind: bool = False
    found_task: str | None = None
    found_undo: UndoCall | None = None
    note: str | None = None
    shown: bool = True
    planning_fails: HoldfastError | None = None
    waits: list[float] = field(default_factory=list)

    def change(self, wanted: str = "shut", *, destructive: bool = False, **more: Any) -> Change:
        """The change to this state; `more` are further attributes of the change."""

        async def apply() -> Applied:
            self.sent += 1
            if self.takes_effect:
                self.state = wanted
            if self.fails is not None:
                raise self.fails
            return self.answer or Applied(task=self.task)

        async def read_back() -> Observed:
            self.reads += 1
            if self.blind:
                return Observed("unknown", note="nothing to be seen", task=self.found_task, shown=self.shown)
            seen = self.state == wanted
            return Observed(
                "applied" if seen else "not_applied",
                {"state": self.state},
                self.note,
                self.found_task,
                self.found_undo,
                self.shown,
            )

        plain = Change(
            summary="Shut the door",
            identity="door 7",
            before={"state": self.state},
            after={"state": wanted},
            apply=apply,
            read_back=read_back,
            undo=UndoCall(tool="proxmox_open_door", arguments={}),
            nothing_to_do=self.state == wanted,
            destructive=destructive,
        )
        return replace(plain, **more)


def entry(risk: Risk = Risk.WRITE) -> Entry:
    return Entry(
        name="proxmox_shut_door",
        kind="proxmox",
        toolset="doors",
        default=True,
        risk=risk,
        command=False,
        module="none",
        title="Shut door",
        description="Shuts the door.",
        input_schema={},
        output_schema={},
        hints={},
    )


@dataclass
class Installation:
    """A control room with its state in a directory, and a door."""

    directory: Path
    settings: ControlSettings
    door: Door

    def __post_init__(self) -> None:
        async def sleep(seconds: float) -> None:
            self.door.waits.append(seconds)

        self.parts: Parts = make_parts(self.settings, self.directory / "state", Redactor([]), sleep)

    async def run(
        self,
        *,
        risk: Risk = Risk.WRITE,
        ask: Ask = cannot_ask,
        dry_run: bool = False,
        plan_id: str | None = None,
        resumed: str | None = None,
        principal: str = "alice",
        arguments: JsonObject | None = None,
        change: Callable[[], Change] | None = None,
        sending: Sending | None = None,
    ) -> WriteResult:
        async def compute() -> Change:
            if self.door.planning_fails is not None:
                raise self.door.planning_fails
            return (change or self.door.change)()

        caller = Caller(principal=principal, ask=ask, resumed_plan=resumed, sending=sending or Sending())
        target = Target(name="lab", host="door.example", mode=Mode.OPERATE)
        given: dict[str, object] = dict(arguments or {"door": 7})
        return await self.parts.changes.run(
            entry(risk), target, caller, given, compute, dry_run=dry_run, plan_id=plan_id
        )

    def subject(self) -> Subject:
        """What a plan of the plain call is bound to."""
        change = self.door.change()
        return Subject(
            tool="proxmox_shut_door",
            target="proxmox.lab",
            identity=change.identity,
            principal="alice",
            arguments={"door": 7},
            content=change.after,
            before=change.before,
        )

    def kinds(self) -> list[str]:
        return [record.kind for record in self.parts.ledger.reader.records()]

    def records(self, kind: str) -> list[JsonObject]:
        """Bodies of the records of this kind."""
        return [dict(record.body) for record in self.parts.ledger.reader.records() if record.kind == kind]

    def outcomes(self) -> list[str]:
        return [str(r.body["result"]) for r in self.parts.ledger.reader.records() if r.kind == "outcome"]


Approval = Literal["none", "plan", "person"]


def strict(tmp_path: Path, write: Approval = "person") -> Installation:
    return Installation(tmp_path, ControlSettings(approve_write=write), Door())


async def accepts(question: Question) -> Reply:
    return Reply.ACCEPTED


async def declines(question: Question) -> Reply:
    return Reply.DECLINED
