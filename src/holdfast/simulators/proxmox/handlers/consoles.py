"""Consoles and other direct lines to a guest or node (contract section 15.6)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.access import ROOT
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

_HELPER_WAIT_S: Final = 10.0
_HARMFUL: Final = frozenset({"quit", "system_reset", "system_powerdown", "stop", "cont", "device_del", "drive_del"})
_GUEST: Final = ("/nodes/{node}/qemu/{vmid}", "/nodes/{node}/lxc/{vmid}")


def _open(call: Call, kind: str, ident: object) -> Row:
    """Start the helper that waits ten seconds for a connection, and the ticket for it."""

    def work() -> Work:
        yield f"starting {kind} {ident}"
        yield Pause()
        raise TaskError("connection timed out")

    cluster = call.cluster
    port = 5900 + sum(task.kind == kind for task in cluster.tasks.running_of(call.node)) % 100
    tasks = cluster.tasks
    seconds, tasks.task_seconds = tasks.task_seconds, None
    try:
        upid = call.fork(kind, ident, work(), _HELPER_WAIT_S)
    finally:
        tasks.task_seconds = seconds
    ticket = call.authenticator.ticket_for(call.who).replace("PVE:", "PVEVNC:", 1)
    return {"user": call.who, "ticket": ticket, "port": port, "upid": upid}


@answers(*(f"POST {path}/vncproxy" for path in _GUEST))
def vnc(call: Call) -> Answer:
    """A VNC connection; whether the guest runs shows only when somebody connects."""
    guest = call.guest()
    row = _open(call, "vncproxy", guest.vmid)
    row["cert"] = call.cluster.authority.root.pem
    if call.params.flag("generate-password"):
        row["password"] = f"{call.cluster.rng.getrandbits(32):08x}"
    return row


@answers(*(f"POST {path}/termproxy" for path in _GUEST))
def terminal(call: Call) -> Answer:
    """A terminal of a guest: its first serial line, or the container's console."""
    guest = call.guest()
    if guest.kind == "qemu":
        wanted = call.params.text("serial", "serial0")
        if wanted not in guest.config:
            raise ApiError("unable to find a serial interface")
    return _open(call, "vncproxy", guest.vmid)


@answers(*(f"POST {path}/spiceproxy" for path in _GUEST), "POST /nodes/{node}/spiceshell")
def spice(call: Call) -> Answer:
    """Settings of a SPICE viewer."""
    ident: object = call.node
    if "vmid" in call.params:
        guest = call.guest()
        ident = guest.vmid
        if guest.kind == "qemu" and not guest.config.get("vga", "").startswith("qxl"):
            raise ApiError("spice port not available")
    _open(call, "spiceproxy" if "vmid" in call.params else "spiceshell", ident)
    return {
        "type": "spice",
        "host": f"pvespiceproxy:{call.node}",
        "proxy": f"http://{call.params.text('proxy', call.member().ip)}:3128",
        "tls-port": 61000,
        "password": f"{call.cluster.rng.getrandbits(64):016x}",
        "title": f"{ident}",
        "ca": call.cluster.authority.root.pem.replace("\n", "\\n"),
        "delete-this-file": 1,
        "secure-attention": "Ctrl+Alt+Ins",
        "toggle-fullscreen": "Shift+F11",
        "release-cursor": "Ctrl+Alt+R",
        "host-subject": "OU=PVE Cluster Node,O=Proxmox Virtual Environment",
    }


@answers("POST /nodes/{node}/vncshell", "POST /nodes/{node}/termproxy")
def shell(call: Call) -> Answer:
    """A shell of the node."""
    if call.params.text("cmd", "login") != "login" and call.who != ROOT:
        raise ApiError("Permission check failed (user != root@pam)", 403)
    row = _open(call, "vncshell", "")
    if call.method.template.endswith("vncshell"):
        row["cert"] = call.cluster.authority.root.pem
    return row


@answers(*(f"GET {path}/vncwebsocket" for path in _GUEST), "GET /nodes/{node}/vncwebsocket")
def websocket(call: Call) -> Answer:
    """No simulated console has a screen: every ticket is refused as an expired one is."""
    raise ApiError("permission denied - invalid PVEVNC ticket", 401)


@answers(*(f"POST {path}/mtunnel" for path in _GUEST))
def tunnel(call: Call) -> Answer:
    """The receiving end of a remote migration."""
    vmid = call.params.number("vmid")
    if vmid in call.cluster.guests:
        raise ApiError(f"Guest with ID '{vmid}' already exists on a node in this cluster.")
    row = _open(call, "qmtunnel" if "/qemu/" in call.method.template else "vzmtunnel", vmid)
    return {
        "socket": f"/run/qemu-server/{vmid}.mtunnel",
        "ticket": row["ticket"],
        "upid": row["upid"],
    }


@answers(*(f"GET {path}/mtunnelwebsocket" for path in _GUEST))
def tunnel_websocket(call: Call) -> Answer:
    """No other cluster is simulated that could hold a valid ticket."""
    raise ApiError("permission denied - invalid PVETUNNEL ticket", 401)


@answers("PUT /nodes/{node}/qemu/{vmid}/sendkey")
def send_key(call: Call) -> Answer:
    """Press a key."""
    call.root_only("skiplock")
    guest = call.guest()
    if not guest.running:
        raise ApiError(f"VM {guest.vmid} qmp command 'human-monitor-command' failed - VM {guest.vmid} not running")
    return None


@answers("POST /nodes/{node}/qemu/{vmid}/monitor")
def monitor(call: Call) -> Answer:
    """The monitor's answer to a harmless command; the others are for root alone."""
    guest, command = call.guest(), call.params.text("command").strip()
    name = command.partition(" ")[0]
    if name not in ("info", "help") and call.who != ROOT:
        if name not in _HARMFUL:
            unknown = f"command '{name}' non-existent or not assigned a required permission yet"
            raise ApiError(f"{unknown}, limiting to root user")
        raise ApiError(f"root-only command '{name}'")
    if not guest.running:
        return f"ERROR: VM {guest.vmid} not running\n"
    if command == "info status":
        return f"VM status: {'paused' if guest.paused else 'running'}\r\n"
    if command == "info version":
        return "10.1.2 (pve-qemu-kvm_10.1.2-4)\r\n"
    return f"unknown command: '{command}'\r\n"


@answers("POST /nodes/{node}/qemu/{vmid}/dbus-vmstate")
def dbus_vmstate(call: Call) -> Answer:
    """The helper that a live migration starts on both nodes."""
    guest = call.guest()
    if not guest.running:
        raise ApiError(f"VM {guest.vmid} not running")
    return None
