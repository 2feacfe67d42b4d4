"""Logs: always the newest lines, by pages, filtered here. A filter at the appliance scans everything (contract 6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pydantic import BaseModel

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.facts import model_named, shown
from holdfast.control.answers import Changed
from holdfast.control.cursors import mark_of
from holdfast.control.paging import Start, cursor_after
from holdfast.errors import UnsupportedError
from holdfast.transport.values import digits, get_str

MODELS: Final = {
    "system": "SystemLog",
    "auth": "AuthLog",
    "dhcp": "DHCPLog",
    "openvpn": "OpenVPNLog",
    "restapi": "RESTAPILog",
    "firewall": "FirewallLog",
}
PAGE_LINES: Final = 1000
MAX_PAGES: Final = 5
_PAGED_SINCE: Final = (2, 8)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)")
_PORTED: Final = frozenset({"tcp", "udp", "sctp"})

RowT = TypeVar("RowT", bound=BaseModel)


@dataclass(frozen=True)
class Lines(Generic[RowT]):
    """Lines that were wanted, the newest first.

    Attributes:
        found: As models.
        scanned: Lines looked at.
        next_cursor: Goes on further back; None at the log's end.
        changed: That the log is another than for the page before.
    """

    found: list[RowT]
    scanned: int
    next_cursor: str | None
    changed: Changed | None = None


async def newest(
    client: HTTPPfSenseClient,
    kind: str,
    *,
    wanted: Callable[[str], bool] | None,
    limit: int,
    cursor: str | None,
    convert: Callable[[str], RowT],
) -> Lines[RowT]:
    """The newest lines that are wanted; at most `MAX_PAGES` pages of the log are looked at in one call.

    Lines that were written meanwhile stand before those that were shown: the page after them is looked for among as
    many lines as one request gives.

    Raises:
        UnsupportedError: Before release 2.8 every read loads the whole log, which can crash PHP (contract 6).
    """
    model = model_named(MODELS[kind])
    version = await client.versions.require(model, "GET", plural=True)
    if version < _PAGED_SINCE:
        raise UnsupportedError(
            f"Not on this version: before release {shown(_PAGED_SINCE)} of the REST API package reading a log loads "
            f"all of it and can crash PHP; this firewall has {shown(version)}.",
            next_step="Update the package, or read the log in the web interface.",
        )
    start = Start(cursor)
    offset, scanned = start.offset, 0
    skip, changed = 0, None
    found: list[RowT] = []
    lines = PAGE_LINES if wanted is not None or start.again else limit
    for number in range(MAX_PAGES):
        rows = await client.rows(model, {"limit": lines, "offset": offset})
        texts = [get_str(row, "text") for row in reversed(rows)]
        if number == 0 and start.again:
            skip, changed = start.behind(mark_of(convert(text)) for text in texts)
            offset += skip
            texts = texts[skip:]
        for text in texts:
            offset += 1
            scanned += 1
            if wanted is None or wanted(text):
                found.append(convert(text))
                if len(found) == limit:
                    return Lines(found, scanned, cursor_after(offset, found[-1]), changed)
        if len(rows) < lines:
            return Lines(found, scanned, None, changed)
        if wanted is None and found:
            break
    return Lines(found, scanned, cursor_after(offset, convert(texts[-1])), changed)


@dataclass(frozen=True)
class Packet:
    """A line of the packet filter's log (contract 13.11)."""

    time: str | None
    tracker: str
    interface: str
    action: str
    direction: str
    protocol: str | None = None
    source: str | None = None
    source_port: int | None = None
    destination: str | None = None
    destination_port: int | None = None


def time_of(line: str) -> str | None:
    """The time that a line of syslog begins with."""
    found = _TIME.search(line[:80])
    return found[1] if found else None


def parse_packet(line: str) -> Packet | None:
    """A line of filterlog; None when it is none.

    Columns: rule, sub-rule, anchor, tracker, interface, reason, action, direction, IP version; then for version 4 tos,
    ecn, ttl, id, offset, flags, protocol number, protocol, length, source, destination; for version 6 class, flow
    label, hop limit, protocol, protocol number, length, source, destination; then ports.
    """
    head, mark, rest = line.partition("filterlog")
    if not mark:
        return None
    body = rest.partition(": ")[2] if ": " in rest[:24] else rest.partition("- - ")[2]
    columns = body.strip().split(",")
    if len(columns) < 9:
        return None
    fixed = Packet(time_of(head), columns[3], columns[4], columns[6], columns[7])
    rest4, rest6 = (16, 18), (12, 15)
    where, source = rest4 if columns[8] == "4" else rest6
    if columns[8] not in ("4", "6") or len(columns) <= source + 1:
        return fixed
    protocol = columns[where].lower()
    ports = columns[source + 2 : source + 4] if protocol in _PORTED else []
    return Packet(
        fixed.time,
        fixed.tracker,
        fixed.interface,
        fixed.action,
        fixed.direction,
        protocol,
        columns[source],
        _port(ports, 0),
        columns[source + 1],
        _port(ports, 1),
    )


def _port(ports: list[str], index: int) -> int | None:
    return digits(ports[index]) if index < len(ports) else None
