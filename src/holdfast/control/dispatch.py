"""The way of a call: known tool, valid arguments, target, permission, then read or write."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, cast

import anyio
from pydantic import JsonValue

from holdfast.config import Mode, TargetSettings
from holdfast.control.answers import Answer, JsonObject
from holdfast.control.arguments import DRY_RUN, PLAN_ID, TARGET, validate_arguments, validated_arguments
from holdfast.control.boundpages import BoundPages
from holdfast.control.caller import Caller
from holdfast.control.change import Change
from holdfast.control.context import Connections, Context, Told
from holdfast.control.inventory import Entry
from holdfast.control.lastgood import LastGood
from holdfast.control.rendering import as_json, fit
from holdfast.control.spec import Risk, ToolSpec
from holdfast.cutting import redacting
from holdfast.errors import (
    CircuitOpenError,
    DeadlineError,
    Executed,
    HoldfastError,
    NotSentError,
    ReadOnlyError,
    UnknownToolError,
)

_log = logging.getLogger("holdfast.control")

DEFAULT_TIME_LIMIT_S: Final = 50.0
"""Longest time of a call without a target of its own, seconds: common MCP hosts give up at 60."""


class Gate(Protocol):
    """Decides whether this principal may make this call; raises `PolicyError` when not."""

    def __call__(self, *, principal: str, target: TargetSettings | None, entry: Entry) -> None: ...


class Writer(Protocol):
    """Turns a change into plan, approval, ledger records, one execution and a read-back."""

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
    ) -> Answer: ...


class Exit(Protocol):
    """The one exit: cleans, redacts and cuts everything that leaves."""

    def whole(self, text: str) -> str: ...

    def value(self, value: JsonObject) -> JsonObject: ...

    def text(self, text: str) -> str: ...

    def line(self, text: str) -> str: ...


def allow_all(*, principal: str, target: TargetSettings | None, entry: Entry) -> None:
    """The gate of an installation without a policy file."""


@dataclass(frozen=True)
class Clocks:
    """Time as the control floor sees it; tests inject their own."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


class Dispatcher:
    """Carries out tool calls.

    Args:
        entries: The tools that are listed; no other can be called.
        connections: The targets and their clients.
        writer: Carries out changes.
        gate: Asked before every call.
        exit: Everything that leaves passes it.
        answer_cap_bytes: Largest answer, bytes of compact JSON.
        stale_max_age_s: Oldest last good answer shown while a circuit is open, seconds.
        command_allow: Programs that command tools may run.

    Attributes:
        counts: Calls so far by tool and outcome ("ok" or the error's code).
    """

    def __init__(
        self,
        *,
        entries: Iterable[Entry],
        connections: Connections,
        writer: Writer,
        exit: Exit,  # noqa: A002 - the house's word for it
        gate: Gate = allow_all,
        answer_cap_bytes: int = 32_000,
        stale_max_age_s: float = 900,
        clocks: Clocks | None = None,
        command_allow: tuple[str, ...] = (),
    ) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self._connections = connections
        self._writer = writer
        self._exit = exit
        self._gate = gate
        self._cap = answer_cap_bytes
        self._clocks = clocks or Clocks()
        self._command_allow = command_allow
        self.counts: Counter[tuple[str, str]] = Counter()
        self._last_good = LastGood(stale_max_age_s, self._clocks.monotonic)

    async def call(self, name: str, given: dict[str, object], caller: Caller) -> JsonObject:
        """Carry out one call.

        Returns:
            The answer as JSON, redacted, cut to the cap.

        Raises:
            HoldfastError: The call failed or was refused; its text is redacted.
        """
        entry = self.entries.get(name)
        try:
            if entry is None:
                raise UnknownToolError(
                    "There is no such tool here. Nothing was executed.",
                    next_step='List the tools; others can be enabled by toolset or by mode = "operate".',
                )
            with redacting(self._exit.whole):
                answer = await self._call(entry, given, caller)
        except HoldfastError as error:
            if entry is None or not entry.writes:
                error.executed = Executed.NO
            self._redact(error)
            self.counts[(name if entry is not None else "unknown", error.code)] += 1
            raise
        self.counts[(name, "ok")] += 1
        return self._exit.value(answer)

    def failed_internally(self, name: str, caller: Caller) -> Executed:
        """Count a call that ended with an error that nobody expected; whether it can have changed anything."""
        self.counts[(name if name in self.entries else "unknown", "internal")] += 1
        return Executed.UNKNOWN if caller.sending.begun else Executed.NO

    def _redact(self, error: HoldfastError) -> None:
        error.message = self._exit.text(error.message)
        if error.next_step is not None:
            error.next_step = self._exit.text(error.next_step)
        for name, value in error.details.items():
            if isinstance(value, str):
                error.details[name] = self._exit.line(value)
            else:
                error.details[name] = cast("float | None", self._exit.value({name: value})[name])
        error.args = (error.message,)

    async def _call(self, entry: Entry, given: dict[str, object], caller: Caller) -> JsonObject:
        spec = entry.spec()
        arguments = await validated_arguments(spec, given)
        if spec.kind == "estate" or spec.fleet:
            self._gate(principal=caller.principal, target=None, entry=entry)
            return await self._estate(entry, spec, arguments, caller)
        target = self._connections.target(spec.kind, cast("str | None", arguments.pop(TARGET, None)))
        self._gate(principal=caller.principal, target=target, entry=entry)
        try:
            if entry.writes:
                return await self._write(entry, spec, target, arguments, caller)
            return await self._read(spec, target, arguments, caller)
        except HoldfastError as error:
            if error.target is None:
                error.target = target.label
            raise

    async def recompute(self, tool: str, label: str, arguments: dict[str, JsonValue]) -> Change:
        """The change that a write tool would make now. Only reads; the policy and the mode are not asked.

        Raises:
            HoldfastError: No such tool or target here, or reading failed.
        """
        entry = self.entries.get(tool)
        kind, _, name = label.partition(".")
        if entry is None or not entry.writes:
            raise UnknownToolError("There is no such tool here.")
        spec = entry.spec()
        target = self._connections.target(kind, name)
        given = await validated_arguments(spec, dict(arguments))
        for control in (TARGET, DRY_RUN, PLAN_ID):
            given.pop(control, None)
        context = self._context(await self._connections.client(target), target, Caller(principal="holdfast"))
        limit = spec.time_limit_s or target.total_timeout
        with redacting(self._exit.whole):
            return cast("Change", await _bounded(limit, lambda: spec.function(context, **given)))

    def _context(self, client: object, target: TargetSettings | None, caller: Caller) -> Context[object]:
        return Context(
            client=client,
            target=cast("TargetSettings", target),
            connections=self._connections,
            principal=caller.principal,
            correlation_id=caller.correlation_id,
            progress=partial(self._progress, caller),
            now=self._clocks.now,
            sleep=self._clocks.sleep,
            command_allow=self._command_allow,
            read=partial(self._read_for, caller),
            check_read=self._check_read,
        )

    async def _progress(self, caller: Caller, done: float, total: float | None, message: str) -> None:
        await caller.progress(done, total, self._exit.line(message))

    async def _read_for(
        self,
        caller: Caller,
        tool: str,
        target: TargetSettings,
        arguments: dict[str, object],
        *,
        limit_s: float,
        max_age_s: float,
    ) -> Told:
        """A read tool called by another tool, under the same policy as a call of its own."""
        entry, spec, given = self._as_read(tool, target.kind, arguments)
        self._gate(principal=caller.principal, target=target, entry=entry)
        pages = BoundPages(spec, "", given)  # who asks many targets goes on with one cursor at all of them
        kept = self._last_good.recent(LastGood.key(spec.name, target.label, given), max_age_s)
        if kept is not None:
            return Told(pages.sealed(kept[0]), kept[1])
        return Told(pages.sealed(await self._fresh_or_stale(spec, target, given, caller, limit_s)))

    def _as_read(self, tool: str, kind: str, arguments: dict[str, object]) -> tuple[Entry, ToolSpec, dict[str, object]]:
        entry = self.entries.get(tool)
        spec = entry.spec() if entry is not None and not entry.writes else None
        if entry is None or spec is None or spec.fleet or spec.kind != kind:
            raise UnknownToolError(
                f"There is no tool here that reads one {kind} target and has this name. Nothing was executed.",
                next_step="List the tools; one that answers for a single target and changes nothing is meant.",
            )
        given = validate_arguments(spec, arguments)
        given.pop(TARGET, None)
        return entry, spec, given

    def _check_read(self, tool: str, kind: str, arguments: dict[str, object]) -> None:
        self._as_read(tool, kind, arguments)

    async def _estate(self, entry: Entry, spec: ToolSpec, arguments: dict[str, object], caller: Caller) -> JsonObject:
        pages = BoundPages(spec, "", arguments)
        context = self._context(self._connections, None, caller)
        limit = spec.time_limit_s or DEFAULT_TIME_LIMIT_S
        answer = cast("Answer", await _bounded(limit, lambda: spec.function(context, **arguments)))
        return pages.fit(as_json(answer), self._cap)

    async def _read(
        self, spec: ToolSpec, target: TargetSettings, arguments: dict[str, object], caller: Caller
    ) -> JsonObject:
        pages = BoundPages(spec, target.label, arguments)
        limit = spec.time_limit_s or target.total_timeout
        answer = await self._fresh_or_stale(spec, target, arguments, caller, limit)
        return pages.fit(answer, self._cap)

    async def _fresh_or_stale(
        self, spec: ToolSpec, target: TargetSettings, arguments: dict[str, object], caller: Caller, limit_s: float
    ) -> JsonObject:
        """What the appliance answers now; the last good answer, marked as stale, while it cannot be asked."""
        key = LastGood.key(spec.name, target.label, arguments)
        context = self._context(await self._connections.client(target), target, caller)
        try:
            answer = cast("Answer", await _bounded(limit_s, lambda: spec.function(context, **arguments)))
        except (CircuitOpenError, NotSentError) as error:
            stale = self._last_good.recall(key, reason=error.message)
            if stale is None:
                raise
            return stale
        fresh = as_json(answer)
        self._last_good.remember(key, fresh)
        return fresh

    async def _write(
        self, entry: Entry, spec: ToolSpec, target: TargetSettings, arguments: dict[str, object], caller: Caller
    ) -> JsonObject:
        dry_run = bool(arguments.pop(DRY_RUN))
        plan_id = cast("str | None", arguments.pop(PLAN_ID))
        if target.mode is not Mode.OPERATE:
            raise ReadOnlyError(f"The target {target.label} is read-only. Nothing was executed.")
        context = self._context(await self._connections.client(target), target, caller)

        async def compute() -> Change:
            limit = spec.time_limit_s or target.total_timeout
            change = cast("Change", await _bounded(limit, lambda: spec.function(context, **arguments)))
            if change.destructive and entry.risk is not Risk.DESTRUCTIVE:
                # The tool is declared as writing; this very change destroys, which may be another rule's matter.
                self._gate(principal=caller.principal, target=target, entry=replace(entry, risk=Risk.DESTRUCTIVE))
            return change

        result = await self._writer.run(entry, target, caller, arguments, compute, dry_run=dry_run, plan_id=plan_id)
        return fit(as_json(result), self._cap)


async def _bounded(limit_s: float, run: Callable[[], Awaitable[object]]) -> object:
    """Run within an absolute time limit that nested calls inherit."""
    from holdfast.resilience import DeadlineExceededError, deadline_scope

    try:
        with deadline_scope(limit_s):
            async with asyncio.timeout(limit_s):
                return await run()
    except (DeadlineExceededError, TimeoutError) as error:
        if isinstance(error, HoldfastError):
            raise
        raise DeadlineError(
            f"No answer within {limit_s:g} s.",
            next_step="Repeat with a narrower request, or check the appliance with circuits_list.",
        ) from error
