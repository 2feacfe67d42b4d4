"""Planted secrets come out nowhere: not in answers, errors, logs, ledger, metrics or crash reports, in no form."""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import re
import sys
import threading
import traceback
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import anyio
import pytest

from holdfast.cli.logs import JsonFormatter
from holdfast.control.caller import Caller, Question, Reply
from holdfast.control.change import Applied, Change
from holdfast.control.context import Context
from holdfast.control.exit import OneExit
from holdfast.control.inventory import ESTATE, Entry, load_catalogue
from holdfast.control.redactedlogs import RedactingFilter
from holdfast.control.rendering import compact
from holdfast.control.spec import ToolSpec
from holdfast.errors import HoldfastError
from holdfast.server.errors import error_text
from tests.support.encodings import ENCODINGS, PLANTED
from tests.support.matrix import in_part
from tests.support.planting import Planter, Where, is_free, planting
from tests.support.rooms import Room, room
from tests.support.workingcalls import WORKING, WorkingCall

KINDS = ("pfsense", "truenas", "idrac", "proxmox")
PLACED = "Known-by-its-place-alone-13"
ERROR_PATHS: dict[str, dict[str, str | int]] = {
    "none": {},
    "everywhere": {},
    "wire:http-503": {"retry_after_s": 0},
    "wire:login-page": {},
    "wire:garbage": {},
    "drop-before": {},
    "bad-cert": {"certificate": "expired"},
    "refuse": {},
}
_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]")
_LINE_ENDS = re.compile(r"=?(?:\r?\n|\\r\\n|\\n)|(?<=[0-9a-z])= (?=[0-9a-z])")
CRASH = "crash"
"""The path of a call that works until it comes to a defect of the tool itself."""
WHERE: dict[str, Where] = {"none": "free", "everywhere": "everywhere"}
"""Paths without a fault: calls that work, and answers whose every text is something else."""


def forms(secret: str) -> set[str]:
    """The secret as it may be written, without regard to case and to ends of lines."""
    raw = secret.encode()
    shifted = {base64.b64encode(b"x" * pad + raw).decode()[4:-4] for pad in range(3)}
    written = {encode(secret) for encode in ENCODINGS.values()}
    inner = {text[4:-4] for text in written if text.endswith("=")}
    found = {_IN_A_NAME.sub("_", secret), raw.hex(), compact(secret)[1:-1], *written, *inner, *shifted}
    return {_unbroken(text) for text in found}


def _unbroken(text: str) -> str:
    return _LINE_ENDS.sub("", text.lower())


FORMS = {name: forms(secret) for name, secret in PLANTED.items()}


def hits(text: str) -> list[str]:
    """Names of planted secrets that stand in the text in any form."""
    said = _unbroken(text)
    found = [name for name in PLANTED if any(form in said for form in FORMS[name])]
    return [*found, *(["placed"] if PLACED in text else [])]


@contextmanager
def captured_logs(made: Room) -> Iterator[io.StringIO]:
    """Everything logged, as the server writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(made.application.room.log_filter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def planted_arguments(
    schema: dict[str, object], arguments: dict[str, object], encoded: Sequence[str]
) -> list[dict[str, object]]:
    """Calls of a tool with secrets in its arguments: in every one; encoded, in the free texts of one that works."""
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    planted = list(PLANTED.values())
    names = [name for name in properties if name not in ("target", "dry_run", "plan_id")]
    full: dict[str, object] = {name: planted[index % len(planted)] for index, name in enumerate(names)}
    texts = {name: value for name, value in arguments.items() if isinstance(value, str) and is_free(name)}
    late: dict[str, object] = {
        **arguments,
        **{name: f"{value} {encoded[index % len(encoded)]}" for index, (name, value) in enumerate(texts.items())},
    }
    return [full, {planted[0]: 1}, late]


async def said(made: Room, tool: str, arguments: dict[str, object], told: list[str]) -> str:
    """What a client is told, progress among it."""

    async def progress(done: float, total: float | None, message: str) -> None:
        told.append(message)

    caller = Caller(principal="canary", ask=made.ask, progress=progress)
    try:
        return compact(await made.application.dispatcher.call(tool, dict(arguments), caller))
    except HoldfastError as error:
        return error_text(error)


class DefectError(Exception):
    """What no one expects of a tool."""


def _fail(secrets: Sequence[str], *held: object) -> NoReturn:
    """Fail with all that is held in every part of the report: texts, arguments, notes, causes, members of a group."""
    told = [*held, *secrets]
    defect = DefectError(f"not expected: {told}", told)
    defect.add_note(f"while holding {held!r}")
    try:
        raise LookupError(*told)
    except LookupError as cause:
        raise ExceptionGroup("several at once", [defect, ValueError(told)]) from cause


@contextmanager
def broken(spec: ToolSpec, secrets: Sequence[str], *, when_applied: bool) -> Iterator[list[str]]:
    """The tool with a defect, behind what it reads or behind what it writes; where it came to it."""
    fell: list[str] = []

    @wraps(spec.function)
    async def function(ctx: Context[object], **given: object) -> object:
        made = await spec_function(ctx, **given)
        if not when_applied:
            fell.append("read")
            _fail(secrets, given, made)
        assert isinstance(made, Change)

        async def apply() -> Applied:
            applied = await made.apply()
            fell.append("applied")
            _fail(secrets, given, made, applied)

        return replace(made, apply=apply, nothing_to_do=False)

    spec_function = spec.function
    object.__setattr__(spec, "function", function)
    try:
        yield fell
    finally:
        object.__setattr__(spec, "function", spec_function)


@contextmanager
def crash_reports(made: Room) -> Iterator[io.StringIO]:
    """What is written to standard error when an exception is caught by nobody, as in a process that serves."""
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    stream = io.StringIO()
    try:
        with contextlib.redirect_stderr(stream):
            made.application.room.redact_crashes()
            yield stream
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


async def crashed(made: Room, entry: Entry, arguments: dict[str, object], planter: Planter) -> str:
    """Reports of a tool that fails unexpectedly: when it has read, and, of one that writes, when it has written."""
    with crash_reports(made) as reports:
        for when_applied in (False, True) if entry.writes else (False,):
            with broken(entry.spec(), told_by(planter), when_applied=when_applied) as fell:
                # A few tools look for something by a free text: they come further with what the appliance really says.
                for planter.where in ("free", "nowhere"):
                    if not fell:
                        told = await _crash(made, entry.name, arguments)
            assert fell == ["applied" if when_applied else "read"], f"{entry.name} did not come to its defect: {told}"
    return reports.getvalue()


def told_by(planter: Planter) -> list[str]:
    """What logs and reports of crashes are told: every secret, plain and in an encoding."""
    return [*PLANTED.values(), *planter.encoded()]


async def _crash(made: Room, tool: str, arguments: dict[str, object]) -> str:
    """Call the tool; what nobody catches ends up where a server, a program and a thread put it."""
    try:
        return await said(made, tool, arguments, [])
    except ExceptionGroup as error:
        logging.getLogger("holdfast.server").exception("tool %s raised an unexpected error", tool)
        sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=_raise, args=(error,))
        thread.start()
        thread.join()
        return "a crash"


def _raise(error: BaseException) -> None:
    raise error


async def everything(
    call: WorkingCall,
    folder: Path,
    paths: dict[str, dict[str, str | int]],
    encodings: Collection[str] = ENCODINGS,
) -> dict[str, str]:
    """All that leaves by each exit while a tool is called on these paths, its appliance telling secrets on all."""
    await anyio.Path(folder).mkdir()
    planter = Planter(list(PLANTED.values()), PLACED, encodings)
    questions: list[str] = []
    progress: list[str] = []
    answers: list[str] = []
    crashes: list[str] = []

    async def ask(question: Question) -> Reply:
        questions.append(question.message)
        return Reply.ACCEPTED

    async with call.ready(folder) as (made, arguments):
        made.ask = ask
        entry = next(entry for entry in made.application.entries if entry.name == call.tool)
        for secret in PLANTED.values():
            made.application.room.redactor.add(secret)
        with captured_logs(made) as logs, planting(planter):
            for turn, (path, options) in enumerate(paths.items()):
                planter.turn = turn
                if path == CRASH:
                    crashes.append(await crashed(made, entry, arguments, planter))
                    continue
                planter.where = WHERE.get(path, "errors")
                if path not in WHERE:
                    made.running.fault(path, **options)
                answers.append(await said(made, call.tool, arguments, progress))
                if path == "none":
                    for planted in planted_arguments(dict(entry.input_schema), arguments, planter.encoded()):
                        answers.append(await said(made, call.tool, planted, progress))
                made.running.heal()
                for _, _, breaker in made.application.connections.breakers():
                    breaker.close()
            logging.getLogger("holdfast.test").warning("about %s: %s", entry.name, told_by(planter))
        answers.append(compact(made.application.circuits()))
        metrics, _ = made.application.metrics()
        credentials = [value for key, value in made.running.credentials.items() if key not in ("username", "token_id")]
        state = made.application.room.state_dir
    files = [file.read_text(errors="replace") for file in state.rglob("*") if file.is_file() and file.name != "key"]
    told = {
        "answers": "\n".join(answers),
        "questions": "\n".join(questions),
        "progress": "\n".join(progress),
        "logs": logs.getvalue(),
        "metrics": metrics.decode(),
        "state": "\n".join(files),
        "crashes": "\n".join(crashes),
    }
    for text in told.values():
        assert not any(credential in text for credential in credentials)
    return told


TOGETHER = 6
CHUNKS = [WORKING[at : at + TOGETHER] for at in range(0, len(WORKING), TOGETHER)]


@pytest.mark.parametrize("calls", CHUNKS, ids=[calls[0].tool for calls in CHUNKS])
async def test_no_planted_secret_leaves_by_any_tool_on_any_path(calls: Sequence[WorkingCall], tmp_path: Path) -> None:
    for call in calls:
        told = await everything(call, tmp_path / call.tool, ERROR_PATHS)
        assert {where: hits(text) for where, text in told.items() if hits(text)} == {}, call.tool


@pytest.mark.parametrize("calls", in_part(CHUNKS), ids=lambda calls: calls[0].tool)
async def test_no_planted_secret_leaves_when_any_tool_crashes(calls: Sequence[WorkingCall], tmp_path: Path) -> None:
    for call in calls:
        told = await everything(call, tmp_path / call.tool, {CRASH: {}})
        assert told["crashes"].count("DefectError: ") >= 2, call.tool
        assert {where: hits(text) for where, text in told.items() if hits(text)} == {}, call.tool


def test_every_tool_is_called() -> None:
    served = {entry.name for entry in load_catalogue((*KINDS, ESTATE)).entries if entry.kind in KINDS}
    assert {call.tool for call in WORKING} == served


class Blind:
    """An exit that lets everything pass."""

    def __init__(self, *_: object) -> None:
        pass

    def whole(self, text: str) -> str:
        return text

    def text(self, text: str, max_length: int = 0, *, multiline: bool = True) -> str:
        return text

    def line(self, text: str, max_length: int = 0) -> str:
        return text

    def value(self, value: object, max_length: int = 0) -> object:
        return value


def _no_logs(filter_: RedactingFilter, record: logging.LogRecord) -> bool:
    return True


def _raw_question(change: Change, *_: object) -> str:
    return f"{change.summary} {change.before} {change.after} {change.warnings} {change.blast_radius}"


def _raw_report(leave: OneExit, error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


STAGES: dict[str, tuple[str, object, str]] = {
    "ledger": ("holdfast.control.ledger.book.OneExit", Blind, "state"),
    "approvals": ("holdfast.control.approval.OneExit", Blind, "state"),
    "questions": ("holdfast.control.writes.question", _raw_question, "questions"),
    "lines of questions": ("holdfast.control.exit.OneExit.line", lambda self, text, most=0: text, "questions"),
    "answers": ("holdfast.control.exit.OneExit.value", lambda self, value, most=0: value, "answers"),
    "errors": ("holdfast.control.dispatch.Dispatcher._redact", lambda self, error: None, "answers"),
    "crashes": ("holdfast.control.exit.OneExit.exception", _raw_report, "crashes"),
    "logs": ("holdfast.control.redactedlogs.RedactingFilter.filter", _no_logs, "logs"),
    "known values": ("holdfast.control.secretindex.SecretIndex.redact", lambda self, text, marker: text, "answers"),
    "shapes": ("holdfast.control.redaction.redact_shapes", lambda text, marker: text, "answers"),
    "names": ("holdfast.control.redaction.names_secret", lambda name: False, "answers"),
}
WITNESSES = tuple(
    call
    for call in WORKING
    if call.tool
    in (
        "proxmox_create_user",
        "proxmox_update_group",
        "proxmox_raw_get",
        "truenas_delete_dataset",
        "truenas_list_alerts",
        "truenas_get_app_config",
        "idrac_delete_user",
        "pfsense_delete_alias",
    )
)


@pytest.mark.parametrize("stage", STAGES)
async def test_with_any_stage_taken_out_the_canary_sings(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, instead, where = STAGES[stage]
    monkeypatch.setattr(name, instead)
    found: list[str] = []
    for call in WITNESSES:
        paths = (CRASH,) if where == "crashes" else ("none", "refuse")
        told = await everything(call, tmp_path / call.tool, {path: {} for path in paths})
        found += hits(told[where])
    assert found


async def test_a_crash_report_and_an_unexpected_error_hold_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room("proxmox", tmp_path) as made:
        for secret in PLANTED.values():
            made.application.room.redactor.add(secret)
        previous = sys.excepthook
        with contextlib.ExitStack() as stack:
            stack.callback(setattr, sys, "excepthook", previous)
            made.application.room.redact_crashes()
            try:
                raise ValueError(f"crashed with {list(PLANTED.values())}")
            except ValueError as error:
                sys.excepthook(type(error), error, error.__traceback__)
        report = capsys.readouterr().err
        assert "ValueError" in report
        assert hits(report) == []


def test_the_canary_is_alive() -> None:
    assert len(PLANTED) == 12
    for name, secret in PLANTED.items():
        assert name in hits(f"… {secret} …")
        assert name in hits(base64.b64encode(secret.encode()).decode())
        assert name in hits(quote(secret, safe=""))
