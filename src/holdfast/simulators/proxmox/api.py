"""From a request to an answer: route, permission, proxy hop, verification, handler (contract sections 3 to 5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.simulators.proxmox.auth import Authenticator, Identity
from holdfast.simulators.proxmox.call import HANDLERS, Answer, Call, LockTimeoutNow, Upload
from holdfast.simulators.proxmox.cluster import Cluster
from holdfast.simulators.proxmox.errors import ApiError, EmptyError, LockBusyError, bad_parameter
from holdfast.simulators.proxmox.facts import Method, MethodTable
from holdfast.simulators.proxmox.permissions import check_rule
from holdfast.simulators.proxmox.values import Row
from holdfast.simulators.proxmox.verify import verify

PROXY_TIMEOUT_S: Final = 30.0
LOCK_WAIT_S: Final = 10.0
_POLL_S: Final = 0.01
# With a clock that stands still the lock is never given back; then a few looks end the wait.
_STILL_POLLS: Final = 10
_LOCK_POLLS: Final = 1500


@dataclass(frozen=True, repr=False)
class Reply:
    """An answer and the attributes that stand beside `data` (total, changes)."""

    data: Answer
    beside: Row
    proxied: bool


class Api:
    """The API as one node of the cluster serves it."""

    def __init__(
        self,
        cluster: Cluster,
        authenticator: Authenticator,
        table: MethodTable,
        local_node: Callable[[], str],
        wait: Callable[[float], float],
    ) -> None:
        """`wait` turns seconds of the real appliance into seconds to sleep here."""
        self._cluster = cluster
        self._authenticator = authenticator
        self._table = table
        self._local_node = local_node
        self._wait = wait

    def route(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method behind a path; 501 when this release has none."""
        found = self._table.find(verb, path)
        if found is None:
            raise ApiError(f"Method '{verb} {path}' not implemented", 501)
        return found

    async def handle(
        self, verb: str, path: str, given: Mapping[str, object], identity: Identity, upload: Upload | None = None
    ) -> Reply:
        """Answer one call; `ApiError` and `EmptyError` are answers too."""
        self._cluster.timeline.catch_up()
        method, in_path = self.route(verb, path)
        params: dict[str, object] = dict(given)
        for name, value in in_path.items():
            if name in params and str(params[name]) != value:
                raise bad_parameter(name, "duplicate parameter (already defined in URI) with conflicting values!")
            params[name] = value
        if identity.token and not method.token:
            raise ApiError(
                f"Permission check failed (URI '{path}' not available with API token, need proper ticket.\n)", 403
            )
        if identity.who:
            check_rule(method.rule, self._cluster.access, identity.who, params)
        if method.proxied and not params.get("node"):
            raise bad_parameter("node", "proxy parameter 'node' does not exists")
        local = self._local_node()
        node = str(params["node"]) if method.proxied else local
        if method.proxied and node != "localhost":
            self._check_reachable(node, local)
        if node == "localhost":
            node = local
            params["node"] = local
        call_method = self._bind(method, params, identity, local, upload)
        await self._hop(method, node, local, call_method)
        return await self._run(call_method, proxied=node != local)

    def _check_reachable(self, node: str, local: str) -> None:
        member = self._cluster.nodes.get(node)
        if node == local:
            return
        if member is None:
            if any(node == found.fqdn for found in self._cluster.nodes.values()):
                raise EmptyError(596, "certificate verify failed")
            raise ApiError(
                f"hostname lookup '{node}' failed - failed to get address info for: {node}: Name or service not known"
            )
        if not member.online:
            raise EmptyError(595, "No route to host")

    def _bind(
        self, method: Method, params: Mapping[str, object], identity: Identity, local: str, upload: Upload | None
    ) -> Callable[[], Call]:
        """Verification happens on the executing node, so it is put off until the call arrives there."""

        def bind() -> Call:
            verified = verify(method, params)
            return Call(self._cluster, self._authenticator, method, verified, identity, local, upload)

        return bind

    async def _hop(self, method: Method, node: str, local: str, bind: Callable[[], Call]) -> None:
        """Pass the proxy between nodes and daemons, where a stalled target answers 596."""
        if node == local and not method.protected:
            return
        stalled = self._cluster.faults.strike("node-stalled", node=node)
        if stalled is not None:
            if method.verb != "GET":
                self._cluster.timeline.after(
                    stalled.number("execute_after_s", PROXY_TIMEOUT_S + 15), lambda: self._execute_late(bind)
                )
            await asyncio.sleep(stalled.number("delay_s", self._wait(PROXY_TIMEOUT_S)))
            raise EmptyError(596, "Connection timed out")
        busy = self._cluster.faults.strike("workers-busy") if method.protected else None
        if busy is not None:
            seconds = busy.number("delay_s", PROXY_TIMEOUT_S)
            await asyncio.sleep(self._wait(min(seconds, PROXY_TIMEOUT_S)))
            if seconds >= PROXY_TIMEOUT_S:
                raise EmptyError(596, "Connection timed out")

    def _execute_late(self, bind: Callable[[], Call], looks: int = int(LOCK_WAIT_S)) -> None:
        """The queued write runs when the stalled daemon resumes; nobody hears its answer."""
        try:
            call = bind()
            HANDLERS[call.method.endpoint](call)
        except LockTimeoutNow:
            return
        except LockBusyError:
            if looks > 0:
                self._cluster.timeline.after(1.0, lambda: self._execute_late(bind, looks - 1))
        except (ApiError, EmptyError):
            return

    async def _run(self, bind: Callable[[], Call], *, proxied: bool) -> Reply:
        call = bind()
        self._cluster.timeline.catch_up()
        self._before(call)
        handler = HANDLERS.get(call.method.endpoint)
        if handler is None:
            raise ApiError(f"Method '{call.method.endpoint}' is not simulated")
        begun = self._cluster.now()
        path = ""
        for look in range(_LOCK_POLLS):
            try:
                data = handler(call)
            except LockTimeoutNow as error:
                path = error.path
                break
            except LockBusyError as error:
                path = error.path
                await asyncio.sleep(_POLL_S)
                self._cluster.timeline.catch_up()
                waited = self._cluster.now() - begun
                if waited >= LOCK_WAIT_S or (waited == 0 and look >= _STILL_POLLS):
                    break
                continue
            self._after(call)
            return Reply(data, call.beside, proxied)
        raise ApiError(f"can't lock file '{path}' - got timeout")

    def _after(self, call: Call) -> None:
        """The fault that strikes when a write has been carried out."""
        faults = self._cluster.faults
        late = faults.find("late-error") if call.method.verb != "GET" else None
        if late is None or late.text("path") not in ("", call.method.template):
            return
        faults.strike("late-error")
        status, text = int(late.number("status", 500)), late.text("text", "simulated late failure")
        if status >= 502:
            raise EmptyError(status, text)
        field = late.text("field")
        raise ApiError(text, status, {field: text} if field else None)

    def _before(self, call: Call) -> None:
        """Faults that strike between lookup and execution."""
        faults = self._cluster.faults
        broken = faults.find("internal-error")
        if broken is not None and broken.text("path") in ("", call.method.template):
            faults.strike("internal-error")
            raise ApiError(broken.text("text", "unexpected end of file at /usr/share/perl5/PVE/API2/Tools.pm line 71."))
        if call.method.verb == "GET" or "{vmid}" not in call.method.template:
            return
        moving = faults.strike("migrating", vmid=call.params.number("vmid"))
        if moving is not None:
            guest = self._cluster.guests.get(call.params.number("vmid"))
            if guest is not None:
                guest.node = moving.text("target", guest.node)
                self._cluster.touch(guest)
