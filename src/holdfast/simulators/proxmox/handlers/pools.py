"""Pools (contract section 15.10)."""

from __future__ import annotations

from holdfast.simulators.proxmox import pools
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.handlers.inventory import guest_row, storage_row
from holdfast.simulators.proxmox.values import Row


def _members(call: Call, pool: str) -> list[Row]:
    cluster, wanted, rows = call.cluster, call.params.maybe("type"), list[Row]()
    for vmid in pools.members(cluster, pool):
        guest = cluster.guests.get(vmid)
        if guest is not None and wanted in (None, guest.kind):
            rows.append(guest_row(call, guest))
    for name in pools.storages(cluster, pool) if wanted in (None, "storage") else []:
        storage = cluster.storages.get(name)
        for node in cluster.nodes.values() if storage else []:
            if storage is not None and storage.on_node(node.name):
                rows.append(storage_row(call, storage, node.name))
                if storage.shared:
                    break
    return rows


def _row(call: Call, pool: str, *, members: bool) -> Row:
    row: Row = {"poolid": pool}
    comment = call.cluster.pools[pool]
    if comment:
        row["comment"] = comment
    if members:
        row["members"] = _members(call, pool)
    return row


@answers("GET /pools")
def list_pools(call: Call) -> Answer:
    """Pools the caller may see, or one of them with its members."""
    wanted = call.params.maybe("poolid")
    if wanted is not None:
        pools.require_pool(call.cluster, wanted)
        call.require(f"/pool/{wanted}", "Pool.Audit")
        return [_row(call, wanted, members=True)]
    return [
        _row(call, pool, members=False) for pool in call.cluster.pools if call.allowed(f"/pool/{pool}", "Pool.Audit")
    ]


@answers("GET /pools/{poolid}")
def get_pool(call: Call) -> Answer:
    """One pool with its members."""
    pools.require_pool(call.cluster, call.params.text("poolid"))
    row = _row(call, call.params.text("poolid"), members=True)
    row.pop("poolid")
    return row


@answers("POST /pools")
def create(call: Call) -> Answer:
    """A new pool; a nested one needs its parent."""
    cluster, pool = call.cluster, call.params.text("poolid")
    cluster.require_writable("user.cfg")
    if pool in cluster.pools:
        raise ApiError(f"create pool failed: pool '{pool}' already exists")
    parent = pool.rpartition("/")[0]
    if parent and parent not in cluster.pools:
        raise ApiError(f"create pool failed: parent '{parent}' of pool '{pool}' does not exist")
    cluster.pools[pool] = call.params.maybe("comment")
    return None


@answers("PUT /pools", "PUT /pools/{poolid}")
def change(call: Call) -> Answer:
    """Comment and members; with `delete` the members listed leave the pool. When one is refused, nothing is changed."""
    cluster, pool = call.cluster, call.params.text("poolid")
    cluster.require_writable("user.cfg")
    pools.require_pool(cluster, pool)
    owners = dict(cluster.access.pool_of)
    remove, move = call.params.flag("delete"), call.params.flag("allow-move")
    for word in call.params.words("vms"):
        call.require(f"/vms/{word}", "VM.Allocate")
        if not remove and int(word) not in cluster.guests:
            raise ApiError(f"update pools failed: VM {word} does not exist")
        _assign(owners, pool, f"/vms/{word}", f"VM {word}", remove=remove, move=move)
    for word in call.params.words("storage"):
        call.require(f"/storage/{word}", "Datastore.Allocate")
        _assign(owners, pool, f"/storage/{word}", f"Storage '{word}'", remove=remove, move=True)
    if "comment" in call.params:
        cluster.pools[pool] = call.params.text("comment")
    cluster.access.pool_of = owners
    cluster.access.changed()
    return None


def _assign(owners: dict[str, str], pool: str, path: str, what: str, *, remove: bool, move: bool) -> None:
    current = owners.get(path)
    if remove:
        if current != pool:
            raise ApiError(f"update pools failed: {what} is not a pool member")
        del owners[path]
        return
    if current == pool:
        raise ApiError(f"update pools failed: {what} is already a pool member")
    if current is not None and not move:
        raise ApiError(f"update pools failed: {what} belongs already to pool '{current}' and 'allow-move' is not set")
    owners[path] = pool


@answers("DELETE /pools", "DELETE /pools/{poolid}")
def delete(call: Call) -> Answer:
    """Delete an empty pool."""
    cluster, pool = call.cluster, call.params.text("poolid")
    cluster.require_writable("user.cfg")
    if pool not in cluster.pools:
        raise ApiError(f"delete pool failed: pool '{pool}' does not exist")
    if any(other.startswith(f"{pool}/") for other in cluster.pools):
        raise ApiError(f"delete pool failed: pool '{pool}' has sub-pools")
    if pools.members(cluster, pool) or pools.storages(cluster, pool):
        kind = "VMs" if pools.members(cluster, pool) else "storage"
        raise ApiError(f"delete pool failed: pool '{pool}' is not empty (contains {kind})")
    del cluster.pools[pool]
    cluster.access.grants = [grant for grant in cluster.access.grants if grant.path != f"/pool/{pool}"]
    cluster.access.changed()
    return None
