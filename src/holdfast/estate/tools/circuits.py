"""The state of every circuit breaker."""

from __future__ import annotations

from holdfast.control.context import Connections, Context
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import tool
from holdfast.estate.circuits import CircuitPage, circuits


@tool(title="List circuit breakers", toolset="circuits")
async def circuits_list(ctx: Context[Connections], *, limit: Limit = 100, cursor: Cursor = None) -> CircuitPage:
    """State of every appliance's circuit breaker: closed (normal), open (calls fail at once), half-open (one test).

    Ask when calls fail with circuit_open, or before an important change. Sends nothing to any appliance.
    """
    every = circuits(ctx.client)
    return paginate(CircuitPage, every, limit, cursor)
