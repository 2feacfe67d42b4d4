"""Packages and repositories of a node (contract section 15.15): looking, never upgrading."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.firewall import digest_of
from holdfast.simulators.proxmox.handlers.inventory import version_row
from holdfast.simulators.proxmox.handlers.node_config import CHANGED
from holdfast.simulators.proxmox.nodes import Node
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

_STANDARD: Final = {
    "enterprise": ("Enterprise", "https://enterprise.proxmox.com/debian/pve", "pve-enterprise"),
    "no-subscription": ("No-Subscription", "http://download.proxmox.com/debian/pve", "pve-no-subscription"),
    "test": ("Test", "http://download.proxmox.com/debian/pve", "pve-test"),
}
_FILE: Final = "/etc/apt/sources.list.d/proxmox.sources"


def _package(name: str, old: str, new: str) -> Row:
    return {
        "Package": name,
        "Title": f"{name} package",
        "Description": f"{name}, part of the platform",
        "Version": new,
        "OldVersion": old,
        "Origin": "Proxmox" if "pve" in name or "qemu" in name else "Debian",
        "Section": "admin",
        "Priority": "optional",
        "Arch": "amd64",
    }


@answers("GET /nodes/{node}/apt/update")
def list_updates(call: Call) -> Answer:
    """Packages that have a newer version."""
    return [_package(*update) for update in call.member().updates]


@answers("POST /nodes/{node}/apt/update")
def refresh(call: Call) -> Answer:
    """Fetch the index anew."""
    node = call.member()

    def work() -> Work:
        yield "starting apt-get update"
        yield Pause()
        node.index_fetched_s = call.cluster.now()
        yield f"found {len(node.updates)} updates"

    return call.fork("aptupdate", "", work(), 0.5)


@answers("GET /nodes/{node}/apt/changelog")
def get_changelog(call: Call) -> Answer:
    """What changed in a package."""
    name = call.params.text("name")
    for package, _, new in call.member().updates:
        if package == name:
            return f"{name} ({call.params.text('version', new)}) stable; urgency=medium\n\n  * fixes\n"
    raise ApiError(f"failed to get changelog for '{name}': no such package")


@answers("GET /nodes/{node}/apt/versions")
def list_versions(call: Call) -> Answer:
    """Installed versions of the platform's packages."""
    version = str(version_row(call.cluster.release)["version"])
    rows: list[Row] = []
    for name, installed in (("proxmox-ve", version), ("pve-manager", version), ("qemu-server", version)):
        row = _package(name, installed, installed)
        row |= {"CurrentState": "Installed", "RunningKernel": "6.17.4-1-pve" if name == "proxmox-ve" else ""}
        if name == "pve-manager":
            row["ManagerVersion"] = version
        rows.append(row)
    return rows


def _repositories(node: Node) -> list[tuple[str, bool]]:
    """Handles and whether they are enabled, in the order of the file."""
    handles = ["no-subscription", *node.added_repositories]
    return [(handle, handle not in node.disabled_repositories) for handle in handles]


def _digest(node: Node) -> str:
    return digest_of(_repositories(node))


@answers("GET /nodes/{node}/apt/repositories")
def list_repositories(call: Call) -> Answer:
    """Package sources."""
    node = call.member()
    found = _repositories(node)
    entries: list[Row] = [
        {
            "Types": ["deb"],
            "URIs": [_STANDARD[handle][1]],
            "Suites": ["bookworm" if call.cluster.release.startswith("8") else "trixie"],
            "Components": [_STANDARD[handle][2]],
            "Enabled": int(enabled),
            "FileType": "sources",
        }
        for handle, enabled in found
    ]
    state = dict(found)
    standard: list[Row] = []
    for handle, (name, _, _) in _STANDARD.items():
        row: Row = {"handle": handle, "name": name}
        if handle in state:
            row["status"] = int(state[handle])
        standard.append(row)
    digest = _digest(node)
    infos: list[Row] = [{"path": _FILE, "index": "0", "kind": "origin", "message": "Proxmox"}]
    return {
        "files": [
            {
                "path": _FILE,
                "file-type": "sources",
                "digest": list(bytes.fromhex(digest)),
                "repositories": entries,
            }
        ],
        "errors": [],
        "infos": infos,
        "standard-repos": standard,
        "digest": digest,
    }


def _require_digest(call: Call) -> None:
    if call.params.maybe("digest") not in (None, _digest(call.member())):
        raise ApiError(CHANGED)


@answers("POST /nodes/{node}/apt/repositories")
def switch_repository(call: Call) -> Answer:
    """Switch a source on or off by its place in its file."""
    node, index = call.member(), call.params.number("index")
    _require_digest(call)
    found = _repositories(node)
    if call.params.text("path") != _FILE or not 0 <= index < len(found):
        raise ApiError(f"invalid path or index: {call.params.text('path')} {index}")
    handle = found[index][0]
    if "enabled" in call.params:
        if call.params.flag("enabled"):
            node.disabled_repositories.discard(handle)
        else:
            node.disabled_repositories.add(handle)
    return None


@answers("PUT /nodes/{node}/apt/repositories")
def add_repository(call: Call) -> Answer:
    """Add one of the standard sources."""
    node, handle = call.member(), call.params.text("handle")
    _require_digest(call)
    if handle not in _STANDARD:
        raise ApiError(f"unknown repository handle '{handle}'")
    state = dict(_repositories(node))
    if state.get(handle):
        raise ApiError(f"standard repository '{handle}' is already configured")
    node.disabled_repositories.discard(handle)
    if handle not in state:
        node.added_repositories.append(handle)
    return None
