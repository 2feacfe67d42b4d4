"""The guest agent: everything asked of the system inside a virtual machine (contract section 15.6)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from holdfast.simulators.proxmox import agent_programs, runstate
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.guests import AgentCommand, Guest, is_indexed, parse_properties
from holdfast.simulators.proxmox.values import Json, Row

AGENT: Final = "/nodes/{node}/qemu/{vmid}/agent"
_READ_LIMIT: Final = 16 * 1024**2


def agent_guest(call: Call) -> Guest:
    """The machine of the path with its agent listening; 500 otherwise."""
    guest = call.guest()
    enabled = parse_properties(guest.current.get("agent", "0"), "enabled").get("enabled", "0")
    if enabled != "1":
        raise ApiError("No QEMU guest agent configured")
    if not guest.running:
        raise ApiError(f"VM {guest.vmid} is not running")
    if guest.paused or guest.deaf or call.cluster.faults.find("agent-down", vmid=guest.vmid):
        raise ApiError("QEMU guest agent is not running")
    return guest


def _interfaces(guest: Guest) -> list[Row]:
    rows: list[Row] = [
        {
            "name": "lo",
            "hardware-address": "00:00:00:00:00:00",
            "ip-addresses": [
                {"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8},
                {"ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128},
            ],
            "statistics": _counters(0),
        }
    ]
    for number, key in enumerate(sorted(key for key in guest.live if is_indexed(key, "net"))):
        mac = guest.live[key].partition("=")[2].partition(",")[0].lower()
        addresses: list[Row] = []
        if key == "net0" and guest.address:
            addresses.append({"ip-address": guest.address, "ip-address-type": "ipv4", "prefix": 24})
        tail = "".join(mac.split(":")[3:])
        addresses.append(
            {"ip-address": f"fe80::be24:11ff:fe{tail[:2]}:{tail[2:]}", "ip-address-type": "ipv6", "prefix": 64}
        )
        rows.append(
            {
                "name": f"ens{18 + number}",
                "hardware-address": mac,
                "ip-addresses": addresses,
                "statistics": _counters(700 + guest.vmid),
            }
        )
    return rows


def _counters(rate: int) -> Row:
    row: Row = {}
    for direction in ("rx", "tx"):
        row |= {
            f"{direction}-bytes": rate * 1000,
            f"{direction}-packets": rate,
            f"{direction}-errs": 0,
            f"{direction}-dropped": 0,
        }
    return row


def _filesystems(guest: Guest) -> list[Row]:
    rows: list[Row] = []
    disks = [key for key in guest.drive_keys() if "media=cdrom" not in guest.config[key]]
    for number, key in enumerate(disks):
        size = guest.disk_bytes() if number == 0 else 10 * 1024**3
        letter = chr(ord("a") + number)
        rows.append(
            {
                "name": f"sd{letter}1",
                "mountpoint": "/" if number == 0 else f"/data{number}",
                "type": "ext4",
                "total-bytes": size * 95 // 100,
                "used-bytes": size * 38 // 100,
                "disk": [
                    {
                        "bus-type": key.rstrip("0123456789"),
                        "bus": 0,
                        "target": 0,
                        "unit": int(key.lstrip("abcdefghijklmnopqrstuvwxyz")),
                        "dev": f"/dev/sd{letter}1",
                        "pci-controller": {"domain": 0, "bus": 1, "slot": 1, "function": 0},
                        "serial": f"0QEMU_QEMU_HARDDISK_drive-{key}",
                    }
                ],
            }
        )
    return rows


_COMMANDS: Final = (
    "guest-ping guest-info guest-get-osinfo guest-get-host-name guest-get-time guest-get-timezone guest-get-users"
    " guest-get-vcpus guest-get-fsinfo guest-network-get-interfaces guest-fsfreeze-status guest-fsfreeze-freeze"
    " guest-fsfreeze-thaw guest-fstrim guest-exec guest-exec-status guest-file-open guest-file-read guest-file-write"
    " guest-file-close guest-set-user-password guest-shutdown guest-suspend-ram guest-suspend-disk"
)


def _information(call: Call, guest: Guest, word: str) -> Json:
    """The answer to a command that only looks."""
    if word == "network-get-interfaces":
        return _interfaces(guest)
    if word == "get-fsinfo":
        return _filesystems(guest)
    if word == "get-vcpus":
        return [
            {"logical-id": number, "online": True, "can-offline": number > 0} for number in range(int(guest.cpus()))
        ]
    known: dict[str, Json] = {
        "get-host-name": {"host-name": guest.name},
        "get-time": int(call.now() * 1_000_000_000),
        "get-timezone": {"zone": "UTC", "offset": 0},
        "get-users": [{"user": "admin", "login-time": int(guest.started_s) + 300}],
        "get-memory-blocks": [{"phys-index": 0, "online": True, "can-offline": False}],
        "get-memory-block-info": {"size": 134_217_728},
        "get-osinfo": {
            "id": "debian",
            "name": "Debian GNU/Linux",
            "pretty-name": "Debian GNU/Linux 13 (trixie)",
            "version": "13 (trixie)",
            "version-id": "13",
            "kernel-release": "6.12.48+deb13-amd64",
            "kernel-version": "#1 SMP PREEMPT_DYNAMIC Debian 6.12.48-1",
            "machine": "x86_64",
        },
        "info": {
            "version": "10.0.2",
            "supported_commands": [
                {"name": name, "enabled": True, "success-response": True} for name in _COMMANDS.split()
            ],
        },
    }
    return known[word]


@answers(
    *(
        f"GET {AGENT}/{word}"
        for word in (
            "get-fsinfo",
            "get-host-name",
            "get-memory-block-info",
            "get-memory-blocks",
            "get-osinfo",
            "get-time",
            "get-timezone",
            "get-users",
            "get-vcpus",
            "info",
            "network-get-interfaces",
        )
    )
)
def look(call: Call) -> Answer:
    """A command that only looks; the answer is wrapped once more."""
    guest = agent_guest(call)
    return {"result": _information(call, guest, call.method.template.rpartition("/")[2])}


@answers(
    *(
        f"POST {AGENT}/{word}"
        for word in (
            "fsfreeze-freeze",
            "fsfreeze-status",
            "fsfreeze-thaw",
            "fstrim",
            "ping",
            "shutdown",
            "suspend-disk",
            "suspend-hybrid",
            "suspend-ram",
        )
    )
)
def act(call: Call) -> Answer:
    """A command that does something."""
    return {"result": _act(call, agent_guest(call), call.method.template.rpartition("/")[2])}


def _act(call: Call, guest: Guest, word: str) -> Json:
    if word == "fsfreeze-status":
        return "frozen" if guest.frozen else "thawed"
    if word in ("fsfreeze-freeze", "fsfreeze-thaw"):
        guest.frozen = word.endswith("freeze")
        return len(_filesystems(guest))
    if word == "fstrim":
        return {"paths": [{"path": "/", "trimmed": 1_073_741_824, "minimum": 0}]}
    if word in ("shutdown", "suspend-disk"):
        call.cluster.timeline.after(0.3, lambda: runstate.stopped(call.cluster, guest) if guest.running else None)
    elif word.startswith("suspend-"):
        guest.paused = True
    return {}


@answers(f"POST {AGENT}")
def command(call: Call) -> Answer:
    """Any of the simple commands by name."""
    guest, word = agent_guest(call), call.params.text("command")
    if word.startswith(("get-", "info", "network-")):
        return {"result": _information(call, guest, word)}
    return {"result": _act(call, guest, word)}


@answers(f"POST {AGENT}/exec")
def execute(call: Call) -> Answer:
    """Start a program in the guest."""
    guest = agent_guest(call)
    words = call.params.words("command")
    given = call.params.text("input-data")
    outcome = agent_programs.run(guest, words, given, call.now())
    pid = 1000 + call.cluster.rng.randrange(60_000)
    guest.commands[pid] = AgentCommand(call.now() + outcome.seconds, outcome)
    return {"pid": pid}


@answers(f"GET {AGENT}/exec-status")
def execution_status(call: Call) -> Answer:
    """Whether a program has ended, with what it wrote; asked once more it is forgotten."""
    guest, pid = agent_guest(call), call.params.number("pid")
    running = guest.commands.get(pid)
    if running is None:
        raise ApiError("Agent error: Invalid parameter 'pid'")
    if call.now() < running.ends_at_s:
        return {"exited": 0}
    del guest.commands[pid]
    outcome = running.outcome
    row: Row = {"exited": 1, "exitcode": outcome.code}
    if outcome.out:
        row["out-data"] = outcome.out
    if outcome.err:
        row["err-data"] = outcome.err
    return row


@answers(f"GET {AGENT}/file-read")
def read_file(call: Call) -> Answer:
    """Content of a file in the guest, 16 MiB at most."""
    guest, path = agent_guest(call), call.params.text("file")
    content = guest.files.get(path)
    if content is None and path == "/etc/hostname":
        content = f"{guest.name}\n".encode()
    if content is None:
        raise ApiError(f"Agent error: failed to open file '{path}' (mode: 'r'): No such file or directory")
    start = call.params.number("offset")
    limit = min(_READ_LIMIT, call.params.number("count", _READ_LIMIT))
    part = content[start : start + limit]
    row: Row = {"content": part.decode("utf-8", "replace"), "bytes-read": len(part)}
    if len(content) > start + limit:
        row["truncated"] = 1
    return row


@answers(f"POST {AGENT}/file-write")
def write_file(call: Call) -> Answer:
    """Write a file in the guest."""
    guest = agent_guest(call)
    content = call.params.text("content").encode()
    if not call.params.flag("encode", True):
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise ApiError("Agent error: Invalid base64 data") from error
    guest.files[call.params.text("file")] = content
    return None


@answers(f"POST {AGENT}/set-user-password")
def set_password(call: Call) -> Answer:
    """Set the password of a user inside the guest."""
    agent_guest(call)
    return {"result": {}}
