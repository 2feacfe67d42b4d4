"""Reading and changing objects of any model, step by step as the package does (contract §6, §7)."""

from __future__ import annotations

from typing import Any

from holdfast.simulators.pfsense import fields, php, query
from holdfast.simulators.pfsense.answers import ApiError, conflict, forbidden, invalid, not_found, php_error
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.schema import Model
from holdfast.simulators.pfsense.work import Obj, Work


def require_packages(work: Work, model: Model) -> None:
    """404 when the model needs a package that is not installed."""
    for package in model.packages:
        if package not in work.machine.packages.installed:
            raise not_found(
                "MODEL_MISSING_REQUIRED_PACKAGE",
                f"Package `{package}` is needed for this and is not installed.",
            )


def require_readable(work: Work, model: Model) -> None:
    """404 for a live status that only a missing package could give; stored configuration stays readable (§13.9)."""
    if not model.config_path:
        require_packages(work, model)


def _ident(model: Model, value: object) -> Ident:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise php_error("array_key_exists(): Argument #1 ($key) must be a valid array offset type")
    if model.string_id:
        return str(value)
    return int(value) if isinstance(value, str) and value.isdigit() else value


def rows_of(work: Work, model: Model, parent_id: Ident | None) -> dict[Ident, Stored]:
    """Stored objects of a model under one parent."""
    if model.config_path and not (model.internal_callable and model.parent_model):
        return work.tree.rows(model, parent_id)
    return work.machine.behaviour(model.name).source(work)


def load_parent(work: Work, model: Model, parent_id: object) -> Ident:
    """The parent's id when it exists; 404 otherwise."""
    parent = work.schema.models[model.parent_model]
    ident = _ident(parent, parent_id)
    if parent.many and ident not in rows_of(work, parent, None):
        raise not_found("MODEL_PARENT_OBJECT_NOT_FOUND", f"There is no parent with ID `{parent_id}`.")
    return ident


def load(work: Work, model: Model, ident: object, parent_id: Ident | None) -> Obj:
    """The object with this id; 404 when there is none."""
    if model.parent_model and parent_id is None and work.schema.models[model.parent_model].many:
        raise ApiError(
            500,
            "MODEL_CANNOT_GET_CONFIG_PATH_WITHOUT_PARENT_MODEL",
            "A nested object cannot be found without its parent: `parent_id` is missing.",
        )
    key = _ident(model, ident)
    rows = rows_of(work, model, parent_id)
    if model.parent_model and not model.config_path:
        rows = {k: v for k, v in rows.items() if v.get("_parent") == parent_id}
        rows = {v.get("_id", k): v for k, v in rows.items()}
    if key not in rows:
        raise not_found("MODEL_OBJECT_NOT_FOUND", f"There is no object with ID `{ident}`.")
    return fields.represent(work, model, rows[key], key, parent_id)


def load_single(work: Work, model: Model) -> Obj:
    """The object of a model that is not a collection."""
    stored = work.tree.one(model) if model.config_path else work.machine.behaviour(model.name).single(work)
    return fields.represent(work, model, stored)


Place = tuple[Stored, Ident, Ident | None]


def _places(work: Work, model: Model) -> list[Place]:
    """Where every object of a collection is: stored form, id and parent's id, of all parents for a nested one."""
    if not model.config_path:
        source = work.machine.behaviour(model.name).source(work)
        return [(row, row.get("_id", key), row.get("_parent")) for key, row in source.items()]
    if not model.parent_model:
        return [(row, ident, None) for ident, row in work.tree.rows(model).items()]
    parent = work.schema.models[model.parent_model]
    parents: list[Ident | None] = list(work.tree.rows(parent)) if parent.many else [None]
    return [(row, ident, above) for above in parents for ident, row in work.tree.rows(model, above).items()]


def read_all(work: Work, model: Model) -> list[Obj]:
    """Every object of a collection, those of all parents for a nested one."""
    return [fields.represent(work, model, *place) for place in _places(work, model)]


def search(work: Work, model: Model, params: dict[str, Any], limit: int, offset: int, reverse: bool) -> list[Obj]:
    """A plural GET: filters, then sort, then limit and offset, then reverse (contract §6)."""
    behaviour = work.machine.behaviour(model.name)
    if not params and not work.sort_by:
        if behaviour.reads_pages(work) and (limit or offset or reverse):
            rows = behaviour.page(work, limit, offset, reverse)
            return [fields.represent(work, model, row, ident) for ident, row in rows.items()]
        places = _places(work, model)
        shown = query.page(places[::-1] if reverse else places, limit, offset)
        return [fields.represent(work, model, *place) for place in shown]
    objects = query.matches(read_all(work, model), params, work.machine.persona)
    if work.sort_by:
        objects = query.ordered(objects, work.sort_by, work.sort_order, work.sort_flags)
    objects = query.page(objects, limit, offset)
    return objects[::-1] if reverse else objects


def from_request(work: Work, model: Model, data: dict[str, Any], *, keep_id: bool) -> Obj:
    """The object that a request speaks of: loaded by id where one is given, then overlaid with known fields."""
    parent_id: Ident | None = None
    if model.parent_model and data.get("parent_id") is not None:
        parent_id = load_parent(work, model, data["parent_id"])
    if not model.many:
        endpoint = work.schema.singular(model.name)
        only_an_action = endpoint is not None and set(endpoint.methods) == {"POST"}
        obj = Obj(model, {}) if only_an_action else load_single(work, model)
        obj.initial = None if only_an_action else dict(obj.values)
    elif keep_id and data.get("id") is not None:
        obj = load(work, model, data["id"], parent_id)
        obj.initial = dict(obj.values)
    else:
        obj = Obj(model, {}, None, parent_id)
    given = {name: data[name] for name in model.fields if name in data}
    for name, value in given.items():
        field = model.fields[name]
        if field.read_only and (field.editable or obj.initial is None):
            continue
        obj.values[name] = value
    obj.given = frozenset(given)
    return obj


def _validate(work: Work, obj: Obj, *, new: bool) -> None:
    model = obj.model
    if model.parent_model and work.schema.models[model.parent_model].many and obj.parent_id is None:
        raise invalid("MODEL_PARENT_ID_REQUIRED", "Field `parent_id` is required.")
    behaviour = work.machine.behaviour(model.name)
    stored_rows = model.many and bool(model.config_path)
    siblings = work.tree.rows(model, obj.parent_id) if stored_rows else {}
    if new and stored_rows and not model.string_id:
        obj.id = len(siblings)
    require_packages(work, model)
    parent = work.parent_values(model, obj.parent_id) if model.parent_model else None
    if new:
        behaviour.prepare(work, obj)
    fields.validate(work, obj, siblings.items(), parent)
    fields.check_unique_together(work, obj, siblings.items())
    behaviour.check(work, obj)


async def create(work: Work, model: Model, data: dict[str, Any]) -> Obj:
    """POST: validate everything, then store, mark dirty, and apply if asked."""
    obj = from_request(work, model, data, keep_id=not model.auto_create_id)
    if not model.auto_create_id and model.many and obj.id is None:
        raise invalid("MODEL_REQUIRES_ID", "Field `id` is required.")
    _validate(work, obj, new=True)
    if model.many and model.config_path and len(work.tree.rows(model, obj.parent_id)) >= model.many_maximum:
        raise forbidden("MODEL_MANY_MAXIMUM_REACHED", "There are as many objects as this collection can hold.")
    if work.dry_run:
        return obj
    behaviour = work.machine.behaviour(model.name)
    if not await behaviour.create(work, obj):
        if obj.id is None:
            raise ApiError(
                500, "MODEL_REQUIRE_OVERRIDDEN_CREATE_METHOD", "Models without a `config_path` cannot create."
            )
        stored = behaviour.saving(work, obj, fields.to_stored(work, obj, None), "create")
        work.tree.put(model, obj.id, stored, obj.parent_id)
        _arrange(work, obj)
        await work.save(f"Added {model.verbose_name} via API")
    await _finish(work, obj, "create")
    return obj


async def update(work: Work, model: Model, data: dict[str, Any], *, append: bool, remove: bool) -> Obj:
    """PATCH: overlay the given fields, validate the whole, store."""
    obj = from_request(work, model, data, keep_id=True)
    if model.many and obj.id is None:
        raise invalid("MODEL_REQUIRES_ID", "Field `id` is required.")
    _merge_arrays(obj, append=append, remove=remove)
    _validate(work, obj, new=False)
    if work.dry_run:
        return obj
    behaviour = work.machine.behaviour(model.name)
    if not await behaviour.update(work, obj):
        if model.many:
            assert obj.id is not None
            base = work.tree.rows(model, obj.parent_id)[obj.id]
            stored = behaviour.saving(work, obj, fields.to_stored(work, obj, base), "update")
            work.tree.put(model, obj.id, stored, obj.parent_id)
            _arrange(work, obj)
        else:
            base = work.tree.one(model)
            work.tree.put_one(model, behaviour.saving(work, obj, fields.to_stored(work, obj, base), "update"))
        await work.save(f"Modified {model.verbose_name} via API")
    await _finish(work, obj, "update")
    return obj


def _merge_arrays(obj: Obj, *, append: bool, remove: bool) -> None:
    for field in obj.model.fields.values():
        value, before = obj.values.get(field.name), (obj.initial or {}).get(field.name)
        if not field.many or not isinstance(value, list) or not isinstance(before, list) or value == before:
            continue
        if append:
            obj.values[field.name] = before + value
        if remove:
            obj.values[field.name] = [item for item in before if item not in value]


def _arrange(work: Work, obj: Obj) -> None:
    """Move the object to its placement, or sort the stored collection; ids follow (contract §7.3)."""
    model = obj.model
    if model.string_id or not isinstance(obj.id, int):
        return
    rows = list(work.tree.rows(model, obj.parent_id).values())
    if work.placement is not None:
        place = min(work.placement, len(rows) - 1)
        rows.insert(place, rows.pop(obj.id))
        obj.id = place
        work.tree.replace(model, rows, obj.parent_id)
    names = work.sort_by or model.sort_by
    if names:
        shown = [fields.represent(work, model, row, index, obj.parent_id) for index, row in enumerate(rows)]
        order = [int(one.id or 0) for one in query.ordered(shown, names, work.sort_order, work.sort_flags)]
        obj.id = order.index(obj.id)
        work.tree.replace(model, [rows[index] for index in order], obj.parent_id)


async def _finish(work: Work, obj: Obj, verb: str) -> None:
    store, model = work.machine.store, obj.model
    if model.subsystem:
        store.dirty.add(model.subsystem)
    behaviour = work.machine.behaviour(model.name)
    behaviour.changed(work, obj, verb)
    if work.apply or model.always_apply:
        await behaviour.apply(work, obj, verb)
        if model.subsystem:
            # the flag goes before the background job has finished (contract §8)
            store.dirty.discard(model.subsystem)


async def delete(work: Work, obj: Obj) -> None:
    """Delete one loaded object: packages, protection, references and the minimum are checked first."""
    model = obj.model
    require_packages(work, model)
    values = obj.values
    if model.protected_query and all(php.equals(values.get(k), v) for k, v in model.protected_query.items()):
        raise forbidden(
            "MODEL_CANNOT_DELETE_PROTECTED_OBJECT",
            f"The object with ID `{obj.id}` is protected and stays.",
        )
    references = _references(work, obj)
    if references:
        raise conflict(
            "MODEL_CANNOT_BE_DELETED_WHILE_REFERENCED",
            "Object cannot be deleted because it is referenced by another existing object.",
            [answer(work, reference) for reference in references],
        )
    behaviour = work.machine.behaviour(model.name)
    behaviour.check_delete(work, obj)
    if model.many_minimum and len(rows_of(work, model, obj.parent_id)) <= model.many_minimum:
        raise forbidden(
            "MODEL_MANY_MINIMUM_REACHED",
            f"This collection must keep at least {model.many_minimum} object(s); nothing was deleted.",
        )
    if work.dry_run:
        return
    if not await behaviour.delete(work, obj):
        if obj.id is None or not model.config_path:
            raise ApiError(
                500, "MODEL_REQUIRE_OVERRIDDEN_DELETE_METHOD", "Models without a `config_path` cannot delete."
            )
        work.tree.remove(model, obj.id, obj.parent_id)
        await work.save(f"Deleted {model.verbose_name} via API")
    await _finish(work, obj, "delete")


def _references(work: Work, obj: Obj) -> list[Obj]:
    found: list[Obj] = []
    for field in obj.model.fields.values():
        value = obj.values.get(field.name)
        for model_name, name in field.referenced_by.items():
            model = work.schema.models[model_name]
            for ident, row in work.tree.rows(model).items():
                if php.equals(row.get(name), value):
                    found.append(fields.represent(work, model, row, ident))
    return found


async def delete_many(work: Work, objects: list[Obj]) -> None:
    """Plural DELETE: from the last to the first, each on its own, stopping at the first refusal (contract §7.5)."""
    work.plural_delete = True
    work.dry_run = False  # the package overwrites the flag before each deletion (contract §7.4)
    for obj in reversed(objects):
        await delete(work, obj)


async def replace_all(work: Work, model: Model, data: list[Any]) -> list[Obj]:
    """PUT: the whole collection becomes what the request says; protected objects stay (contract §7.1)."""
    if len(data) < model.many_minimum:
        raise invalid(
            "MODEL_REPLACE_ALL_MINIMUM_NOT_MET",
            f"The new collection must have at least {model.many_minimum} object(s).",
        )
    if len(data) > model.many_maximum:
        raise invalid(
            "MODEL_REPLACE_ALL_MAXIMUM_EXCEEDED",
            f"The new collection may have at most {model.many_maximum} objects.",
        )
    require_packages(work, model)
    behaviour = work.machine.behaviour(model.name)
    before = work.tree.rows(model)
    kept = [
        row
        for row in before.values()
        if model.protected_query and all(php.equals(row.get(k), v) for k, v in model.protected_query.items())
    ]
    rows: dict[Ident, Stored] = dict(enumerate(kept))
    work.tree.replace_by_id(model, {}) if model.string_id else work.tree.replace(model, kept)
    for item in data:
        if not isinstance(item, dict):
            raise php_error("Cannot unset offset in a non-array variable")
        given = {k: v for k, v in item.items() if k in model.fields and not model.fields[k].read_only}
        obj = Obj(model, given, len(rows), given=frozenset(given))
        behaviour.prepare(work, obj)
        fields.validate(work, obj, rows.items(), None)
        fields.check_unique_together(work, obj, rows.items())
        behaviour.check(work, obj)
        assert obj.id is not None
        rows[obj.id] = behaviour.saving(work, obj, fields.to_stored(work, obj, None), "replace")
        if model.string_id:
            work.tree.replace_by_id(model, {str(key): row for key, row in rows.items()})
        else:
            work.tree.replace(model, list(rows.values()))
    if model.sort_by and not model.string_id:
        shown = [fields.represent(work, model, row, index) for index, row in rows.items()]
        order = [one.id for one in query.ordered(shown, model.sort_by, "SORT_ASC", "SORT_REGULAR")]
        work.tree.replace(model, [rows[index] for index in order if index is not None])
    await work.save(f"Replaced all {model.plural_name} via API")
    made = [fields.represent(work, model, row, index) for index, row in work.tree.rows(model).items()]
    if model.subsystem:
        work.machine.store.dirty.add(model.subsystem)
    for obj in made[:1]:
        behaviour.changed(work, obj, "replace")
        if model.always_apply:
            await behaviour.apply(work, obj, "replace")
            work.machine.store.dirty.discard(model.subsystem)
    return made


def answer(work: Work, obj: Obj) -> dict[str, Any]:
    """The object as `data` shows it: ids first, hidden fields absent."""
    shown: dict[str, Any] = {}
    if obj.parent_id is not None:
        shown["parent_id"] = obj.parent_id
    if obj.id is not None:
        shown["id"] = obj.id
    for field in obj.model.fields.values():
        if work.is_hidden(obj.model, field):
            continue
        value = obj.values.get(field.name)
        if field.nested and isinstance(value, list):
            child = work.schema.models[field.model_class]
            hidden = {f.name for f in child.fields.values() if work.is_hidden(child, f)}
            value = [{k: v for k, v in item.items() if k not in hidden} for item in value]
        shown[field.name] = value
    return shown
