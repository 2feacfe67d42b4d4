"""Configuration files made of sections: one way to create, show, change and delete them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.simulators.proxmox.call import Call
from holdfast.simulators.proxmox.cluster import Section
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.facts import Schema, method_table
from holdfast.simulators.proxmox.firewall import digest_of
from holdfast.simulators.proxmox.values import Json, Parameter, Row, as_text
from holdfast.simulators.proxmox.verify import schema_of

CHANGED: Final = "detected modified configuration - file changed by other user? Try again."
_CONTROL: Final = frozenset({"delete", "digest", "node", "lock-token", "checksum"})


def stored(value: Parameter) -> str:
    """A parameter the way sections keep it: arrays joined by NUL."""
    if isinstance(value, list):
        return "\0".join(as_text(item) for item in value)
    return as_text(value)


def shown(schemas: Mapping[str, Schema], section: Mapping[str, str]) -> Row:
    """A section with the types of its schema."""
    return {name: _typed(schema_of(schemas, name), value) for name, value in section.items()}


def _typed(schema: Schema | None, value: str) -> Json:
    kind = schema.get("type") if schema else None
    if kind == "array":
        return value.split("\0") if value else []
    if kind in ("integer", "boolean") and value.lstrip("-").isdigit():
        return int(value)
    if kind == "number":
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


@dataclass(frozen=True)
class Sections:
    """One kind of section: where it is kept, what its key is called, what the texts say of it.

    `file` is the configuration file below /etc/pve; `create` the endpoint whose schema types the values.
    """

    store: str
    key: str
    file: str
    create: str
    noun: str
    hidden: frozenset[str] = frozenset()

    def all(self, call: Call) -> Section:
        """All sections of the kind."""
        return call.cluster.sections.setdefault(self.store, {})

    def ident(self, call: Call) -> str:
        """The key in this call's parameters."""
        return call.params.text(self.key)

    def find(self, call: Call) -> dict[str, str]:
        """The section a call names; 500 when there is none."""
        section = self.all(call).get(self.ident(call))
        if section is None:
            raise ApiError(f"no such {self.noun} '{self.ident(call)}'")
        return section

    def schemas(self, call: Call) -> Mapping[str, Schema]:
        """Schemas of the values."""
        return method_table(call.cluster.release).methods[self.create].schemas

    def digest(self, call: Call) -> str:
        """Over all sections of the file; what is not kept in the file does not count."""
        return digest_of({ident: self._kept(section) for ident, section in self.all(call).items()})

    def _kept(self, section: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in section.items() if name not in self.hidden}

    def row(self, call: Call, ident: str, *, digest: bool = True) -> Row:
        """One section as the API gives it."""
        row: Row = {self.key: ident, **shown(self.schemas(call), self._kept(self.all(call)[ident]))}
        if digest:
            row["digest"] = self.digest(call)
        return row

    def rows(self, call: Call, *, digest: bool = False) -> list[Row]:
        """All sections."""
        return [self.row(call, ident, digest=digest) for ident in self.all(call)]

    def given(self, call: Call, beside: Iterable[str] = ()) -> dict[str, str]:
        """What the call sets."""
        skipped = _CONTROL | {self.key} | frozenset(beside)
        return {name: stored(value) for name, value in call.params.raw().items() if name not in skipped}

    def add(self, call: Call, beside: Iterable[str] = ()) -> dict[str, str]:
        """Create the section a call describes; 500 when it is there already."""
        call.cluster.require_writable(self.file)
        ident = self.ident(call)
        if ident in self.all(call):
            raise ApiError(f"{self.noun} '{ident}' already exists")
        section = self.given(call, beside)
        self.all(call)[ident] = section
        return section

    def change(self, call: Call, beside: Iterable[str] = ()) -> dict[str, str]:
        """Change the section a call names, digest checked."""
        call.cluster.require_writable(self.file)
        section = self.find(call)
        if call.params.maybe("digest") not in (None, self.digest(call)):
            raise ApiError(CHANGED)
        for name in call.params.words("delete"):
            section.pop(name, None)
        section.update(self.given(call, beside))
        return section

    def remove(self, call: Call) -> dict[str, str]:
        """Delete the section a call names."""
        call.cluster.require_writable(self.file)
        self.find(call)
        return self.all(call).pop(self.ident(call))
