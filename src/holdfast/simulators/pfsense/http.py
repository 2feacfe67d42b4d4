"""HTTP in front of the machine: headers, bodies, gates, dispatch and envelopes (contract §2 to §5)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from holdfast.simulators.base import note_authorised
from holdfast.simulators.pfsense import controls, engine, openapi, php
from holdfast.simulators.pfsense.answers import (
    ApiError,
    WorkerDiedError,
    envelope,
    forbidden,
    invalid,
    login_page,
    nginx_page,
    php_error,
)
from holdfast.simulators.pfsense.faults import api_disabled
from holdfast.simulators.pfsense.links import object_links, page_links
from holdfast.simulators.pfsense.machine import Machine
from holdfast.simulators.pfsense.schema import Endpoint
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Client, Obj, Work

WORKERS = 8
IDLE_S = 70.0
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
BINARY_TYPE = "application/octet-stream"
_SCHEMAS = {"/api/v2/schema/openapi", "/api/v2/schema/native", "/api/v2/schema/graphql"}


@dataclass
class Timing:
    """Real seconds that make requests overlap as on the real machine: between loading the configuration and writing."""

    write_s: float = 0.005
    read_s: float = 0.0


@dataclass
class Exchange:
    """One request while it is answered."""

    endpoint: Endpoint
    method: str
    data: Any = field(default_factory=dict)
    binary: bool = False


class Front:
    """nginx and php-fpm: eight workers, HTML errors, and the API behind."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.timing = Timing()
        self.workers = asyncio.Semaphore(WORKERS)
        self._last_use: WeakKeyDictionary[asyncio.Transport, float] = WeakKeyDictionary()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, or drop it as a dead, blocked or absent machine would."""
        machine = self.machine
        address = request.remote or "127.0.0.1"
        if machine.protection.blocks(address) or machine.faults.look("lockout"):
            return await self._silence(request)
        if machine.is_cut_off:
            return await self._silence(request)
        if machine.downtime.is_away or machine.faults.within("reboot", 90.0, request.method, request.path):
            return self._reset(request)
        if self._is_stale(request):
            return self._reset(request)
        page = self._nginx_fault(request)
        if page is not None:
            return page
        async with self.workers:
            slow = machine.faults.hit("slow", request.method, request.path)
            if slow is not None:
                await machine.wait_until(machine.clock.now() + slow.number("seconds", 5.0))
            response = await self._answer(request, address)
        if request.transport is not None and isinstance(request.transport, asyncio.Transport):
            self._last_use[request.transport] = machine.clock.now()
        return response

    def _is_stale(self, request: web.Request) -> bool:
        """Whether nginx has closed the connection (70 s idle) or its state is gone: it meets a reset (§2)."""
        transport = request.transport
        used = self._last_use.get(transport) if isinstance(transport, asyncio.Transport) else None
        if used is None:
            return False
        reset_at = self.machine.runtime.states_reset_at
        states_gone = reset_at is not None and used < reset_at <= self.machine.clock.now()
        return states_gone or self.machine.clock.now() - used > IDLE_S

    def _nginx_fault(self, request: web.Request) -> web.Response | None:
        faults, method, path = self.machine.faults, request.method, request.path
        if faults.within("php-restart", 5.0, method, path):
            return nginx_page(502)
        fault = faults.hit("html-error", method, path)
        if fault is not None:
            return nginx_page(int(fault.number("status", 502)))
        if faults.hit("login-page", method, path):
            return login_page()
        if self.machine.downtime.package_gone or faults.hit("package-missing", method, path):
            return nginx_page(404)
        return None

    async def _silence(self, request: web.Request) -> web.StreamResponse:
        """Packets are dropped: no answer comes, until the client gives up or the simulator ends."""
        while not self.machine.closing.is_set():
            if request.transport is None or request.transport.is_closing():
                break
            await asyncio.sleep(0.01)
        return self._reset(request)

    @staticmethod
    def _reset(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def _answer(self, request: web.Request, address: str) -> web.StreamResponse:
        machine = self.machine
        path = request.path.rstrip("/") or "/"
        if path in _SCHEMAS and request.method in ("GET", "HEAD"):
            return web.json_response(openapi.document(machine, path), content_type=JSON_TYPE)
        endpoint = machine.schema.endpoints.get(path)
        if endpoint is None:
            return login_page() if path == "/" else nginx_page(404)
        exchange = Exchange(endpoint, request.method)
        try:
            code, payload = 200, await self._process(request, exchange, address)
            if isinstance(payload, web.StreamResponse):
                return payload
            return self._send(code, payload)
        except ApiError as error:
            return self._send_error(error)
        except WorkerDiedError as error:
            if error.how == "hang":
                return await self._silence(request)
            return self._reset(request) if error.how == "reset" else nginx_page(int(error.how))

    async def _process(self, request: web.Request, exchange: Exchange, address: str) -> Value:
        machine, endpoint, method = self.machine, exchange.endpoint, exchange.method
        machine.faults.raise_gate(method, endpoint.url)
        if machine.downtime.package_replaced:
            raise ApiError(503, "ENDPOINT_UNAVAILABLE", "The API is being replaced.")
        tree = machine.store.current
        settings = tree.one(machine.schema.models["RESTAPISettings"])
        if not settings.get("enabled", True):
            raise api_disabled()
        allowed = settings.get("allowed_interfaces") or []
        if allowed and "lan" not in allowed:
            raise forbidden("ENDPOINT_INTERFACE_NOT_ALLOWED", "This interface does not answer API calls.")
        if method == "OPTIONS":
            raise php_error("is_allowed_by_acl(): Argument #2 ($username) must be of type string, null given")
        try:
            client = machine.auth.authenticate(tree, endpoint, method, request.headers, address)
        except ApiError as error:
            note_authorised(request, error.code != 401)
            raise
        note_authorised(request, True)
        machine.auth.check_access_list(tree, client)
        exchange.binary = self._check_accept(request, endpoint)
        self._check_method(endpoint, method, bool(settings.get("read_only")))
        exchange.data = await self._read_data(request, method)
        work = machine.begin(client)
        work.endpoint_model = endpoint.model
        control = controls.take(work, exchange.endpoint, method, exchange.data, request.headers)
        pause = self.timing.read_s if method == "GET" else self.timing.write_s
        if pause:
            await asyncio.sleep(pause)
        result = await self._perform(work, exchange, control)
        if exchange.binary:
            return self._download(result)
        body = envelope(200, "SUCCESS", "", self._shown(work, result))
        if settings.get("hateoas"):
            body |= page_links(endpoint, control.limit, control.offset)
        return body

    def _check_accept(self, request: web.Request, endpoint: Endpoint) -> bool:
        """Whether the answer is a download; 406 when the Accept header names something not served (contract §4)."""
        accept = request.headers.get("Accept", "*/*").partition(";")[0].strip()
        if accept not in ("*/*", JSON_TYPE, BINARY_TYPE):
            raise ApiError(406, "CONTENT_HANDLER_ENCODE_NOT_FOUND", f"Nothing can be sent as `{accept}`.")
        handler = "BinaryContentHandler" if accept == BINARY_TYPE else "JSONContentHandler"
        if handler not in (endpoint.encode or ("JSONContentHandler",)):
            raise ApiError(
                406,
                "ENDPOINT_ACCEPT_NOT_SUPPORTED",
                f"This resource is not sent as `{accept}`.",
            )
        return handler == "BinaryContentHandler"

    def _check_method(self, endpoint: Endpoint, method: str, read_only: bool) -> None:
        if method not in endpoint.methods:
            raise ApiError(
                405,
                "ENDPOINT_METHOD_NOT_ALLOWED",
                f"{endpoint.url} has no method `{method}`.",
            )
        if read_only and method != "GET" and not endpoint.ignore_read_only:
            raise ApiError(
                405,
                "ENDPOINT_METHOD_NOT_ALLOWED_IN_READ_ONLY_MODE",
                f"{endpoint.url}: `{method}` is not possible while the API is in read-only mode.",
            )

    async def _read_data(self, request: web.Request, method: str) -> Value:
        """The request's data: a JSON body where its type says so, else the query string (contract §4)."""
        default = FORM_TYPE if method in ("GET", "DELETE") else JSON_TYPE
        kind = request.headers.get("Content-Type", default).partition(";")[0].strip().lower()
        if kind == FORM_TYPE:
            if method in ("GET", "DELETE"):
                return php.parse_query(request.rel_url.raw_query_string)
            return php.parse_query((await request.read()).decode("utf-8", "replace"))
        if kind != JSON_TYPE:
            raise ApiError(415, "CONTENT_HANDLER_DECODE_NOT_FOUND", f"A body of type `{kind}` cannot be read.")
        body = await request.read()
        if not body.strip():
            return {}
        try:
            data = json.loads(body)
        except ValueError:
            data = None
        if not isinstance(data, dict | list):
            raise invalid("JSON_CONTENT_HANDLER_COULD_NOT_DECODE_JSON", "The body is no JSON.")
        return data

    async def _perform(self, work: Work, exchange: Exchange, control: controls.Control) -> Obj | list[Obj]:
        endpoint, method, data = exchange.endpoint, exchange.method, exchange.data
        model = work.schema.models[endpoint.model]
        if method == "PUT":
            return await engine.replace_all(work, model, data if isinstance(data, list) else [])
        if not isinstance(data, dict):
            data = {str(index): item for index, item in enumerate(data)}
        if endpoint.plural:
            if method == "GET":
                engine.require_readable(work, model)
                return engine.search(work, model, data, control.limit, control.offset, control.reverse)
            return await self._delete_many(work, exchange, control, data)
        if method == "POST":
            return await engine.create(work, model, data)
        if method == "PATCH":
            return await engine.update(work, model, data, append=control.append, remove=control.remove)
        obj = engine.from_request(work, model, data, keep_id=True)
        if model.many and obj.id is None:
            raise invalid("MODEL_REQUIRES_ID", "Field `id` is required.")
        if method == "DELETE":
            await engine.delete(work, obj)
        return obj

    async def _delete_many(
        self, work: Work, exchange: Exchange, control: controls.Control, data: dict[str, Any]
    ) -> list[Obj]:
        model = work.schema.models[exchange.endpoint.model]
        if data.get("all") is True:
            objects = engine.read_all(work, model)
        elif not data:
            raise invalid(
                "MODEL_DELETE_MANY_REQUIRES_QUERY_PARAMS",
                "A deletion of many objects needs a query.",
            )
        else:
            objects = engine.search(work, model, data, control.limit, control.offset, False)
        work.machine.behaviour(model.name).before_delete_many(work, objects, all_of_them=data.get("all") is True)
        await engine.delete_many(work, objects)
        return objects

    def _shown(self, work: Work, result: Obj | list[Obj]) -> Value:
        links = bool(work.settings.get("hateoas"))
        if isinstance(result, list):
            return [self._one(work, obj, links) for obj in result]
        return self._one(work, result, links) or []

    @staticmethod
    def _one(work: Work, obj: Obj, links: bool) -> dict[str, Any]:
        shown = engine.answer(work, obj)
        return shown | object_links(work, obj) if links else shown

    @staticmethod
    def _download(result: Obj | list[Obj]) -> web.Response:
        obj = result[0] if isinstance(result, list) else result
        content = obj.values.get("binary_data") or b""
        name = obj.values.get("filename") or "download.bin"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=content, content_type=BINARY_TYPE, headers=headers)

    def _send(self, code: int, body: dict[str, object], headers: dict[str, str] | None = None) -> web.Response:
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False) + "\n"
        return web.Response(status=code, text=text, content_type=JSON_TYPE, headers=headers)

    def _send_error(self, error: ApiError) -> web.Response:
        headers = dict(error.headers)
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        return self._send(error.code, envelope(error.code, error.response_id, error.message, error.data), headers)


def anonymous() -> Client:
    """Nobody in particular: the system itself."""
    return Client("(system)", "127.0.0.1")
