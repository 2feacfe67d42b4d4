"""BIOS settings: in force, pending, committed to a job (contract §12.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.bios_data import BIOS_ATTRIBUTES, BIOS_DEPENDENCIES, Value
from holdfast.simulators.idrac.errors import Info, Refusal
from holdfast.simulators.idrac.persona import Persona

if TYPE_CHECKING:
    from holdfast.simulators.idrac.hardware import Hardware


class Bios:
    """The BIOS settings of one server: defaults shared, changes its own."""

    def __init__(self, hardware: Hardware, persona: Persona) -> None:
        server = hardware.server
        self.changed: dict[str, Value] = {}
        self.pending: dict[str, Value] = {}
        self.committed = False
        self.passwords: dict[str, str] = {"SetupPassword": "", "SysPassword": ""}
        self._fixed: dict[str, Value] = {
            "SystemModelName": server.model,
            "SystemServiceTag": server.service_tag,
            "SysMemSize": f"{hardware.memory_mib // 1024} GB",
            "SysMemType": "ECC DDR5" if hardware.system_generation >= 16 else "ECC DDR4",
            "SysMemSpeed": "4800 Mhz" if hardware.system_generation >= 16 else "3200 Mhz",
            "ProcCoreSpeed": "2.00 GHz",
        }
        for number in range(1, server.cpu_sockets + 1):
            self._fixed[f"Proc{number}Brand"] = server.cpu_model
            self._fixed[f"Proc{number}NumCores"] = str(server.cpu_cores_per_socket)

    def get(self, name: str) -> Value:
        """The value in force."""
        return self.changed.get(name, self._fixed.get(name, BIOS_ATTRIBUTES[name].default))

    def all(self) -> dict[str, Value]:
        """All values in force; passwords are null."""
        return {name: None if item.secret else self.get(name) for name, item in BIOS_ATTRIBUTES.items()}

    def problem(self, name: str, value: object, together: Mapping[str, object]) -> Info | None:
        """Why a value cannot be set, or None when it can. Values are case-sensitive; integers must be integers."""
        pointer = (f"#/Attributes/{name}",)
        item = BIOS_ATTRIBUTES.get(name)
        if item is None:
            return Info("SYS409", (name,), pointer)
        if item.read_only or item.secret:
            return Info("SYS409", (name,), pointer)
        if name in BIOS_DEPENDENCIES:
            other, needed = BIOS_DEPENDENCIES[name]
            if together.get(other, self.pending.get(other, self.get(other))) != needed:
                return Info("SYS410", (name,), pointer)
        if item.kind == "Integer":
            if isinstance(value, bool) or not isinstance(value, int):
                return Info("SYS424", (str(value), name), pointer)
            low, high = item.bounds or (0, 0)
            return None if low <= value <= high else Info("SYS425", (name,), pointer)
        if not isinstance(value, str):
            return Info("SYS424", (str(value), name), pointer)
        if item.kind == "Enumeration" and value not in item.values:
            return Info("SYS426", (value, name), pointer)
        return None

    def stage(self, values: Mapping[str, object]) -> None:
        """Put values among the pending; all or nothing. Refused while an earlier set is committed (SYS011)."""
        if self.committed:
            raise Refusal(400, (Info("SYS011"),))
        problems = [found for name, value in values.items() if (found := self.problem(name, value, values))]
        if problems:
            raise Refusal(400, tuple(problems))
        for name, value in values.items():
            if isinstance(value, str | int):
                if value == self.get(name):
                    self.pending.pop(name, None)
                else:
                    self.pending[name] = value

    def commit(self) -> None:
        """A job takes the pending values over."""
        self.committed = True

    def discard(self) -> None:
        """Forget the pending values."""
        self.pending.clear()
        self.committed = False

    def apply(self) -> dict[str, tuple[Value, Value]]:
        """Put the pending values in force; what changed, before and after."""
        done: dict[str, tuple[Value, Value]] = {}
        for name, value in self.pending.items():
            done[name] = (self.get(name), value)
            self.changed[name] = value
        self.discard()
        return done

    def defaults(self) -> None:
        """Forget all changes."""
        self.changed.clear()
