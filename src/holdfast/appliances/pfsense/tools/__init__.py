"""Toolsets of pfSense."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

_AT: Final = "holdfast.appliances.pfsense.tools"

TOOLSETS: Final = (
    Toolset("core", f"{_AT}.core", "System state, interfaces, pending changes and apply.", default=True),
    Toolset("firewall", f"{_AT}.firewall", "Firewall rules.", default=True),
    Toolset("rules", f"{_AT}.rules", "Would a packet pass; change, order and switching of rules."),
    Toolset("aliases", f"{_AT}.aliases", "Aliases and schedules."),
    Toolset("nat", f"{_AT}.nat", "Port forwards, outbound and 1:1 NAT."),
    Toolset("network", f"{_AT}.network", "VLANs."),
    Toolset("routing", f"{_AT}.routing", "Gateways and static routes."),
    Toolset("dhcp", f"{_AT}.dhcp", "DHCP servers, leases and static mappings."),
    Toolset("dns", f"{_AT}.dns", "DNS servers, resolver and host overrides."),
    Toolset("services", f"{_AT}.services", "Services: list, start, stop, restart."),
    Toolset("vpn", f"{_AT}.vpn", "IPsec, OpenVPN and WireGuard: what is up."),
    Toolset("diagnostics", f"{_AT}.diagnostics", "Logs, states, ARP, tables, ping."),
    Toolset("system", f"{_AT}.system", "Connection test, health, packages, certificates, history, users."),
    Toolset("objects", f"{_AT}.objects", "All other objects and settings, by kind."),
)
