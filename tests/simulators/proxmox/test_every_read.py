"""Every GET of both releases answers a furnished cluster with what the vendor's schema promises."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

import pytest

from holdfast.simulators.proxmox import PERSONAS
from holdfast.simulators.proxmox.facts import Method, method_table
from tests.simulators.proxmox.bench import Bench, bench
from tests.simulators.proxmox.furnishing import furnish, value_for

# What cannot succeed in this cluster, and why the real one refuses it.
_REFUSED: Final = {
    "GET /cluster/acme/account/{name}": (500, "does not exist"),
    "GET /cluster/acme/meta": (500, "Can't connect"),
    "GET /cluster/acme/tos": (500, "Can't connect"),
    "GET /nodes/{node}/lxc/{vmid}/mtunnelwebsocket": (401, "invalid PVETUNNEL ticket"),
    "GET /nodes/{node}/lxc/{vmid}/vncwebsocket": (401, "invalid PVEVNC ticket"),
    "GET /nodes/{node}/qemu/{vmid}/mtunnelwebsocket": (401, "invalid PVETUNNEL ticket"),
    "GET /nodes/{node}/qemu/{vmid}/vncwebsocket": (401, "invalid PVEVNC ticket"),
    "GET /nodes/{node}/vncwebsocket": (401, "invalid PVEVNC ticket"),
    "GET /nodes/{node}/scan/cifs": (500, "Connection timed out"),
    "GET /nodes/{node}/scan/glusterfs": (500, "Connection timed out"),
    "GET /nodes/{node}/scan/iscsi": (500, "Connection timed out"),
    "GET /nodes/{node}/scan/pbs": (500, "Connection timed out"),
    "GET /nodes/{node}/storage/{storage}/file-restore/download": (500, "Only PBS storages"),
    "GET /nodes/{node}/storage/{storage}/file-restore/list": (500, "Only PBS storages"),
    "GET /nodes/{node}/storage/{storage}/import-metadata": (500, "does not support import"),
}
_REFUSED_9: Final = {
    "GET /cluster/ha/groups": (500, "ha groups have been migrated to rules"),
    "GET /cluster/ha/groups/{group}": (500, "ha groups have been migrated to rules"),
}


async def _request(bench: Bench, method: Method, special: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The path and the required parameters of a read."""

    def value(name: str) -> str:
        found = special.get(name) or value_for(method.template, name)
        if found is None:
            choices = (method.schemas.get(name) or {}).get("enum")
            found = str(choices[0]) if isinstance(choices, list) else "1"
        return found

    path = re.sub(r"\{([^}]+)\}", lambda placeholder: quote(value(placeholder[1]), safe=":@"), method.template)
    needed = [name for name, schema in method.schemas.items() if not schema.get("optional")]
    return path, {name: value(name) for name in needed if f"{{{name}}}" not in method.template}


@pytest.mark.parametrize("release", PERSONAS)
async def test_every_read_is_answered_as_the_schema_says(release: str) -> None:
    refused = {**_REFUSED, **(_REFUSED_9 if release == "9.1" else {})}
    async with bench(persona=release) as one:
        await furnish(one)
        root = await one.root()
        await one.do("PUT", "/nodes/pve2/network/eno2", {"type": "eth", "comments": "spare"})
        tasks = await one.get("/nodes/pve2/tasks")
        backups = await one.get("/nodes/pve2/storage/nas-backup/content", content="backup")
        started = await one.run("POST", "/nodes/pve1/lxc/103/status/shutdown")
        assert started == "OK"
        assert await one.run("POST", "/nodes/pve1/lxc/103/status/start") == "OK"
        special = {"upid": tasks[0]["upid"], "volume": "local:iso/debian-13.1.0-amd64-netinst.iso"}
        problems: list[str] = []
        for method in method_table(release).methods.values():
            if method.verb != "GET":
                continue
            values = dict(special)
            if "extractconfig" in method.template:
                values["volume"] = backups[0]["volid"]
            if "/agent" in method.template:
                values |= {"node": "pve1", "vmid": "101"}
            if method.template.endswith("exec-status"):
                command = await one.do("POST", "/nodes/pve1/qemu/101/agent/exec", {"command": ["true"]})
                values["pid"] = str(command["pid"])
                one.clock.advance(1)
            if method.template.endswith("lxc/{vmid}/interfaces"):
                values |= {"node": "pve1", "vmid": "103"}
            path, query = await _request(one, method, values)
            if method.endpoint in refused:
                status, text = refused[method.endpoint]
                query |= {"port": "5900"} if "websocket" in path and "vnc" in path else {}
                answer = await one.call("GET", path, query=query or None, headers=root)
                if answer.status != status or text not in answer.reason:
                    problems.append(f"{method.endpoint}: {answer.status} {answer.reason}")
                continue
            try:
                answer = await one.call("GET", path, query=query or None, headers=root)
            except AssertionError as error:
                problems.append(str(error))
                continue
            if answer.status != 200:
                problems.append(f"{method.endpoint}: {answer.status} {answer.reason} {answer.body[:200]!r}")
        assert problems == []
