"""Server configuration profiles: export of the present state, preview and import of another (contract §12.16)."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.attribute_data import SECRET_PARTS
from holdfast.simulators.idrac.attributes import GROUPS, IDRAC, LIFECYCLE, SYSTEM
from holdfast.simulators.idrac.bios_data import BIOS_ATTRIBUTES
from holdfast.simulators.idrac.timeline import iso_bare

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

BIOS = "BIOS.Setup.1-1"
_TARGETS: Mapping[str, tuple[str, ...]] = {
    "ALL": (SYSTEM, LIFECYCLE, IDRAC, BIOS, "NIC", "RAID"),
    "IDRAC": (IDRAC,),
    "BIOS": (BIOS,),
    "NIC": ("NIC",),
    "RAID": ("RAID",),
    "System": (SYSTEM,),
    "LifecycleController": (LIFECYCLE,),
    "EventFilters": (),
    "SupportAssist": (),
    "FC": (),
    "InfiniBand": (),
    "AHCI": (),
    "PCIeSSD": (),
}

Component = tuple[str, list[tuple[str, str]]]


class ProfileError(ValueError):
    """The text is not a profile."""


def components(bmc: Bmc, targets: list[str], *, read_only: bool, hashes: bool) -> list[Component]:
    """What a profile of these targets holds: FQDD and its attributes."""
    wanted: list[str] = []
    for target in targets:
        wanted += [name for name in _TARGETS.get(target, ()) if name not in wanted]
    found: list[Component] = []
    for name in wanted:
        if name in GROUPS:
            found.append((name, _group(bmc, name, hashes=hashes)))
        elif name == BIOS:
            found.append((BIOS, _bios(bmc, read_only=read_only)))
        elif name == "NIC":
            found += [(port.fqdd, [("LegacyBootProto", "PXE"), ("WakeOnLan", "Disabled")]) for port in bmc.hw.nics]
        elif name == "RAID":
            found.append((bmc.hw.raid, _raid(bmc)))
    return found


def _group(bmc: Bmc, group: str, *, hashes: bool) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in bmc.attributes.all(group).items():
        head, _, last = name.rpartition(".")
        secret = any(part in name for part in SECRET_PARTS)
        if value is None:
            rows.append((f"{head}#{last}", "******"))
            continue
        if secret and not value:
            continue
        rows.append((f"{head}#{last}", str(value)))
        if hashes and last == "UserName" and value:
            # What IncludePasswordHashValues adds; a canary, so that a leak can be found.
            rows.append((f"{head}#SHA256Password", "CA" * 32))
            rows.append((f"{head}#SHA256PasswordSalt", "5A" * 16))
    return rows


def _bios(bmc: Bmc, *, read_only: bool) -> list[tuple[str, str]]:
    rows = []
    for name, item in BIOS_ATTRIBUTES.items():
        if item.secret or (item.read_only and not read_only):
            continue
        rows.append((name, str(bmc.bios.get(name))))
    return rows


def _raid(bmc: Bmc) -> list[tuple[str, str]]:
    rows = [("RAIDresetConfig", "False"), ("RAIDforeignConfig", "Ignore"), ("RAIDprMode", "Automatic")]
    for volume in bmc.raid.volumes.values():
        rows.append((f"{volume.id}#RAIDaction", "Update"))
        rows.append((f"{volume.id}#Name", volume.name))
        rows.append((f"{volume.id}#RAIDTypes", volume.level.replace("RAID", "RAID ")))
    return rows


def as_json(bmc: Bmc, found: list[Component], use: str) -> str:
    """The profile as JSON (contract E11)."""
    document = {
        "SystemConfiguration": {
            "Model": bmc.server.model,
            "ServiceTag": bmc.server.service_tag,
            "TimeStamp": iso_bare(bmc.now),
            "Comments": [{"Comment": f"ExportFormat=JSON ExportUse={use}"}],
            "Components": [
                {
                    "FQDD": fqdd,
                    "Attributes": [
                        {"Name": name, "Value": value, "Set On Import": "True", "Comment": "Read and Write"}
                        for name, value in rows
                    ],
                }
                for fqdd, rows in found
            ],
        }
    }
    return json.dumps(document)


def as_xml(bmc: Bmc, found: list[Component], use: str) -> str:
    """The profile as XML."""
    root = ElementTree.Element(
        "SystemConfiguration",
        {"Model": bmc.server.model, "ServiceTag": bmc.server.service_tag, "TimeStamp": iso_bare(bmc.now)},
    )
    root.append(ElementTree.Comment(f"Export type is {use}"))
    for fqdd, rows in found:
        component = ElementTree.SubElement(root, "Component", {"FQDD": fqdd})
        for name, value in rows:
            ElementTree.SubElement(component, "Attribute", {"Name": name}).text = value
    return ElementTree.tostring(root, encoding="unicode")


def parse(text: str) -> list[Component]:
    """The components of a profile, XML or JSON; ProfileError when it is none."""
    stripped = text.lstrip()
    try:
        return _parse_json(stripped) if stripped.startswith("{") else _parse_xml(stripped)
    except (ValueError, ElementTree.ParseError, KeyError, TypeError) as error:
        raise ProfileError(str(error)) from None


def _parse_json(text: str) -> list[Component]:
    document = json.loads(text)["SystemConfiguration"]
    return [
        (
            str(component["FQDD"]),
            [
                (str(row["Name"]), str(row["Value"]))
                for row in component.get("Attributes", [])
                if str(row.get("Set On Import", "True")) == "True"
            ],
        )
        for component in document["Components"]
    ]


def _parse_xml(text: str) -> list[Component]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ProfileError("a profile has no document type")
    root = ElementTree.fromstring(text)
    if root.tag != "SystemConfiguration":
        raise ProfileError(root.tag)
    return [
        (component.attrib["FQDD"], [(row.attrib["Name"], row.text or "") for row in component.findall("Attribute")])
        for component in root.findall("Component")
    ]


class Difference:
    """What an import would change, and what it could not."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str, str]] = []
        self.errors: list[tuple[str, str]] = []
        self.unreachable: list[str] = []


def compare(bmc: Bmc, found: list[Component], targets: list[str]) -> Difference:
    """The difference between a profile and the present state, for these targets."""
    reach: set[str] = set()
    for target in targets:
        reach.update(_TARGETS.get(target, ()))
    difference = Difference()
    for fqdd, rows in found:
        if fqdd in GROUPS and fqdd in reach:
            _compare_group(bmc, difference, fqdd, rows)
        elif fqdd == BIOS and BIOS in reach:
            _compare_bios(bmc, difference, rows)
        elif (fqdd.startswith("NIC.") and "NIC" in reach) or (fqdd.startswith("RAID.") and "RAID" in reach):
            continue
        elif fqdd.split(".")[0] not in ("NIC", "RAID", "iDRAC", "System", "LifecycleController", "BIOS"):
            difference.errors.append((fqdd, "unknown component"))
    return difference


def _compare_group(bmc: Bmc, difference: Difference, group: str, rows: list[tuple[str, str]]) -> None:
    present = bmc.attributes.all(group)
    together = {name.replace("#", "."): value for name, value in rows}
    for name, value in together.items():
        if name not in present:
            difference.errors.append((name, "unknown attribute"))
        elif value == "******" or str(present[name]) == value or (present[name] is None and not value):
            continue
        elif bmc.attributes.problem(group, name, value, together) is not None:
            difference.errors.append((name, "refused"))
        else:
            difference.changes.append((group, name, value))


def _compare_bios(bmc: Bmc, difference: Difference, rows: list[tuple[str, str]]) -> None:
    values: dict[str, object] = {}
    for name, value in rows:
        item = BIOS_ATTRIBUTES.get(name)
        integer = item is not None and item.kind == "Integer" and value.lstrip("-").isdigit()
        values[name] = int(value) if integer else value
    for name, typed in values.items():
        if name not in BIOS_ATTRIBUTES:
            difference.errors.append((name, "unknown attribute"))
        elif bmc.bios.get(name) == typed:
            continue
        elif bmc.bios.problem(name, typed, values) is not None:
            difference.errors.append((name, "refused"))
        else:
            difference.changes.append((BIOS, name, str(typed)))
