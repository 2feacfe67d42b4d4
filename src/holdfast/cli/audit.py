"""`holdfast audit …`: read the ledger, check its chain, hand it to others, settle what it holds as unknown."""

from __future__ import annotations

import asyncio
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from holdfast.cli.options import ConfigOption, JsonOption
from holdfast.control.cleaning import one_line

if TYPE_CHECKING:
    from pydantic import JsonValue

    from holdfast.control.ledger import Report, Unknown

app = typer.Typer(help="The ledger: what was changed, by whom, and what became of it.", no_args_is_help=True)


_SHOWN: Final = ("id", "tool", "target", "summary", "result", "settled_by", "event", "by", "error", "reason", "note")
"""What a line of `show` tells of a record."""


class ExportFormat(StrEnum):
    """Forms of an export."""

    JSONL = "jsonl"
    CSV = "csv"
    CEF = "cef"


class Verdict(StrEnum):
    """What became of a write, as a person says."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"


def _time(record_time: str) -> str:
    return _line(record_time[:19].replace("T", " "))


def _line(value: object) -> str:
    """For a terminal: what stands in the files may not be what was written to them."""
    return one_line(str(value), 2000)


@app.command()
def show(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Records to show, the newest first.")] = 50,
    cursor: Annotated[int | None, typer.Option(help="Continue after the record of this number.")] = None,
    target: Annotated[str | None, typer.Option(help="Only this target, as KIND.NAME.")] = None,
    tool: Annotated[str | None, typer.Option(help="Only this tool.")] = None,
    principal: Annotated[str | None, typer.Option(help="Only this principal.")] = None,
    result: Annotated[str | None, typer.Option(help="Only applied, not_applied or unknown.")] = None,
    since: Annotated[str | None, typer.Option(help="Only since this time, UTC: 2026-11-23T12:00.")] = None,
) -> None:
    """Show records, the newest first."""
    from holdfast.cli.setting import control_parts
    from holdfast.control.ledger import Filter

    reader = control_parts(config).ledger.reader
    wanted = Filter(principal=principal, target=target, tool=tool, result=result, since=since)
    page = reader.show(wanted, limit=limit, cursor=cursor)
    later = reader.corrections(page.records)
    if as_json:
        rows = [
            {"seq": r.seq, "time": r.time, "kind": r.kind, **r.body}
            | ({"corrected_by": later[r.seq]} if r.seq in later else {})
            for r in page.records
        ]
        typer.echo(json.dumps({"records": rows, "cursor": page.cursor}, indent=2))
        return
    for record in page.records:
        body = record.body
        said = [_line(body[name]) for name in _SHOWN if name in body]
        if "corrects" in body:
            said.append(_line(f"corrects record {body['corrects']}"))
        if record.seq in later:
            said.append(f"taken back by record {later[record.seq]}")
        typer.echo(f"{record.seq:>6}  {_time(record.time)}  {record.kind:<9}  {'  '.join(said)}")
    if page.cursor is not None:
        typer.echo(f"More: --cursor {page.cursor}")


@app.command()
def verify(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the whole chain; exits 1 when it is broken, or may have been cut, and says where."""
    from holdfast.cli.setting import control_parts

    report = control_parts(config).ledger.reader.verify()
    broken = report.broken
    if as_json:
        facts = {
            "ok": report.ok,
            "records": report.records,
            "files": report.files,
            "signed": report.signed,
            "end": {"seq": report.end.seq, "hash": report.end.hash},
            "unsettled": list(report.unsettled),
            "unknown": list(report.unknown),
            "settled_by_hand": report.by_hand,
            "corrected_by_hand": report.corrected,
            "broken": None if broken is None else str(broken),
            "head_lost_before": list(report.headless),
        }
        typer.echo(json.dumps(facts, indent=2))
    else:
        _tell(report)
    sys.exit(0 if report.ok else 1)


def _tell(report: Report) -> None:
    if report.broken is not None:
        typer.echo(f"The chain is BROKEN after {report.records} good records: {report.broken}", err=True)
    else:
        typer.echo(f"The chain holds: {report.records} records in {report.files} files, end {report.end.hash[:16]}…")
        if report.unknown:
            many = "1 write has" if len(report.unknown) == 1 else f"{len(report.unknown)} writes have"
            typer.echo(f"{many} an unknown outcome: holdfast audit unknown")
        if report.by_hand:
            many = "1 outcome was" if report.by_hand == 1 else f"{report.by_hand} outcomes were"
            times = "once" if report.corrected == 1 else f"{report.corrected} times"
            typer.echo(f"{many} settled by hand{f', and corrected {times}' if report.corrected else ''}.")
    if report.headless:
        where = ", ".join(map(str, report.headless))
        typer.echo(
            f"The head was lost before record {where}: whether records were cut off there cannot be told. "
            "Compare with an end that was noted elsewhere; holdfast audit restart begins a ledger without the gap.",
            err=True,
        )


@app.command()
def unknown(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the writes of which nobody knows whether they took effect."""
    from holdfast.cli.setting import control_parts

    found = control_parts(config).ledger.reader.unknown()
    if as_json:
        rows = [_facts(write) for write in found]
        typer.echo(json.dumps({"writes": rows}, indent=2))
        return
    if not found:
        typer.echo("No write has an unknown outcome.")
        return
    for write in found:
        for line in _described(write):
            typer.echo(line)
    typer.echo(
        "Look at the appliance, then say what you found: holdfast audit settle ID --applied|--not-applied --note …"
    )


def _facts(write: Unknown) -> dict[str, JsonValue]:
    body = write.intent.body
    told: dict[str, JsonValue] = {
        name: body.get(name) for name in ("target", "tool", "summary", "identity", "principal")
    }
    return {
        "id": write.id,
        "time": write.intent.time,
        **told,
        "arguments": body.get("arguments"),
        "task": write.outcome.body.get("task"),
        "note": write.outcome.body.get("note"),
        "looked_at_again": not write.is_final,
        **({"settled_by": write.outcome.body.get("settled_by")} if "settled_by" in write.outcome.body else {}),
        **({"corrects": write.corrects} if write.corrects is not None else {}),
    }


def _described(write: Unknown) -> list[str]:
    body, note = write.intent.body, write.outcome.body.get("note")
    again = "" if write.is_final else "  (the next start of a server looks at it)"
    what = body.get("summary") or body.get("tool")
    said = []
    if write.corrects is not None:
        said.append(_line(f"  {write.outcome.body.get('settled_by')} took back what record {write.corrects} says"))
    return [
        _line(f"{write.id}  {_time(write.intent.time)}  {body.get('target')}  {what}{again}"),
        *said,
        *([_line(f"  {note}")] if note else []),
    ]


@app.command()
def settle(
    write: Annotated[str, typer.Argument(metavar="ID", help="Id of the write, from holdfast audit unknown.")],
    applied: Annotated[bool, typer.Option("--applied/--not-applied", help="Whether it took effect.")],
    note: Annotated[str, typer.Option(help="How you know; it is kept on the ledger with your name.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what became of a write whose outcome is unknown. It is added to the ledger; nothing is rewritten or sent."""
    from holdfast.cli.setting import control_parts, operator
    from holdfast.control.ledger import Outcome

    if not note.strip():
        raise typer.BadParameter("say how you know", param_hint="--note")
    ledger, by = control_parts(config).ledger, operator()
    outcome = Outcome("applied" if applied else "not_applied", verified=False, note=note.strip(), settled_by=by)

    async def record() -> Unknown:
        try:
            return await ledger.settle_by_hand(write, outcome)
        finally:
            await ledger.close()

    found = asyncio.run(record())
    if as_json:
        facts = {"id": found.id, "result": outcome.result, "settled_by": by, "note": outcome.note}
        typer.echo(json.dumps(facts, indent=2))
        return
    body = found.intent.body
    typer.echo(
        f"{found.id} ({body.get('target')}: {body.get('summary') or body.get('tool')}) is {outcome.result}, says {by}."
    )


@app.command()
def correct(
    write: Annotated[str, typer.Argument(metavar="ID", help="Id of a write that was settled by hand.")],
    result: Annotated[Verdict, typer.Option("--as", help="What became of it in truth.")],
    note: Annotated[str, typer.Option(help="How you know; it is kept on the ledger with your name.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what was said with settle, by one more record that names the earlier one; nothing is rewritten or sent.

    A write that is unknown after all is listed by unknown again, and is settled by another correction.
    """
    from holdfast.cli.setting import control_parts, operator
    from holdfast.control.ledger import Outcome

    if not note.strip():
        raise typer.BadParameter("say how you know", param_hint="--note")
    ledger, by = control_parts(config).ledger, operator()
    is_unknown = result is Verdict.UNKNOWN
    outcome = Outcome(result.value, verified=False, note=note.strip(), settled_by=by, final=is_unknown)

    async def record() -> Unknown:
        try:
            return await ledger.correct_by_hand(write, outcome)
        finally:
            await ledger.close()

    found = asyncio.run(record())
    before = found.outcome
    if as_json:
        facts = {
            "id": found.id,
            "result": outcome.result,
            "settled_by": by,
            "note": outcome.note,
            "corrects": before.seq,
            "result_before": before.body.get("result"),
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    body = found.intent.body
    typer.echo(
        _line(
            f"{found.id} ({body.get('target')}: {body.get('summary') or body.get('tool')}) is {outcome.result}, says "
            f"{by}; record {before.seq}, by {before.body.get('settled_by')}, said {before.body.get('result')}."
        )
    )


@app.command()
def export(
    config: ConfigOption = None,
    form: Annotated[ExportFormat, typer.Option("--format", help="Form of the export.")] = ExportFormat.JSONL,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output when omitted.")] = None,
) -> None:
    """Write all records for another system."""
    from holdfast import __version__
    from holdfast.cli.setting import control_parts
    from holdfast.control.ledger import export as exported

    reader = control_parts(config).ledger.reader
    corrections = reader.corrections()
    lines = exported(reader.records(), form.value, version=__version__, corrections=corrections)
    if out is None:
        for line in lines:
            sys.stdout.write(line)
    else:
        with out.open("w", encoding="utf-8") as file:
            file.writelines(lines)


@app.command()
def restart(
    reason: Annotated[str, typer.Option(help="Why; it is the first thing on the new ledger.")],
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Set a damaged ledger aside, whole, and begin a new one that names every file of the old one.

    Stop the servers before. What they had sent without recording an outcome is not settled any more: look for it in
    the files that were set aside.
    """
    from holdfast.cli.setting import configuration, operator
    from holdfast.control import statefiles
    from holdfast.control.ledger import restart as set_aside
    from holdfast.control.parts import KEY_FILE, LEDGER_DIR
    from holdfast.control.room import ControlRoom

    state = ControlRoom(configuration(config)).state_dir
    ledger = state / LEDGER_DIR
    if not ledger.is_dir():
        typer.echo(f"There is no ledger in {state}.")
        return
    if not yes:
        typer.confirm(f"Set the ledger in {ledger} aside and begin a new one?", abort=True)
    key = statefiles.load_or_create_key(state / KEY_FILE)
    aside = set_aside(ledger, who=operator(), reason=reason, key=key)
    typer.echo(f"The old ledger is in {aside}; a new one has begun. Keep the old one.")
