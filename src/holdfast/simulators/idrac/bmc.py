"""All state of one simulated iDRAC, assembled."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import firmware, hardware
from holdfast.simulators.idrac.accounts import Accounts
from holdfast.simulators.idrac.attributes import Attributes
from holdfast.simulators.idrac.bios import Bios
from holdfast.simulators.idrac.bios_data import BIOS_ATTRIBUTES
from holdfast.simulators.idrac.boot import Boot
from holdfast.simulators.idrac.certificates import Certificates
from holdfast.simulators.idrac.errors import Refusal, refuse
from holdfast.simulators.idrac.eventing import Events
from holdfast.simulators.idrac.exports import Exports
from holdfast.simulators.idrac.faults import Faults
from holdfast.simulators.idrac.health import Health
from holdfast.simulators.idrac.host import Host
from holdfast.simulators.idrac.jobs import JobQueue
from holdfast.simulators.idrac.life import Life
from holdfast.simulators.idrac.logs import lifecycle_log, system_event_log
from holdfast.simulators.idrac.media import Media
from holdfast.simulators.idrac.persona import ROOT, Persona
from holdfast.simulators.idrac.query import plain_body
from holdfast.simulators.idrac.raid import Raid
from holdfast.simulators.idrac.sensors import Sensors
from holdfast.simulators.idrac.sessions import AddressGuard, Sessions
from holdfast.simulators.idrac.timeline import Timeline, iso
from holdfast.simulators.idrac.updates import Updates
from holdfast.simulators.idrac.wire import Call, Json
from holdfast.simulators.idrac.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.simulators.idrac.routes import Routes
    from holdfast.simulators.world import Server, World

USERNAME = "root"
PASSWORD = "Kelp-on-rock-8"
MONITOR = ("monitor", "Watch-only-31")
OPERATOR = ("operator", "Hands-on-472")


class Bmc:
    """One iDRAC and the server it looks after."""

    def __init__(
        self, world: World, server: Server, persona: Persona, clock: Callable[[], float], routes: Routes
    ) -> None:
        self.world = world
        self.server = server
        self.persona = persona
        self.routes = routes
        self.timeline = Timeline(clock)
        self.hw = hardware.build(server, persona)
        self.faults = Faults()
        self.sel = system_event_log(self.timeline)
        self.lclog = lifecycle_log(self.timeline)
        self.health = Health(self.hw, self.record)
        self.host = Host(
            self.timeline,
            self.record,
            on=server.hostname not in world.offline_nodes,
            strict_on=persona.generation >= 10,
        )
        self.sessions = Sessions(self.timeline)
        self.guard = AddressGuard(self.timeline)
        self.life = Life(self.timeline, self._forget_logins, self.record)
        self.attributes = Attributes(self)
        self._fill_accounts()
        self.mutations = 0
        self.max_image_bytes = 1_073_741_824
        """The largest firmware image that is taken."""
        self.asset_tag = ""
        self.identify = False
        self.exports = Exports(self)
        self.events = Events(self)
        self.time_offset = 0.0
        self.decommission_job: str | None = None
        self.certificates = Certificates(self)
        self.installed_licence: str | None = None
        self.serial_data = "login: \r\n"
        self.attached_iso: str | None = None
        self.attached_drivers: str | None = None
        self.nic_settings: dict[str, dict[str, str]] = {}
        self.nic_pending: dict[str, dict[str, str]] = {}
        self.jobs = JobQueue(self)
        self.work = Work(self)
        self.updates = Updates(self)
        self.after_ac_cycle: list[Callable[[], object]] = []
        self.bios = Bios(self.hw, persona)
        self.media = Media(self)
        self.raid = Raid(self.hw)
        self.host.on_post.append(self.jobs.host_restarted)
        self.boot = Boot(self.hw, persona)
        self.firmware = firmware.build(self.hw, persona)
        self.sensors = Sensors(self.hw, self.host, self.health, self.faults, self.timeline.now)
        self.host.on_booted.append(self.boot.consumed)

    @property
    def now(self) -> float:
        """Seconds since the epoch, by the simulated clock."""
        return self.timeline.now()

    @property
    def shown_now(self) -> float:
        """The time that the iDRAC believes it is."""
        fault = self.faults.peek("clock-skew")
        return self.now + self.time_offset + (fault.number("seconds") if fault is not None else 0.0)

    def setting(self, name: str) -> str:
        """An attribute of the iDRAC as text."""
        return str(self.attributes.get(name))

    @property
    def locked_down(self) -> bool:
        """Whether system lockdown mode is on (§12.17)."""
        if not self.persona.lockdown:
            return False
        return self.setting("Lockdown.1.SystemLockdown") == "Enabled" or "lockdown" in self.faults.active

    @property
    def licence(self) -> str:
        """The licence tier in force."""
        fault = self.faults.peek("licence")
        return fault.text("tier") if fault is not None else (self.installed_licence or self.persona.licence)

    def stamp(self, seconds: float | None = None) -> str:
        """A time as resources show it."""
        return iso(self.now if seconds is None else seconds)

    def log_stamp(self, seconds: float) -> str:
        """A time as log entries show it (without a colon in the zone on old firmware)."""
        return iso(seconds, colon=self.persona.log_offset_colon)

    def record(
        self,
        message_id: str,
        *args: str,
        category: str = "System Health",
        comment: str | None = None,
        sel: bool = False,
    ) -> None:
        """Write to the Lifecycle log, and with `sel` to the system event log too."""
        self.lclog.add(message_id, *args, category=category, comment=comment)
        if sel:
            self.sel.add(message_id, *args, category=category)

    def fetch(self, path: str) -> Json | None:
        """The resource at a path as a GET would answer it, unexpanded; None when there is none."""
        match = self.routes.match(path)
        if match is None or "GET" not in match.node.rules:
            return None
        call = Call("GET", path, match.args)
        return plain_body(match.node.rules["GET"].handler(self, call))

    @property
    def pcie_devices(self) -> tuple[str, ...]:
        """Ids of the PCIe devices."""
        return ("0-28", "3-0", *(f"{177 + n}-0" for n in range(len(self.hw.gpus))))

    def installed_path(self, kind: str) -> str:
        """Where the installed firmware of a kind is in the inventory."""
        item = next(item for item in self.firmware.components.values() if item.kind == kind)
        return f"{ROOT}/UpdateService/FirmwareInventory/{item.inventory_id('Installed', item.version)}"

    def factory_defaults(self, *, keep_users: bool) -> None:
        """Forget all configuration; users and network too unless they are kept (§12.6)."""
        kept = {n: v for n, v in self.attributes.changed.items() if n.startswith(("IPv4.", "NIC."))}
        self.attributes.changed.clear()
        if keep_users:
            self.attributes.changed.update(kept)
        else:
            self._fill_accounts(root_password="calvin")

    def _fill_accounts(self, *, root_password: str = PASSWORD) -> None:
        self.accounts = Accounts(slots=self.persona.account_slots)
        self.accounts.put(2, USERNAME, root_password, "Administrator")
        if root_password == PASSWORD:
            self.accounts.put(3, *MONITOR, "ReadOnly")
            self.accounts.put(4, *OPERATOR, "Operator")

    def _forget_logins(self) -> None:
        self.sessions.close_all()
        self.guard.clear()

    def sessions_of_changed(self, username: str, gone: bool) -> None:
        """End the sessions of a user whose password changed or who may no longer log in (§4.1)."""
        if gone:
            for session in list(self.sessions.members.values()):
                if session.username == username:
                    self.sessions.close(session.id)

    def fill_sessions(self, kind: str, leave: int = 0) -> None:
        """Open sessions of somebody else until so many are left of the pool."""
        limit = int(self.setting("WebServer.1.MaxNumberOfSessions"))
        while len(self.sessions.members) < limit - leave:
            self.sessions.open("operator", "10.20.9.250", limit=limit, timeout_s=1800.0, kind=kind)

    def restart_host(self, *, cycle: bool = False) -> None:
        """Restart the host for a job: a running one restarts, one that is off comes up."""
        if self.host.state == "Off":
            self.host.ensure_on()
        elif cycle and "PowerCycle" in self.persona.reset_types:
            self.host.reset("PowerCycle")
        else:
            self.host.reset("ForceRestart")

    def reset_quietly(self, kind: str) -> None:
        """A scheduled reset, whose refusal nobody hears."""
        with contextlib.suppress(Refusal):
            self.host.reset(kind)

    def refuse_lockdown(self) -> None:
        """Refuse a change of configuration while the system is locked down."""
        if self.locked_down:
            raise refuse(403, "SYS406")

    def require_licence(self, tier: str) -> None:
        """Refuse what the licence does not cover (contract §1 rule 3)."""
        order = ("Basic", "Express", "Enterprise", "Datacenter")
        if order.index(self.licence) < order.index(tier):
            raise refuse(403, "LIC501")

    def ac_cycle(self, final: str) -> None:
        """Take all power away and give it back: the host ends in the state `final`, the iDRAC restarts (§12.2)."""
        self.record("SYS1002")
        self.host.ensure_off()
        self.life.restart(reason="AC power cycle")
        for action in self.after_ac_cycle:
            action()
        self.after_ac_cycle.clear()
        if final == "On":
            self.timeline.after(self.life.pace.grace_s + self.host.pace.guard_s, self.host.ensure_on)

    @staticmethod
    def bios_value(name: str, text: str) -> str | int:
        """A BIOS value of a profile in its own type."""
        return int(text) if BIOS_ATTRIBUTES[name].kind == "Integer" else text
