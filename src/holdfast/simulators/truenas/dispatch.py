"""From a method name and arguments to its result: existence, login, role, arguments, execution (contract 3, 4, 5)."""

from __future__ import annotations

import copy
import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.call import Call
from holdfast.simulators.truenas.credentials import FULL_ADMIN
from holdfast.simulators.truenas.errors import (
    EACCES,
    EBUSY,
    EINVAL,
    ENOMETHOD,
    ENOTAUTHENTICATED,
    CallError,
    InvalidValueError,
    Json,
    MiddlewareError,
    Problem,
    UnknownMethodError,
    ValidationFailedError,
    invalid,
)
from holdfast.simulators.truenas.facts import Fact, JobFacts
from holdfast.simulators.truenas.faults import Fault
from holdfast.simulators.truenas.jobs import Job, Pipe
from holdfast.simulators.truenas.persona import release_of
from holdfast.simulators.truenas.registry import Registration, Step, Steps
from holdfast.simulators.truenas.releases import facts_of
from holdfast.simulators.truenas.schema import Checker, prune

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.session import Session

MAX_STUCK_STEPS = 1_000_000


class Dispatcher:
    """Runs method calls on one box."""

    def __init__(self, box: Box, registrations: list[Registration]) -> None:
        self._box = box
        release = box.persona.release
        self.handlers: dict[str, Registration] = {}
        for registration in registrations:
            if registration.covers(release):
                self.handlers[registration.name] = registration

    def fact(self, release: str, name: str) -> Fact | None:
        """What `release` says about this method, if this box serves it."""
        return facts_of(release).get(name) if name in self.handlers else None

    def served(self, release: str) -> dict[str, Fact]:
        """All methods that this box serves in the models of `release`."""
        return {name: fact for name, fact in facts_of(release).items() if name in self.handlers}

    def _lookup(self, session: Session, name: str) -> tuple[Fact, Registration]:
        fact = self.fact(session.api_release, name)
        if fact is not None:
            return fact, self.handlers[name]
        if self.fact(self._box.persona.name, name) is None:
            raise UnknownMethodError(f"Method {name!r} not found")
        raise CallError(f"Method {name!r} not found in {session.api_version}", ENOMETHOD)

    def _authorize(self, session: Session, fact: Fact) -> None:
        session.check_age()
        credential = session.credential
        if credential is None:
            if fact.auth != "none":
                raise CallError("Not authenticated", ENOTAUTHENTICATED)
            return
        if fact.auth == "role" and not credential.has_role(fact.roles or (FULL_ADMIN,)):
            raise CallError("Not authorized", EACCES)

    async def call(self, session: Session, name: str, params: list[Any], message_id: str | None) -> Json:
        """The result of one call of one session. MiddlewareError when it is refused or fails."""
        fact, registration = self._lookup(session, name)
        if session.credential is None and fact.auth == "none" and name != "core.set_options":
            await self._limit(session, name)
        self._authorize(session, fact)
        release = release_of(session.api_release)
        call = Call(self._box, fact, release, session, session.credential, message_id)
        arguments = self.check(fact, params)
        refusing = self._box.faults.take("values-refused", name)
        if refusing is not None:
            raise invalid(refusing.text("attribute"), refusing.text("reason"))
        try:
            result = await self.perform(call, registration, arguments, wait=not session.legacy_jobs)
        except MiddlewareError:
            self._box.audit(call, arguments, success=False)
            raise
        self._box.audit(call, arguments, success=True)
        return result

    async def _limit(self, session: Session, name: str) -> None:
        refused = self._box.faults.take("rate-limited", name) is not None
        if not self._box.limiter.allows(name, session.origin) or refused:
            await self._box.linger(self._box.timing.rate_limited_s)
            raise CallError("Rate Limit Exceeded", EBUSY)

    def check(self, fact: Fact, params: list[Any]) -> list[Any]:
        """The arguments with defaults. ValidationFailedError when the models refuse them."""
        if len(params) > len(fact.params):
            text = f"Too many arguments (expected {len(fact.params)}, found {len(params)})"
            raise ValidationFailedError([("", text, EINVAL)])
        checker = Checker(self._box.facts.resolve)
        values: list[Any] = []
        for index, param in enumerate(fact.params):
            schema = self._box.facts.resolve(param.schema)
            if index < len(params):
                values.append(checker.check(schema, params[index], param.name))
            elif param.required:
                checker.problems.append((param.name, "Field required", EINVAL))
            elif schema.get("type") == "object":
                # The model builds itself; the default in the vendor's file is only how that prints.
                values.append(checker.check(schema, {}, param.name))
            else:
                values.append(copy.deepcopy(schema.get("default")))
        if checker.problems:
            raise ValidationFailedError(self._as_worded(fact, checker.problems))
        return values

    def _as_worded(self, fact: Fact, problems: list[Problem]) -> list[Problem]:
        """Up to 25.10 this union is told apart by class names, since then by its tag (contract section 4)."""
        if fact.name != "pool.dataset.create" or self._box.persona.release >= (26, 0):
            return problems
        names = {"FILESYSTEM": "PoolDatasetCreateFilesystem", "VOLUME": "PoolDatasetCreateVolume"}
        return [
            (".".join(names.get(part, part) for part in path.split(".")) if path else path, text, errno)
            for path, text, errno in problems
        ]

    async def perform(self, call: Call, registration: Registration, arguments: list[Any], *, wait: bool) -> Json:
        """Run a checked call; of a job its id, or with `wait` its result."""
        faults = self._box.faults
        name = call.fact.name
        slow = faults.take("slow-call", name)
        if slow is not None:
            await self._box.timeline.sleep(slow.number("delay_s"))
        failing = faults.take("call-fails", name) if call.fact.job is None else None
        if failing is not None and not failing.flag("after_work"):
            raise _failure(failing, "data")
        if call.fact.job is not None:
            if "output" in call.fact.job.pipes and call.fact.job.check_pipes:
                raise InvalidValueError("Pipe 'output' is not open")
            if "input" in call.fact.job.pipes and call.fact.job.check_pipes:
                raise InvalidValueError("Pipe 'input' is not open")
            job = self.submit(call, registration, arguments)
            return await self.result_of(job) if wait else job.id
        result = registration.handler(call, *arguments)
        if inspect.isawaitable(result):
            result = await result
        if failing is not None:
            late = _failure(failing, "data")
            late.after_work = True
            raise late
        return result if call.fact.is_query else prune(call.fact.returns, result, self._box.facts.resolve)

    async def inner(self, call: Call, name: str, params: list[Any]) -> tuple[int | None, Any]:
        """A call that another method makes in the caller's name: job id (if a job) and result, nested jobs awaited."""
        fact = self.fact(self._box.persona.name, name)
        if fact is None:
            raise UnknownMethodError(f"Method {name!r} not found")
        if call.credential is not None and fact.auth == "role" and not call.credential.has_role(fact.roles):
            raise CallError("Not authorized", EACCES)
        nested = Call(self._box, fact, self._box.persona.release, call.session, call.credential)
        arguments = self.check(fact, params)
        result = await self.perform(nested, self.handlers[name], arguments, wait=False)
        if fact.job is None:
            return None, result
        return int(result), await self.result_of(self._box.jobs.jobs[int(result)])

    def submit(
        self,
        call: Call,
        registration: Registration,
        arguments: list[Any],
        *,
        output: Pipe | None = None,
        input_pipe: Pipe | None = None,
        held: bool = False,
    ) -> Job:
        """Start a checked call as a job."""
        facts = call.fact.job
        assert facts is not None, f"{call.fact.name} is not a job"
        lock = facts.lock
        if lock == "callable":
            lock = registration.lock_of(arguments) if registration.lock_of is not None else None
            lock = f"{call.fact.name}:{lock}" if lock is not None else None

        def prepare(job: Job) -> None:
            call.job = job
            job.output, job.input, job.held = output, input_pipe, held

        return self._box.jobs.submit(
            call.fact.name,
            arguments,
            facts,
            lambda job: self._body(call, registration, arguments, job),
            lock=lock,
            session=call.session,
            credential=call.credential,
            message_id=call.message_id,
            prepare=prepare,
        )

    def _body(self, call: Call, registration: Registration, arguments: list[Any], job: Job) -> Steps:
        """The handler's steps, with the faults that concern jobs around them."""
        faults = self._box.faults
        failing = faults.take("job-fails", job.method)
        if failing is not None and not failing.flag("after_work"):
            yield Step(10, "Starting")
            raise _failure(failing, failing.text("attribute"))
        if faults.take("job-stuck", job.method) is not None:
            for _ in range(MAX_STUCK_STEPS):
                yield Step(50, "Working", 60.0)
        slow = faults.take("slow-job", job.method)
        if slow is not None:
            yield Step(1, "Working", slow.number("seconds"))
        produced = registration.handler(call, *arguments)
        result = (yield from produced) if inspect.isgenerator(produced) else produced
        if failing is not None:
            raise _failure(failing, failing.text("attribute"))
        return prune(call.fact.returns, result, self._box.facts.resolve)

    @staticmethod
    async def result_of(job: Job) -> Json:
        """Wait for the job; its result, or its error raised."""
        await job.done.wait()
        if job.state == "SUCCESS":
            return job.result
        if job.failure is not None:
            raise job.failure
        raise CallError(f"Job {job.id} was {job.state.lower()}")


def _failure(fault: Fault, attribute: str) -> MiddlewareError:
    if fault.flag("validation"):
        return invalid(attribute, fault.text("reason"))
    return CallError(fault.text("reason"), int(fault.number("errno")))


@cache
def no_job() -> JobFacts:
    """Job facts of work that the box starts by itself."""
    return JobFacts()
