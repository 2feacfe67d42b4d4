"""Rows with ids, and the five methods that most of the appliance's namespaces consist of."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.errors import EEXIST, InstanceNotFoundError, Json, Row, invalid
from holdfast.simulators.truenas.facts import vendor_facts
from holdfast.simulators.truenas.registry import Namespace
from holdfast.simulators.truenas.releases import facts_of
from holdfast.simulators.truenas.schema import example
from holdfast.simulators.truenas.secrets import mask_rows

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

Key = int | str
Present = Callable[[Row], Row]
Check = Callable[["Call", Row, Row | None, str], None]
"""Domain checks of a row about to be stored: call, new row, old row (None on create), attribute prefix of problems."""
After = Callable[["Call", Row, Row | None], None]
"""What else happens when a row was stored (old row None: created) or removed (see `Crud.delete`)."""


@cache
def _blank_row(release: str, namespace: str) -> bytes:
    """Pickled: every row of every box needs one of its own, and a copy is dearer."""
    resolve = vendor_facts().resolve
    for name in ("get_instance", "query", "create"):
        fact = facts_of(release).get(f"{namespace}.{name}")
        if fact is not None:
            schema = resolve(fact.returns)
            for branch in schema.get("anyOf", ()):
                schema = resolve(branch)
                if schema.get("type") == "object":
                    break
            if name == "query":  # every field of a query's row is optional, so fill all
                schema = {**schema, "required": list(schema.get("properties", {}))}
            return pickle.dumps(dict(example(schema, resolve)))
    return pickle.dumps({})


@cache
def _blank_settings(release: str, name: str) -> bytes:
    fact = facts_of(release).get(f"{name}.config")
    return pickle.dumps(example(fact.returns, vendor_facts().resolve) if fact is not None else {})


class Table:
    """The rows of one namespace, by key. Changes are announced as `<namespace>.query` events."""

    def __init__(self, box: Box, namespace: str, title: str, *, key: str = "id") -> None:
        self.box = box
        self.namespace = namespace
        self.title = title
        self.key = key
        self.rows: dict[Key, Row] = {}
        self.present: Present = lambda row: row
        self._last = 0
        box.tables[namespace] = self

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())

    def blank(self) -> Row:
        """A row with every field of this release's model at its default."""
        row: Row = pickle.loads(_blank_row(self.box.persona.name, self.namespace))
        return row

    def add(self, values: Row) -> Row:
        """Store a new row; an integer key is assigned when the values hold none."""
        row = {**self.blank(), **copy.deepcopy(values)}
        if self.key == "id" and "id" not in values:
            self._last += 1
            row["id"] = self._last
        elif isinstance(row[self.key], int):
            self._last = max(self._last, row[self.key])
        self.rows[row[self.key]] = row
        self._announce("added", row)
        return row

    def change(self, key: Key, values: Row) -> Row:
        """Change a row in place. InstanceNotFoundError when it is not there."""
        row = self.get(key)
        row.update(copy.deepcopy(values))
        if row[self.key] != key:
            del self.rows[key]
            self.rows[row[self.key]] = row
        self._announce("changed", row)
        return row

    def remove(self, key: Key) -> Row:
        """Take a row out. InstanceNotFoundError when it is not there."""
        row = self.get(key)
        del self.rows[key]
        self.box.events.emit(f"{self.namespace}.query", "removed", key=key)
        return row

    def get(self, key: Key) -> Row:
        """The row itself. InstanceNotFoundError when it is not there."""
        if key not in self.rows:
            raise InstanceNotFoundError(f"{self.title} {key} does not exist")
        return self.rows[key]

    def first(self, **equal: object) -> Row | None:
        """The first row with these values, or None."""
        for row in self:
            if all(row.get(name) == value for name, value in equal.items()):
                return row
        return None

    def shown(self) -> Iterable[Row]:
        """All rows as a query sees them."""
        return [self.present(row) for row in self]

    def touch(self, key: Key) -> None:
        """Announce that a computed part of a row changed."""
        if key in self.rows:
            self._announce("changed", self.rows[key])

    def _announce(self, msg: str, row: Row) -> None:
        self.box.events.emit(f"{self.namespace}.query", msg, key=row[self.key], fields=self.present(row))


ALL_VERBS = ("query", "get_instance", "create", "update", "delete")
READ_VERBS = ("query", "get_instance")


class Crud:
    """Registers query, get_instance, create, update and delete of a table on a namespace."""

    def __init__(
        self,
        namespace: Namespace,
        table: Table,
        *,
        unique: tuple[str, ...] = (),
        check: Check | None = None,
        after: After | None = None,
        before_delete: Callable[[Call, Row], None] | None = None,
        verbs: tuple[str, ...] = ALL_VERBS,
        merge: tuple[str, ...] = (),
    ) -> None:
        self.table = table
        self._unique = unique
        self._check = check
        self._after = after
        self._before_delete = before_delete
        self._merge = merge
        name = table.namespace
        for verb in verbs:
            namespace.add(f"{name}.{verb}", getattr(self, verb))

    def query(self, call: Call, filters: list[Any], options: Row) -> Json:
        """Rows by filters and options."""
        return call.query(self.table.shown(), filters, options)

    def get_instance(self, call: Call, key: Key, options: Row) -> Row:
        """One row by key."""
        return self.show(call, self.table.get(key))

    def show(self, call: Call, row: Row) -> Row:
        """The row as this caller may see it."""
        shown: Row = mask_rows(call, copy.deepcopy(self.table.present(row)))
        return shown

    def create(self, call: Call, data: Row) -> Row:
        """Store a row after the domain's checks."""
        prefix = call.fact.params[0].name
        row = copy.deepcopy(data)
        self._refuse_duplicates(row, None, prefix)
        if self._check is not None:
            self._check(call, row, None, prefix)
        stored = self.table.add(row)
        if self._after is not None:
            self._after(call, stored, None)
        return self.show(call, stored)

    def update(self, call: Call, key: Key, data: Row) -> Row:
        """Change a row after the domain's checks; only named fields change."""
        prefix = call.fact.params[1].name
        old = copy.deepcopy(self.table.get(key))
        row = {**copy.deepcopy(old), **copy.deepcopy(data)}
        for name in self._merge:
            if isinstance(old.get(name), dict) and isinstance(data.get(name), dict):
                row[name] = {**old[name], **data[name]}
        self._refuse_duplicates(row, old, prefix)
        if self._check is not None:
            self._check(call, row, old, prefix)
        stored = self.table.change(key, row)
        if self._after is not None:
            self._after(call, stored, old)
        return self.show(call, stored)

    def delete(self, call: Call, key: Key, *options: object) -> Json:
        """Remove a row."""
        row = self.table.get(key)
        if self._before_delete is not None:
            self._before_delete(call, row)
        self.table.remove(key)
        return done(call)

    def _refuse_duplicates(self, row: Row, old: Row | None, prefix: str) -> None:
        for name in self._unique:
            for other in self.table:
                same = other.get(name) == row.get(name) and row.get(name) is not None
                if same and (old is None or other[self.table.key] != old[self.table.key]):
                    raise invalid(f"{prefix}.{name}", f"Object with this {name} already exists", EEXIST)


def done(call: Call) -> bool | None:
    """The answer of a method that has nothing to say: true or null, as its model wants."""
    schema = call.box.facts.resolve(call.fact.returns)
    branches = schema.get("anyOf", [schema])
    nothing = all(call.box.facts.resolve(branch).get("type") == "null" for branch in branches)
    return None if nothing or not schema else True


class Settings:
    """One configuration row with `<namespace>.config` and `<namespace>.update`."""

    def __init__(
        self,
        namespace: Namespace,
        name: str,
        values: Row,
        *,
        check: Check | None = None,
        after: After | None = None,
        present: Present | None = None,
        update: bool = True,
    ) -> None:
        self.box = namespace.box
        self.name = name
        self._check = check
        self._after = after
        self._present = present
        blank = pickle.loads(_blank_settings(self.box.persona.name, name))
        self.row: Row = {**blank, **values}
        self.box.settings[name] = self
        namespace.add(f"{name}.config", self.config)
        if update:
            namespace.add(f"{name}.update", self.update)

    def config(self, call: Call) -> Row:
        """The configuration as this caller may see it."""
        row = copy.deepcopy(self.row)
        shown: Row = mask_rows(call, self._present(row) if self._present is not None else row)
        return shown

    def update(self, call: Call, data: Row) -> Row:
        """Change the named settings after the domain's checks."""
        old = copy.deepcopy(self.row)
        row = {**self.row, **copy.deepcopy(data)}
        if self._check is not None:
            self._check(call, row, old, call.fact.params[0].name)
        self.row.update(row)
        if self._after is not None:
            self._after(call, self.row, old)
        return self.config(call)
