"""The room over its simulator, with what the table's cases need prepared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from holdfast.appliances.truenas.client import TrueNASClient
from holdfast.appliances.truenas.pace import LoginPace
from holdfast.control.answers import JsonObject
from holdfast.resilience import Clock
from holdfast.simulators.truenas.methods.app_images import AppImages
from holdfast.simulators.truenas.methods.apps import Apps
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.simulator import TrueNASSimulator
from tests.appliances.truenas.case import Call, Case
from tests.support.rooms import Room, room

FREE = frozenset(
    {"auth.login_ex", "auth.mechanism_choices", "privilege.become_readonly", "system.version_short", "system.state"}
)
"""Calls of the login and right after it, which belong to no tool."""
UNSUPPORTED = {"25.04": frozenset({"run_update"}), "25.10": frozenset(), "26": frozenset()}
"""Tools that a release has no method for."""


@asynccontextmanager
async def nas(tmp_path: Path, persona: str = "25.10", **options: str) -> AsyncIterator[Room]:
    folders = {name: tmp_path / name for name in ("backups", "secrets")}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    settings = (
        f'backup_dir = "{folders["backups"]}"\nsecrets_dir = "{folders["secrets"]}"\n{options.pop("settings", "")}'
    )
    async with room("truenas", tmp_path, persona=persona, settings=settings, **options) as made:  # type: ignore[arg-type]  # texts only
        await forgive(made)
        yield made
        simulator = made.simulator
        assert isinstance(simulator, TrueNASSimulator)
        assert simulator.box.crashes == [], simulator.box.crashes


async def forgive(made: Room) -> None:
    """Forget the logins so far, and let nothing wait for its turn to log in in real time."""
    (await client_of(made))._auth._pace = LoginPace(_virtual(made))


def _virtual(made: Room) -> Clock:
    """Time of the pace alone: the appliance's stands still meanwhile, as if its socket were pinged all along."""
    waited = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        await asyncio.sleep(0)

    return Clock(monotonic=lambda: made.clock.now() + waited, sleep=sleep)


async def client_of(nas: Room) -> TrueNASClient:
    """The room's own client."""
    connections = nas.application.connections
    client = await connections.client(connections.target("truenas", None))
    assert isinstance(client, TrueNASClient)
    return client


def box(nas: Room) -> TrueNASSimulator:
    assert isinstance(nas.simulator, TrueNASSimulator)
    return nas.simulator


def calls_of(nas: Room, method: str) -> int:
    return sum(arrival.method == method for arrival in nas.arrivals)


def sent(nas: Room) -> list[tuple[str, list[object]]]:
    """Methods with their arguments in the order of their arrival."""
    return [(one.method, json.loads(one.body).get("params", [])) for one in nas.arrivals if one.body]


async def socket_closed(nas: Room) -> None:
    """Return once the client knows that its socket is closed."""
    link = (await client_of(nas))._link
    if link is not None:
        async with asyncio.timeout(20):
            await link.socket.wait_closed()


async def ask(nas: Room, call: Call) -> JsonObject:
    name, arguments = call
    return await nas.call(f"truenas_{name}", **await filled(nas, arguments))


async def filled(nas: Room, arguments: Mapping[str, object]) -> dict[str, object]:
    """Arguments with `$names` replaced by what this simulator has."""
    made = dict(arguments)
    for key, value in arguments.items():
        if value == ["$spare"]:
            made[key] = list((await filled(nas, {"one": "$spare"})).values())
        elif value == "$alert":
            page = await nas.call("truenas_list_alerts", dismissed=True)
            made[key] = page["items"][0]["uuid"]  # type: ignore[index,call-overload]  # a page of objects
        elif value in ("$spare", "$serial"):
            page = await nas.call("truenas_list_disks")
            free = [row for row in page["items"] if row["name"] == "sdh"]  # type: ignore[union-attr,index,call-overload]
            made[key] = free[0]["identifier" if value == "$spare" else "serial"]  # type: ignore[index,call-overload]
        elif value == "$image":
            page = await nas.call("truenas_list_container_images", search="debian")
            made[key] = page["items"][0]["image"]  # type: ignore[index,call-overload]
        elif value == "$old":
            page = await nas.call("truenas_list_boot_envs")
            made[key] = next(row["id"] for row in page["items"] if not row["active"])  # type: ignore[union-attr,index,call-overload]
    return made


async def prepare(nas: Room, case: Case) -> dict[str, object]:
    """Bring about what goes before a case; its arguments."""
    for name, arguments in case.before:
        if name == "!encrypted":
            await raw(
                nas,
                "pool.dataset.create",
                {
                    "name": "tank/secret",
                    "encryption": True,
                    "inherit_encryption": False,
                    "encryption_options": {"passphrase": "correct horse battery"},
                },
            )
        elif name == "!long-job":
            nas.running.fault("job-stuck", method="cloudsync.sync")
            await raw(nas, "cloudsync.sync", 1)
        elif name == "!spare-key":
            await raw(nas, "api_key.create", {"name": "spare", "username": "truenas_admin"})
        elif name == "!volume":
            await raw(nas, "pool.dataset.create", {"name": "tank/vol9", "type": "VOLUME", "volsize": 2**30})
        elif name == "!written":
            box(nas).box.get(Storage).store.get_dataset("tank/vms").own_bytes += 2**20
        elif name == "!image":
            box(nas).box.get(AppImages).pulled.add("nginx:1")
        elif name == "!images-outdated":
            box(nas).box.get(Apps).apps["syncthing"]["images_outdated"] = True
        elif name == "!custom-app":
            await ask(nas, ("install_app", {"app": "mine", "compose": {"services": {"web": {"image": "nginx:1"}}}}))
        elif name in ("!staged", "!committed"):
            await raw(nas, "interface.update", "eno2", {"description": "somebody's"})
            if name == "!committed":
                await raw(nas, "interface.commit", {"rollback": True, "checkin_timeout": 600})
        elif name == "!small-pool":
            topology = {"data": [{"type": "STRIPE", "disks": ["sdg"]}]}
            number = await raw(nas, "pool.create", {"name": "small", "topology": topology})
            assert (await nas.call("truenas_wait_job", job=number))["succeeded"] is True
        elif name == "!pool-degraded":
            nas.running.fault("pool-degraded")
        else:
            done = await ask(nas, (name, arguments))
            if done.get("task") is not None:
                await ended(nas, int(str(done["task"])))
    await forgive(nas)
    return await filled(nas, case.arguments)


async def ended(nas: Room, job: int) -> None:
    """Wait until a job has ended well, however long that takes in the appliance's time."""
    for _ in range(100):
        if (await nas.call("truenas_wait_job", job=job)).get("succeeded") is not None:
            return
        nas.clock.advance(600)
    raise AssertionError(f"job {job} does not end")


async def raw(nas: Room, method: str, *params: object) -> object:
    """Call a method as somebody else would, with the room's own client."""
    return await (await client_of(nas)).write(method, *params)  # type: ignore[arg-type]  # JSON
