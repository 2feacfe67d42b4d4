"""The demonstration's story. Everything it claims is looked at, nothing is assumed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.cli.demo.timeline import Timeline
from holdfast.server.child import Child, Reply, child
from holdfast.simulators.rack import ControlEndpoint, Rack, RackFiles

BROKEN: Final = "pfsense"
OTHERS: Final = ("truenas", "idrac", "proxmox")
RECOVERY_LIMIT_S: Final = 12.0
_CALLS_LIMIT: Final = 8

Break = Callable[[Rack], None]


def refuse_connections(rack: Rack) -> None:
    """The firewall's API goes away: every connection is refused."""
    rack.fault(BROKEN, "refuse")


async def tell(timeline: Timeline, folder: Path, break_it: Break = refuse_connections) -> None:
    """Run the story; `break_it` is what goes wrong (a test runs it with nothing going wrong)."""
    config = folder / "holdfast.toml"
    async with Rack() as rack:
        control = ControlEndpoint(rack)
        await control.start(0)
        try:
            for kind in (BROKEN, *OTHERS):
                await rack.add(kind)
            RackFiles(config).write(rack, control, "read-only")
            timeline.act("A rack of four simulated appliances, and a real holdfast serve on stdio")
            for name, running in rack.items():
                timeline.note(f"{name} listens at {running.url}")
            async with child(config) as server:
                await _everything_answers(timeline, server)
                await _one_breaks(timeline, server, rack, break_it)
                await _while_open(timeline, server)
                await _recovery(timeline, server, rack)
        finally:
            await control.stop()


async def _everything_answers(timeline: Timeline, server: Child) -> None:
    tools = await server.tools()
    timeline.note(f"The client lists {len(tools)} tools.")
    timeline.act("The client asks all four at once")
    kinds = (BROKEN, *OTHERS)
    replies = await asyncio.gather(*(server.call(f"{kind}_system_info") for kind in kinds))
    for kind, reply in zip(kinds, replies, strict=True):
        timeline.claim(f"{kind} answers in {_ms(reply)}: {_facts(reply)}", reply.ok and not reply.stale)


async def _one_breaks(timeline: Timeline, server: Child, rack: Rack, break_it: Break) -> None:
    timeline.act(f"{BROKEN} breaks: its API refuses every connection")
    break_it(rack)
    for number in range(1, _CALLS_LIMIT + 1):
        reply = await server.call(f"{BROKEN}_list_interfaces", limit=number)
        timeline.note(f"call {number} ends after {reply.took_s:.1f} s: {_short(reply.text)}")
        if server.logged("opened after"):
            break
    retries = server.logged("Retry attempt")
    timeline.claim(f"retries with growing waits: {_short(retries[0]) if retries else 'none'}", len(retries) >= 2)
    opened = server.logged("opened after")
    timeline.claim(f"the circuit opens: {opened[0] if opened else 'it did not'}", bool(opened))


async def _while_open(timeline: Timeline, server: Child) -> None:
    timeline.act("While the circuit is open")
    circuits = await server.call("circuits_list")
    state = next((c["state"] for c in _items(circuits) if c["name"] == f"{BROKEN}_api"), "unknown")
    timeline.claim(f"circuits_list tells it: {BROKEN}_api is {state}", state == "open")
    known, unknown = await asyncio.gather(
        server.call(f"{BROKEN}_system_info"), server.call(f"{BROKEN}_list_interfaces", limit=77)
    )
    timeline.claim(
        f"what was asked before is answered in {_ms(known)}, marked as stale, {_age(known)}", known.ok and known.stale
    )
    timeline.claim(
        f"what was not fails in {_ms(unknown)}, not after time-outs: {_short(unknown.text)}",
        not unknown.ok and "circuit_open" in unknown.text and unknown.took_s < 1,
    )
    replies = await asyncio.gather(*(server.call(f"{kind}_system_info") for kind in OTHERS))
    fresh = all(reply.ok and not reply.stale and reply.took_s < 2 for reply in replies)
    timings = ", ".join(f"{kind} {_ms(reply)}" for kind, reply in zip(OTHERS, replies, strict=True))
    timeline.claim(f"the others are not affected: {timings}", fresh)


async def _recovery(timeline: Timeline, server: Child, rack: Rack) -> None:
    timeline.act(f"{BROKEN} comes back")
    rack.heal(BROKEN)
    loop = asyncio.get_running_loop()
    healed = loop.time()
    reply = await server.call(f"{BROKEN}_system_info")
    while (not reply.ok or reply.stale) and loop.time() - healed < RECOVERY_LIMIT_S:
        await asyncio.sleep(0.5)
        reply = await server.call(f"{BROKEN}_system_info")
    lag = loop.time() - healed
    timeline.claim(f"a fresh answer {lag:.1f} s after the repair: {_facts(reply)}", reply.ok and not reply.stale)
    closed = server.logged(f"'{BROKEN}_api' closed")
    timeline.claim(f"the circuit closes: {closed[0] if closed else 'it did not'}", bool(closed))


def _items(reply: Reply) -> list[dict[str, object]]:
    items = (reply.answer or {}).get("items")
    return [dict(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _facts(reply: Reply) -> str:
    answer = reply.answer or {}
    shown = [f"{key} {value}" for key, value in answer.items() if isinstance(value, str)]
    return ", ".join(shown[:3]) or _short(reply.text)


def _age(reply: Reply) -> str:
    stale = (reply.answer or {}).get("stale")
    return f"{stale['age_s']} s old" if isinstance(stale, dict) else "not stale"


def _ms(reply: Reply) -> str:
    return f"{reply.took_s * 1000:.0f} ms"


def _short(text: str) -> str:
    return text if len(text) <= 150 else f"{text[:147]}..."
