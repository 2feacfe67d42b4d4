"""The simulated firewall itself: configuration, jobs, faults, accounts and everything that runs on it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.simulators.base import SimulatedClock
from holdfast.simulators.pfsense.answers import ApiError
from holdfast.simulators.pfsense.auth import Auth
from holdfast.simulators.pfsense.behaviours.base import Behaviour, registered
from holdfast.simulators.pfsense.config import Store, Stored, Tree
from holdfast.simulators.pfsense.faults import Fault, Faults
from holdfast.simulators.pfsense.jobs import Jobs
from holdfast.simulators.pfsense.protection import LoginProtection
from holdfast.simulators.pfsense.runtime import Downtime, Packages, Runtime
from holdfast.simulators.pfsense.schema import Field, Schema, schema_of
from holdfast.simulators.pfsense.seed import seed
from holdfast.simulators.pfsense.seed_network import add_dynamic_gateways
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.versions import Persona
from holdfast.simulators.pfsense.work import Client, Obj, Work
from holdfast.simulators.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCK_WAIT_S = 61.0
_POLL_S = 0.005
_BEHAVIOURS = (
    "access", "applying", "certificates", "diagnostics", "dhcp", "dns", "firewall", "haproxy", "interfaces", "logs",
    "nat", "packages", "routing", "services", "shaping", "states", "system", "users", "virtualip", "vpn", "vpnstatus",
    "wireguard",
)  # fmt: skip


class Machine:
    """One firewall."""

    def __init__(self, world: World, clock: SimulatedClock, name: str, persona: Persona) -> None:
        self.world = world
        self.clock = clock
        self.name = name
        self.persona = persona
        self.schema: Schema = schema_of(persona.package)
        self.random = random.Random(name)
        self.faults = Faults(clock.now)
        self.store = Store(Tree(self.schema))
        self.jobs = Jobs(clock.now, self.store, self.faults)
        self.protection = LoginProtection(clock.now)
        self.packages = Packages()
        self.runtime = Runtime(clock.now())
        self.downtime = Downtime(clock.now)
        self.auth = Auth(self, hashlib.sha256(name.encode()).digest())
        self.closing = asyncio.Event()
        self._behaviours = self._load_behaviours()
        self.started_at = clock.now()
        self._uids = 0
        self.accounts: dict[str, tuple[str, str]] = {}
        seed(self)
        self._web: Stored = self.store.current.nodes["system/webgui"]
        self._lan: Stored = self.store.current.nodes["interfaces"]["lan"]
        for kind in ("fw", "vip", "if", "rt", "dhcp", "unbound", "dnsfwd", "ipsec", "wg", "ha"):
            self.jobs.live[kind] = self.store.current.copy()

    @staticmethod
    def _load_behaviours() -> dict[str, Behaviour]:
        for module in _BEHAVIOURS:
            import_module(f"holdfast.simulators.pfsense.behaviours.{module}")
        return {model: cls() for model, cls in registered().items()}

    def behaviour(self, model: str) -> Behaviour:
        """How objects of this model behave."""
        return self._behaviours.get(model, _DEFAULT)

    def default_of(self, work: Work, obj: Obj, field: Field) -> Value:
        """The default of a field that depends on the appliance."""
        return self.behaviour(obj.model.name).default(work, obj, field)

    def choices_of(self, work: Work, obj: Obj, field: Field) -> Sequence[Any] | None:
        """What a field may hold: listed choices, the interfaces of this appliance, or what the model says."""
        if field.kind == "InterfaceField" and field.choices_source == "get_interface_choices":
            names = [*work.interface_names(), *field.allow_custom]
            if "interface_groups" in field.allows:
                names += work.interface_groups()
            if "localhost_interface" in field.allows:
                names.append("lo0")
            if field.name == "interface" and obj.model.name in ("FirewallRule", "PortForward", "OutboundNATMapping"):
                names += ["openvpn", "enc0"]
            if "carp_interface" in field.allows or obj.model.name.startswith(("OpenVPN", "IPsec", "DNSResolver")):
                vips = work.tree.rows(work.schema.models["VirtualIP"]).values()
                names += [f"_vip{row['uniqid']}" for row in vips if row.get("uniqid")]
            return names
        dynamic = self.behaviour(obj.model.name).choices(work, obj, field)
        return dynamic if dynamic is not None else field.choices

    @property
    def is_cut_off(self) -> bool:
        """Whether a change took away the way the clients come: the LAN interface, or the web server's old port.

        The anti-lockout rule of LAN keeps rules from doing so (contract §10.8).
        """
        self.jobs.settle()
        lan = self.jobs.live["if"].rows(self.schema.models["NetworkInterface"]).get("lan", {})
        gone = not lan.get("enable") or lan.get("ipaddr") != self.world.firewall_lan_ip
        web = self.store.current.one(self.schema.models["WebGUISettings"])
        moved = (web.get("protocol"), web.get("port")) != (self._web.get("protocol"), self._web.get("port"))
        return gone or (moved and self.downtime.restarted)

    def rescue(self) -> None:
        """What a person at the console does: LAN and web server as they were, no blocks, no downtime."""
        tree = self.store.current.copy()
        tree.nodes["interfaces"] = {**tree.nodes["interfaces"], "lan": self._lan}
        tree.nodes["system/webgui"] = self._web
        self.store.current = tree
        self.jobs.live["if"] = tree.copy()
        self.downtime.spans.clear()
        self.protection.forget()

    def log(self, kind: str, text: str) -> None:
        """Write a line to a log."""
        self.runtime.log_lines.setdefault(kind, []).append((self.clock.now(), text))

    def unique_id(self) -> str:
        """A new id as PHP's uniqid makes them: the time in hexadecimal, unique here."""
        self._uids += 1
        return f"{int(self.clock.now()):08x}{self._uids % 0x100000:05x}"

    def replace_package(self, persona: Persona) -> None:
        """Run another version of the API package from now on."""
        self.persona = persona
        self.schema = schema_of(persona.package)
        self.store.current = Tree(self.schema, self.store.current.nodes)

    def has_alias(self, tree: Tree, name: str, types: tuple[str, ...] = ("host", "network", "port")) -> bool:
        """Whether a firewall alias of one of these types has this name."""
        rows = tree.rows(self.schema.models["FirewallAlias"]).values()
        return any(row.get("name") == name and row.get("type") in types for row in rows)

    def begin(self, client: Client) -> Work:
        """A request: the whole configuration is loaded now, and edited as a copy (contract §9.1)."""
        self.jobs.settle()
        tree = self.store.current.copy()
        add_dynamic_gateways(tree)
        return Work(self, tree, client)

    async def wait_until(self, moment: float) -> None:
        """Wait until the appliance's clock has reached a moment, or the simulator ends."""
        while self.clock.now() < moment and not self.closing.is_set():
            await self._tick()

    async def _tick(self) -> None:
        """A moment of real time; the appliance's clock may be advanced by others meanwhile."""
        await asyncio.sleep(_POLL_S)

    async def wait_for_lock(self) -> None:
        """Wait for the write lock as a write does: up to 61 s, then 503 (contract §9.2)."""
        deadline = self.clock.now() + LOCK_WAIT_S
        while (fault := self._lock_fault()) is not None and not self.closing.is_set():
            if fault.options.get("immediate") or self.clock.now() >= deadline:
                self.faults.hit(fault.name)
                raise ApiError(
                    503,
                    "MODEL_WRITE_CONFIG_LOCKED",
                    "Failed to write to the configuration file after multiple attempts.",
                    retry_after_s=5,
                )
            await self._tick()

    def _lock_fault(self) -> Fault | None:
        fault = self.faults.look("config-locked")
        if fault is not None:
            return fault
        fault = self.faults.look("write-lock")
        if fault is not None and self.clock.now() >= fault.since + fault.number("seconds", 10.0):
            return None
        return fault


_DEFAULT = Behaviour()
