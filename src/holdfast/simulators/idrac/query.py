"""Query options on answers: paging by fifty, `$expand`, `$select`, `$filter`, `only` (contract §6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from holdfast.simulators.idrac.errors import Refusal, refuse
from holdfast.simulators.idrac.filters import FilterError, parse
from holdfast.simulators.idrac.persona import SYS, Persona
from holdfast.simulators.idrac.wire import Call, Json, Listing, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

PAGE = 50
_KNOWN = frozenset({"$expand", "$select", "$filter", "$skip", "$top"})
_EXPAND = re.compile(r"^([*.~])(?:\(\$levels=(\d+)\))?$")
_NO_EXPAND = re.compile(r"/(?:Sensors|PCIeSlots)$")
_LOGS = re.compile(r"/(?:Entries|Sel|Lclog)$")


def plain_body(reply: Reply) -> Json:
    """The body without any query option; a collection shows its first page of links."""
    body = dict(reply.body or {})
    if reply.listing is not None:
        _page(body, reply.listing, reply.listing.items, skip=0, top=PAGE, render="link")
        body.pop("Members@odata.nextLink", None)
    return body


def _unsupported(name: str) -> Refusal:
    return refuse(400, "SYS407", name)


def _allowed(persona: Persona) -> frozenset[str]:
    names = {"$expand", "$select", "$filter", "$skip"}
    if persona.top_query:
        names.add("$top")
    return frozenset(names)


def _whole_number(query: dict[str, str], name: str) -> int | None:
    if name not in query:
        return None
    value = query[name]
    if not value.isdigit():
        raise refuse(400, "SYS407", name)
    return int(value)


def apply(bmc: Bmc, call: Call, reply: Reply) -> Reply:
    """The answer with the query options of the call carried out; refusals as the firmware words them."""
    query = call.query
    persona = bmc.persona
    if query and bmc.faults.take("query-refused", path=call.path, method="GET", now=bmc.now):
        raise _unsupported(next(iter(query)))
    body = dict(reply.body or {})
    for name in query:
        if name.startswith("$") and name not in _allowed(persona):
            if name in _KNOWN:
                raise _unsupported(name)
            raise refuse(501, "QueryNotSupported")
    if "only" in query:
        if not persona.only_query or reply.listing is None or query["only"]:
            raise _unsupported("only")
        if len(reply.listing.items) == 1 and len(query) == 1:
            reply.body = reply.listing.full(reply.listing.items[0])
            reply.listing = None
            return reply
    mode = _expand_mode(bmc, call, reply)
    if reply.listing is not None:
        _list(bmc, call, reply.listing, body, mode)
    else:
        if "$filter" in query and not call.path.endswith("DellAttributes/iDRAC.Embedded.1"):
            raise _unsupported("$filter")
        if "$skip" in query or "$top" in query:
            raise _unsupported("$skip")
        if mode is not None:
            body = _expand_links(bmc, body, mode)
    if "$select" in query:
        body = _select(body, query["$select"], members=reply.listing is not None)
    reply.body = body
    reply.listing = None
    return reply


def _expand_mode(bmc: Bmc, call: Call, reply: Reply) -> str | None:
    if "$expand" not in call.query:
        return None
    found = _EXPAND.match(call.query["$expand"])
    fault = bmc.faults.take("expand-refused", path=call.path, method="GET", now=bmc.now)
    if fault is not None:
        raise refuse(int(fault.number("status")), "SYS407", "$expand")
    if bmc.faults.take("expand-ignored", path=call.path, method="GET", now=bmc.now):
        return None
    if found is None or int(found.group(2) or "1") != 1:
        raise _unsupported("$expand")
    if call.path == SYS or not reply.expandable:
        raise _unsupported("$expand")
    if _NO_EXPAND.search(call.path) and not bmc.persona.sensors_expand:
        raise _unsupported("$expand")
    return found.group(1)


def _list(bmc: Bmc, call: Call, listing: Listing, body: Json, mode: str | None) -> None:
    query = call.query
    items = listing.items
    if "$filter" in query:
        if bmc.persona.filter_uris == "logs" and not _LOGS.search(call.path):
            raise _unsupported("$filter")
        try:
            wanted = parse(query["$filter"])
        except FilterError:
            raise _unsupported("$filter") from None
        some = listing.some
        if some is None:
            items = [item for item in items if wanted.holds(listing.full(item))]
        else:
            items = [item for item in items if wanted.holds(some(item, wanted.names))]
    skip = _whole_number(query, "$skip")
    top = _whole_number(query, "$top")
    if skip is not None and (skip >= len(items) or (skip == 0 and not bmc.persona.top_query)):
        # Beyond the end is 400, which clients take for the end of the data; old firmware refuses zero as well.
        raise refuse(400, "SYS417", "$skip")
    expanded = listing.expanded or mode in ("*", ".")
    size = PAGE if top is None else min(top, PAGE)
    _page(body, listing, items, skip=skip or 0, top=size, render="full" if expanded else "link")
    if (skip or 0) + size < len(items) and size > 0:
        kept = "".join(
            f"{name}={quote(query[name], safe='$()*=~.,')}&" for name in ("$filter", "$expand") if name in query
        )
        target = (skip or 0) + size
        if bmc.faults.take("next-link-loop", path=call.path, now=bmc.now):
            target = skip or PAGE
        body["Members@odata.nextLink"] = f"{call.path}?{kept}$skip={target}"


def _page(body: Json, listing: Listing, items: Sequence[object], *, skip: int, top: int, render: str) -> None:
    draw = listing.full if (render == "full" or listing.expanded) else listing.link
    page = items[skip : skip + top]
    body["Members"] = [draw(item) for item in page]
    body["Members@odata.count"] = len(items)


def _expand_links(bmc: Bmc, body: Json, mode: str) -> Json:
    def drawn(value: object) -> object:
        if isinstance(value, dict) and set(value) == {"@odata.id"}:
            path = str(value["@odata.id"])
            return (bmc.fetch(path) if "#" not in path else None) or value
        if isinstance(value, list):
            return [drawn(item) for item in value]
        return value

    expanded: Json = {}
    for name, value in body.items():
        if name == "Links" and isinstance(value, dict):
            expanded[name] = {k: drawn(v) for k, v in value.items()} if mode in ("*", "~") else value
        else:
            expanded[name] = drawn(value) if mode in ("*", ".") else value
    return expanded


_KEPT = ("@odata.id", "@odata.type", "@odata.context", "@odata.etag")


def _select(body: Json, text: str, *, members: bool) -> Json:
    wanted = [part.strip().split("/") for part in text.split(",") if part.strip()]
    if not wanted:
        raise _unsupported("$select")
    chosen: Json = {name: body[name] for name in _KEPT if name in body}
    for path in wanted:
        _copy(body, chosen, path)
    found = body.get("Members")
    if members and isinstance(found, list):
        chosen["Members"] = [
            _select(member, text, members=False) if isinstance(member, dict) and len(member) > 1 else member
            for member in found
        ]
        for name in ("Members@odata.count", "Members@odata.nextLink"):
            if name in body:
                chosen[name] = body[name]
    return chosen


def _copy(source: Json, target: Json, path: list[str]) -> None:
    name, rest = path[0], path[1:]
    if name not in source:
        return
    if not rest:
        target[name] = source[name]
        return
    inner = source[name]
    if isinstance(inner, dict):
        # DellAttributes names hold no slash, so that a path into Attributes ends at the attribute.
        nested = target.setdefault(name, {})
        if isinstance(nested, dict):
            _copy(inner, nested, rest)
