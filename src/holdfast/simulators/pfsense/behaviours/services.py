"""Services, watchdog, Wake-on-LAN (contract §13.9)."""

from __future__ import annotations

from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.work import Obj, Work

_OF_PACKAGES = frozenset({"haproxy", "named", "radiusd", "wireguard"})


def _key(row: Stored) -> str:
    return f"{row['name']}/{row['description']}"


@behaves("Service")
class Services(Behaviour):
    """Services by position: ids shift as services come and go, and instances share a name (contract §10.12)."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        tree, models = work.tree, work.schema.models
        installed = work.machine.packages.installed
        unbound = bool(tree.one(models["DNSResolverSettings"]).get("enable"))
        dhcp = any(row.get("enable") for row in tree.rows(models["DHCPServer"]).values())
        kea = tree.one(models["DHCPServerBackend"]).get("dhcpbackend") == "kea"
        rows: list[Stored] = [
            _row("unbound", "DNS Resolver", unbound),
            _row("ntpd", "NTP clock sync", bool(tree.one(models["NTPSettings"]).get("enable"))),
            _row("syslogd", "System Logger Daemon", True),
            _row("dpinger", "Gateway Monitoring Daemon", True),
            _row("kea-dhcp4" if kea else "dhcpd", "Kea DHCP Server" if kea else "ISC DHCP Server", dhcp),
            _row("sshd", "Secure Shell Daemon", bool(tree.one(models["SSH"]).get("enable"))),
            _row("ipsec", "IPsec VPN", any(not r.get("disabled") for r in tree.rows(models["IPsecPhase1"]).values())),
        ]
        for model, kind in (("OpenVPNServer", "server"), ("OpenVPNClient", "client")):
            for row in tree.rows(models[model]).values():
                rows.append(_row("openvpn", f"OpenVPN {kind}: {row.get('description') or ''}", not row.get("disable")))
        if "pfSense-pkg-WireGuard" in installed:
            rows.append(_row("wireguard", "WireGuard", bool(tree.one(models["WireGuardSettings"]).get("enable"))))
        if "pfSense-pkg-haproxy" in installed:
            rows.append(_row("haproxy", "HAProxy", bool(tree.one(models["HAProxySettings"]).get("enable"))))
        for name, package, description in (
            ("named", "pfSense-pkg-bind", "BIND DNS server"),
            ("radiusd", "pfSense-pkg-freeradius3", "FreeRADIUS Server"),
        ):
            if package in installed:
                rows.append(_row(name, description, True))
        rows.sort(key=lambda row: (str(row["name"]), str(row["description"])))
        for row in rows:
            runtime, key = work.machine.runtime, _key(row)
            up = work.machine.clock.now() >= runtime.up_at.get(key, 0.0)
            row["status"] = bool(row["enabled"]) and up and key not in runtime.stopped
            if row["name"] in _OF_PACKAGES and not work.machine.persona.knows_package_services:
                row["enabled"] = False
        return dict(enumerate(rows))

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        runtime, action, key = work.machine.runtime, obj.values["action"], _key(obj.values)
        if action == "stop":
            runtime.stopped.add(key)
        else:
            runtime.stopped.discard(key)
            runtime.restarts[key] = runtime.restarts.get(key, 0) + 1
            slow = work.machine.faults.hit("service-slow")
            runtime.up_at[key] = work.now + (slow.number("seconds", 3.0) if slow is not None else 0.0)
        up = work.now >= runtime.up_at.get(key, 0.0)
        obj.values["status"] = action != "stop" and bool(obj.values["enabled"]) and up
        work.acted()
        return True


def _row(name: str, description: str, enabled: bool) -> Stored:
    return {"name": name, "description": description, "enabled": enabled}


@behaves("ServiceWatchdog")
class Watchdog(Behaviour):
    """Services that are watched."""

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        services = work.machine.behaviour("Service").source(work).values()
        found = next((row for row in services if row["name"] == stored.get("name")), None)
        obj.values["description"] = found["description"] if found else ""
        obj.values["enabled"] = True


@behaves("WakeOnLANSend")
class WakeOnLan(Behaviour):
    """Magic packets; the simulator remembers who was woken."""

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        work.machine.runtime.woken.append(str(obj.values["mac_addr"]).lower())
        work.acted()
        return True
