"""`holdfast audit show|verify|export`: read the ledger, check its chain, hand it to others."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from holdfast.control.ledger import LedgerReader

app = typer.Typer(help="The ledger: what was changed, by whom, and what became of it.", no_args_is_help=True)


class ExportFormat(StrEnum):
    """Forms of an export."""

    JSONL = "jsonl"
    CSV = "csv"
    CEF = "cef"


def _time(record_time: str) -> str:
    return record_time[:19].replace("T", " ")


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
    if as_json:
        rows = [{"seq": r.seq, "time": r.time, "kind": r.kind, **r.body} for r in page.records]
        typer.echo(json.dumps({"records": rows, "cursor": page.cursor}, indent=2))
        return
    for record in page.records:
        body = record.body
        said = [str(body[name]) for name in ("tool", "target", "summary", "result", "event", "error") if name in body]
        typer.echo(f"{record.seq:>6}  {_time(record.time)}  {record.kind:<9}  {'  '.join(said)}")
    if page.cursor is not None:
        typer.echo(f"More: --cursor {page.cursor}")


@app.command()
def verify(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the whole chain; exits 1 when it is broken, or may have been cut, and says where."""
    from holdfast.cli.setting import control_parts

    reader = control_parts(config).ledger.reader
    report = reader.verify()
    broken = report.broken
    lost = _head_lost_before(reader)
    if as_json:
        facts = {
            "ok": report.ok and not lost,
            "records": report.records,
            "files": report.files,
            "signed": report.signed,
            "end": {"seq": report.end.seq, "hash": report.end.hash},
            "unsettled": list(report.unsettled),
            "broken": None if broken is None else str(broken),
            "head_lost_before": lost,
        }
        typer.echo(json.dumps(facts, indent=2))
    elif broken is None:
        typer.echo(f"The chain holds: {report.records} records in {report.files} files, end {report.end.hash[:16]}…")
        if report.unsettled:
            typer.echo(f"{len(report.unsettled)} writes have an unknown outcome: holdfast audit show --result unknown")
    else:
        typer.echo(f"The chain is BROKEN after {report.records} good records: {broken}", err=True)
    if lost and not as_json:
        where = ", ".join(map(str, lost))
        typer.echo(
            f"The head was lost before record {where}: whether records were cut off there cannot be told. "
            "Compare with an end that was noted elsewhere; holdfast audit restart begins a ledger without the gap.",
            err=True,
        )
    sys.exit(0 if report.ok and not lost else 1)


def _head_lost_before(reader: LedgerReader) -> list[int]:
    """Numbers of the records that say that the head was lost: it alone proves that no tail was cut off.

    The first record may be on disk before the first head is: a process that dies in between has lost nothing.
    """
    from holdfast.control.ledger import Filter

    found = reader.records(Filter(kinds=frozenset({"recovered"})))
    return [record.seq for record in found if record.seq > 2 and "head" in str(record.body.get("what"))]


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
    lines = exported(reader.records(), form.value, version=__version__)
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
