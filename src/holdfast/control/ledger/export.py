"""The ledger in the forms that other programs take: JSON lines, CSV, and CEF for a SIEM."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Literal

from pydantic import JsonValue

from holdfast.control.cleaning import one_line
from holdfast.control.ledger.records import Record

Format = Literal["jsonl", "csv", "cef"]

_COLUMNS: Final = (
    "id",
    "principal",
    "target",
    "appliance",
    "identity",
    "tool",
    "risk",
    "plan_id",
    "correlation_id",
    "approved_by",
    "summary",
    "result",
    "verified",
    "error",
    "task",
    "note",
    "settled_by",
    "corrects",
    "corrected_by",
    "event",
    "arguments_digest",
    "arguments",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SEVERITY: Final[Mapping[str, int]] = {"read": 1, "write": 5, "destructive": 8}
_CEF_FIELDS: Final = (
    ("suser", "principal"),
    ("dhost", "target"),
    ("act", "tool"),
    ("outcome", "result"),
    ("reason", "error"),
    ("externalId", "id"),
    ("msg", "summary"),
)
_CEF_CUSTOM: Final = (("plan_id", "planId"), ("correlation_id", "correlationId"), ("approved_by", "approvedBy"))


def export(
    records: Iterable[Record], form: Format, *, version: str, corrections: Mapping[int, int] | None = None
) -> Iterator[str]:
    """Lines of the export, each with its line feed.

    Args:
        records: What to export.
        form: jsonl (records as they are, so that the chain can be checked elsewhere), csv (one row a record; cells that
            a spreadsheet would take for formulas begin with an apostrophe), cef (ArcSight common event format 0).
        version: Of Holdfast, for CEF.
        corrections: Numbers of records that a person took back, with that of the record that does (`corrected_by`);
            jsonl has only the latter's `corrects`.
    """
    later = corrections or {}
    if form == "jsonl":
        for record in records:
            yield record.line().decode("ascii")
    elif form == "csv":
        yield from _csv(records, later)
    else:
        for record in records:
            yield _cef(record, version, later.get(record.seq))


def _text(value: JsonValue) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=True)
    return one_line(text, 4096)


def _csv(records: Iterable[Record], later: Mapping[int, int]) -> Iterator[str]:
    def row(cells: Iterable[str]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow(cells)
        return buffer.getvalue()

    yield row(("seq", "time", "kind", *_COLUMNS, "hash"))
    for record in records:
        body = {**record.body, "corrected_by": later.get(record.seq)}
        cells = [_text(body.get(name)) for name in _COLUMNS]
        safe = [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
        yield row((str(record.seq), record.time, record.kind, *safe, record.hash))


def _cef(record: Record, version: str, corrected_by: int | None) -> str:
    body = record.body
    header = _escaper("|")
    extension = _escaper("=")
    name = _text(body.get("summary")) or _text(body.get("event")) or record.kind
    severity = _SEVERITY.get(_text(body.get("risk")), 3)
    if body.get("result") == "unknown":
        severity = 7
    parts = [f"rt={_epoch_ms(record.time)}", f"cn1={record.seq}", "cn1Label=seq"]
    parts += [f"{field}={extension(text)}" for field, source in _CEF_FIELDS if (text := _text(body.get(source)))]
    for number, (source, label) in enumerate(_CEF_CUSTOM, 1):
        if text := _text(body.get(source)):
            parts += [f"cs{number}={extension(text)}", f"cs{number}Label={label}"]
    parts += [f"cs4={record.hash}", "cs4Label=hash"]
    if by := _text(body.get("settled_by")):
        parts += [f"cs5={extension(by)}", "cs5Label=settledBy", f"cs6={extension(_text(body.get('note')))}"]
        parts.append("cs6Label=note")
    for slot, other, label in (("cn2", body.get("corrects"), "corrects"), ("cn3", corrected_by, "correctedBy")):
        if other is not None:
            parts += [f"{slot}={extension(_text(other))}", f"{slot}Label={label}"]
    head = ("CEF:0", "Holdfast", "holdfast", header(version), header(record.kind), header(name), str(severity))
    return "|".join(head) + "|" + " ".join(parts) + "\n"


def _escaper(special: str) -> Callable[[str], str]:
    return lambda text: text.replace("\\", "\\\\").replace(special, f"\\{special}")


def _epoch_ms(time: str) -> int:
    try:
        return int(datetime.fromisoformat(time).timestamp() * 1000)
    except ValueError:
        return 0
