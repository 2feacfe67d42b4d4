"""The whole state of one simulated TrueNAS system, and the machinery its parts share."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar, cast

from holdfast.simulators.base import Arrival, SimulatedClock, SimulatorState
from holdfast.simulators.truenas.dispatch import Dispatcher
from holdfast.simulators.truenas.errors import Json, Row
from holdfast.simulators.truenas.events import EventHub
from holdfast.simulators.truenas.facts import Fact, FactBook, vendor_facts
from holdfast.simulators.truenas.faults import Fault, Faults
from holdfast.simulators.truenas.jobs import Job, JobManager
from holdfast.simulators.truenas.limits import RateLimiter
from holdfast.simulators.truenas.methods import NAMESPACES
from holdfast.simulators.truenas.persona import Persona, Timing, release_of
from holdfast.simulators.truenas.registry import Namespace, Registration
from holdfast.simulators.truenas.timeline import Timeline
from holdfast.simulators.truenas.transfer import Transfers
from holdfast.simulators.world import Server, World

if TYPE_CHECKING:
    from holdfast.simulators.truenas.call import Call
    from holdfast.simulators.truenas.crud import Settings, Table
    from holdfast.simulators.truenas.session import Session

MAX_ARRIVALS = 20_000
# Methods without a role of their own that leave an audit record.
AUDITED = frozenset({"user.set_password", "user.renew_2fa_secret", "core.bulk", "core.download", "core.job_abort"})
N = TypeVar("N", bound=Namespace)


class Box:
    """One TrueNAS system: state in its namespaces, behaviour in its dispatcher, jobs, events and faults.

    Attributes:
        server: The machine it runs on, as the rack's world describes it.
        boot_id: Changes on every boot of the operating system, not on restarts of the middleware.
        system_state: BOOTING, READY or SHUTTING_DOWN.
        crashes: Mistakes of the simulator itself; a test asserts that there are none.
        on_answer: Called with every method name and answer frame; for tests.
        on_job: Called with every job that reached a final state; for tests.
    """

    def __init__(
        self,
        world: World,
        clock: SimulatedClock,
        persona: Persona,
        server: Server,
        hostname: str,
        state: SimulatorState,
    ) -> None:
        self.world = world
        self.clock = clock
        self.persona = persona
        self.server = server
        self.hostname = hostname
        self.state = state
        self.crashes: list[BaseException] = []
        self.most_on_a_socket = 0
        self.login_moments: list[float] = []
        self.random = random.Random(f"{server.service_tag}/{hostname}")
        self.timing = Timing()
        self.timeline = Timeline(clock.now, self.crashed)
        self.faults = Faults()
        self.facts: FactBook = vendor_facts()
        self.limiter = RateLimiter(clock.now)
        self.sessions: list[Session] = []
        self.events = EventHub(self)
        self.jobs = JobManager(self.timeline, lambda: self.timing, self._job_changed, self.crashed)
        self.transfers = Transfers(self)
        self.on_answer: Callable[[str, Row], None] | None = None
        self.on_job: Callable[[Job], None] | None = None
        self.boot_id = self.new_uuid()
        self.system_state = "READY"
        self.booted_at = clock.now() - 12 * 86400
        self.down_until = 0.0
        self.tables: dict[str, Table] = {}
        self.settings: dict[str, Settings] = {}
        self.unreachable = False
        self._adopted: set[asyncio.Task[None]] = set()
        self._namespaces: dict[type[Namespace], Namespace] = {}
        registrations: list[Registration] = []
        implemented: set[str] = set()
        for kind in NAMESPACES:
            namespace = kind(self)
            self._namespaces[kind] = namespace
            if release_of(kind.SINCE) <= persona.release < release_of(kind.UNTIL):
                registrations += namespace.registrations
            implemented |= {registration.name for registration in namespace.registrations}
        self.implemented = frozenset(implemented)
        self.dispatcher = Dispatcher(self, registrations)

    def get(self, kind: type[N]) -> N:
        """The namespace of this kind; those listed earlier exist while later ones are built."""
        return cast(N, self._namespaces[kind])

    def fact(self, name: str) -> Fact | None:
        """What this box's own release says about a method, served or not."""
        from holdfast.simulators.truenas.releases import facts_of

        return facts_of(self.persona.name).get(name)

    def new_uuid(self) -> str:
        """A random UUID of this box's own random sequence."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    @property
    def idle_close_s(self) -> float:
        """Seconds of server silence after which a socket is cut."""
        fault = self.faults.take("idle-close")
        return fault.number("seconds") if fault is not None else self.persona.idle_close_s

    @property
    def away(self) -> bool:
        """Whether the middleware cannot be reached now."""
        return self.clock.now() < self.down_until

    def arrived(self, arrival: Arrival) -> None:
        """Record a request."""
        self.state.arrivals.append(arrival)
        self.state.arrivals_total += 1
        if arrival.method == "auth.login_ex":
            self.login_moments.append(self.clock.now())
        if len(self.state.arrivals) > MAX_ARRIVALS:
            del self.state.arrivals[: MAX_ARRIVALS // 2]

    def answered(self, method: str, frame: Row) -> None:
        """Tell whoever listens."""
        if self.on_answer is not None:
            self.on_answer(method, frame)

    def background(self, work: Coroutine[None, None, None]) -> None:
        """Let something happen beside the call that asked for it."""
        self.adopt(asyncio.get_running_loop().create_task(work))

    def adopt(self, task: asyncio.Task[None]) -> None:
        """Let a call outlive its socket."""
        self._adopted.add(task)
        task.add_done_callback(self._adopted.discard)

    def crashed(self, error: BaseException) -> None:
        """Remember a mistake of the simulator itself."""
        self.crashes.append(error)

    def on_login(self, session: Session) -> None:
        """A session logged in."""
        from holdfast.simulators.truenas.methods.sessions import Sessions

        row = self.get(Sessions).session_row(session, None)
        self.events.emit("auth.sessions", "added", key=session.id, fields=row)

    def audit(self, call: Call, arguments: list[Json], *, success: bool) -> None:
        """Record a call that only administrators and writers may make."""
        from holdfast.simulators.truenas.methods.config import Audit

        writes = any(not role.endswith("_READ") and role != "READONLY_ADMIN" for role in call.fact.roles)
        if writes or call.fact.name in AUDITED:
            self.get(Audit).method_called(call, arguments, success=success)

    def get_reboot_reasons(self) -> list[Row]:
        """Why a reboot is needed."""
        from holdfast.simulators.truenas.methods.system import System

        return self.get(System).reboot_reasons

    def _job_changed(self, msg: str, job: Job) -> None:
        if job.finished and self.on_job is not None:
            self.on_job(job)
        row = job.row(with_message_ids=self.persona.has_message_ids, raw_result=True)
        self.events.emit(
            "core.get_jobs", msg, key=job.id, fields=row, visible=lambda session: job_visible(session, job)
        )

    async def linger(self, bounds: tuple[float, float]) -> None:
        """Let an answer take a time between two bounds, seconds."""
        await self.clock.linger(self.random.uniform(*bounds))

    def drop_sockets(self) -> None:
        """Cut every connection."""
        for session in list(self.sessions):
            session.abort()

    def restart(self, down_s: float) -> None:
        """The middleware restarts: sockets drop, jobs and staged network changes are forgotten, ids begin again."""
        self.down_until = self.clock.now() + down_s
        self.drop_sockets()
        self.jobs.forget()
        self.transfers.forget()
        for namespace in self._namespaces.values():
            namespace.restarted()

    def reboot(self) -> None:
        """The system reboots: as a restart, with a new boot id, and BOOTING until everything is up."""
        self.system_state = "SHUTTING_DOWN"
        self.restart(self.timing.restart_s)
        self.boot_id = self.new_uuid()
        self.booted_at = self.clock.now()
        self.system_state = "BOOTING"
        for namespace in self._namespaces.values():
            namespace.rebooted()

        def ready() -> None:
            self.system_state = "READY"
            self.events.emit("system.ready", "added", fields={})

        self.timeline.after(self.timing.boot_s, ready)

    def strike(self, fault: Fault) -> None:
        """Let a fault of the immediate kind happen."""
        from holdfast.simulators.truenas.strikes import strike

        strike(self, fault)

    async def stop(self) -> None:
        """End timers, sockets and calls."""
        self.drop_sockets()
        for task in list(self._adopted):
            task.cancel()
        await self.timeline.stop()


def job_visible(session: Session, job: Job) -> bool:
    """Whether this session may see the job: full admins all, others those of their own live sessions."""
    credential = session.credential
    if credential is None:
        return False
    if credential.full_admin or (job.facts.read_roles and credential.has_role(job.facts.read_roles)):
        return True
    live = job.session is not None and not job.session.closed
    return live and job.credential is not None and job.credential.username == credential.username
