"""Settings: models of which there is one object, read and changed without an id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.pfsense.arguments import Ctx
from holdfast.appliances.pfsense.errors import MovedError
from holdfast.appliances.pfsense.facts import Model, check_body, model_named
from holdfast.appliances.pfsense.names import renamed
from holdfast.appliances.pfsense.objects import content, differences, digest, matches, plain
from holdfast.appliances.pfsense.outcomes import Sent, applied
from holdfast.appliances.pfsense.patience import patiently
from holdfast.control.answers import UndoCall
from holdfast.control.change import Applied, Change, Observed, by_state
from holdfast.errors import InputError
from holdfast.transport.values import JsonObject


@dataclass(frozen=True)
class Single:
    """Settings of one subject.

    Attributes:
        subsystem: What must be applied for a change to become live; None when it is live at once.
        effect: What a change does besides; it makes the change one that a person confirms.
    """

    name: str
    label: str
    model_name: str
    subsystem: str | None = None
    effect: str | None = None

    @property
    def model(self) -> Model:
        """The facts of its model."""
        return model_named(self.model_name)


SINGLES: Final = (
    Single("hostname", "host name", "SystemHostname"),
    Single("dns", "DNS servers of the firewall", "SystemDNS"),
    Single("timezone", "time zone", "SystemTimezone"),
    Single("ntp", "NTP", "NTPSettings"),
    Single("dns_resolver", "DNS resolver", "DNSResolverSettings", "dns_resolver"),
    Single("outbound_nat_mode", "mode of outbound NAT", "OutboundNATMode", "firewall"),
    Single("default_gateway", "default gateways", "DefaultGateway", "routing", "All traffic to the outside moves."),
    Single("states_size", "size of the state table", "FirewallStatesSize"),
    Single("firewall_advanced", "advanced firewall settings", "FirewallAdvancedSettings", "firewall"),
    Single("log", "logging", "LogSettings"),
    Single("carp", "CARP", "CARP", None, "Virtual addresses move to the other node or back."),
    Single("dhcp_relay", "DHCP relay", "DHCPRelay"),
    Single("wireguard", "WireGuard", "WireGuardSettings", "wireguard"),
)
BY_NAME: Final[Mapping[str, Single]] = {single.name: single for single in SINGLES}


async def plan_settings(ctx: Ctx, single: Single, changes: JsonObject) -> Change:
    """The change that sets fields of settings.

    Raises:
        InputError: A field is unknown, or of the wrong type.
        UnsupportedError: Not on this release.
    """
    client, model = ctx.client, single.model
    version = await client.versions.require(model, "PATCH")
    check_body(model, changes, version, creating=False)
    changes = await renamed(client, model, changes)
    now = await client.single(model)
    identity = await client.identity()
    hidden = [name for name in changes if model.fields[name].hidden]
    if hidden:
        raise InputError(f"{single.label}: secrets cannot be set here: {', '.join(hidden)}. Nothing was executed.")
    before: JsonObject = {name: plain(now.get(name)) for name in changes}
    whole = content(model, now)
    nothing = matches(model, now, changes)
    wanted: JsonObject = dict(changes)
    if not nothing and await client.versions.has_dry_run():
        taken = await client.validate("PATCH", model, changes)
        if isinstance(taken, dict):
            wanted = {name: taken.get(name, value) for name, value in changes.items()}
    ignored = differences(model, wanted, changes)
    sent = Sent()

    async def apply() -> Applied:
        async with client.writing():
            fresh = await client.single(model)
            if any(plain(fresh.get(name)) != value for name, value in before.items()):
                raise MovedError(
                    f"The settings of {single.label} were changed meanwhile. Nothing was executed.",
                    next_step="Read them again and make a new plan.",
                )
            await sent.made(patiently(ctx, client.write("PATCH", model, changes), f"changing {single.label}"))
        return applied(client, single.subsystem)

    async def read_back() -> Observed:
        seen = await client.single(model)
        state: JsonObject = {name: plain(seen.get(name)) for name in changes}
        if matches(model, seen, wanted):
            return Observed("applied", state)
        if all(plain(seen.get(name)) == value for name, value in before.items()):
            return sent.nothing(state)
        return Observed("unknown", state, note=f"Not as planned: {', '.join(differences(model, seen, wanted))}.")

    return Change(
        summary=f"Change settings of {single.label}: {', '.join(changes)}",
        identity=identity,
        before=before,
        after=wanted,
        content={"model": model.name, "changes": dict(changes), "of": digest(whole)},
        apply=apply,
        read_back=read_back,
        blast_radius=[single.effect] if single.effect else [],
        warnings=[f"pfSense takes these otherwise than given: {', '.join(ignored)}."] if ignored else [],
        undo=_undo(single, before),
        nothing_to_do=nothing,
        recall=by_state(read_back),
        destructive=single.effect is not None,
    )


def _undo(single: Single, before: JsonObject) -> UndoCall:
    """The same fields, as they were; by the subject's own tool where it has one."""
    if single.name == "dns" and set(before) == {"dnsserver"}:
        return UndoCall(tool="pfsense_set_dns_servers", arguments={"servers": before["dnsserver"] or []})
    return UndoCall(tool="pfsense_update_settings", arguments={"changes": before, "kind": single.name})
