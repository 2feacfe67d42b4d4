"""Faults that happen at once, when they are set."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from holdfast.simulators.truenas.box import Box
from holdfast.simulators.truenas.errors import CallError
from holdfast.simulators.truenas.faults import Fault
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.identities import Identities
from holdfast.simulators.truenas.methods.pools import Pools
from holdfast.simulators.truenas.methods.system import System


def _revoke(box: Box, fault: Fault) -> None:
    accounts = box.get(Accounts)
    username = fault.text("username") or accounts.service_username
    for row in accounts.keys:
        if row["username"] == username and not row["revoked"]:
            box.get(Identities).revoke(row, "Revoked by an administrator")


def _restart(box: Box, fault: Fault) -> None:
    down_s = fault.number("down_s")
    box.restart(down_s if down_s >= 0 else box.timing.restart_s)


def _terminate(box: Box, fault: Fault) -> None:
    for session in list(box.sessions):
        session.log_out()
        box.background(session.close(1000, ""))


def _unsubscribe(box: Box, fault: Fault) -> None:
    for session in list(box.sessions):
        for subscription in list(session.subscriptions.values()):
            if fnmatchcase(subscription.name, fault.text("collection")):
                box.events.end(subscription, CallError("The event source ended"))


def _degrade(box: Box, fault: Fault) -> None:
    pools = box.get(Pools)
    wanted = fault.text("pool") or box.world.nas_pool
    pool = pools.store.pool_named(wanted)
    if pool is None:
        raise ValueError(f"there is no pool {wanted}")
    leaves = list(pool.leaves())
    disk = fault.text("disk")
    leaf = (
        next((leaf for leaf in leaves if leaf.disk is not None and leaf.disk.name == disk), None) if disk else leaves[0]
    )
    if leaf is None:
        raise ValueError(f"pool {wanted} has no disk {disk}")
    leaf.state = "FAULTED"
    leaf.errors["read_errors"] += 37
    pools.changed(pool)


_STRIKES: dict[str, Callable[[Box, Fault], None]] = {
    "key-revoked": _revoke,
    "restart": _restart,
    "reboot": lambda box, fault: box.reboot(),
    "drop-sockets": lambda box, fault: box.drop_sockets(),
    "terminate-sessions": _terminate,
    "notify-unsubscribed": _unsubscribe,
    "reboot-required": lambda box, fault: box.get(System).require_reboot(fault.text("code"), fault.text("reason")),
    "pool-degraded": _degrade,
}


def strike(box: Box, fault: Fault) -> None:
    """Let the fault happen. ValueError when its options name something that is not there."""
    _STRIKES[fault.name](box, fault)
