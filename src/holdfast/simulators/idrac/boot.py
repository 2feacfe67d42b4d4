"""Boot override and order (contract §12.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.persona import SYS, Persona
from holdfast.simulators.idrac.wire import Json

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.hardware import Hardware

TARGETS = (
    "None",
    "Pxe",
    "Floppy",
    "Cd",
    "Hdd",
    "BiosSetup",
    "Utilities",
    "UefiTarget",
    "SDCard",
    "UefiHttp",
)


class BootOption:
    """An entry of the boot order."""

    def __init__(self, reference: str, name: str, uefi_path: str) -> None:
        self.reference = reference
        self.name = name
        self.uefi_path = uefi_path
        self.enabled = True


class Boot:
    """What the host boots from, next and always."""

    def __init__(self, hardware: Hardware, persona: Persona) -> None:
        self._persona = persona
        self.targets = TARGETS if persona.generation >= 9 else TARGETS[:-1]
        self.enabled = "Disabled"
        self.target = "None"
        self.mode = "UEFI"
        self.uefi_target: str | None = None
        self.options: dict[str, BootOption] = {}
        entries = [("Boot0003", "PXE Device 1: Integrated NIC 1 Port 1 Partition 1", "PciRoot(0x3)/Pci(0x2,0x0)/MAC()")]
        entries.append(("Boot0000", "Unavailable: proxmox", "HD(2,GPT)/\\EFI\\proxmox\\grubx64.efi"))
        if hardware.server.role == "truenas":
            entries[1] = ("Boot0000", "TrueNAS", "HD(2,GPT)/\\EFI\\debian\\grubx64.efi")
        entries.append(("Boot0005", "Virtual Optical Drive", "PciRoot(0x0)/Pci(0x14,0x0)/USB(0x0,0x0)"))
        for reference, name, path in entries:
            self.options[reference] = BootOption(reference, name, path)
        self.order = ["Boot0000", "Boot0003", "Boot0005"]
        self.pending_order: list[str] | None = None
        self.pending_enabled: dict[str, bool] = {}

    def patch(self, bmc: Bmc, changes: Json) -> str | None:
        """Change the override at once; a new order becomes a job whose location is returned."""
        names = {"BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode"}
        names |= {"UefiTargetBootSourceOverride", "BootOrder"}
        body.closed(changes, names if self._persona.generation >= 9 else names - {"BootOrder"})
        target = body.text(changes, "BootSourceOverrideTarget", allowed=self.targets, default=self.target)
        states = ("Disabled", "Once", "Continuous")
        enabled = body.text(changes, "BootSourceOverrideEnabled", allowed=states, default=self.enabled)
        mode = body.text(changes, "BootSourceOverrideMode", allowed=("UEFI", "Legacy"), default=self.mode)
        if "BootSourceOverrideMode" in changes and self._persona.boot_settings:
            raise body.read_only("BootSourceOverrideMode")
        uefi = self.uefi_target
        if "UefiTargetBootSourceOverride" in changes:
            uefi = body.text(changes, "UefiTargetBootSourceOverride")
        if target == "UefiTarget" and not uefi:
            raise body.missing("UefiTargetBootSourceOverride")
        order = body.texts(changes, "BootOrder", default=[])
        if order and sorted(order) != sorted(self.order):
            raise body.invalid("BootOrder", order)
        if "BootSourceOverrideTarget" in changes and "BootSourceOverrideEnabled" not in changes:
            enabled = "Once"
        if target == "None":
            enabled = "Disabled"
        if (target, enabled) != (self.target, self.enabled):
            bmc.record("SYS141", "Boot.1.Override", self.target, target, category="Configuration")
        self.target, self.enabled, self.mode, self.uefi_target = target, enabled, mode, uefi
        if not order:
            return None
        job = bmc.work.configure_boot(order)
        self.pending_order = order
        return bmc.jobs.location(job).get("Location", "")

    def consumed(self) -> None:
        """The host has booted: a one-time override is used up."""
        if self.enabled == "Once":
            self.enabled = "Disabled"
            # Old firmware leaves "Once" with the target "None", which means inactive (contract §12.9).
            if self._persona.generation < 9:
                self.enabled = "Once"
            self.target = "None"
            self.uefi_target = None

    def apply_pending(self) -> None:
        """Put the committed order and switches in force."""
        if self.pending_order is not None:
            self.order = list(self.pending_order)
            self.pending_order = None
        for reference, enabled in self.pending_enabled.items():
            self.options[reference].enabled = enabled
        self.pending_enabled.clear()


def option_path(reference: str) -> str:
    """Where a boot option is."""
    return f"{SYS}/BootOptions/{reference}"
