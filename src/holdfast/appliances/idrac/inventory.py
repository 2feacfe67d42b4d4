"""Parts of a server, section by section (contract 12.1, 12.7, 12.11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.collections import EXPAND_LINKS
from holdfast.appliances.idrac.models import Part
from holdfast.appliances.idrac.reading import dig, flag, health, link, links, objects, text, time_of, whole
from holdfast.errors import NotFoundError, UnsupportedError
from holdfast.transport.values import JsonObject

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

MIB: Final = 1024 * 1024
_CONSOLE: Final = "Video.Embedded."
"""The graphics of the console itself, which is no GPU."""


def _part(row: JsonObject, **more: object) -> Part:
    known: dict[str, object] = {
        "id": text(row, "Id", "MemberId") or text(row, "@odata.id") or "?",
        "name": text(row, "Name"),
        "manufacturer": text(row, "Manufacturer"),
        "model": text(row, "Model"),
        "serial_number": text(row, "SerialNumber"),
        "part_number": text(row, "PartNumber"),
        "health": health(row),
        "state": text(row, "Status/State"),
    }
    return Part.model_validate({**known, **more})


async def _below_system(client: IDracClient, name: str) -> list[JsonObject]:
    found = link(await client.places.system(), name)
    if found is None:
        raise UnsupportedError(f"This server does not show its {name}.")
    return await client.rows(found)


async def processors(client: IDracClient) -> list[Part]:
    """CPUs, and GPUs where they are processors."""
    return [
        _part(
            row,
            type=text(row, "ProcessorType"),
            cores=whole(row, "TotalCores"),
            threads=whole(row, "TotalThreads"),
            speed_mhz=whole(row, "OperatingSpeedMHz", "MaxSpeedMHz"),
        )
        for row in await _below_system(client, "Processors")
    ]


async def memory(client: IDracClient) -> list[Part]:
    """DIMMs."""
    return [
        _part(
            row,
            type=text(row, "MemoryDeviceType"),
            capacity_bytes=None if (size := whole(row, "CapacityMiB")) is None else size * MIB,
            speed_mhz=whole(row, "OperatingSpeedMhz"),
        )
        for row in await _below_system(client, "Memory")
    ]


async def nics(client: IDracClient) -> list[Part]:
    """Network ports with their MAC addresses."""
    return [
        _part(
            row,
            type="port",
            mac_address=text(row, "PermanentMACAddress", "MACAddress"),
            link=text(row, "LinkStatus"),
            link_mbps=whole(row, "SpeedMbps"),
        )
        for row in await _below_system(client, "EthernetInterfaces")
    ]


async def adapters(client: IDracClient) -> list[Part]:
    """Network adapters with their firmware."""
    found = link(await client.places.chassis(), "NetworkAdapters")
    if found is None:
        raise UnsupportedError("This server does not show its network adapters.")
    rows = await client.rows(found)
    return [
        _part(row, type="adapter", version=text((objects(row, "Controllers") or [{}])[0], "FirmwarePackageVersion"))
        for row in rows
    ]


async def _linked_devices(client: IDracClient, chassis: JsonObject) -> list[JsonObject]:
    """PCIe devices of iDRAC 7 and 8, which list none: one request where the chassis expands links, else one each."""
    address = text(chassis, "@odata.id")
    if address is not None and links(chassis, "Links/PCIeDevices"):
        found = objects(await client.expanded(address, EXPAND_LINKS), "Links/PCIeDevices")
        if all(len(row) > 1 for row in found):
            return found
    return await client.many(links(await client.places.system(), "PCIeDevices"))


async def pcie(client: IDracClient) -> list[Part]:
    """PCIe devices: of the chassis in one request where it lists them, else by the links of the system."""
    chassis = await client.places.chassis()
    listing = link(chassis, "PCIeDevices")
    rows = await client.rows(listing) if listing else await _linked_devices(client, chassis)
    return [_part(row, type=text(row, "DeviceType"), version=text(row, "FirmwareVersion")) for row in rows]


async def gpus(client: IDracClient) -> list[Part]:
    """GPUs: processors of that type, or what older firmware lists as video devices (contract 12.1)."""
    system = await client.places.system()
    listing = link(system, "Processors")
    found = await client.rows(listing) if listing else []
    rows = [row for row in found if text(row, "ProcessorType") == "GPU"]
    video = None if rows else link(system, "Links/Oem/Dell/DellVideoCollection")
    if video is not None:
        try:
            rows = [row for row in await client.rows(video) if not (text(row, "Id") or "").startswith(_CONSOLE)]
        except (NotFoundError, UnsupportedError):
            rows = []
    return [
        _part(
            row,
            type="GPU",
            model=text(row, "Model", "MarketingName", "Description"),
            version=text(row, "FirmwareVersion"),
            capacity_bytes=None if (size := whole(row, "MemorySummary/TotalMemorySizeMiB")) is None else size * MIB,
        )
        for row in rows
    ]


async def firmware(client: IDracClient) -> list[Part]:
    """Installed firmware, what could be rolled back to, and what is staged."""
    service = link(await client.root(), "UpdateService")
    listing = link(await client.get(service), "FirmwareInventory") if service else None
    if listing is None:
        raise UnsupportedError("This iDRAC does not list firmware.")
    return [
        _part(
            row,
            type=(text(row, "Id") or "").partition("-")[0].lower(),
            version=text(row, "Version"),
            updateable=flag(row, "Updateable"),
            release_date=time_of(row, "ReleaseDate"),
        )
        for row in await client.rows(listing)
    ]


def drive_part(row: JsonObject, controller: str | None) -> Part:
    """A disk."""
    return _part(
        row,
        type="drive",
        capacity_bytes=whole(row, "CapacityBytes"),
        media=text(row, "MediaType"),
        protocol=text(row, "Protocol"),
        version=text(row, "Revision"),
        failure_predicted=flag(row, "FailurePredicted"),
        life_left_percent=whole(row, "PredictedMediaLifeLeftPercent"),
        hot_spare=text(row, "HotspareType"),
        raid_status=text(row, "Oem/Dell/DellPhysicalDisk/RaidStatus", "Oem/Dell/DellPCIeSSD/RaidStatus"),
        controller=controller,
    )


def volume_part(row: JsonObject, controller: str | None) -> Part:
    """A volume (virtual disk)."""
    return _part(
        row,
        type="volume",
        capacity_bytes=whole(row, "CapacityBytes"),
        raid_type=text(row, "RAIDType", "VolumeType"),
        raid_status=text(row, "Oem/Dell/DellVolume/RaidStatus"),
        drives=[one.rsplit("/", 1)[-1] for one in links(row, "Links/Drives")] or None,
        controller=controller,
    )


async def controllers(client: IDracClient) -> list[JsonObject]:
    """Storage controllers as the iDRAC tells them."""
    return await _below_system(client, "Storage")


async def drives_of(client: IDracClient, controller: JsonObject) -> list[JsonObject]:
    """The disks of a controller: with the controller in one request where the iDRAC expands it, else one by one."""
    rows = objects(controller, "Drives")
    address = text(controller, "@odata.id")
    if len(rows) > 1 and address is not None and any(len(row) == 1 for row in rows):
        rows = objects(await client.expanded(address), "Drives")
    return [row if len(row) > 1 else await client.get(text(row, "@odata.id") or "") for row in rows]


async def volumes_of(client: IDracClient, controller: JsonObject) -> list[JsonObject]:
    """The volumes of a controller."""
    listing = link(controller, "Volumes")
    return await client.rows(listing) if listing else []


async def storage(client: IDracClient) -> list[Part]:
    """Controllers, each followed by its volumes and its disks."""
    found: list[Part] = []
    for row in await controllers(client):
        name = text(row, "Id")
        first = (objects(row, "StorageControllers") or objects(row, "Controllers") or [{}])[0]
        found.append(
            _part(
                row,
                type="controller",
                model=text(first, "Model", "Name"),
                version=text(first, "FirmwareVersion")
                or text(row, "Oem/Dell/DellController/ControllerFirmwareVersion"),
            )
        )
        found += [volume_part(one, name) for one in await volumes_of(client, row)]
        found += [drive_part(one, name) for one in await drives_of(client, row)]
    return found


async def supplies(client: IDracClient) -> list[Part]:
    """Power supplies, by the old resource or the new."""
    chassis = await client.places.chassis()
    old, new = link(chassis, "Power"), link(chassis, "PowerSubsystem")
    if old is not None:
        rows = objects(await client.get(old), "PowerSupplies")
    elif new is not None and (listing := link(await client.get(new), "PowerSupplies")) is not None:
        rows = await client.rows(listing)
    else:
        raise UnsupportedError("This server does not show its power supplies.")
    return [
        _part(
            row,
            type="power supply",
            version=text(row, "FirmwareVersion"),
            capacity_watts=whole(row, "PowerCapacityWatts"),
            input_volts=value if isinstance(value := dig(row, "LineInputVoltage"), int | float) else None,
        )
        for row in rows
    ]


SECTIONS: Final[dict[str, Callable[[IDracClient], Awaitable[list[Part]]]]] = {
    "processors": processors,
    "memory": memory,
    "storage": storage,
    "nics": nics,
    "adapters": adapters,
    "pcie": pcie,
    "gpus": gpus,
    "firmware": firmware,
    "power_supplies": supplies,
}
