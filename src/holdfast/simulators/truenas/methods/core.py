"""`core.*`: jobs, subscriptions, discovery, downloads (contract sections 7, 9, 10 and 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.call import Call
from holdfast.simulators.truenas.credentials import expand_roles
from holdfast.simulators.truenas.errors import (
    EHOSTUNREACH,
    EINVAL,
    CallError,
    InstanceNotFoundError,
    Json,
    MiddlewareError,
    Row,
    UnknownMethodError,
)
from holdfast.simulators.truenas.facts import Fact, JobFacts
from holdfast.simulators.truenas.jobs import Job, Pipe
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.session import Session

WAIT_POLL_S = 0.02
MAX_WAIT_STEPS = 1_000_000


class Core(Namespace):
    """The middleware's own methods."""

    @method("core.ping")
    def ping(self, call: Call) -> str:
        """Sign of life."""
        return "pong"

    @method("core.set_options")
    def set_options(self, call: Call, options: Row) -> Row | None:
        """Options of this session."""
        if call.session is None:
            raise CallError("This method needs a session")
        call.session.options.update(options)
        if self.box.persona.release >= (25, 10):
            call.session.legacy_jobs = bool(call.session.options["legacy_jobs"])
            return dict(call.session.options)
        return None

    @method("core.subscribe")
    def subscribe(self, call: Call, event: str) -> str:
        """Subscribe this session to an event; the subscription's id."""
        return self.box.events.subscribe(self._session(call), event)

    @method("core.unsubscribe")
    def unsubscribe(self, call: Call, number: str) -> None:
        """End a subscription of this session."""
        subscription = self._session(call).subscriptions.pop(number, None)
        if subscription is not None:
            subscription.end()

    def _row(self, job: Job, *, raw: bool) -> Row:
        return job.row(with_message_ids=self.box.persona.has_message_ids, raw_result=raw)

    @method("core.get_jobs")
    def get_jobs(self, call: Call, filters: list[Any], options: Row) -> Json:
        """Jobs that this session may see."""
        from holdfast.simulators.truenas.box import job_visible

        raw = bool(options.get("extra", {}).get("raw_result"))
        session = call.session
        jobs = [job for job in self._candidates(filters) if session is None or job_visible(session, job)]
        return call.query([self._row(job, raw=raw) for job in jobs], filters, options)

    def _candidates(self, filters: list[Json]) -> list[Job]:
        """All jobs, or the one that an equality filter on the id leaves (how everybody polls)."""
        jobs = self.box.jobs.jobs
        for entry in filters:
            if isinstance(entry, list) and entry[:2] == ["id", "="] and len(entry) == 3 and isinstance(entry[2], int):
                return [jobs[entry[2]]] if entry[2] in jobs else []
        return list(jobs.values())

    def visible_job(self, call: Call, number: int) -> Job:
        """The job, if this session may see it."""
        from holdfast.simulators.truenas.box import job_visible

        job = self.box.jobs.jobs.get(number)
        if job is None or (call.session is not None and not job_visible(call.session, job)):
            raise InstanceNotFoundError(f"Job {number} does not exist")
        return job

    @method("core.job_abort")
    def job_abort(self, call: Call, number: int) -> None:
        """Abort without checking whether the job is abortable."""
        self.box.jobs.abort(self.visible_job(call, number), cancels_threads=self.box.persona.release < (26, 0))

    @method("core.job_wait")
    def job_wait(self, call: Call, number: int) -> Steps:
        """A job that ends as another one does, with its result."""
        target = self.visible_job(call, number)
        for _ in range(MAX_WAIT_STEPS):
            if target.finished:
                break
            yield Step(target.percent, target.description, WAIT_POLL_S)
        if target.state == "SUCCESS":
            return target.result
        raise target.failure or CallError(f"Job {number} was {target.state.lower()}")

    @method("core.job_download_logs")
    def job_download_logs(self, call: Call, number: int, filename: str, buffered: bool) -> str:
        """The path under which a job's log can be fetched."""
        target = self.visible_job(call, number)
        if not target.facts.logs:
            raise CallError("This job has no logs", EINVAL)

        def body(job: Job) -> Steps:
            yield Step(50, "Reading")
            if job.output is not None:
                job.output.data += "\n".join(target.logs).encode()

        job = self._piped("core.job_download_logs", call, body, held=not buffered)
        return self.box.transfers.offer(job, self._session(call).origin, buffered=buffered)

    def _piped(self, name: str, call: Call, body: Json, *, held: bool) -> Job:
        def prepare(job: Job) -> None:
            job.output, job.held = Pipe(), held

        return self.box.jobs.submit(
            name,
            [],
            JobFacts(pipes=("output",)),
            body,
            lock=None,
            session=call.session,
            credential=call.credential,
            prepare=prepare,
        )

    @method("core.download")
    def download(self, call: Call, name: str, args: list[Any], filename: str, buffered: bool) -> list[Any]:
        """Start a method that writes a file; its job id, and the path to fetch from once."""
        session = self._session(call)
        fact = self.box.dispatcher.fact(self.box.persona.name, name)
        if fact is None:
            raise UnknownMethodError(f"Method {name!r} not found")
        if fact.job is None or "output" not in fact.job.pipes:
            raise CallError(f"Method {name} is not downloadable", EINVAL)
        if fact.auth == "role" and call.credential is not None and not call.credential.has_role(fact.roles):
            raise CallError("Not authorized", 13)
        nested = Call(self.box, fact, self.box.persona.release, session, call.credential, call.message_id)
        arguments = self.box.dispatcher.check(fact, args)
        handler = self.box.dispatcher.handlers[name]
        job = self.box.dispatcher.submit(nested, handler, arguments, output=Pipe(), held=not buffered)
        return [job.id, self.box.transfers.offer(job, session.origin, buffered=buffered)]

    @method("core.bulk", lock=lambda arguments: f"{arguments[0]}")
    def bulk(self, call: Call, name: str, calls: list[list[Any]], description: str | None) -> Steps:
        """Call a method for each list of arguments, one after the other; SUCCESS whatever happens to them."""
        if call.job is not None:
            call.job.summary = description
        results: list[Row] = []
        for index, params in enumerate(calls):
            yield Step(100 * index // max(len(calls), 1), f"{index}/{len(calls)}", 0)
            results.append((yield from self._one(call, name, params)))
        return results

    def _one(self, call: Call, name: str, params: list[Any]) -> Steps:
        box = self.box
        try:
            fact = box.dispatcher.fact(box.persona.name, name)
            if fact is None:
                raise UnknownMethodError(f"Method {name!r} not found")
            if fact.auth == "role" and call.credential is not None and not call.credential.has_role(fact.roles):
                raise CallError("Not authorized", 13)
            nested = Call(box, fact, box.persona.release, call.session, call.credential)
            arguments = box.dispatcher.check(fact, params)
            registration = box.dispatcher.handlers[name]
            if fact.job is None:
                return {"job_id": None, "error": None, "result": registration.handler(nested, *arguments)}
            job = box.dispatcher.submit(nested, registration, arguments)
        except MiddlewareError as error:
            return {"job_id": None, "error": error.reason, "result": None}
        for _ in range(MAX_WAIT_STEPS):
            if job.finished:
                break
            yield Step(job.percent, job.description, WAIT_POLL_S)
        return {"job_id": job.id, "error": job.error, "result": job.result}

    # Discovery -----------------------------------------------------------------------------------------------

    @method("core.get_services")
    def get_services(self, call: Call, target: str) -> Row:
        """Namespaces that are served."""
        served = self.box.dispatcher.served(self._release(call))
        names = sorted({fact.namespace for fact in served.values()})
        kinds = {
            name: "crud" if f"{name}.create" in served else "config" if f"{name}.config" in served else "service"
            for name in names
        }
        return {name: {"config": {"namespace": name}, "type": kind} for name, kind in kinds.items()}

    @method("core.get_methods")
    def get_methods(self, call: Call, service: str | None, target: str) -> Row:
        """Methods that the caller may call, with their schemas."""
        found: Row = {}
        for name, fact in sorted(self.box.dispatcher.served(self._release(call)).items()):
            if service is not None and fact.namespace != service:
                continue
            if fact.auth == "role" and call.credential is not None and not call.credential.has_role(fact.roles):
                continue
            found[name] = self._described(fact)
        return found

    def _release(self, call: Call) -> str:
        return call.session.api_release if call.session is not None else self.box.persona.name

    def _described(self, fact: Fact) -> Row:
        expand = self.box.facts.expand
        pipes = fact.job.pipes if fact.job is not None else ()
        return {
            "description": "",
            "cli_description": "",
            "accepts": [
                {**expand(param.schema), "_name_": param.name, "_required_": param.required} for param in fact.params
            ],
            "returns": [expand(fact.returns)],
            "roles": all_roles_for(fact),
            "job": fact.job is not None,
            "filterable": fact.is_query,
            "downloadable": "output" in pipes,
            "uploadable": "input" in pipes,
            "check_pipes": fact.job.check_pipes if fact.job is not None else False,
            "no_auth_required": fact.auth == "none",
            "no_authz_required": fact.auth == "any",
            "require_websocket": False,
            "cli_private": False,
            "item_method": fact.name.rpartition(".")[2] in ("get_instance", "update", "delete"),
            "examples": {},
            "extra_methods": None,
            "pass_application": False,
        }

    @method("core.ping_remote")
    def ping_remote(self, call: Call, options: Row) -> bool:
        """Whether a host answers: those of the rack do."""
        world = self.box.world
        host = options["hostname"]
        known = {world.firewall_lan_ip, world.firewall_hostname, "127.0.0.1", "localhost"}
        for server in world.servers:
            if server.hostname not in world.offline_nodes:
                known |= {server.host_ip, server.hostname}
            known.add(server.bmc_ip)
        known |= {guest.ip for guest in world.guests if guest.ip is not None}
        return host in known

    @method("core.arp")
    def arp(self, call: Call, options: Row) -> Row:
        """The neighbours' addresses: IP → MAC."""
        world = self.box.world
        table = {world.firewall_lan_ip: world.firewall_macs[0]}
        table |= {s.host_ip: s.host_macs[0] for s in world.servers if s.hostname not in world.offline_nodes}
        table |= {guest.ip: guest.mac for guest in world.guests if guest.ip is not None and guest.running}
        table.pop(self.box.server.host_ip, None)
        if options.get("ip") is not None:
            if options["ip"] not in table:
                raise CallError(f"No ARP entry for {options['ip']}", EHOSTUNREACH)
            return {options["ip"]: table[options["ip"]]}
        return dict(table)

    @staticmethod
    def _session(call: Call) -> Session:
        if call.session is None:
            raise CallError("This method needs a session")
        return call.session


def all_roles_for(fact: Fact) -> list[str]:
    """Every role that allows the method, bundles included."""
    roles = set(fact.roles)
    for bundle in (
        "READONLY_ADMIN",
        "SHARING_ADMIN",
        "REPLICATION_ADMIN",
        *(f"{r[:-5]}_WRITE" for r in fact.roles if r.endswith("_READ")),
    ):
        held = expand_roles([bundle])
        if any(role in held or ("READONLY_ADMIN" in held and role.endswith("_READ")) for role in fact.roles):
            roles.add(bundle)
    return sorted(roles | {"FULL_ADMIN"})
