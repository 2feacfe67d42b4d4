"""ARP, tables, ping, shell, configuration history (contract §13.11)."""

from __future__ import annotations

import ipaddress

from holdfast.simulators.pfsense import syntax
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.behaviours.interfaces import port_mac
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.work import Obj, Work


def neighbours(work: Work) -> list[Stored]:
    """Who is on the firewall's networks, as its ARP table sees them: the world's own addresses and MACs."""
    world = work.machine.world
    rows: list[Stored] = []

    def add(name: str, address: str, mac: str, interface: str, *, permanent: bool = False) -> None:
        rows.append(
            {
                "hostname": name,
                "ip_address": address,
                "mac_address": mac,
                "interface": interface,
                "type": "ethernet",
                "permanent": permanent,
                "dnsresolve": f"{name}.{world.domain}" if name else "Z_ ",
                "expires": "" if permanent else str(1200 - len(rows) * 17 % 1100),
            }
        )

    interfaces = work.tree.rows(work.schema.models["NetworkInterface"])
    for ident, row in interfaces.items():
        if syntax.is_ipv4(str(row.get("ipaddr"))):
            mac = str(row.get("spoofmac") or port_mac(work, str(row.get("if"))))
            add(world.firewall_hostname, str(row["ipaddr"]), mac, _descr(interfaces, ident), permanent=True)
    add("", world.firewall_wan_gateway, "00:00:5e:00:01:07", _descr(interfaces, "wan"))
    networks = {"lan": ("lan", world.lan_network), "bmc": ("opt1", world.bmc_network)}
    for neighbour in world.neighbours():
        ident, network = networks[neighbour.network]
        if neighbour.online and neighbour.what != "firewall" and syntax.in_network(neighbour.ip, network):
            add(neighbour.hostname, neighbour.ip, neighbour.mac, _descr(interfaces, ident))
    return rows


def _descr(interfaces: dict[Ident, Stored], ident: Ident) -> str:
    row = interfaces.get(ident, {})
    return str(row.get("descr") or str(ident).upper())


@behaves("ARPTable")
class ArpTable(Behaviour):
    """The ARP table."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        gone = work.machine.runtime.dropped_arp
        return dict(enumerate(row for row in neighbours(work) if row["ip_address"] not in gone))

    async def delete(self, work: Work, obj: Obj) -> bool:
        work.machine.runtime.dropped_arp.add(str(obj.values["ip_address"]))
        return True


@behaves("Table")
class Tables(Behaviour):
    """Tables of the packet filter: built-in ones and one for each alias that is live."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        live = work.machine.jobs.live["fw"]
        aliases = {row["name"]: row for row in live.rows(work.schema.models["FirewallAlias"]).values()}
        tables: dict[str, list[str]] = {
            "bogons": ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "240.0.0.0/4"],
            "negate_networks": [],
            "sshguard": [a for a in work.machine.protection.offenders if work.machine.protection.blocks(a)],
            "virusprot": [],
        }
        for name, row in aliases.items():
            if row.get("type") != "port":
                tables[str(name)] = sorted(_resolve(work, aliases, str(name), set()))
        for name in work.machine.runtime.flushed_tables & set(tables):
            tables[name] = []
        return {name: {"name": name, "entries": entries} for name, entries in sorted(tables.items())}

    async def delete(self, work: Work, obj: Obj) -> bool:
        work.machine.runtime.flushed_tables.add(str(obj.id))
        if obj.id == "sshguard":
            work.machine.protection.forget()
        return True


def _resolve(work: Work, aliases: dict[str, Stored], name: str, seen: set[str]) -> set[str]:
    """Addresses of an alias with those nested in it; names resolve to what the world knows."""
    if name in seen:
        return set()
    seen.add(name)
    hosts = {f"{s.hostname}.{work.machine.world.domain}": s.host_ip for s in work.machine.world.servers}
    found: set[str] = set()
    for address in aliases[name].get("address") or []:
        if address in aliases:
            found |= _resolve(work, aliases, address, seen)
        elif syntax.is_ip(address) or syntax.is_subnet(address):
            found.add(address)
        elif address in hosts:
            found.add(hosts[address])
    return found


@behaves("Ping")
class Ping(Behaviour):
    """Ping: hosts of the world that run answer, others do not."""

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        host, count = str(obj.values["host"]), int(obj.values["count"])
        work.machine.runtime.pings.append(host)
        address = self._address(work, host)
        if address is None:
            obj.values |= {"output": f"ping: cannot resolve {host}: Name does not resolve", "result_code": 68}
            return True
        alive = address in {row["ip_address"] for row in neighbours(work)} or _is_remote(work, address)
        lines = [f"PING {host} ({address}): 56 data bytes"]
        if alive:
            lines += [f"64 bytes from {address}: icmp_seq={n} ttl=64 time=0.{212 + 7 * n} ms" for n in range(count)]
        got, loss = (count, 0.0) if alive else (0, 100.0)
        lines += ["", f"--- {host} ping statistics ---"]
        lines.append(f"{count} packets transmitted, {got} packets received, {loss}% packet loss")
        if alive:
            lines.append("round-trip min/avg/max/stddev = 0.212/0.225/0.240/0.011 ms")
        obj.values |= {"output": "\n".join(lines), "result_code": 0 if alive else 2}
        return True

    @staticmethod
    def _address(work: Work, host: str) -> str | None:
        if syntax.is_ip(host):
            return host
        world = work.machine.world
        names = {server.hostname: server.host_ip for server in world.servers}
        names |= {guest.name: guest.ip for guest in world.guests if guest.ip}
        return names.get(host.removesuffix(f".{world.domain}"))


def _is_remote(work: Work, address: str) -> bool:
    inside = (work.machine.world.lan_network, work.machine.world.bmc_network, "10.0.0.0/8")
    return (
        not any(syntax.in_network(address, network) for network in inside)
        and not ipaddress.ip_address(address).is_multicast
    )


@behaves("CommandPrompt")
class CommandPrompt(Behaviour):
    """A root shell that knows a handful of harmless commands; the simulator remembers what was run."""

    async def create(self, work: Work, obj: Obj) -> bool:
        await work.act()
        command = str(obj.values["command"])
        work.machine.runtime.commands.append(command)
        world, persona = work.machine.world, work.machine.persona
        known = {
            "whoami": "root",
            "id": "uid=0(root) gid=0(wheel) groups=0(wheel)",
            "hostname": f"{world.firewall_hostname}.{world.domain}",
            "uname -r": "15.0-CURRENT",
            "cat /etc/version": f"{persona.pfsense}-RELEASE",
            "true": "",
        }
        word = command.split(" ", 1)[0]
        if command in known:
            obj.values |= {"output": known[command], "result_code": 0}
        elif word == "echo":
            obj.values |= {"output": command.partition(" ")[2].strip("'\""), "result_code": 0}
        elif word == "false":
            obj.values |= {"output": "", "result_code": 1}
        else:
            obj.values |= {"output": f"sh: {word}: not found", "result_code": 127}
        work.acted()
        return True


@behaves("ConfigHistoryRevision")
class ConfigHistory(Behaviour):
    """Revisions, the newest first; none can be read or restored (contract §13.11)."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        return {
            index: {
                "time": entry.time,
                "description": entry.description,
                "version": entry.version,
                "filesize": entry.filesize,
            }
            for index, entry in enumerate(work.machine.store.history)
        }

    async def delete(self, work: Work, obj: Obj) -> bool:
        store = work.machine.store
        store.history = [entry for entry in store.history if entry.time != obj.values["time"]]
        return True
