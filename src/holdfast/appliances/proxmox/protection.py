"""What is never done: stopping the guest or the node that Holdfast runs on, touching what the operator protects."""

from __future__ import annotations

from typing import Final

from holdfast.appliances.proxmox.changes import Ctx
from holdfast.appliances.proxmox.encoding import plain, properties
from holdfast.appliances.proxmox.guests import Guest, config_of, guest_of
from holdfast.errors import RefusedError

API_SERVICES: Final = frozenset({"pveproxy", "pvedaemon", "pve-cluster", "corosync"})
"""Services without which port 8006 no longer answers."""


async def guard_guest(ctx: Ctx, guest: Guest, *, interrupts: bool = True) -> None:
    """Refuse a change of a guest that is protected, or one that would stop the guest that Holdfast runs in.

    Args:
        ctx: Of the tool.
        guest: The guest.
        interrupts: Whether the change stops the guest, if only for a while, or destroys it.

    Raises:
        RefusedError: Nothing was executed.
    """
    settings = ctx.client.settings
    names = {str(guest.vmid), guest.name}
    tags = {tag.lower() for tag in guest.tags}
    if names & set(settings.protected_guests) or tags & {tag.lower() for tag in settings.protected_tags}:
        raise RefusedError(
            f"{guest.label} is protected by the operator. Nothing was executed.",
            next_step="protected_guests and protected_tags of the target name what is protected.",
        )
    if interrupts and await _is_own(ctx, guest):
        raise RefusedError(
            f"{guest.label} is the guest that Holdfast itself runs in: it would cut off its own hand. "
            "Nothing was executed.",
            next_step="Do it in the Proxmox web interface.",
        )


async def _is_own(ctx: Ctx, guest: Guest) -> bool:
    named = ctx.client.settings.own_guest
    if named is not None:
        return named in (str(guest.vmid), guest.name)
    here = ctx.client.here
    if guest.name != here.hostname:
        return False
    config = await config_of(ctx.client, guest)
    cards = [properties(plain(value)) for option, value in config.items() if option.startswith("net")]
    return any(value.lower() in here.macs for card in cards for value in card.values())


async def guard_node(ctx: Ctx, node: str) -> None:
    """Refuse to stop the node that Holdfast runs on, or that holds the guest it runs in.

    Raises:
        RefusedError: Nothing was executed.
    """
    settings, here = ctx.client.settings, ctx.client.here
    own = node in (settings.own_node, here.hostname)
    if not own:
        members = await ctx.client.rows("cluster", "status")
        own = any(row.get("name") == node and plain(row.get("ip")) in here.addresses for row in members)
    if not own:
        rows = await ctx.client.inventory.rows()
        guests = [guest_of(row) for row in rows if row.get("type") in ("qemu", "lxc") and row.get("node") == node]
        wanted = settings.own_guest or here.hostname
        for guest in [one for one in guests if wanted in (str(one.vmid), one.name)][:3]:
            own = own or await _is_own(ctx, guest)
    if own:
        raise RefusedError(
            f"Holdfast itself runs on {node}, or in a guest there. Nothing was executed.",
            next_step="Do it in the Proxmox web interface of another node.",
        )


def guard_service(node: str, service: str, action: str) -> None:
    """Refuse to stop a service without which port 8006 no longer answers.

    Raises:
        RefusedError: Nothing was executed.
    """
    if action == "stop" and service in API_SERVICES:
        raise RefusedError(
            f"Without {service} nobody reaches the API of {node} on port 8006 any more. Nothing was executed.",
            next_step="action=restart is possible.",
        )
