"""Virtual media at the manager or the system, and Dell's OS deployment service (contract §12.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import missing_resource, refuse, success
from holdfast.simulators.idrac.jobs import FAILED, RUNNING, Outcome, Step
from holdfast.simulators.idrac.media import Slot
from holdfast.simulators.idrac.persona import MGR, SYS, Persona
from holdfast.simulators.idrac.shares import read_share
from holdfast.simulators.idrac.trees.common import action, collection, resource
from holdfast.simulators.idrac.wire import Call, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_OSD = f"{SYS}/Oem/Dell/DellOSDeploymentService"
_OSD_ACTIONS = (
    "BootToNetworkISO",
    "ConnectNetworkISOImage",
    "DetachISOImage",
    "DetachDrivers",
    "GetAttachStatus",
    "GetDriverPackInfo",
    "UnpackAndAttach",
)


def _base(call: Call) -> str:
    return f"{MGR}/VirtualMedia" if call.path.startswith(MGR) else f"{SYS}/VirtualMedia"


def _list(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, call.path, "VirtualMedia", [f"{call.path}/{name}" for name in bmc.media.slots])


def _need(bmc: Bmc, call: Call) -> Slot:
    slot = bmc.media.slots.get(call.args[0])
    if slot is None:
        raise missing_resource(call.path)
    return slot


def _one(bmc: Bmc, call: Call) -> Reply:
    slot = _need(bmc, call)
    path = f"{_base(call)}/{slot.id}"
    image = bmc.media.shown_image(slot)
    content = resource(bmc, path, "VirtualMedia", slot.name)
    content |= {
        "ConnectedVia": "URI" if image else "NotConnected",
        "Image": image,
        "ImageName": image.replace("\\", "/").rsplit("/", 1)[-1] if image else None,
        "Inserted": image is not None,
        "MediaTypes": list(slot.types),
        "MediaTypes@odata.count": len(slot.types),
        "Password": None,
        "TransferMethod": "Stream" if image else None,
        "TransferProtocolType": image.split(":", 1)[0].upper() if image and "://" in image else None,
        "UserName": slot.username,
        "WriteProtected": slot.write_protected,
        "Actions": {
            "#VirtualMedia.EjectMedia": action(f"{path}/Actions/VirtualMedia.EjectMedia"),
            "#VirtualMedia.InsertMedia": action(f"{path}/Actions/VirtualMedia.InsertMedia"),
        },
    }
    return Reply(200, content)


def _insert(bmc: Bmc, call: Call) -> Reply:
    slot = _need(bmc, call)
    bmc.require_licence("Enterprise")
    bmc.media.insert(slot, call.body)
    return Reply(204)


def _eject(bmc: Bmc, call: Call) -> Reply:
    bmc.media.eject(_need(bmc, call))
    return Reply(204)


def _osd(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _OSD, "DellOSDeploymentService", "DellOSDeploymentService")
    content["Actions"] = {
        f"#DellOSDeploymentService.{name}": {"target": f"{_OSD}/Actions/DellOSDeploymentService.{name}"}
        for name in _OSD_ACTIONS
    }
    return Reply(200, content)


def _boot_iso(bmc: Bmc, call: Call) -> Reply:
    bmc.require_licence("Enterprise")
    share = read_share(call.body, types=("NFS", "CIFS", "HTTP", "HTTPS"))
    image = body.text(call.body, "ImageName")
    if bmc.attached_iso is not None:
        raise refuse(400, "VRM0012")

    def attach() -> Outcome | None:
        if bmc.faults.take("share-unreachable", now=bmc.now):
            return Outcome(FAILED, "RED016")
        bmc.attached_iso = f"{share}/{image}"
        if call.path.endswith("BootToNetworkISO"):
            bmc.restart_host()
        return None

    job = bmc.jobs.add("OSD: BootTONetworkISO", "OSDeploy", (Step(RUNNING, "PR20", bmc.jobs.pace.other_s),), attach)
    return Reply(202, None, bmc.jobs.location(job))


def _detach_iso(bmc: Bmc, call: Call) -> Reply:
    if bmc.attached_iso is None:
        raise refuse(400, "VRM0009")
    bmc.attached_iso = None
    return success(bmc.persona)


def _detach_drivers(bmc: Bmc, call: Call) -> Reply:
    if bmc.attached_drivers is None:
        raise refuse(400, "VRM0009")
    bmc.attached_drivers = None
    return success(bmc.persona)


def _attach_status(bmc: Bmc, call: Call) -> Reply:
    return Reply(
        200,
        {
            "DriversAttachStatus": "Attached" if bmc.attached_drivers else "NotAttached",
            "ISOAttachStatus": "Attached" if bmc.attached_iso else "NotAttached",
        },
    )


_SYSTEMS = ["Microsoft Windows Server 2022", "Red Hat Enterprise Linux 9.4", "Debian 12"]


def _driver_packs(bmc: Bmc, call: Call) -> Reply:
    return Reply(200, {"OSList": list(_SYSTEMS), "Version": "23.10.03"})


def _unpack(bmc: Bmc, call: Call) -> Reply:
    name = body.text(call.body, "OSName", allowed=_SYSTEMS)

    def attach() -> None:
        bmc.attached_drivers = name

    job = bmc.jobs.add("OSD: UnpackAndAttach", "OSDeploy", (Step(RUNNING, "PR20", bmc.jobs.pace.other_s),), attach)
    return Reply(202, None, bmc.jobs.location(job))


def mount(routes: Routes, persona: Persona) -> None:
    """Add virtual media where the generation has it (some have it twice)."""
    bases = []
    if persona.media_home == "manager" or persona.media_alias:
        bases.append(f"{MGR}/VirtualMedia")
    if persona.media_home == "system":
        bases.append(f"{SYS}/VirtualMedia")
    for base in bases:
        routes.get(base, _list)
        routes.get(f"{base}/*", _one)
        routes.action(f"{base}/*", "VirtualMedia.InsertMedia", _insert, locked=False)
        routes.action(f"{base}/*", "VirtualMedia.EjectMedia", _eject, locked=False)
    if persona.oem_services:
        routes.get(_OSD, _osd)
        handlers = {
            "BootToNetworkISO": _boot_iso,
            "ConnectNetworkISOImage": _boot_iso,
            "DetachISOImage": _detach_iso,
            "DetachDrivers": _detach_drivers,
            "GetAttachStatus": _attach_status,
            "GetDriverPackInfo": _driver_packs,
            "UnpackAndAttach": _unpack,
        }
        for name, handler in handlers.items():
            reads = name.startswith("Get")
            routes.action(
                _OSD,
                f"DellOSDeploymentService.{name}",
                handler,
                privilege="Login" if reads else "ConfigureComponents",
                locked=not reads,
            )
