"""Subscriptions and notifications (contract sections 3 and 9). Nothing is replayed; delivery ends with the socket."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.errors import EACCES, CallError, MiddlewareError, Row, errname
from holdfast.simulators.truenas.timeline import Timer

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.session import Session

# Events beside `<namespace>.query`: name → roles that may subscribe (none: every logged-in session).
EVENTS: dict[str, tuple[str, ...]] = {
    "core.get_jobs": (),
    "alert.list": ("ALERT_LIST_READ",),
    "zfs.pool.scan": ("POOL_READ",),
    "pool.scan": ("POOL_READ",),
    "update.status": ("SYSTEM_UPDATE_READ",),
    "system.ready": (),
    "system.reboot": (),
    "system.shutdown": (),
    "system.reboot.info": ("SYSTEM_GENERAL_READ",),
    "failover.reboot.info": ("FAILOVER_READ",),
    "failover.status": ("FAILOVER_READ",),
    "failover.disabled.reasons": ("FAILOVER_READ",),
    "directoryservices.status": (),
    "docker.state": ("DOCKER_READ",),
    "docker.events": ("DOCKER_READ",),
    "truecommand.config": ("TRUECOMMAND_READ",),
    "tn_connect.config": ("TRUENAS_CONNECT_READ",),
    "auth.sessions": ("AUTH_SESSIONS_READ",),
}

Source = Callable[["Subscription", Any], None]
"""Starts an event source for a subscription, with its validated argument; MiddlewareError when it cannot."""


@dataclass
class Subscription:
    """One subscription of one session; `name` includes the `:{json}` argument."""

    id: str
    name: str
    session: Session
    timer: Timer | None = None
    active: bool = True

    def end(self) -> None:
        """Stop it, without a word."""
        self.active = False
        if self.timer is not None:
            self.timer.cancel()


class EventHub:
    """Delivers what happens on the box to who asked for it."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.sources: dict[str, tuple[tuple[str, ...], Source]] = {}

    def emit(
        self,
        collection: str,
        msg: str,
        *,
        key: object = None,
        fields: Row | None = None,
        visible: Callable[[Session], bool] | None = None,
    ) -> None:
        """Notify every subscriber of this collection (and of "*")."""
        for session in list(self._box.sessions):
            if session.credential is None or (visible is not None and not visible(session)):
                continue
            if any(sub.name in (collection, "*") for sub in session.subscriptions.values()):
                self.notify(session, collection, msg, key=key, fields=fields)

    @staticmethod
    def notify(session: Session, collection: str, msg: str, *, key: object = None, fields: Row | None = None) -> None:
        """One notification to one session."""
        params: Row = {"msg": msg, "collection": collection}
        if key is not None:
            params["id"] = key
        if fields is not None and msg != "removed":
            params["fields"] = fields
        session.send({"jsonrpc": "2.0", "method": "collection_update", "params": params})

    def subscribe(self, session: Session, name: str) -> str:
        """Subscribe; the id. CallError with EACCES when the session may not."""
        base, _, argument = name.partition(":")
        credential = session.credential
        source = self.sources.get(base)
        if source is not None:
            roles = source[0]
        elif base in EVENTS:
            roles = EVENTS[base]
        else:
            fact = self._box.dispatcher.fact(session.api_release, base)
            roles = fact.roles if fact is not None else ("FULL_ADMIN",)
        if credential is None or (roles and not credential.has_role(roles)):
            raise CallError("Not authorized", EACCES)
        subscription = Subscription(str(uuid.uuid4()), name, session)
        session.subscriptions[subscription.id] = subscription
        if source is not None:
            self._start(source[1], subscription, argument)
        return subscription.id

    def _start(self, source: Source, subscription: Subscription, argument: str) -> None:
        try:
            source(subscription, json.loads(argument) if argument else {})
        except json.JSONDecodeError as error:
            self.end(subscription, CallError(f"Invalid event source argument: {error}", 22))
        except MiddlewareError as error:
            self.end(subscription, error)

    def end(self, subscription: Subscription, error: MiddlewareError | None = None) -> None:
        """The server ends a subscription and says why."""
        subscription.end()
        subscription.session.subscriptions.pop(subscription.id, None)
        params: Row = {"collection": subscription.name, "error": None}
        if error is not None:
            params["error"] = {
                "error": error.errno,
                "errname": errname(error.errno),
                "reason": error.reason,
                "trace": None,
                "extra": error.extra,
            }
        subscription.session.send({"jsonrpc": "2.0", "method": "notify_unsubscribed", "params": params})

    def repeat(self, subscription: Subscription, seconds: float, fields: Callable[[], Row]) -> None:
        """Send `fields()` now and every `seconds` of simulated time, until the subscription ends."""

        def tick() -> None:
            if not subscription.active or subscription.session.closed:
                return
            self.notify(subscription.session, subscription.name, "added", fields=fields())
            subscription.timer = self._box.timeline.after(seconds, tick)

        subscription.timer = self._box.timeline.after(0, tick)
