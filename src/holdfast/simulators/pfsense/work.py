"""One request at work: who asks, the copy of the configuration that it edits, and the moment it is written."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as _field
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense.config import Ident, Stored, Tree
from holdfast.simulators.pfsense.schema import Field, Model, Schema
from holdfast.simulators.pfsense.values import Value

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.machine import Machine

# Pre-shared keys and passwords that answers showed until 2.10 made them sensitive (contract §15).
SHOWN_BEFORE_2_10 = frozenset({("IPsecPhase1", "pre_shared_key"), ("VirtualIP", "password")})


@dataclass
class Obj:
    """An object of a model in its represented form."""

    model: Model
    values: dict[str, Any]
    id: Ident | None = None
    parent_id: Ident | None = None
    initial: dict[str, Any] | None = None
    given: frozenset[str] = frozenset()


@dataclass
class Client:
    """Who sends a request."""

    username: str = ""
    address: str = ""
    deny_write: bool = False


@dataclass
class Work:
    """A request between its start, when the configuration is loaded, and its end.

    `wait_apply` is `async: false`; `dry_run` stops every operation just before it changes anything.
    """

    machine: Machine
    tree: Tree
    client: Client
    endpoint_model: str = ""
    wait_apply: bool = False
    dry_run: bool = False
    apply: bool = False
    placement: int | None = None
    sort_by: tuple[str, ...] = ()
    sort_order: str = "SORT_ASC"
    sort_flags: str = "SORT_REGULAR"
    plural_delete: bool = False
    notes: list[str] = _field(default_factory=list)

    @property
    def schema(self) -> Schema:
        """What the simulated version serves."""
        return self.machine.schema

    @property
    def settings(self) -> Stored:
        """The stored settings of the API package itself."""
        return self.tree.one(self.schema.models["RESTAPISettings"])

    def interface_names(self) -> dict[str, str]:
        """Interfaces by the name that answers and requests use for them, as ids (contract §7.5)."""
        how = self.settings.get("represent_interfaces_as", "id")
        rows = self.tree.rows(self.schema.models["NetworkInterface"])
        if how == "id":
            return {str(ident): str(ident) for ident in rows}
        return {str(row.get(how) or str(ident).upper()): str(ident) for ident, row in rows.items()}

    def interface_groups(self) -> list[str]:
        """Names of the interface groups."""
        return [row["ifname"] for row in self.tree.rows(self.schema.models["InterfaceGroup"]).values()]

    def show_interfaces(self, value: Value) -> Value:
        """Stored interface ids as answers name them."""
        shown = {ident: name for name, ident in self.interface_names().items()}
        if isinstance(value, list):
            return [shown.get(item, item) for item in value]
        return shown.get(value, value)

    def store_interfaces(self, value: Value) -> Value:
        """Interface names of a request as the ids that are stored."""
        names = self.interface_names()
        if isinstance(value, list):
            return [names.get(item, item) if isinstance(item, str) else item for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    def parent_values(self, model: Model, parent_id: Ident | None) -> Stored:
        """The stored parent of a nested object; empty when there is none."""
        parent = self.schema.models[model.parent_model]
        if not parent.many:
            return self.tree.one(parent)
        return self.tree.rows(parent).get(parent_id if parent_id is not None else -1, {}) if parent.config_path else {}

    def values_of(self, model_name: str, field: str) -> list[Any]:
        """Every value that a field has among all objects of a model."""
        model = self.schema.models[model_name]
        if not model.config_path:
            return [row.get(field) for row in self.machine.behaviour(model_name).source(self).values()]
        if not model.parent_model:
            return [row.get(field) for row in self.tree.rows(model).values()]
        parents = self.tree.rows(self.schema.models[model.parent_model])
        return [row.get(field) for ident in parents for row in self.tree.rows(model, ident).values()]

    @property
    def now(self) -> float:
        """The appliance's time in seconds since the epoch."""
        return self.machine.clock.now()

    async def save(self, note: str) -> None:
        """Write this copy of the configuration back, after the write lock (contract §9.2).

        Raises:
            ApiError: 503 after 61 s when the lock is not released.
            WorkerDiedError: when a fault kills the worker before or after the commit.
        """
        machine = self.machine
        await machine.wait_for_lock()
        machine.faults.die_at("before-commit")
        self.notes.append(note)
        if not self.client.deny_write and not machine.faults.active("deny-write"):
            author = (
                "(system)" if self.plural_delete else f"{self.client.username}@{self.client.address} (Local Database)"
            )
            if not machine.faults.active("lose-writes"):
                machine.store.commit(self.tree, self.now, f"{author}: {note}")
        machine.faults.die_at("after-commit")

    async def act(self) -> None:
        """The point at which something other than the configuration changes (a service, the machine itself)."""
        self.machine.faults.die_at("before-commit")

    def acted(self) -> None:
        """The end of such a change; a fault may kill the worker here, after it took effect."""
        self.machine.faults.die_at("after-commit")

    def is_hidden(self, model: Model, field: Field) -> bool:
        """Whether answers leave the field out: write-only always, sensitive unless the settings say otherwise (§5)."""
        if field.write_only:
            return True
        if not field.sensitive:
            return False
        if not self.machine.persona.hides_shared_secrets and (model.name, field.name) in SHOWN_BEFORE_2_10:
            return False
        overridden = self.settings.get("override_sensitive_fields") or []
        return not self.settings.get("expose_sensitive_fields") and f"{model.name}:{field.name}" not in overridden
