"""The pfSense simulator: one firewall with the REST API package, answering on the wire."""

from __future__ import annotations

from typing import ClassVar

from aiohttp import web

from holdfast.simulators.base import SimulatedClock, Simulator
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.faults import Faults
from holdfast.simulators.pfsense.http import Front
from holdfast.simulators.pfsense.machine import Machine
from holdfast.simulators.pfsense.seed_firewall import rule
from holdfast.simulators.pfsense.versions import persona as persona_named
from holdfast.simulators.world import World


class PfSenseSimulator(Simulator):
    """A pfSense firewall whose REST API package is of the version that the persona names (default 2.10).

    Raises:
        LookupError: for an unknown persona.
    """

    kind: ClassVar[str] = "pfsense"
    fault_names = Faults.KNOWN
    keepalive_timeout_s: ClassVar[float] = 70.0

    def __init__(self, world: World, clock: SimulatedClock, *, name: str, persona: str | None = None) -> None:
        super().__init__(world, clock, name=name, persona=persona)
        self.machine = Machine(world, clock, name, persona_named(persona))
        self.front = Front(self.machine)

    @property
    def credentials(self) -> dict[str, str]:
        """The API key of the account `holdfast`, which may do everything."""
        return {"api_key": self.machine.accounts["holdfast"][1]}

    def api_key(self, username: str) -> str:
        """The API key of an account: admin, holdfast, reader, clerk (deny-write), visitor (no privileges), alice."""
        return self.machine.accounts[username][1]

    def password(self, username: str) -> str:
        """The password of an account."""
        return self.machine.accounts[username][0]

    def app(self) -> web.Application:
        """The application: every path goes through the firewall's own web server."""
        self.machine.closing.clear()
        app = web.Application(client_max_size=200 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self.front.handle)

        async def close(_: web.Application) -> None:
            self.machine.closing.set()

        app.on_shutdown.append(close)
        return app

    def accepts_connection(self) -> bool:
        """False while login protection blocks the caller or the machine is away: connections time out (§3.6, §9.5)."""
        machine = self.machine
        away = machine.downtime.is_away or machine.faults.look("reboot") is not None
        blocked = machine.protection.blocks_any() or machine.faults.look("lockout") is not None
        return not (blocked or away or machine.is_cut_off)

    def rescue(self) -> None:
        """Give a management path that a change has cut off back, as a person at the console would."""
        self.machine.rescue()

    def set_fault(self, name: str, **options: str | int | float | bool) -> None:
        """Switch one of `fault_names` on; LookupError when there is no such fault."""
        self.machine.faults.set(name, **options)

    def clear_faults(self) -> None:
        """Switch all faults off and lift the blocks of login protection."""
        self.machine.faults.clear()
        self.machine.protection.forget()

    def live_rules(self) -> list[Stored]:
        """The rules that the packet filter really runs, which lag behind the stored ones until an apply has ended."""
        model = self.machine.schema.models["FirewallRule"]
        self.machine.jobs.settle()
        return list(self.machine.jobs.live["fw"].rows(model).values())

    def fill_rules(self, count: int) -> None:
        """Add this many rules to the configuration, as if they had always been there."""
        store = self.machine.store
        start = int(self.clock.now()) - 80 * 86400
        author = "admin@10.20.0.50 (Local Database)"
        added = [
            rule(
                start + number,
                author,
                interface=[("lan", "opt1", "wan")[number % 3]],
                protocol=("tcp", "udp", None)[number % 3],
                source="lan" if number % 2 else f"10.20.{number // 250 % 200}.{number % 250 + 1}",
                destination=f"10.{60 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}",
                destination_port=str(1024 + number % 60000) if number % 3 != 2 else None,
                type=("pass", "block", "reject")[number % 3],
                descr=f"filler {number:05d}",
                disabled=number % 17 == 0,
            )
            for number in range(count)
        ]
        tree = store.current.copy()
        tree.nodes["filter/rule"] = [*tree.nodes["filter/rule"], *added]
        store.current = tree
        self.machine.jobs.live["fw"] = tree.copy()


def create(world: World, clock: SimulatedClock, name: str, persona: str | None = None) -> PfSenseSimulator:
    """A pfSense simulator; persona is a release line of the API package: 2.2 … 2.10 (default).

    Raises:
        LookupError: for an unknown persona.
    """
    return PfSenseSimulator(world, clock, name=name, persona=persona)
