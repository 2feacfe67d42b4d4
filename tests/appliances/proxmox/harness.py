"""A room made fit for a case of the table; the simulator's configuration as one value; requests held to the schema."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.simulators.base import Arrival
from holdfast.simulators.proxmox.simulator import ProxmoxSimulator
from holdfast.simulators.world import World
from tests.appliances.proxmox.table import START, Case
from tests.support import schema_lines
from tests.support.rooms import Room, room

TOOLSETS = ("all", "proxmox:command")


@asynccontextmanager
async def pve_room(
    tmp_path: Path,
    *,
    persona: str | None = None,
    world: World | None = None,
    settings: str = "",
    mode: str = "operate",
    without: tuple[str, ...] = (),
) -> AsyncIterator[Room]:
    """A room with all toolsets, an upload folder with a file, and a folder for secrets."""
    uploads, secrets = tmp_path / "uploads", tmp_path / "secrets"
    uploads.mkdir(exist_ok=True)
    secrets.mkdir(exist_ok=True, mode=0o700)
    (uploads / "tiny.iso").write_bytes(b"\0" * 4096)
    lines = f'upload_dir = "{uploads}"\nsecrets_dir = "{secrets}"\n{settings}'
    control = 'command_allow = ["uname", "cat"]'
    async with room(
        "proxmox",
        tmp_path,
        persona=persona,
        world=world,
        mode=mode,
        settings=lines,
        control=control,
        toolsets=TOOLSETS,
        without=without,
    ) as pve:
        yield pve


def simulator_of(pve: Room) -> ProxmoxSimulator:
    """The simulator behind the room."""
    assert isinstance(pve.simulator, ProxmoxSimulator)
    return pve.simulator


async def client_of(pve: Room) -> AsyncProxmoxClient:
    """The client that the server uses."""
    connections = pve.application.connections
    client = await connections.client(connections.target("proxmox", None))
    assert isinstance(client, AsyncProxmoxClient)
    return client


async def prepare(pve: Room, case: Case) -> dict[str, Any]:
    """Make the world fit for the case; its arguments with what only now is known."""
    simulator = simulator_of(pve)
    if case.ceph:
        simulator.install_ceph()
    if case.sdn:
        client = await client_of(pve)
        await client.write("POST", "cluster", "sdn", "zones", form={"zone": "lab", "type": "simple"})
        await client.write("POST", "cluster", "sdn", "vnets", form={"vnet": "lab", "zone": "lab"})
    if case.zfs:
        client = await client_of(pve)
        storage = {"storage": "fast", "type": "zfspool", "pool": "fast", "content": "images,rootdir"}
        await client.write("POST", "storage", form=storage)
        made = await pve.call("proxmox_create_vm", node="pve2", name="ledger", storage="fast", disk_gib=4, vmid=130)
        assert made["outcome"] == "applied", made
    task = ""
    for tool, arguments in case.before:
        answer = await pve.call(tool, **arguments)
        assert answer["outcome"] == "applied", answer
        details = answer.get("details")
        task = str(details.get("task", task)) if isinstance(details, dict) else task
        pve.clock.advance(90)
    return {name: await _value(pve, value, task) for name, value in case.arguments.items()}


async def _value(pve: Room, value: Any, task: str) -> Any:
    match value:
        case "@task":
            return task
        case "@running":
            simulator_of(pve).set_fault("task-hangs", kind="qmstart")
            return (await pve.call(START[0], **START[1]))["task"]
        case "@backup":
            found = await pve.call("proxmox_list_backups", storage="nas-backup")
            return found["items"][0]["volid"]  # type: ignore[index, call-overload]
        case "@disk":
            found = await pve.call("proxmox_list_disks", node="pve2")
            return found["items"][0]["device"]  # type: ignore[index, call-overload]
        case _:
            return value


def configuration(pve: Room) -> dict[str, Any]:
    """Everything that the simulated cluster is configured to, without times and random parts."""
    cluster = simulator_of(pve).cluster
    return {
        "guests": {
            vmid: (
                guest.node,
                guest.running,
                guest.paused,
                _config(guest.config),
                dict(guest.pending),
                _snapshots(guest),
            )
            for vmid, guest in sorted(cluster.guests.items())
        },
        "volumes": sorted((volume.volid, volume.node, volume.size) for volume in cluster.volumes),
        "sections": {
            name: {key: {k: v for k, v in entry.items() if k != "crm-state"} for key, entry in section.items()}
            for name, section in cluster.sections.items()
            if section
        },
        "storages": {name: (one.type, dict(one.options)) for name, one in cluster.storages.items()},
        "options": dict(cluster.options),
        "firewall": _scope(cluster.firewall),
        "guest firewalls": {
            vmid: _scope(scope) for vmid, scope in cluster.guest_firewalls.items() if any(_scope(scope))
        },
        "nodes": {
            node.name: (
                node.interfaces,
                node.staged or node.interfaces,
                sorted(node.stopped_services),
                node.online,
                _scope(node.firewall),
            )
            for node in cluster.nodes.values()
        },
        "users": {
            user.userid: (user.enable, user.expire, dict(user.fields), sorted(user.groups), sorted(user.tokens))
            for user in cluster.access.users.values()
        },
        "grants": sorted(map(repr, cluster.access.grants)),
        "groups": {name: group.comment for name, group in cluster.access.groups.items()},
        "pools": (dict(cluster.pools), dict(cluster.access.pool_of)),
        "roles": {name: sorted(held) for name, held in cluster.access.roles.items()},
    }


def _config(config: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in config.items() if name not in ("meta", "vmgenid")}


def _snapshots(guest: Any) -> list[tuple[str, str]]:
    return sorted((one.name, one.description) for one in guest.snapshots.values())


def _scope(scope: Any) -> tuple[Any, ...]:
    options = {name: value for name, value in scope.options.items() if value not in ("", "0")}
    return (list(scope.rules), dict(scope.aliases), dict(scope.ipsets), dict(scope.groups), options)


# -- the vendor's schema ----------------------------------------------------------------------------------------------

_GREEDY = ("volume", "cidr")
_INDEXED = re.compile(r"([a-z]+)\d+")


@cache
def _endpoints(release: str) -> list[tuple[str, re.Pattern[str], dict[str, Any], str]]:
    found = []
    for line in schema_lines(f"proxmox-{release}.jsonl"):
        method, path = line["endpoint"].split(" ")
        pattern = re.sub(r"\\\{([^}]+)\\\}", lambda m: "(.+)" if m[1] in _GREEDY else "([^/]+)", re.escape(path))
        found.append((method, re.compile(pattern), line["parameters"].get("properties") or {}, line["endpoint"]))
    return sorted(found, key=lambda one: one[3].count("{"))


def _endpoint_of(arrival: Arrival, release: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The endpoint that a request is for, the schema of its parameters, and those in its path."""
    path = unquote(arrival.path).removeprefix("/api2/json").partition("?")[0]
    for method, pattern, schema, endpoint in _endpoints(release):
        if method == arrival.method and (found := pattern.fullmatch(path)):
            return endpoint, schema, dict(zip(re.findall(r"\{([^}]+)\}", endpoint), found.groups(), strict=True))
    raise AssertionError(f"{arrival.method} {path} is not in the schema of {release}")


def _parameters(arrival: Arrival) -> list[tuple[str, str]]:
    given = list(arrival.query.items())
    if "multipart" in arrival.headers.get("Content-Type", arrival.headers.get("content-type", "")):
        return given
    return given + parse_qsl(arrival.body.decode(), keep_blank_values=True, strict_parsing=bool(arrival.body))


def check_arrival(arrival: Arrival, release: str = "9.1") -> str:
    """The endpoint that a request is for; fails when path, method, parameters or types are not the schema's."""
    endpoint, schema, in_path = _endpoint_of(arrival, release)
    multipart = "multipart" in arrival.headers.get("Content-Type", arrival.headers.get("content-type", ""))
    given = _parameters(arrival)
    for name, value in given:
        parameter = schema.get(name)
        if parameter is None and (indexed := _INDEXED.fullmatch(name)):
            parameter = schema.get(f"{indexed[1]}[n]")
        assert parameter is not None, f"{endpoint} has no parameter {name}"
        _check_value(endpoint, name, parameter, value)
    names = {name for name, _ in given}
    missing = {
        name
        for name, one in schema.items()
        if not one.get("optional") and name not in names | set(in_path) and "[n]" not in name
    }
    assert multipart or not missing, f"{endpoint} lacks {missing}"
    return endpoint


def _check_value(endpoint: str, name: str, schema: dict[str, Any], value: str) -> None:
    where = f"{endpoint}: {name}"
    kind = schema.get("type", "string")
    if kind == "boolean":
        assert value in ("0", "1"), where
    if kind in ("integer", "number"):
        number = float(value)
        assert kind == "number" or number.is_integer(), where
        assert schema.get("minimum", number) <= number <= schema.get("maximum", number), where
    if schema.get("enum"):
        assert value in [str(word) for word in schema["enum"]], where
    if "maxLength" in schema:
        assert len(value) <= schema["maxLength"], where
    if isinstance(schema.get("pattern"), str) and "(?^" not in schema["pattern"]:
        assert re.fullmatch(schema["pattern"], value), where


def has_digest(endpoint: str, release: str = "9.1") -> bool:
    """Whether the schema lets a request carry the digest of what was read."""
    return any(one[3] == endpoint and "digest" in one[2] for one in _endpoints(release))


def grants_for(arrival: Arrival, release: str = "9.1") -> set[str]:
    """What the schema's rule for a request wants, each as `PRIVILEGES on PATH`; empty where the rule is prose only."""
    endpoint, _, in_path = _endpoint_of(arrival, release)
    rule = next(line for line in schema_lines(f"proxmox-{release}.jsonl") if line["endpoint"] == endpoint)
    values = {**dict(_parameters(arrival)), **in_path}
    texts = _wanted((rule.get("permissions") or {}).get("check"), values, alternative=False)
    return {re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text) for text in texts}


def _wanted(rule: Any, values: dict[str, str], *, alternative: bool) -> Iterator[str]:
    match rule:
        case ["and" | "or" as word, *parts]:
            for part in parts:
                yield from _wanted(part, values, alternative=alternative or word == "or")
        case ["perm", path, privileges, *options]:
            if alternative:
                yield f"{' and '.join(privileges)} on {path}"
            elif "any" in options:
                yield f"{'|'.join(privileges)} on {path}"
            else:
                yield from (f"{privilege} on {path}" for privilege in privileges)
        case ["userid-group", privileges, *_]:
            yield f"{'|'.join(privileges)} on /access/groups"
        case ["userid-param", privilege]:
            yield f"{privilege} on /access/realm/{values['userid'].rpartition('@')[2]}"
        case ["perm-modify", path]:
            kind = {"vms": "|VM.Allocate", "storage": "|Datastore.Allocate", "pool": "|Pool.Allocate"}
            where = values[path.strip("{}")]
            yield f"Permissions.Modify{kind.get(where.split('/')[1], '')} on {where}"
