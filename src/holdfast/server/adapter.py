"""The registry served over MCP. The only floor that imports `mcp`.

It covers what the SDK leaves open: unknown arguments are refused and rejected values are never repeated (the control
floor validates), text copies are compact, a confirmation is spent once (it belongs to a plan), unexpected errors say
nothing of their insides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)

from holdfast import __version__
from holdfast.control.answers import JsonObject
from holdfast.control.caller import Caller, new_correlation_id
from holdfast.control.dispatch import Dispatcher
from holdfast.control.inventory import Entry
from holdfast.control.rendering import compact
from holdfast.errors import Executed, HoldfastError, UnknownToolError
from holdfast.server.elicitation import Asker, InputNeededError
from holdfast.server.errors import error_text

_log = logging.getLogger("holdfast.server")
_CONFIRMATION_TTL_S: Final = 300.0
"""As long as the plan lives that it confirms, seconds."""
CIRCUITS_URI: Final = "holdfast://circuits"

Principal = Callable[[ServerRequestContext[Any, Any]], str]


def local_principal(ctx: ServerRequestContext[Any, Any]) -> str:
    """The principal of a client that started this process itself (stdio)."""
    return "local"


def listed(entry: Entry) -> Tool:
    """A tool as `tools/list` shows it."""
    return Tool(
        name=entry.name,
        title=entry.title,
        description=entry.description,
        input_schema=dict(entry.input_schema),
        output_schema=dict(entry.output_schema),
        annotations=ToolAnnotations(
            read_only_hint=entry.hints["readOnlyHint"],
            destructive_hint=entry.hints["destructiveHint"],
            idempotent_hint=entry.hints["idempotentHint"],
            open_world_hint=entry.hints["openWorldHint"],
        ),
    )


class Adapter:
    """Handlers of one MCP server over one dispatcher."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        circuits: Callable[[str], Sequence[JsonObject]],
        principal: Principal = local_principal,
    ) -> None:
        self._dispatcher = dispatcher
        self._circuits = circuits
        self._principal = principal
        self._tools: ListToolsResult | None = None

    async def list_tools(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        """The same list for every connection, in the catalogue's order."""
        if self._tools is None:
            self._tools = ListToolsResult(tools=[listed(entry) for entry in self._dispatcher.entries.values()])
        return self._tools

    async def call_tool(
        self, ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        """Carry out a call; whatever goes wrong becomes a result that the model can act on."""
        asker = Asker(ctx, params)
        correlation_id = new_correlation_id()

        async def progress(done: float, total: float | None, message: str) -> None:
            await ctx.session.report_progress(done, total, message)

        caller = Caller(
            principal=self._principal(ctx),
            ask=asker,
            resumed_plan=asker.resumed_plan,
            progress=progress,
            correlation_id=correlation_id,
        )
        try:
            answer = await self._dispatcher.call(params.name, dict(params.arguments or {}), caller)
        except InputNeededError as needed:
            return needed.result()
        except HoldfastError as error:
            if not isinstance(error, UnknownToolError):
                _log.info("tool %s failed: %s (call %s)", params.name, error.code, correlation_id)
            return _failure(error_text(error))
        except Exception:  # noqa: BLE001 - the last line: a defect of ours must not show its insides
            _log.exception("tool %s raised an unexpected error (call %s)", params.name, correlation_id)
            return _failure(_internal(self._dispatcher.failed_internally(params.name, caller), correlation_id))
        return CallToolResult(content=[TextContent(type="text", text=compact(answer))], structured_content=answer)

    async def list_resources(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        """The state of every circuit."""
        return ListResourcesResult(
            resources=[
                Resource(
                    uri=CIRCUITS_URI,
                    name="circuits",
                    title="Circuit breakers",
                    description="State of every appliance's circuit breaker.",
                    mime_type="application/json",
                )
            ]
        )

    async def read_resource(
        self, ctx: ServerRequestContext[Any, Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        """Read one of the listed resources."""
        if str(params.uri) != CIRCUITS_URI:
            raise MCPError(code=INVALID_PARAMS, message="There is no such resource.", data={"uri": str(params.uri)})
        try:
            text = compact({"circuits": list(self._circuits(self._principal(ctx)))})
        except HoldfastError as error:
            raise MCPError(code=INVALID_PARAMS, message=error_text(error)) from None
        return ReadResourceResult(
            contents=[TextResourceContents(uri=CIRCUITS_URI, text=text, mime_type="application/json")]
        )

    async def list_resource_templates(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """None."""
        return ListResourceTemplatesResult(resource_templates=[])

    async def list_prompts(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListPromptsResult:
        """None."""
        return ListPromptsResult(prompts=[])


def _internal(executed: Executed, correlation_id: str) -> str:
    if executed is Executed.NO:
        told = "Nothing was executed."
    else:
        told = "Whether anything was executed is unknown; read the state back before repeating."
    return (
        f"Holdfast failed internally. {told} Next: the operator finds the cause in the server's log under call "
        f"{correlation_id}. [code=internal executed={executed}]"
    )


def _failure(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def build_server(
    adapter: Adapter,
    *,
    name: str,
    instructions: str,
    keys: Sequence[bytes] = (),
) -> Server[dict[str, Any]]:
    """The MCP server over an adapter.

    Args:
        adapter: The handlers.
        name: The server's name, also the audience of sealed confirmations.
        instructions: For the model, a few sentences.
        keys: Keys that seal confirmations, shared by replicas; one of this process's own when empty.
    """

    server: Server[dict[str, Any]] = Server(
        name,
        version=__version__,
        title="Holdfast",
        instructions=instructions,
        on_list_tools=adapter.list_tools,
        on_call_tool=adapter.call_tool,
        on_list_resources=adapter.list_resources,
        on_read_resource=adapter.read_resource,
        on_list_resource_templates=adapter.list_resource_templates,
        on_list_prompts=adapter.list_prompts,
    )
    security = (
        RequestStateSecurity(keys=list(keys), ttl=_CONFIRMATION_TTL_S)
        if keys
        else RequestStateSecurity.ephemeral(ttl=_CONFIRMATION_TTL_S)
    )
    server.middleware.append(_Boundary(security, default_audience=name))
    return server


class _Boundary(RequestStateBoundary):
    """Refuses a confirmation as the SDK does, in words that a model can act on."""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        try:
            return await super().__call__(ctx, call_next)
        except MCPError as error:
            if error.error.data != {"reason": "invalid_request_state"}:
                raise
            raise MCPError(
                code=error.error.code,
                message=(
                    "The confirmation is too old, or not one of this call. Nothing was executed. Next: call the tool "
                    "again without it; the user is asked anew."
                ),
                data=error.error.data,
            ) from None
