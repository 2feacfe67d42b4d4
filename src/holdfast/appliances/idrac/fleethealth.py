"""Health of many servers: one request each, kept for a while, the worst first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.fleet import Heard, Selection, Sweep, client_of
from holdfast.appliances.idrac.observedmodels import ServerHealth
from holdfast.appliances.idrac.reading import health, text
from holdfast.appliances.idrac.state import degraded
from holdfast.config import TargetSettings
from holdfast.control.context import Connections
from holdfast.transport.values import JsonObject

_kept: WeakKeyDictionary[IDracClient, tuple[float, ServerHealth]] = WeakKeyDictionary()


async def sweep_health(
    connections: Connections, sweep: Sweep, targets: Sequence[TargetSettings], max_age_s: float
) -> list[ServerHealth]:
    """A row for each server; one that did not answer is a row too."""

    async def ask(target: TargetSettings, limit_s: float) -> ServerHealth:
        client = await client_of(connections, target)
        kept = _kept.get(client)
        age = None if kept is None else time.monotonic() - kept[0]
        if kept is not None and age is not None and age <= max_age_s:
            return kept[1].model_copy(update={"age_s": round(age, 1)})
        row = _row(target, client, await client.places.system())
        _kept[client] = (time.monotonic(), row)
        return row

    return [_of(heard) for heard in await sweep.run(targets, ask)]


def _row(target: TargetSettings, client: IDracClient, system: JsonObject) -> ServerHealth:
    return ServerHealth(
        target=target.name,
        result="ok",
        elapsed_s=0.0,
        service_tag=text(system, "SKU"),
        model=text(system, "Model"),
        generation=client.places.generation,
        host_name=text(system, "HostName"),
        power_state=text(system, "PowerState"),
        health=health(system),
        degraded=list(degraded(system)) or None,
    )


def _of(heard: Heard[ServerHealth]) -> ServerHealth:
    if heard.found is not None:
        return heard.found.model_copy(update={"elapsed_s": heard.elapsed_s})
    return ServerHealth(target=heard.target.name, result=heard.result, elapsed_s=heard.elapsed_s, error=heard.error)


def fits(row: ServerHealth, selection: Selection) -> bool:
    """Whether a server that answered is one of those wanted; one that did not answer might be, and stays."""
    return row.result != "ok" or selection.fits(row.model, row.generation)


def severity(row: ServerHealth) -> tuple[int, str]:
    """Order of rows: the worst first, the silent ones after what is known to be ill."""
    if row.result != "ok":
        return 2, row.target
    return {"Critical": 0, "Warning": 1, None: 3}.get(row.health, 4), row.target
