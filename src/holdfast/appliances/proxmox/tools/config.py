"""Configuration of guests: options, disks, cloud-init, metrics."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field

from holdfast.appliances.proxmox.arguments import GuestRef, Option, Timeframe
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.disks import plan_move, plan_resize
from holdfast.appliances.proxmox.encoding import form_of, plain, without
from holdfast.appliances.proxmox.guestconfig import pending_rows, plan_config, waiting
from holdfast.appliances.proxmox.guests import config_of, find_guest, find_vm
from holdfast.appliances.proxmox.identifiers import DiskKey, GuestTag, StorageId
from holdfast.appliances.proxmox.metrics import thinned
from holdfast.appliances.proxmox.models.guests import CloudInit, GuestConfig, Metrics
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.change import Change
from holdfast.control.identifiers import Fqdn, UserName
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError

Disk = Annotated[DiskKey, Field(description="Disk: scsi0, virtio1, rootfs, mp0.")]
Value = Annotated[str, Field(max_length=4000)]
Points = Annotated[int, Field(ge=2, le=200, description="At most so many points.")]


@tool(title="Get guest configuration", toolset="config")
async def proxmox_get_guest_config(
    ctx: Ctx,
    *,
    guest: GuestRef,
    running: Annotated[bool, Field(description="The values that apply now, without pending ones.")] = False,
) -> GuestConfig:
    """All options of a VM or container as Proxmox writes them, and which changes wait for the next stop and start."""
    found = await find_guest(ctx.client, guest)
    query = {"current": 1} if running and found.is_vm else None
    options = await ctx.client.object(*found.path, "config", query=query)
    rows = await pending_rows(ctx, found)
    return GuestConfig(
        vmid=found.vmid,
        kind="vm" if found.is_vm else "container",
        node=found.node,
        options=dict(sorted(without(options, ("digest",)).items())),
        pending=waiting(rows) or None,
    )


@tool(title="Change guest configuration", toolset="config", risk=Risk.WRITE, idempotent=True)
async def proxmox_change_guest_config(
    ctx: Ctx,
    *,
    guest: GuestRef,
    cores: Annotated[int | None, Field(ge=1, le=512, description="CPU cores.")] = None,
    memory_mib: Annotated[int | None, Field(ge=16, le=16_777_216, description="Memory, MiB.")] = None,
    name: Annotated[Fqdn | None, Field(description="Name, a DNS name.")] = None,
    description: Annotated[str | None, Field(max_length=8000, description="Notes.")] = None,
    tags: Annotated[list[GuestTag] | None, Field(max_length=20, description="All tags.")] = None,
    onboot: Annotated[bool | None, Field(description="Start with the node.")] = None,
    protection: Annotated[bool | None, Field(description="Refuse deletion of guest and disks.")] = None,
    options: Annotated[
        dict[Option, Value] | None,
        Field(max_length=40, description="Other options by their Proxmox names: net1, scsi1 (STORAGE:GIB), cpu, boot."),
    ] = None,
    unset: Annotated[
        list[Option] | None,
        Field(max_length=40, description="Options to remove; a disk is detached, unusedN destroyed."),
    ] = None,
) -> Change:
    """Change options of a VM or container. What a running guest cannot take at once is pending until stop and start.

    Disks grow with proxmox_resize_disk and move with proxmox_move_disk.
    """
    found = await find_guest(ctx.client, guest)
    named = {
        "cores": cores,
        "memory": memory_mib,
        "name" if found.is_vm else "hostname": name,
        "description": description,
        "tags": ";".join(tags) if tags is not None else None,
        "onboot": onboot,
        "protection": protection,
    }
    wanted = {option: str(value) for option, value in form_of(named).items()} | (options or {})
    return await plan_config(ctx, found, wanted, unset or ())


@tool(title="Revert pending changes", toolset="config", risk=Risk.WRITE, idempotent=True)
async def proxmox_revert_guest_config(
    ctx: Ctx,
    *,
    guest: GuestRef,
    options: Annotated[list[Option] | None, Field(max_length=40, description="Only these; all when left out.")] = None,
) -> Change:
    """Drop changes of a guest's configuration that wait for the next stop and start."""
    found = await find_guest(ctx.client, guest)
    await guard_guest(ctx, found, interrupts=False)
    rows = await pending_rows(ctx, found)
    names = [plain(row.get("key")) for row in rows]
    chosen = sorted(set(names) & set(options)) if options is not None else sorted(names)
    shown = waiting(rows)
    config = await config_of(ctx.client, found)

    async def look() -> Seen:
        still = waiting(await pending_rows(ctx, found))
        return Seen(not set(still) & set(chosen), {"pending": still})

    return await change(
        ctx,
        Write(
            "PUT",
            (*found.path, "config"),
            form_of({"revert": chosen, "digest": plain(config.get("digest"))}),
            guest=found,
        ),
        summary=f"Drop pending changes of {found.label}: {', '.join(chosen) or 'none'}",
        before={"pending": shown},
        after={"pending": {option: entry for option, entry in shown.items() if option not in chosen}},
        look=look,
        cannot_undo="Set the options again; before says what they would have become.",
        nothing_to_do=not chosen,
    )


@tool(title="Resize disk", toolset="config", risk=Risk.WRITE, idempotent=True)
async def proxmox_resize_disk(
    ctx: Ctx,
    *,
    guest: GuestRef,
    disk: Disk,
    size_gib: Annotated[int, Field(ge=1, le=131_072, description="New size, GiB; never smaller than now.")],
) -> Change:
    """Let a disk of a VM or container grow to a size. The file system in a VM must be grown inside it afterwards."""
    return await plan_resize(ctx, await find_guest(ctx.client, guest), disk, size_gib)


@tool(title="Move disk", toolset="config", risk=Risk.WRITE, idempotent=True)
async def proxmox_move_disk(
    ctx: Ctx,
    *,
    guest: GuestRef,
    disk: Disk,
    storage: Annotated[StorageId, Field(description="Storage it moves to.")],
    format: Annotated[  # noqa: A002 - the API's own word
        Literal["raw", "qcow2", "vmdk"] | None, Field(description="Format there (VMs).")
    ] = None,
    delete_source: Annotated[bool, Field(description="Destroy the old copy instead of keeping it as unusedN.")] = False,
) -> Change:
    """Move a disk of a VM or container to another storage; a VM may run meanwhile, a container must be stopped."""
    found = await find_guest(ctx.client, guest)
    if not found.is_vm and format is not None:
        raise ConflictError("Disks of containers have no format to choose.", next_step="Leave format out.")
    return await plan_move(ctx, found, disk, storage, format, delete_source=delete_source)


@tool(title="Get cloud-init", toolset="config")
async def proxmox_get_cloudinit(
    ctx: Ctx,
    *,
    guest: GuestRef,
    document: Annotated[
        Literal["user", "network", "meta"] | None, Field(description="Also the document made from the settings.")
    ] = None,
) -> CloudInit:
    """Cloud-init settings of a VM, and which of them are not written to its drive yet."""
    found = await find_vm(ctx.client, guest)
    rows = await ctx.client.rows(*found.path, "cloudinit")
    text = None
    if document is not None:
        text = plain(await ctx.client.get(*found.path, "cloudinit", "dump", query={"type": document}))
    settings = {plain(row.get("key")): row.get("value") for row in rows if row.get("value") is not None}
    pending = [plain(row.get("key")) for row in rows if row.get("pending") is not None or row.get("delete")]
    return CloudInit(settings=dict(sorted(settings.items())), pending=sorted(pending) or None, document=text)


@tool(title="Set cloud-init", toolset="config", risk=Risk.WRITE, idempotent=True)
async def proxmox_set_cloudinit(
    ctx: Ctx,
    *,
    guest: GuestRef,
    user: Annotated[UserName | None, Field(description="User that is made.")] = None,
    ssh_public_keys: Annotated[list[Value] | None, Field(max_length=20, description="Its public keys, all.")] = None,
    ipconfig0: Annotated[
        str | None,
        Field(max_length=200, pattern=r"^[a-z0-9=:./,]+$", description="First card: ip=dhcp or ip=A/N,gw=A."),
    ] = None,
    nameserver: Annotated[
        str | None, Field(max_length=200, pattern=r"^[0-9A-Fa-f:. ]+$", description="DNS servers.")
    ] = None,
    searchdomain: Annotated[Fqdn | None, Field(description="Search domain.")] = None,
    upgrade: Annotated[bool | None, Field(description="Upgrade packages at the first start.")] = None,
    unset: Annotated[
        list[Literal["ciuser", "sshkeys", "ipconfig0", "nameserver", "searchdomain", "ciupgrade"]] | None,
        Field(description="Settings to remove, by their Proxmox names."),
    ] = None,
) -> Change:
    """Change cloud-init settings of a VM. They reach the guest when it next starts from its cloud-init drive."""
    found = await find_vm(ctx.client, guest)
    named = {
        "ciuser": user,
        # Percent-encoded before the form is: twice on the wire (contract 4).
        "sshkeys": quote("\n".join(ssh_public_keys), safe="") if ssh_public_keys else None,
        "ipconfig0": ipconfig0,
        "nameserver": nameserver,
        "searchdomain": searchdomain,
        "ciupgrade": upgrade,
    }
    wanted = {option: str(value) for option, value in form_of(named).items()}
    return await plan_config(ctx, found, wanted, list(unset or ()), summary=f"Set cloud-init of {found.label}")


@tool(title="Guest metrics", toolset="config")
async def proxmox_guest_metrics(
    ctx: Ctx, *, guest: GuestRef, timeframe: Timeframe = "hour", points: Points = 60
) -> Metrics:
    """Usage of a VM or container over time: CPU, memory, network and disk rates."""
    found = await find_guest(ctx.client, guest)
    rows = await ctx.client.rows(*found.path, "rrddata", query={"timeframe": timeframe, "cf": "AVERAGE"})
    return thinned(rows, points)
