"""A cluster of 64 nodes and 10 000 guests is listed in well under a second."""

from __future__ import annotations

import time

from holdfast.simulators.proxmox import scaled_world
from tests.simulators.proxmox.bench import bench


async def test_the_inventory_of_ten_thousand_guests_is_one_quick_call() -> None:
    async with bench(world=scaled_world(), name="fleet", checked=False) as one:
        auditor = one.token(one.sim.read_only_credentials)
        begun = time.process_time()
        answer = await one.call("GET", "/cluster/resources", headers=auditor)
        spent = time.process_time() - begun
        rows = answer.data
        kinds = {kind: sum(row["type"] == kind for row in rows) for kind in ("node", "qemu", "lxc")}
        assert kinds == {"node": 64, "qemu": 9000, "lxc": 1000}
        assert sum(row["status"] == "running" for row in rows if row["type"] in ("qemu", "lxc")) == 7000
        # Processor time of both ends in one process; the machine may be busy with other things.
        assert spent < 2.0


async def test_numbers_of_a_small_scaled_world_are_chosen() -> None:
    async with bench(world=scaled_world(3, 12, running_share=1.0), name="fleet") as one:
        guests = await one.get("/cluster/resources", type="vm")
        assert len(guests) == 12
        assert {row["status"] for row in guests} == {"running"}
        assert {row["node"] for row in guests} == {"node001", "node002", "node003"}
        assert (await one.get("/nodes/node003/qemu"))[0]["status"] == "running"
