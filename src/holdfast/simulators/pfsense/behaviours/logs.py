"""The six log endpoints (contract §6, §13.11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.work import Work

LINES = {"firewall": 6000, "system": 1500, "auth": 400, "dhcp": 1200, "openvpn": 300, "restapi": 800}
_KINDS = {
    "FirewallLog": "firewall",
    "SystemLog": "system",
    "AuthLog": "auth",
    "DHCPLog": "dhcp",
    "OpenVPNLog": "openvpn",
    "RESTAPILog": "restapi",
}


def stamp(moment: float) -> str:
    """The time of a line, as syslog in RFC 5424 form writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000+00:00")


def _firewall(work: Work, number: int) -> str:
    world = work.machine.world
    rules = work.machine.store.current.rows(work.schema.models["FirewallRule"])
    trackers = [row.get("tracker") for row in rows] if (rows := list(rules.values())[:40]) else [1000000103]
    guests = [guest.ip for guest in world.guests if guest.ip] or [world.firewall_lan_ip]
    action = ("block", "pass", "block")[number % 3]
    interface = ("igb0", "igb1", "igb1.9")[number % 3]
    source = f"203.0.113.{number % 250 + 1}" if interface == "igb0" else guests[number % len(guests)]
    target = world.firewall_wan_ip if interface == "igb0" else f"198.51.100.{number % 200 + 20}"
    head = f"{number % 90 + 4},,,{trackers[number % len(trackers)]},{interface},match,{action},in,4"
    body = f"0x0,,{48 + number % 16},{number % 65535},0,none"
    if number % 4 == 3:
        return f"{head},{body},17,udp,76,{source},{target},{1024 + number % 60000},53,56"
    port = (22, 23, 443, 3389, 8080)[number % 5]
    return f"{head},{body},6,tcp,60,{source},{target},{1024 + number % 60000},{port},0,S,{number * 7919},,64240,,mss"


def _system(work: Work, number: int) -> str:
    return (
        "php-fpm[412]: /rc.newwanip: rc.newwanip: Info: starting on igb0.",
        "kernel: arp: 10.20.0.11 moved from b0:7b:25:d1:01:10 to b0:7b:25:d1:01:11 on igb1",
        "check_reload_status[443]: Reloading filter",
        "rc.gateway_alarm[8712]: >>> Gateway alarm: WANGW (Addr:198.51.100.1 Alarm:0 RTT:4.8ms RTTsd:.4ms Loss:0%)",
        "sshguard[9911]: Now monitoring attacks.",
    )[number % 5]


def _auth(work: Work, number: int) -> str:
    return (
        "php-fpm[413]: /index.php: Successful login for user 'admin' from: 10.20.0.50 (Local Database)",
        f"sshd[{4000 + number}]: Accepted publickey for admin from 10.20.0.50 port {40000 + number} ssh2: ED25519",
        "php-fpm[413]: /index.php: User logged out for user 'admin' from: 10.20.0.50 (Local Database)",
    )[number % 3]


def _dhcp(work: Work, number: int) -> str:
    macs = [server.host_macs[0] for server in work.machine.world.servers] or ["3c:22:fb:70:10:01"]
    address = [server.host_ip for server in work.machine.world.servers] or ["10.20.0.200"]
    index = number % len(macs)
    verb = ("DHCP4_LEASE_ADVERT", "DHCP4_LEASE_ALLOC")[number % 2]
    return (
        f"kea-dhcp4[2201]: INFO {verb} [hwtype=1 {macs[index]}]: lease {address[index]} has been allocated for 7200 s"
    )


def _openvpn(work: Work, number: int) -> str:
    return (
        f"openvpn[5512]: 203.0.113.90:{50000 + number} TLS: Initial packet from [AF_INET]203.0.113.90:{50000 + number}",
        "openvpn[5512]: alice/203.0.113.90 MULTI_sva: pool returned IPv4=10.30.0.2",
        "openvpn[5512]: alice/203.0.113.90 SIGTERM[soft,remote-exit] received, client-instance exiting",
    )[number % 3]


def _restapi(work: Work, number: int) -> str:
    return (
        "pfSense-pkg-RESTAPI[3301]: INFO: GET /api/v2/status/system 200",
        "pfSense-pkg-RESTAPI[3301]: WARNING: POST /api/v2/firewall/alias 400 FIELD_MUST_BE_UNIQUE",
        "pfSense-pkg-RESTAPI[3301]: INFO: GET /api/v2/firewall/rules 200",
    )[number % 3]


_MAKERS: dict[str, Callable[[Work, int], str]] = {
    "firewall": _firewall,
    "system": _system,
    "auth": _auth,
    "dhcp": _dhcp,
    "openvpn": _openvpn,
    "restapi": _restapi,
}


def lines(work: Work, kind: str) -> list[str]:
    """All lines of a log, the oldest first: a past that is made up once, and what has really happened since."""
    runtime, host = work.machine.runtime, work.machine.world.firewall_hostname
    if kind not in runtime.past_logs:
        count = LINES[kind]
        begins = work.machine.started_at - 7.0 * count
        runtime.past_logs[kind] = [
            f"<134>1 {stamp(begins + 7.0 * number)} {host} {_tag(kind)}{_MAKERS[kind](work, number)}"
            for number in range(count)
        ]
    recent = [f"<134>1 {stamp(moment)} {host} {text}" for moment, text in runtime.log_lines.get(kind, [])]
    return runtime.past_logs[kind] + recent


def _tag(kind: str) -> str:
    return "filterlog[78012] - - " if kind == "firewall" else ""


@behaves(*_KINDS)
class Log(Behaviour):
    """Raw lines. Since 2.8 a limit alone means the newest lines; before, the whole file is read (contract §6)."""

    def reads_pages(self, work: Work) -> bool:
        return work.machine.persona.reads_logs_by_page

    def source(self, work: Work) -> dict[Ident, Stored]:
        return {number: {"text": text} for number, text in enumerate(lines(work, _KINDS[work.endpoint_model]))}

    def page(self, work: Work, limit: int, offset: int, reverse: bool) -> dict[Ident, Stored]:
        everything = lines(work, _KINDS[work.endpoint_model])
        if reverse:
            part = everything[offset : offset + limit] if limit else everything[offset:]
        else:
            end = max(len(everything) - offset, 0)
            part = everything[max(end - limit, 0) : end] if limit else everything[:end]
        return {number + offset: {"text": text} for number, text in enumerate(part)}
