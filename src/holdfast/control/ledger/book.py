"""The ledger as the control floor uses it: nothing is sent before its intent is on disk."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import anyio
from pydantic import JsonValue

from holdfast.control.canonical import canonical, derive_key, digest, keyed_digest
from holdfast.control.exit import OneExit
from holdfast.control.ledger.entries import Entry, Intent, Outcome
from holdfast.control.ledger.files import SEGMENT_BYTES, Draft, LedgerFiles
from holdfast.control.ledger.reading import LedgerReader, Unsettled
from holdfast.control.ledger.records import Body, Result
from holdfast.control.ledger.unknown import Unknown
from holdfast.control.ledger.verifying import Head
from holdfast.control.redaction import Redactor
from holdfast.errors import Executed, HoldfastError, LedgerError

MAX_ARGUMENT_BYTES: Final = 16_384
"""Larger arguments are left out of the record; their digest stands for them."""

_LONGEST_TEXT: Final = 2000
_EXECUTED: Final = {"applied": Executed.YES, "not_applied": Executed.NO, "unknown": Executed.UNKNOWN}
_RESULTS: Final[dict[Executed, Result]] = {
    Executed.YES: "applied",
    Executed.NO: "not_applied",
    Executed.UNKNOWN: "unknown",
}

T = TypeVar("T")


class Ledger:
    """The ledger of an installation; several processes may write to it.

    Args:
        directory: Is created 0700 when missing.
        redactor: Every record passes it.
        key: Secret of the installation, to sign records; None leaves them unsigned.
        now: Seconds since the epoch.
        segment_bytes: Size at which a new file is begun.

    Writes happen in a thread of their own. Every method that writes waits until the record is on disk, also when it is
    cancelled meanwhile; the cancellation goes on afterwards.
    """

    def __init__(
        self,
        directory: Path,
        *,
        redactor: Redactor,
        key: bytes | None = None,
        now: Callable[[], float] = time.time,
        segment_bytes: int = SEGMENT_BYTES,
        lock_timeout_s: float = 10.0,
    ) -> None:
        self._key = None if key is None else derive_key(key, "ledger-arguments")
        self._redactor = redactor
        self._exit = OneExit(redactor)
        self._files = LedgerFiles(
            directory, key=key, now=now, segment_bytes=segment_bytes, lock_timeout_s=lock_timeout_s
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="holdfast-ledger")
        self._late: list[Draft] = []
        self.reader = LedgerReader(directory, key=key)

    async def start(self, version: str = "") -> list[Unsettled]:
        """Begin to write; called by the first write otherwise. Intents of processes that died become `unknown`.

        Returns:
            Writes whose outcome is not known: to be settled by reading back. Those that a living process has under way
            are not among them: it alone knows what becomes of them.

        Raises:
            LedgerError: The ledger cannot be written, or is damaged. Reads remain possible.
        """

        def begin() -> list[Unsettled]:
            self._files.open(self._tidy({"version": version, "pid": os.getpid()}))
            # What is still "open" now has an owner that holds its lock; what dead ones left has become "unknown".
            return [found for found in self.reader.unsettled() if found.entry.state == "unknown"]

        return await self._run(begin)

    async def close(self) -> None:
        """Stop to write."""
        await self._run(self._files.close)
        self._thread.shutdown(wait=False)

    async def intent(self, intent: Intent) -> Entry:
        """Record that a write is about to be sent. Send only after this has returned.

        Raises:
            LedgerError: It is not on disk. Nothing was executed, and nothing may be sent.
        """
        entry = Entry(os.urandom(8).hex())
        body = self._intent_body(entry.id, intent)
        written: list[str] = []

        def write() -> None:
            self._append(Draft("intent", body))
            written.append(entry.id)

        try:
            await self._run(write)
        except asyncio.CancelledError:
            if written:
                note = "cancelled before it was sent"
                await self._record_late(Draft("outcome", {"id": entry.id, "result": "not_applied", "note": note}))
            raise
        return entry

    async def outcome(self, entry: Entry | str, outcome: Outcome) -> None:
        """Record what became of a write. An outcome that cannot be written is kept and written with the next record.

        Raises:
            LedgerError: It is not on disk. `executed` says what became of the write itself.
        """
        name = entry if isinstance(entry, str) else entry.id
        draft = Draft("outcome", self._outcome_body(name, outcome))
        try:
            await self._run(lambda: self._append_outcome(draft))
        except LedgerError as error:
            raise LedgerError(
                f"The change was sent ({outcome.result}), but its outcome could not be recorded.",
                next_step=error.next_step,
                executed=_EXECUTED[outcome.result],
            ) from error

    async def settle(self, name: str, outcome: Outcome) -> bool:
        """Record what was found out about a write of an earlier process, unless another process has done so meanwhile.

        Raises:
            LedgerError: It is not on disk.
        """
        draft = Draft("outcome", self._outcome_body(name, outcome))
        return await self._run(lambda: self._files.append_if_open(name, draft))

    async def settle_by_hand(self, name: str, outcome: Outcome) -> Unknown:
        """Record what a person found out about a write whose outcome is recorded as unknown.

        Raises:
            LedgerError: Its outcome is not unknown, or it is not on disk. Nothing was recorded.
        """
        return await self._by_hand(name, outcome, self.reader.unknown_write)

    async def correct_by_hand(self, name: str, outcome: Outcome) -> Unknown:
        """Record that a person takes back what was said of a write by hand; the earlier record stays, and is named.

        Returns:
            The write with the record that is taken back.

        Raises:
            LedgerError: Nobody has told its outcome by hand, or it is not on disk. Nothing was recorded.
        """
        return await self._by_hand(name, outcome, self.reader.told_write)

    async def _by_hand(self, name: str, outcome: Outcome, look: Callable[[str], tuple[Unknown, int]]) -> Unknown:
        def write() -> Unknown:
            self._files.open(self._tidy({"pid": os.getpid()}))
            found, end = look(name)
            body = self._outcome_body(name, outcome)
            if "settled_by" in found.outcome.body:
                body["corrects"] = found.outcome.seq
            draft = Draft("outcome", body)
            # The whole ledger was read without holding up those who write; they may have recorded something meanwhile.
            if not self._files.append_if(lambda _: not self.reader.has_outcome(name, after=end), draft):
                raise LedgerError(f"Something was recorded about {name} meanwhile. Nothing was recorded by this.")
            return found

        return await self._run(write)

    async def event(self, name: str, **facts: JsonValue) -> None:
        """Record anything else worth keeping: a refusal, an approval, the kill switch.

        Raises:
            LedgerError: It is not on disk.
        """
        body = self._tidy({**facts, "event": name})
        await self._run(lambda: self._append(Draft("event", body)))

    @asynccontextmanager
    async def attempt(self, intent: Intent) -> AsyncIterator[Entry]:
        """Record the intent before the body runs and the outcome after it, whatever happens.

        The outcome is what the body settled; without that it follows from the error: what it says was executed, and
        `unknown` for cancellation and errors that say nothing. How far the body came when it was cancelled is said by
        the notes of the error.
        """
        entry = await self.intent(intent)
        try:
            yield entry
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await self._record_late(
                    Draft("outcome", self._outcome_body(entry.id, entry.outcome or _outcome_of(error)))
                )
            raise
        await self.outcome(entry, entry.outcome or Outcome("unknown", note="no outcome was given"))

    async def unsettled(self) -> list[Unsettled]:
        """Writes whose outcome is not known, the oldest first.

        Raises:
            LedgerError: The ledger cannot be read, or is damaged.
        """
        return await self._run(self.reader.unsettled)

    def head(self) -> Head | None:
        """The end of the chain, to be noted elsewhere."""
        return self.reader.head()

    def arguments_digest(self, arguments: JsonValue) -> str:
        """What stands on the ledger for arguments: keyed, so that values cannot be guessed from it.

        Without a key it is over the redacted arguments for the same reason.
        """
        if self._key is None:
            return f"sha256:{digest(self._redactor.value(arguments))}"
        return f"hmac-sha256:{keyed_digest(self._key, {'arguments': arguments})}"

    def _append(self, draft: Draft, *, may_use_reserve: bool = False) -> None:
        """Write what is late, then this. In the ledger's thread, which alone touches what is late."""
        self._files.open(self._tidy({"pid": os.getpid()}))
        drafts = list(self._late)
        if draft not in drafts:
            drafts.append(draft)
        self._files.append(drafts, may_use_reserve=may_use_reserve)
        self._late.clear()

    def _append_outcome(self, draft: Draft) -> None:
        """Write an outcome, or keep it; here, so that a cancellation of whoever waits for it loses nothing."""
        try:
            self._append(draft, may_use_reserve=True)
        except LedgerError:
            if draft not in self._late:
                self._late.append(draft)
            raise

    async def _record_late(self, draft: Draft) -> None:
        """Record an outcome while another error is on its way, which must not be replaced."""
        with suppress(LedgerError):
            await self._run(lambda: self._append_outcome(draft))

    async def _run(self, work: Callable[[], T]) -> T:
        """Run in the ledger's thread, to its end; a cancellation that comes meanwhile goes on then."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):
            while not future.done():
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            future.exception()
            raise cancelled
        return future.result()

    def _intent_body(self, name: str, intent: Intent) -> Body:
        arguments = self._exit.value(dict(intent.arguments), _LONGEST_TEXT)
        if len(canonical(arguments)) > MAX_ARGUMENT_BYTES:
            arguments = {"left_out": "too large"}
        body = self._tidy(
            {
                "id": name,
                "principal": intent.principal,
                "target": intent.target,
                "appliance": intent.appliance,
                "tool": intent.tool,
                "risk": intent.risk,
                "correlation_id": intent.correlation_id,
                "plan_id": intent.plan_id,
                "identity": intent.identity,
                "summary": intent.summary,
                "approved_by": intent.approved_by,
            }
        )
        return {**body, "arguments": arguments, "arguments_digest": self.arguments_digest(dict(intent.arguments))}

    def _outcome_body(self, name: str, outcome: Outcome) -> Body:
        return self._tidy(
            {
                "id": name,
                "result": outcome.result,
                "verified": outcome.verified,
                "error": outcome.error,
                "task": outcome.task,
                "note": outcome.note,
                "duration_s": None if outcome.duration_s is None else round(outcome.duration_s, 3),
                "final": outcome.final or None,
                "settled_by": outcome.settled_by,
            }
        )

    def _tidy(self, body: Body) -> Body:
        """Cleaned, redacted, and without what is None."""
        return self._exit.value({name: value for name, value in body.items() if value is not None}, _LONGEST_TEXT)


def _outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, HoldfastError):
        return Outcome(_RESULTS[error.executed], error=error.code, note=error.message)
    if isinstance(error, asyncio.CancelledError):
        return Outcome("unknown", error="cancelled", note=" ".join(getattr(error, "__notes__", ())) or None)
    return Outcome("unknown", error=type(error).__name__)
