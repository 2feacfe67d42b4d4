"""The iDRAC's own network: names, DNS, NTP, clock (contract 12.6, 12.15)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from holdfast.appliances.idrac.attributes import Value, plan_values, read_attributes
from holdfast.appliances.idrac.changes import Ctx, Seen, acting, change, patching
from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.following import port
from holdfast.appliances.idrac.places import attributes_place
from holdfast.appliances.idrac.reading import flag, link, text, texts, whole
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import InputError, UnsupportedError

HOST, DOMAIN = "NIC.1.DNSRacName", "NIC.1.DNSDomainName"
DNS: Final = ("IPv4.1.DNS1", "IPv4.1.DNS2")
NTP_ON: Final = "NTPConfigGroup.1.NTPEnable"
NTP: Final = ("NTPConfigGroup.1.NTP1", "NTPConfigGroup.1.NTP2", "NTPConfigGroup.1.NTP3")
NO_ADDRESS: Final = "0.0.0.0"  # how an iDRAC says that there is none
CLOCK_STEP_S: Final = 60


async def protocols(client: IDracClient) -> JsonObject:
    """The iDRAC's network services."""
    address = link(await client.places.manager(), "NetworkProtocol")
    return await client.get(address) if address else {}


async def plan_network(
    ctx: Ctx, *, host_name: str | None, domain: str | None, dns: list[str] | None, ntp: list[str] | None
) -> Change:
    """The change of names, DNS and NTP servers; by attributes where there are some, else by Redfish's own resources."""
    if all(given is None for given in (host_name, domain, dns, ntp)):
        raise InputError("Give something to change.")
    asked = {"host_name": host_name, "domain": domain, "dns": dns, "ntp": ntp}
    names = ", ".join(name for name, value in asked.items() if value is not None)
    if await attributes_place(ctx.client, "iDRAC") is None:
        return await _plan_old_network(ctx, host_name=host_name, domain=domain, dns=dns, ntp=ntp)
    wanted: dict[str, Value] = {}
    if host_name is not None:
        wanted[HOST] = host_name
    if domain is not None:
        wanted[DOMAIN] = domain
    if dns is not None:
        wanted |= {name: dns[index] if index < len(dns) else NO_ADDRESS for index, name in enumerate(DNS)}
    if ntp is not None:
        wanted[NTP_ON] = "Enabled" if ntp else "Disabled"
        wanted |= {name: ntp[index] if index < len(ntp) else "" for index, name in enumerate(NTP)}
    present = await read_attributes(ctx.client, "idrac")
    return await plan_values(
        ctx,
        "idrac",
        present,
        wanted,
        summary=f"Change {names} of the iDRAC",
        undo=UndoCall(tool="idrac_set_network", arguments=_back(present, host_name, domain, dns, ntp)),
        blast_radius=("Clients that use the iDRAC's old name must follow.",) if host_name or domain else (),
    )


def _back(
    present: JsonObject, host_name: str | None, domain: str | None, dns: list[str] | None, ntp: list[str] | None
) -> JsonObject:
    back: JsonObject = {}
    if host_name is not None:
        back["host_name"] = present.get(HOST)
    if domain is not None:
        back["domain"] = present.get(DOMAIN)
    if dns is not None:
        back["dns"] = [value for name in DNS if (value := present.get(name)) and value != NO_ADDRESS]
    if ntp is not None:
        enabled = present.get(NTP_ON) == "Enabled"
        back["ntp"] = [value for name in NTP if (value := present.get(name))] if enabled else []
    return back


async def _plan_old_network(
    ctx: Ctx, *, host_name: str | None, domain: str | None, dns: list[str] | None, ntp: list[str] | None
) -> Change:
    """On iDRAC 7 and 8: the host name at the port, NTP at the network services; the rest only by a profile."""
    if domain is not None or dns is not None:
        raise UnsupportedError(
            "This generation changes domain and DNS only by a profile.",
            next_step="Leave them out, or use idrac_import_profile.",
        )
    if host_name is not None and ntp is not None:
        raise InputError("This generation takes host name and NTP in two calls.", next_step="Call once for each.")
    if host_name is not None:
        found = await port(ctx.client)
        before: JsonObject = {"host_name": text(found, "HostName")}
        after: JsonObject = {"host_name": host_name}
        body: JsonObject = {"HostName": host_name}

        async def look() -> Seen:
            now = text(await port(ctx.client), "HostName")
            return Seen(now == host_name, {"host_name": now})
    else:
        found = await protocols(ctx.client)
        before = {"ntp": [*_ntp_of(found)]}
        after = {"ntp": [*(ntp or ())]}
        # Entries that are left out stay as they are, null removes (Redfish, PATCH of arrays).
        servers = [*(ntp or ()), *([None] * 3)][: max(len(ntp or ()), len(texts(found, "NTP/NTPServers")))]
        body = {"NTP": {"ProtocolEnabled": bool(ntp), "NTPServers": [*servers]}}

        async def look() -> Seen:
            now = _ntp_of(await protocols(ctx.client))
            return Seen(now == after["ntp"], {"ntp": [*now]})

    return await change(
        ctx,
        patching(ctx, text(found, "@odata.id") or "", body),
        summary=f"Change {', '.join(before)} of the iDRAC",
        before=before,
        after=after,
        look=look,
        undo=UndoCall(tool="idrac_set_network", arguments=before),
        nothing_to_do=before == after,
    )


def _ntp_of(found: JsonObject) -> list[str]:
    return texts(found, "NTP/NTPServers") if flag(found, "NTP/ProtocolEnabled") else []


def clock_error_s(manager: JsonObject, now: float) -> float | None:
    """How much the iDRAC's clock is ahead, seconds; None when it tells no time."""
    told = text(manager, "DateTime")
    try:
        return datetime.fromisoformat(told).timestamp() - now if told else None
    except ValueError:
        return None


async def plan_clock(ctx: Ctx) -> Change:
    """The setting of the iDRAC's clock by Holdfast's own."""
    manager = await ctx.client.places.manager()
    off = clock_error_s(manager, ctx.now())
    minutes = None if off is None else round(off / CLOCK_STEP_S)
    service_at = link(manager, "Links/Oem/Dell/DellTimeService")
    moment = datetime.fromtimestamp(ctx.now(), UTC).isoformat(timespec="seconds")
    if service_at is not None:
        body: JsonObject = {"GetRequest": False, "TimeData": moment}
        write = acting(ctx, await ctx.client.get(service_at), "DellTimeService.ManageTime", body)
    else:
        write = patching(ctx, text(manager, "@odata.id") or "", {"DateTime": moment})
    by_ntp = flag(await protocols(ctx.client), "NTP/ProtocolEnabled")

    async def look() -> Seen:
        ahead = clock_error_s(await ctx.client.places.manager(), ctx.now())
        if ahead is None:
            return Seen(None, {"clock_ahead_min": None})
        return Seen(abs(ahead) <= CLOCK_STEP_S, {"clock_ahead_min": round(ahead / CLOCK_STEP_S)})

    write.content["body"] = {"time": "now"}  # the plan is not bound to the second
    return await change(
        ctx,
        write,
        summary="Set the iDRAC's clock to Holdfast's time",
        before={"clock_ahead_min": minutes},
        after={"clock_ahead_min": 0},
        look=look,
        cannot_undo="A clock that was wrong is not set back.",
        warnings=["NTP is on and will set the clock by its servers."] if by_ntp else (),
        nothing_to_do=minutes == 0,
    )


def protocol_rows(found: JsonObject) -> list[JsonObject]:
    """The network services of the iDRAC: name, whether on, port."""
    return [
        {"name": name, "enabled": flag(value, "ProtocolEnabled"), "port": whole(value, "Port")}
        for name, value in sorted(found.items())
        if isinstance(value, dict) and "ProtocolEnabled" in value
    ]
