"""The lock-out guard of routes and gateways: they have no rollback timer, so what would cut Holdfast's own way to the
appliance is refused before anything is sent.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass

from holdfast.appliances.truenas.reading import dig
from holdfast.appliances.truenas.writes import Ctx
from holdfast.errors import ConflictError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Way:
    """How the appliance answers Holdfast.

    Attributes:
        source: The address that Holdfast speaks from, as the appliance sees it; None when it does not tell.
        connected: Networks that the appliance is connected to directly: no route or gateway matters for those.
    """

    source: Address | None
    connected: tuple[Network, ...]

    @property
    def direct(self) -> bool:
        """Whether no route decides about the way back."""
        source = self.source
        return source is not None and (source.is_loopback or any(source in network for network in self.connected))

    def decided_by(self, destination: str) -> bool:
        """Whether a route to this destination may decide about the way back; yes where it cannot be told."""
        if self.direct:
            return False
        try:
            network = ipaddress.ip_network(destination, strict=False)
        except ValueError:
            return True  # TrueNAS tells a route that leads to no network
        return self.source is None or self.source in network


async def own_way(ctx: Ctx) -> Way:
    """The way back to Holdfast, as far as it can be told; two requests."""
    sessions = await ctx.client.query("auth.sessions", [["current", "=", True]], {"select": ["origin"], "limit": 1})
    rows = await ctx.client.query("interface.query", [], {"select": ["id", "state"]})
    networks: list[Network] = []
    for row in rows:
        aliases = dig(row, "state.aliases")
        for alias in aliases if isinstance(aliases, list) else []:
            if not isinstance(alias, dict) or alias.get("type") not in ("INET", "INET6"):
                continue
            # The vendor's schema lets an address be told without its netmask: then its network is not known.
            with contextlib.suppress(ValueError):
                networks.append(ipaddress.ip_network(f"{alias.get('address')}/{alias.get('netmask')}", strict=False))
    return Way(_address(sessions[0].get("origin") if sessions else None), tuple(networks))


def _address(origin: object) -> Address | None:
    """The address in "10.0.0.5", "10.0.0.5:443" or "[fd00::5]:443"."""
    text = origin if isinstance(origin, str) else ""
    for candidate in (text, text.rpartition(":")[0].strip("[]")):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return mapped or address
    return None


def refuse_cutting(way: Way, what: str) -> None:
    """Refuse what may cut the way back.

    Raises:
        ConflictError: Always; nothing was executed.
    """
    where = f" ({way.source})" if way.source is not None else ""
    raise ConflictError(
        f"{what} may cut TrueNAS off from Holdfast itself{where}, and nothing would take it back.",
        next_step="Do it in the web interface from a network that TrueNAS is connected to, or from the console.",
    )
