"""The firewall's configuration: one tree, loaded whole, edited as a copy, written back whole.

That is how the real one works, and why two writers at once lose one another's changes behind a 200 (contract §9.1).
Stored objects are never changed in place: an edit replaces the object and the list that it is in, so that a loaded
copy costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.simulators.pfsense.schema import Model, Schema
from holdfast.simulators.pfsense.values import Value

Stored = dict[str, Any]
Ident = int | str


class Tree:
    """One copy of the configuration, by configuration path: a list of objects, objects by string id, or one object."""

    def __init__(self, schema: Schema, nodes: dict[str, Any] | None = None) -> None:
        self.schema = schema
        self.nodes: dict[str, Any] = nodes if nodes is not None else {}

    def copy(self) -> Tree:
        """A copy to edit; what is inside is shared until it is replaced."""
        return Tree(self.schema, dict(self.nodes))

    def rows(self, model: Model, parent_id: Ident | None = None) -> dict[Ident, Stored]:
        """Stored objects of a collection by their ids, in order; of one parent when the model has a parent."""
        node = self._collection(model, parent_id)
        if isinstance(node, dict):
            return dict(node)
        return dict(enumerate(node))

    def one(self, model: Model) -> Stored:
        """The stored object of a model that is not a collection."""
        node = self.nodes.get(model.config_path)
        return node if isinstance(node, dict) else {}

    def put(self, model: Model, ident: Ident, stored: Stored, parent_id: Ident | None = None) -> None:
        """Store an object at its id: a new one at the end, an existing one in its place."""
        node = self._collection(model, parent_id)
        if isinstance(node, dict):
            self._set_collection(model, {**node, str(ident): stored}, parent_id)
            return
        rows = list(node)
        index = int(ident)
        if index >= len(rows):
            rows.append(stored)
        else:
            rows[index] = stored
        self._set_collection(model, rows, parent_id)

    def put_one(self, model: Model, stored: Stored) -> None:
        """Store the object of a model that is not a collection; keys of other models at the same path stay."""
        self.nodes[model.config_path] = stored

    def remove(self, model: Model, ident: Ident, parent_id: Ident | None = None) -> None:
        """Remove an object; later ones move up, so that their ids change (contract §7.2)."""
        node = self._collection(model, parent_id)
        if isinstance(node, dict):
            self._set_collection(model, {k: v for k, v in node.items() if k != str(ident)}, parent_id)
        else:
            rows = list(node)
            del rows[int(ident)]
            self._set_collection(model, rows, parent_id)

    def replace(self, model: Model, rows: list[Stored], parent_id: Ident | None = None) -> None:
        """Store a whole collection."""
        self._set_collection(model, rows, parent_id)

    def replace_by_id(self, model: Model, rows: dict[str, Stored]) -> None:
        """Store a whole collection of a model with string ids."""
        self._set_collection(model, rows, None)

    def _parent_field(self, model: Model) -> str:
        parent = self.schema.models[model.parent_model]
        return next(f.name for f in parent.fields.values() if f.model_class == model.name)

    def _collection(self, model: Model, parent_id: Ident | None) -> Value:
        if not model.parent_model:
            return self.nodes.get(model.config_path, {} if model.string_id else [])
        parent = self.schema.models[model.parent_model]
        holder = self.rows(parent).get(_key(parent, parent_id), {}) if parent.many else self.one(parent)
        return holder.get(self._parent_field(model)) or []

    def _set_collection(self, model: Model, node: Value, parent_id: Ident | None) -> None:
        if not model.parent_model:
            self.nodes[model.config_path] = node
            return
        parent = self.schema.models[model.parent_model]
        name = self._parent_field(model)
        if not parent.many:
            self.put_one(parent, {**self.one(parent), name: node})
            return
        key = _key(parent, parent_id)
        self.put(parent, key, {**self.rows(parent)[key], name: node})


def _key(model: Model, ident: Ident | None) -> Ident:
    if model.string_id:
        return str(ident)
    return int(ident) if isinstance(ident, int) or (isinstance(ident, str) and ident.isdigit()) else -1


@dataclass
class Revision:
    """One entry of the configuration history; `content` is what no endpoint ever returns."""

    time: int
    description: str
    filesize: int
    version: str = "23.3"


@dataclass
class Store:
    """What is on disk: the current tree, the history, the flags of unapplied changes and the write lock."""

    current: Tree
    history: list[Revision] = field(default_factory=list)
    dirty: set[str] = field(default_factory=set)
    pending_interfaces: list[str] = field(default_factory=list)
    history_limit: int = 30
    locked: bool = False
    writes: int = 0

    def commit(self, tree: Tree, now: float, description: str) -> None:
        """Write the whole tree back and add a revision; two in one second share a file, so the later stays (§9.1)."""
        self.current = tree.copy()
        self.writes += 1
        size = 24_000 + sum(len(str(node)) for node in tree.nodes.values() if not isinstance(node, list))
        size += sum(340 * len(node) for node in tree.nodes.values() if isinstance(node, list))
        revision = Revision(int(now), description, size)
        kept = [entry for entry in self.history if entry.time != revision.time]
        self.history = [revision, *kept][: self.history_limit]
