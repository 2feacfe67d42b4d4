"""Uploads, downloads, templates, file restore (contract section 15.8)."""

from __future__ import annotations

import hashlib
from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.downloads import check_sum, check_target, fetch, land
from holdfast.simulators.proxmox.errors import ApiError, TaskError, bad_parameter
from holdfast.simulators.proxmox.handlers.storage_content import PLACE
from holdfast.simulators.proxmox.tasks import Pause, Work
from holdfast.simulators.proxmox.values import Row

_TEMPLATES: Final = (
    ("alpine-3.22-default_20250617_amd64.tar.xz", "alpine", "3.22", "LXC default image for alpine 3.22"),
    ("debian-12-standard_12.12-1_amd64.tar.zst", "debian-12", "12.12-1", "Debian 12 Bookworm (standard)"),
    ("debian-13-standard_13.1-2_amd64.tar.zst", "debian-13", "13.1-2", "Debian 13 Trixie (standard)"),
    ("ubuntu-24.04-standard_24.04-2_amd64.tar.zst", "ubuntu-24.04", "24.04-2", "Ubuntu 24.04 Noble (standard)"),
)


def _checksum(call: Call) -> tuple[str | None, str | None]:
    algorithm, expected = call.params.maybe("checksum-algorithm"), call.params.maybe("checksum")
    if (algorithm is None) != (expected is None):
        missing = "checksum" if expected is None else "checksum-algorithm"
        raise bad_parameter(
            missing, f"missing property - 'checksum{'' if expected else '-algorithm'}' requires this property"
        )
    return algorithm, expected


@answers(f"POST {PLACE}/upload")
def upload(call: Call) -> Answer:
    """A file from the caller; the node contacted hands it on to the node it is for."""
    if not call.cluster.online(call.node):
        raise ApiError(f"command 'ssh -e none root@{call.member().ip} -- mkdir' failed: exit code 255")
    storage = call.cluster.usable_storage(call.params.text("storage"), call.node)
    content = call.params.text("content")
    file = call.upload
    if file is None:
        raise bad_parameter("filename", "property is missing and it is not optional")
    name = check_target(storage, content, file.filename)
    algorithm, expected = _checksum(call)

    def work() -> Work:
        yield f"starting file import of {len(file.content)} bytes"
        if algorithm is not None:
            yield "calculating checksum..."
            check_sum(file.content, algorithm, expected)
            yield "OK, checksum verified"
        yield Pause()
        land(call, storage, name, content, max(1, len(file.content)))
        yield "finished file import successfully"

    return call.fork("imgcopy", "", work(), 0.3)


@answers(f"POST {PLACE}/download-url")
def download(call: Call) -> Answer:
    """A file that the node fetches itself."""
    storage = call.cluster.usable_storage(call.params.text("storage"), call.node)
    content, url = call.params.text("content"), call.params.text("url")
    name = check_target(storage, content, call.params.text("filename"))
    algorithm, expected = _checksum(call)

    def work() -> Work:
        yield f"downloading {url} to {storage.options.get('path', '')}/template/{name}"
        if call.cluster.volumes.find(storage, call.node, f"{storage.name}:{name}") is not None:
            raise TaskError(f"refusing to override existing file '{storage.options.get('path', '')}/template/{name}'")
        yield Pause(0.5)
        remote = fetch(url)
        yield Pause(0.5)
        check_sum(remote.content, algorithm, expected)
        land(call, storage, name, content, remote.size)
        yield f"download of '{url}' to '{name}' finished"

    return call.fork("download", call.params.text("filename").replace("/", "_"), work(), 0.6)


@answers("GET /nodes/{node}/query-url-metadata")
def look_at_url(call: Call) -> Answer:
    """Name, size and type of what a URL has."""
    try:
        remote = fetch(call.params.text("url"))
    except TaskError as error:
        raise ApiError(f"invalid server response: '{str(error).removeprefix('download failed: ')}'") from error
    return {"filename": remote.filename, "size": remote.size, "mimetype": remote.mimetype}


@answers("GET /nodes/{node}/aplinfo")
def list_templates(call: Call) -> Answer:
    """The catalogue of container templates."""
    rows: list[Row] = [
        {
            "template": template,
            "package": f"{package}-standard",
            "os": package,
            "version": version,
            "headline": headline,
            "section": "system",
            "type": "lxc",
            "architecture": "amd64",
            "infopage": "https://pve.proxmox.com/wiki/Linux_Container",
            "location": f"http://download.proxmox.com/images/system/{template}",
            "sha512sum": hashlib.sha512(template.encode()).hexdigest(),
            "source": "https://example.org/template",
            "description": headline,
        }
        for template, package, version, headline in _TEMPLATES
    ]
    return rows


@answers("POST /nodes/{node}/aplinfo")
def download_template(call: Call) -> Answer:
    """Fetch a template of the catalogue."""
    template = call.params.text("template")
    storage = call.cluster.usable_storage(call.params.text("storage"), call.node)
    if template not in [one[0] for one in _TEMPLATES]:
        raise ApiError("no such template")
    if "vztmpl" not in storage.content:
        raise ApiError(f"cannot download to storage '{storage.name}' - no vztmpl content")

    def work() -> Work:
        yield f"downloading http://download.proxmox.com/images/system/{template}"
        yield Pause()
        if call.cluster.volumes.find(storage, call.node, f"{storage.name}:vztmpl/{template}") is None:
            land(call, storage, f"vztmpl/{template}", "vztmpl", 120 * 1024**2)

    return call.fork("download", template, work(), 0.5)


@answers("GET /nodes/{node}/query-oci-repo-tags")
def list_oci_tags(call: Call) -> Answer:
    """Tags of a container image."""
    if ".invalid" in call.params.text("reference"):
        raise ApiError("command '/usr/bin/skopeo list-tags' failed: exit code 1")
    return ["latest", "1", "1.0"]


@answers(f"POST {PLACE}/oci-registry-pull")
def pull_oci(call: Call) -> Answer:
    """Fetch a container image as a template."""
    storage = call.cluster.usable_storage(call.params.text("storage"), call.node)
    reference = call.params.text("reference")
    name = call.params.text("filename") or reference.rpartition("/")[2].replace(":", "_")
    if "vztmpl" not in storage.content:
        raise ApiError(f"storage '{storage.name}' does not support 'vztmpl' content")

    def work() -> Work:
        yield Pause()
        if ".invalid" in reference:
            raise TaskError("command '/usr/bin/skopeo copy' failed: exit code 1")
        land(call, storage, f"vztmpl/{name}.tar", "vztmpl", 60 * 1024**2)

    return call.fork("ocipull", "", work(), 0.5)


@answers(f"GET {PLACE}/import-metadata")
def look_at_import(call: Call) -> Answer:
    """Settings in a foreign guest: only storages of type esxi have some, and the rack has none."""
    storage = call.cluster.usable_storage(call.params.text("storage"), call.node)
    raise ApiError(f"storage '{storage.name}' (type {storage.type}) does not support import metadata")


@answers(f"GET {PLACE}/file-restore/list", f"GET {PLACE}/file-restore/download")
def restore_files(call: Call) -> Answer:
    """Single files come from storages of a backup server only."""
    storage = call.cluster.usable_storage(call.params.text("storage"), call.node)
    if storage.type != "pbs":
        raise ApiError("Only PBS storages supported for file-restore.")
    raise ApiError("proxmox-file-restore failed: Error: unable to open snapshot")
