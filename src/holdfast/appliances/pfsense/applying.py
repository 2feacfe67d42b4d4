"""Apply: what makes changes live, as a step of its own (contract 8)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.errors import ApplyQueueFullError
from holdfast.appliances.pfsense.facts import Model, model_named
from holdfast.appliances.pfsense.patience import patiently
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.context import Context
from holdfast.errors import Executed, HoldfastError, UnsupportedError
from holdfast.resilience import remaining_s
from holdfast.transport.values import JsonObject, as_object, get_bool, opt_list

Ctx = Context[HTTPPfSenseClient]
Subsystem = Literal[
    "firewall", "virtual_ip", "interfaces", "routing", "dhcp", "dns_resolver", "dns_forwarder", "ipsec", "wireguard"
]


@dataclass(frozen=True)
class Appliable:
    """A subsystem with an apply endpoint.

    Attributes:
        does: What applying does, for the person who confirms.
        interrupts: What it may interrupt; None when nothing.
        waits: Whether pfSense is asked to answer only when the job has ended.
    """

    model_name: str
    does: str
    interrupts: str | None = None
    waits: bool = False

    @property
    def model(self) -> Model:
        """The facts of its apply endpoint."""
        return model_named(self.model_name)


SUBSYSTEMS: Final[Mapping[str, Appliable]] = {
    # Rule changes set no flag, so only the end of the job itself tells that they are live.
    "firewall": Appliable("FirewallApply", "reload the packet filter: rules, NAT, aliases, shaper", waits=True),
    "virtual_ip": Appliable("VirtualIPApply", "configure virtual addresses", "Virtual addresses may move."),
    "interfaces": Appliable(
        "InterfaceApply", "reconfigure the changed interfaces", "Links of these interfaces go down for a moment."
    ),
    "routing": Appliable("RoutingApply", "set routes and gateways anew", "Connections may take another way."),
    "dhcp": Appliable("DHCPServerApply", "restart the DHCP server", waits=True),
    "dns_resolver": Appliable("DNSResolverApply", "reload the DNS resolver; its cache is lost", waits=True),
    "dns_forwarder": Appliable("DNSForwarderApply", "reload the DNS forwarder", waits=True),
    "ipsec": Appliable("IPsecApply", "reload IPsec", "Tunnels may be set up anew."),
    "wireguard": Appliable("WireGuardApply", "synchronise WireGuard tunnels", "Tunnels may be set up anew."),
}
_WAIT: Final = "The reload has not ended: wait with pfsense_pending_changes subsystem={} wait_s=40."
_NO_JOB: Final = (
    "pfSense tells flags and no jobs: another's apply that ended meanwhile clears the same flag, and this one may "
    "still be at work for a moment."
)
_CUT: Final = (
    "If it does not come back, the change may have cut the way to it: its console, or another interface, helps."
)
POLL_S: Final = (1.0, 1.0, 2.0)
INLINE_WAIT_S: Final = 15.0
"""How long the applying tool itself waits before it hands the work over, seconds."""
JOB_S: Final = 40.0
"""How long pfSense may hold the answer of an apply that waits for its job, seconds."""


@dataclass(frozen=True)
class Pending:
    """The flags of one subsystem. `parts` are named by the firewall and by interfaces only."""

    applied: bool
    parts: tuple[str, ...] = ()

    def as_json(self) -> JsonObject:
        """For plans and answers."""
        return {"applied": self.applied, "pending": list(self.parts)}


async def pending(client: HTTPPfSenseClient, subsystem: str) -> Pending:
    """What waits to be applied, as far as pfSense shows it."""
    model = SUBSYSTEMS[subsystem].model
    await client.versions.require(model, "GET")
    return read_pending(await client.single(model))


def read_pending(said: JsonObject) -> Pending:
    """The flags in an answer of an apply endpoint."""
    names = opt_list(said, "pending_subsystems") or opt_list(said, "pending_interfaces") or []
    return Pending(get_bool(said, "applied"), tuple(sorted(str(name) for name in names)))


async def all_pending(client: HTTPPfSenseClient) -> dict[str, Pending | str]:
    """The flags of every subsystem; a text where this release or installation has none."""

    async def one(subsystem: str) -> Pending | str:
        try:
            return await pending(client, subsystem)
        except UnsupportedError as error:
            return error.message

    states = await asyncio.gather(*(one(subsystem) for subsystem in SUBSYSTEMS))
    return dict(zip(SUBSYSTEMS, states, strict=True))


async def plan_apply(ctx: Ctx, subsystem: str) -> Change:
    """The change that makes everything pending in a subsystem live, other people's changes included."""
    client, facts = ctx.client, SUBSYSTEMS[subsystem]
    await client.versions.require(facts.model, "POST")
    before = await pending(client, subsystem)
    identity = await client.identity()
    flagless = subsystem == "firewall"
    answered: list[Pending] = []

    async def apply() -> Applied:
        body: JsonObject = {"async": False} if facts.waits else {}
        attempt_s = JOB_S if facts.waits else client.settings.timeout
        async with client.writing():
            try:
                answer = await patiently(
                    ctx, client.start_apply(facts.model, body, attempt_s=attempt_s), f"applying {subsystem}", attempt_s
                )
            except ApplyQueueFullError as error:
                error.executed = Executed.NO
                raise
        answered.append(read_pending(as_object(answer, "apply")))
        client.forget()
        try:
            state = await wait_applied(ctx, subsystem, INLINE_WAIT_S)
        except HoldfastError as error:
            # It was taken: what fails now is only the looking, and what is applied may have cut the way.
            said = f"pfSense took it and cannot be asked any more: {error.message}"
            return Applied(task=f"apply:{subsystem}", warnings=(said, _CUT) if facts.interrupts else (said,))
        if not state.applied:
            return Applied(task=f"apply:{subsystem}", details=state.as_json())
        client.waiting.discard(subsystem)
        return Applied(details=state.as_json())

    async def read_back() -> Observed:
        state = await pending(client, subsystem)
        if not state.applied:
            return Observed("unknown", state.as_json(), note=_WAIT.format(subsystem), task=f"apply:{subsystem}")
        if before.applied and not answered:
            return Observed(
                "unknown",
                state.as_json(),
                note="pfSense shows no flag for changed rules, and its answer was lost: apply once more, it is safe.",
            )
        if facts.waits and answered:
            return Observed("applied", state.as_json(), shown=not before.applied)
        return Observed("applied", state.as_json(), note=_NO_JOB, shown=False)

    shown: JsonObject = {**before.as_json()}
    note = "pfSense sets no flag for changed rules: applied=true does not say that they are live."
    return Change(
        summary=f"Apply pending {subsystem} changes: {facts.does}",
        identity=identity,
        before=shown,
        after={"applied": True, "pending": []},
        content={"apply": subsystem},
        apply=apply,
        read_back=read_back,
        blast_radius=["Everything pending in this subsystem becomes live, also what others changed."]
        + ([facts.interrupts] if facts.interrupts else []),
        warnings=[note] if flagless else [],
        cannot_undo="Undo the changes themselves, then apply again.",
        nothing_to_do=before.applied and not flagless and subsystem not in client.waiting,
        destructive=facts.interrupts is not None,
    )


async def wait_applied(ctx: Ctx, subsystem: str, limit_s: float) -> Pending:
    """Wait until a subsystem's flag is cleared, or until the limit; a look that fails is not an apply that failed."""
    left = remaining_s()
    limit = limit_s if left is None else min(limit_s, left - 2.0)
    waited = 0.0
    state: Pending | None = None
    failed: HoldfastError | None = None
    for turn in range(1_000):
        try:
            state = await pending(ctx.client, subsystem)
        except HoldfastError as error:
            failed = error
        if (state is not None and state.applied) or waited >= limit:
            break
        await ctx.progress(waited, limit, f"{subsystem}: not applied yet")
        pause = min(POLL_S[min(turn, len(POLL_S) - 1)], max(limit - waited, 0.05))
        await ctx.sleep(pause)
        waited += pause
    if state is None:
        assert failed is not None
        raise failed
    return state
