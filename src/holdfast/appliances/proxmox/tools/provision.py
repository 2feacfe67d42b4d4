"""Making, cloning and deleting guests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.appliances.proxmox.arguments import GuestRef, Node
from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.deletion import deletion_of, holdings
from holdfast.appliances.proxmox.encoding import Given, form_of, plain, property_string
from holdfast.appliances.proxmox.guests import config_of, current_state, find_guest, known_node
from holdfast.appliances.proxmox.identifiers import Bridge, GuestTag, PoolId, SnapshotName, StorageId, Vmid, VolumeId
from holdfast.appliances.proxmox.newguests import plan_new_guest
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.change import Change
from holdfast.control.identifiers import Cidr, Fqdn, IpAddress
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError

NewId = Annotated[Vmid | None, Field(description="Id; a free one when left out.")]
Name = Annotated[Fqdn, Field(description="Name, a DNS name.")]
Cores = Annotated[int, Field(ge=1, le=512, description="CPU cores.")]
MemoryMib = Annotated[int, Field(ge=16, le=16_777_216, description="Memory, MiB.")]
DiskGib = Annotated[int, Field(ge=1, le=131_072, description="Disk size, GiB.")]
OnStorage = Annotated[StorageId, Field(description="Storage of its disk.")]
OnBridge = Annotated[Bridge | None, Field(description="Bridge; null for no network.")]
Vlan = Annotated[int | None, Field(ge=1, le=4094, description="VLAN tag.")]
Pool = Annotated[PoolId | None, Field(description="Pool it joins.")]
Tags = Annotated[list[GuestTag] | None, Field(max_length=20, description="Tags.")]
Start = Annotated[bool, Field(description="Start it at once.")]
Text = Annotated[str | None, Field(max_length=8000, description="Notes.")]


@tool(title="Create VM", toolset="provision", risk=Risk.WRITE, idempotent=False)
async def proxmox_create_vm(
    ctx: Ctx,
    *,
    node: Node,
    name: Name,
    storage: OnStorage,
    disk_gib: DiskGib,
    vmid: NewId = None,
    cores: Cores = 1,
    memory_mib: MemoryMib = 2048,
    bridge: OnBridge = "vmbr0",
    vlan: Vlan = None,
    iso: Annotated[VolumeId | None, Field(description="Installation medium.")] = None,
    ostype: Annotated[Literal["l26", "win10", "win11", "other"], Field(description="Operating system.")] = "l26",
    uefi: Annotated[bool, Field(description="UEFI firmware instead of BIOS.")] = False,
    pool: Pool = None,
    tags: Tags = None,
    description: Text = None,
    start: Start = False,
) -> Change:
    """Make a new virtual machine with one disk and one network card. To copy one use proxmox_clone_guest."""
    await known_node(ctx.client, node)
    form: dict[str, Given] = {
        "name": name,
        "cores": cores,
        "memory": memory_mib,
        "ostype": ostype,
        "scsihw": "virtio-scsi-single",
        "scsi0": property_string({"": f"{storage}:{disk_gib}", "iothread": True}),
        "net0": property_string({"": "virtio", "bridge": bridge, "tag": vlan}) if bridge else None,
        "ide2": property_string({"": iso, "media": "cdrom"}) if iso else None,
        "boot": "order=scsi0;ide2" if iso else "order=scsi0",
        "bios": "ovmf" if uefi else None,
        "efidisk0": property_string({"": f"{storage}:1", "efitype": "4m"}) if uefi else None,
        "agent": "1",
        "pool": pool,
        "tags": ";".join(tags) if tags else None,
        "description": description,
        "start": start or None,
    }

    def write(number: int) -> Write:
        sent = form_of({"vmid": number, **form})
        return Write("POST", ("nodes", node, "qemu"), sent, tasks=frozenset({"qmcreate"}), vmid=number)

    return await plan_new_guest(
        ctx,
        vmid=vmid,
        name=name,
        node=node,
        summary=f"Create VM {{}} ({name}) on {node}",
        write=write,
        after={"cores": cores, "memory_mib": memory_mib, "disk": f"{storage}:{disk_gib} GiB", "started": start},
    )


@tool(title="Create container", toolset="provision", risk=Risk.WRITE, idempotent=False)
async def proxmox_create_container(
    ctx: Ctx,
    *,
    node: Node,
    name: Name,
    template: Annotated[VolumeId, Field(description="Template to make it from (content vztmpl).")],
    storage: OnStorage,
    disk_gib: DiskGib,
    vmid: NewId = None,
    cores: Cores = 1,
    memory_mib: MemoryMib = 512,
    swap_mib: Annotated[int, Field(ge=0, le=1_048_576, description="Swap, MiB.")] = 512,
    bridge: OnBridge = "vmbr0",
    vlan: Vlan = None,
    ip: Annotated[Cidr | Literal["dhcp"], Field(description="Address/prefix, or dhcp.")] = "dhcp",
    gateway: Annotated[IpAddress | None, Field(description="Gateway.")] = None,
    ssh_public_key: Annotated[str | None, Field(max_length=4000, description="Public key for root.")] = None,
    unprivileged: Annotated[bool, Field(description="Root inside is nobody outside; keep it.")] = True,
    nesting: Annotated[bool, Field(description="Allow systemd and containers inside.")] = True,
    pool: Pool = None,
    tags: Tags = None,
    description: Text = None,
    start: Start = False,
) -> Change:
    """Make a new container from a template. Log in by the public key; passwords are not set by this tool."""
    await known_node(ctx.client, node)
    if gateway is not None and ip == "dhcp":
        raise InputError("A gateway goes with a fixed address, not with dhcp.")
    family = "ip6" if ":" in ip else "ip"
    network = {"name": "eth0", "bridge": bridge, "tag": vlan, family: ip, "gw6" if family == "ip6" else "gw": gateway}
    form: dict[str, Given] = {
        "ostemplate": template,
        "hostname": name,
        "cores": cores,
        "memory": memory_mib,
        "swap": swap_mib,
        "rootfs": f"{storage}:{disk_gib}",
        "net0": property_string(network) if bridge else None,
        "unprivileged": unprivileged,
        "features": "nesting=1" if nesting else None,
        "ssh-public-keys": ssh_public_key,
        "pool": pool,
        "tags": ";".join(tags) if tags else None,
        "description": description,
        "start": start or None,
    }

    def write(number: int) -> Write:
        sent = form_of({"vmid": number, **form})
        return Write("POST", ("nodes", node, "lxc"), sent, tasks=frozenset({"vzcreate"}), vmid=number)

    warnings = () if unprivileged else ("A privileged container: root inside is root on the node.",)
    return await plan_new_guest(
        ctx,
        vmid=vmid,
        name=name,
        node=node,
        summary=f"Create container {{}} ({name}) on {node}",
        write=write,
        after={"cores": cores, "memory_mib": memory_mib, "disk": f"{storage}:{disk_gib} GiB", "started": start},
        warnings=warnings,
    )


@tool(title="Clone guest", toolset="provision", risk=Risk.WRITE, idempotent=False)
async def proxmox_clone_guest(
    ctx: Ctx,
    *,
    guest: GuestRef,
    name: Name,
    vmid: NewId = None,
    full: Annotated[
        bool | None, Field(description="Copy all disks; false links to the template. Default: link templates.")
    ] = None,
    storage: Annotated[StorageId | None, Field(description="Storage of a full copy.")] = None,
    snapshot: Annotated[SnapshotName | None, Field(description="Clone this snapshot.")] = None,
    target_node: Annotated[Node | None, Field(description="Node (its disks must be on shared storage).")] = None,
    pool: Pool = None,
    description: Text = None,
) -> Change:
    """Copy a VM, container or template to a new guest."""
    found = await find_guest(ctx.client, guest)
    if target_node is not None:
        await known_node(ctx.client, target_node)
    whole = full if full is not None else (None if found.template else True)
    if storage is not None and not whole:
        raise InputError("A linked clone lies on its template's storage.", next_step="Give full=true.")
    form: dict[str, Given] = {
        "name" if found.is_vm else "hostname": name,
        "full": whole,
        "storage": storage,
        "snapname": snapshot,
        "target": target_node,
        "pool": pool,
        "description": description,
    }

    def write(number: int) -> Write:
        return Write(
            "POST",
            (*found.path, "clone"),
            form_of({"newid": number, **form}),
            tasks=frozenset({"qmclone", "vzclone"}),
            vmid=found.vmid,
            guest=found,
        )

    return await plan_new_guest(
        ctx,
        vmid=vmid,
        name=name,
        node=target_node or found.node,
        summary=f"Clone {found.label} to {{}} ({name})",
        write=write,
        after={"from": found.vmid, "full": whole},
    )


@tool(title="Turn guest into template", toolset="provision", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_make_template(ctx: Ctx, *, guest: GuestRef) -> Change:
    """Turn a stopped VM or container without snapshots into a template, for good: it never runs again."""
    found = await find_guest(ctx.client, guest)
    await guard_guest(ctx, found)
    state = await current_state(ctx.client, found)
    if state.get("status") != "stopped":
        raise ConflictError(f"{found.label} is running.", next_step="Shut it down first.")

    async def look() -> Seen:
        is_template = plain((await config_of(ctx.client, found)).get("template")) == "1"
        return Seen(is_template, {"template": is_template})

    return await change(
        ctx,
        Write(
            "POST",
            (*found.path, "template"),
            tasks=frozenset({"qmtemplate", "vztemplate"}),
            vmid=found.vmid,
            guest=found,
        ),
        summary=f"Turn {found.label} into a template",
        before={"template": found.template},
        after={"template": True},
        look=look,
        cannot_undo="A template cannot become a guest again; a full clone of it can.",
        task_decides=True,  # the flag is set before the disks are converted
        nothing_to_do=found.template,
    )


@tool(title="Delete guest", toolset="provision", risk=Risk.DESTRUCTIVE, idempotent=True)
async def proxmox_delete_guest(
    ctx: Ctx,
    *,
    guest: GuestRef,
    purge: Annotated[bool, Field(description="Also remove it from backup jobs, HA and replication.")] = False,
) -> Change:
    """Delete a stopped VM or container with its disks and snapshots, for good. Backups of it stay."""
    found = await find_guest(ctx.client, guest)
    await guard_guest(ctx, found)
    facts = await deletion_of(ctx.client, found, purge=purge)

    async def look() -> Seen:
        rows = await ctx.client.inventory.rows(fresh=True)
        if all(row.get("vmid") != found.vmid for row in rows):
            return Seen(True, {})
        left = await holdings(ctx.client, found)
        return Seen(False, left, partly=left != {name: facts.before[name] for name in left})

    return await change(
        ctx,
        Write(
            "DELETE",
            found.path,
            form_of({"purge": purge or None}),
            tasks=frozenset({"qmdestroy", "vzdestroy"}),
            vmid=found.vmid,
            guest=found,
        ),
        summary=f"Delete {found.label}",
        before=facts.before,
        after={},
        look=look,
        cannot_undo="Its disks are destroyed; only a backup brings it back (proxmox_restore_backup).",
        blast_radius=facts.touched,
    )
