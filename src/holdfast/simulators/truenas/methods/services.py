"""`service.*`, and the settings of services that are not shares (contract sections 12 and 15.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import READ_VERBS, Crud, Settings, Table
from holdfast.simulators.truenas.errors import ENOENT, ESERVICESTARTFAILURE, CallError, Row
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

# Service → (starts with the box, releases that have it begin with).
SERVICES: dict[str, tuple[bool, tuple[int, int]]] = {
    "cifs": (True, (0, 0)),
    "ftp": (False, (0, 0)),
    "iscsitarget": (False, (0, 0)),
    "nfs": (True, (0, 0)),
    "snmp": (False, (0, 0)),
    "ssh": (True, (0, 0)),
    "ups": (False, (0, 0)),
    "nvmet": (False, (25, 10)),
    "webshare": (False, (26, 0)),
}


class Services(Namespace):
    """System services: state, start on boot, settings."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.table = Table(box, "service", "Service")
        self.table.present = self._present
        for name, (enabled, since) in SERVICES.items():
            if box.persona.release >= since:
                self.table.add({"service": name, "enable": enabled, "state": "RUNNING" if enabled else "STOPPED"})
        Crud(self, self.table, verbs=READ_VERBS)
        hostname = box.hostname
        Settings(
            self,
            "ssh",
            {"id": 1, "tcpport": 22, "passwordauth": False, "host_ed25519_key_pub": f"ssh-ed25519 AAAA{hostname}"},
        )
        Settings(
            self, "ftp", {"id": 1, "port": 21, "clients": 5, "ipconnections": 2, "filemask": "077", "dirmask": "022"}
        )
        Settings(self, "snmp", {"id": 1, "contact": "", "v3_authtype": "SHA"})
        Settings(
            self, "ups", {"id": 1, "identifier": "ups", "monuser": "upsmon", "monpwd": "fixmepass", "mode": "MASTER"}
        )
        addresses = {"bindiface": {"eno1": "eno1", "eno2": "eno2"}}
        self.choices("ssh.bindiface_choices", addresses["bindiface"])
        self.choices("ups.driver_choices", {"usbhid-ups": "Various USB HID (usbhid-ups)"})
        self.choices("ups.port_choices", ["auto"])

    def _present(self, row: Row) -> Row:
        unknown = self.box.faults.take("service-unknown", row["service"], option="service") is not None
        state = "UNKNOWN" if unknown else row["state"]
        return {**row, "state": state, "pids": self.pids(row["service"]) if state == "RUNNING" else []}

    def pids(self, name: str) -> list[int]:
        """Process ids of a running service."""
        return [2000 + 17 * list(SERVICES).index(name)]

    def running(self, name: str) -> bool:
        """Whether a service runs."""
        return bool(self._row(name)["state"] == "RUNNING")

    def _row(self, name: str) -> Row:
        row = self.table.first(service=name)
        if row is None:
            raise CallError(f"Service {name} not found", ENOENT)
        return row

    def rebooted(self) -> None:
        for row in self.table:
            row["state"] = "RUNNING" if row["enable"] else "STOPPED"

    @method("service.update")
    def update(self, call: Call, key: int | str, data: Row) -> int:
        """Start on boot or not; the service's id."""
        by_name = isinstance(key, str) and not key.isdigit()
        row = self._row(str(key)) if by_name else self.table.get(int(key))
        self.table.change(row["id"], {"enable": data["enable"]})
        return int(row["id"])

    @method("service.started")
    def started(self, call: Call, name: str) -> bool:
        """Whether it runs."""
        return self.running(name)

    @method("service.started_or_enabled")
    def started_or_enabled(self, call: Call, name: str) -> bool:
        """Whether it runs or starts on boot."""
        return self.running(name) or bool(self._row(name)["enable"])

    def act(self, verb: str, name: str, options: Row) -> bool:
        """Do it. Running afterwards (STOP: stopped); a failure is false unless `silent` is off."""
        row = self._row(name)
        failed = self.box.faults.take("service-false", name, option="service") is not None
        if verb == "STOP":
            row["state"] = row["state"] if failed else "STOPPED"
        elif failed:
            row["state"] = "STOPPED"
        elif verb != "RELOAD" or row["state"] == "RUNNING":
            row["state"] = "RUNNING"
        self.table.touch(row["id"])
        good = bool((row["state"] == "STOPPED") == (verb == "STOP"))
        if not good and not options.get("silent", True):
            text = f"Service {name} failed to {verb.lower()}: see the system log for details"
            raise CallError(text, ESERVICESTARTFAILURE)
        return good

    @method("service.control", since="25.10", lock=lambda arguments: f"{arguments[1]}")
    def control(self, call: Call, verb: str, name: str, options: Row) -> Steps:
        """START, STOP, RESTART or RELOAD as a job."""
        self._row(name)
        yield Step(20, f"{verb.title()} {name}")
        return self.act(verb, name, options)

    @method("service.start", until="26")
    def start(self, call: Call, name: str, options: Row) -> bool:
        """Start, and wait (up to 25.10)."""
        return self.act("START", name, options)

    @method("service.stop", until="26")
    def stop(self, call: Call, name: str, options: Row) -> bool:
        """Stop, and wait (up to 25.10)."""
        return self.act("STOP", name, options)

    @method("service.restart", until="26")
    def restart(self, call: Call, name: str, options: Row) -> bool:
        """Restart, and wait (up to 25.10)."""
        return self.act("RESTART", name, options)

    @method("service.reload", until="26")
    def reload(self, call: Call, name: str, options: Row) -> bool:
        """Reload, and wait (up to 25.10)."""
        return self.act("RELOAD", name, options)
