"""The HTTP front of one simulated iDRAC: from an aiohttp request to its answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web

from holdfast.simulators.base import note_authorised
from holdfast.simulators.idrac import disguise, etags, gate, query, rename, stream, upload
from holdfast.simulators.idrac.body import wrong_type
from holdfast.simulators.idrac.errors import (
    DropConnection,
    Info,
    Refusal,
    missing_resource,
    refusal_reply,
    refuse,
)
from holdfast.simulators.idrac.routes import Match, Rule
from holdfast.simulators.idrac.wire import Call, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

JSON_TYPE = "application/json;odata.metadata=minimal;charset=utf-8"
_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")


def _query(raw: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in raw.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found[unquote(name)] = unquote(value)
    return found


def _path(bmc: Bmc, request: web.Request) -> str:
    path = rename.inward(bmc.persona, request.path)
    return path.rstrip("/") or "/"


async def answer(bmc: Bmc, request: web.Request, in_flight: int) -> web.StreamResponse:
    """The whole way of one request; `DropConnection` leaves through the caller."""
    bmc.timeline.settle()
    path = _path(bmc, request)
    client = request.remote or "127.0.0.1"
    gate.admit(bmc, client)
    if not gate.host_accepted(bmc, request.host):
        return web.Response(status=400)
    method = request.method
    await _delay(bmc, method, path, in_flight)
    early = disguise.before(bmc, method, path, in_flight)
    if early is not None:
        return _response(bmc, request, early, None)
    match = None if rename.assumed(bmc.persona, request.path) else bmc.routes.match(path)
    try:
        found = await _reply(bmc, request, path, match, client)
        if not isinstance(found, Reply):
            return found
        reply = found
    except Refusal as refusal:
        reply = refusal_reply(bmc.persona, refusal)
        if refusal.status == 405 and match is not None:
            reply.headers["Allow"] = _allow(match)
    reply = disguise.after(bmc, method, path, reply)
    return _response(bmc, request, reply, match)


async def _delay(bmc: Bmc, method: str, path: str, in_flight: int) -> None:
    seconds = 0.0
    fault = bmc.faults.take("slow", path=path, method=method, now=bmc.now)
    if fault is not None:
        seconds += fault.number("seconds")
    if "/Storage" in path or "/DellRaidService" in path:
        fault = bmc.faults.take("storage-slow", path=path, method=method, now=bmc.now)
        if fault is not None:
            seconds += fault.number("seconds")
    crowd = in_flight - bmc.persona.parallel_limit // 2
    if crowd > 0:
        # A crowded iDRAC slows down before it refuses (contract §9).
        seconds += 0.01 * crowd
    if seconds:
        await asyncio.sleep(seconds)
        bmc.timeline.settle()
        if bmc.life.phase == "down":
            raise DropConnection


async def _reply(
    bmc: Bmc, request: web.Request, path: str, match: Match | None, client: str
) -> Reply | web.StreamResponse:
    method = "GET" if request.method == "HEAD" else request.method
    if request.headers.get("OData-Version", "4.0") != "4.0":
        raise refuse(412, "PreconditionFailed")
    if request.method not in _METHODS:
        raise refuse(501, "OperationNotAllowed")
    headers = {name.lower(): value for name, value in request.headers.items()}
    rule = match.node.rules.get(method) if match is not None else None
    identity = None
    if rule is None or not rule.public:
        identity = gate.identify(bmc, headers, client)
        note_authorised(request, identity is not None)
    if match is None:
        if identity is None:
            gate.require(bmc, None, Rule(_nothing, "Login"), path)
        raise missing_resource(path)
    if rule is None:
        gate.require(bmc, identity, Rule(_nothing, "Login", locked=False), path)
        raise refuse(405, "SYS402")
    if not rule.public:
        identity = gate.require(bmc, identity, rule, path)
    call = Call(method, path, match.args, _query(request.rel_url.raw_query_string), headers=headers, client=client)
    if identity is not None:
        call.account, call.session = identity.account, identity.session
    if method == "GET":
        disguise.data_ready(bmc, path)
        if rule.stream and request.method == "GET":
            return await stream.serve(bmc, request, call)
        return _get(bmc, request, call, rule)
    if rule.upload:
        call.parts = await upload.read(request, limit=bmc.max_image_bytes)
    else:
        call.body = await _json(bmc, request)
    _preconditions(bmc, call, match)
    disguise.data_ready(bmc, path)
    told = disguise.instead(bmc, call)
    if told is not None:
        return told
    bmc.mutations += 1
    return rule.handler(bmc, call)


def _nothing(bmc: Bmc, call: Call) -> Reply:
    raise missing_resource(call.path)


def _get(bmc: Bmc, request: web.Request, call: Call, rule: Rule) -> Reply:
    reply = rule.handler(bmc, call)
    if reply.text is None and reply.raw is None:
        accept = request.headers.get("Accept", "*/*")
        if not any(kind in accept for kind in ("application/json", "application/*", "*/*")):
            raise refuse(406, "SYS401", accept)
    if reply.body is None:
        return reply
    volatile = reply.volatile
    reply = query.apply(bmc, call, reply)
    if reply.status == 200 and reply.body is not None and etags.has_etag(bmc.persona, call.path):
        tag, reply.encoded = etags.tagged(reply.body, volatile)
        reply.headers["ETag"] = tag
        if "if-none-match" in call.headers and etags.matches(call.headers["if-none-match"], tag):
            return Reply(304, None, {"ETag": tag})
    return reply


async def _json(bmc: Bmc, request: web.Request) -> dict[str, object]:
    raw = await request.read()
    if not raw:
        if request.method in ("PATCH", "PUT"):
            raise refuse(400, "SYS405")
        return {}
    kind = request.headers.get("Content-Type", "")
    if not kind.lower().startswith("application/json"):
        raise refuse(415, "SYS401", kind)
    try:
        value = json.loads(rename.inward(bmc.persona, raw.decode()))
    except ValueError:
        raise Refusal(400, (Info("SYS405"), Info("MalformedJSON"))) from None
    if not isinstance(value, dict):
        raise wrong_type("", value)
    return value


def current_etag(bmc: Bmc, path: str) -> str | None:
    """The entity tag that a GET of this path would show now; None when there is no such resource or tag."""
    if not etags.has_etag(bmc.persona, path):
        return None
    match = bmc.routes.match(path)
    rule = match.node.rules.get("GET") if match is not None else None
    if match is None or rule is None:
        return None
    reply = rule.handler(bmc, Call("GET", path, match.args))
    return etags.etag_of(query.plain_body(reply), reply.volatile)


def _preconditions(bmc: Bmc, call: Call, match: Match) -> None:
    wanted = call.headers.get("if-match")
    if wanted is None:
        return
    if "/Actions/" in call.path:
        if bmc.persona.etag_fatal_on_actions:
            raise refuse(412, "PreconditionFailed")
        return
    current = current_etag(bmc, call.path) if "GET" in match.node.rules else None
    if current is not None and not etags.matches(wanted, current):
        raise refuse(412, "PreconditionFailed")


def _allow(match: Match) -> str:
    methods = set(match.node.rules)
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(name for name in _METHODS if name in methods)


def _response(bmc: Bmc, request: web.Request, reply: Reply, match: Match | None) -> web.Response:
    if bmc.persona.renamed and "Location" in reply.headers:
        reply.headers["Location"] = rename.outward(bmc.persona, reply.headers["Location"])
    headers = {
        "Server": bmc.persona.server_header,
        "OData-Version": "4.0",
        "Cache-Control": "no-cache",
        "X-Frame-Options": "SAMEORIGIN",
        **reply.headers,
    }
    if match is not None and "Allow" not in headers and request.method in ("GET", "HEAD"):
        headers["Allow"] = _allow(match)
    if reply.raw is not None:
        payload, kind = reply.raw, reply.content_type
    elif reply.text is not None:
        payload, kind = reply.text.encode(), reply.content_type
    elif reply.body is not None:
        payload, kind = reply.encoded or etags.encode(reply.body), JSON_TYPE
        if bmc.persona.foreign:
            payload = json.dumps(rename.without_vendor(reply.body)).encode()
        described = reply.body.get("@odata.type")
        if isinstance(described, str) and request.method in ("GET", "HEAD"):
            schema = described.removeprefix("#").rpartition(".")[0]
            headers["Link"] = f"</redfish/v1/JsonSchemas/{schema}.json>; rel=describedby"
    else:
        return web.Response(status=reply.status, headers=headers)
    headers["Content-Type"] = kind
    if bmc.persona.renamed:
        payload = rename.outward(bmc.persona, payload.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    return web.Response(status=reply.status, body=payload, headers=headers)
