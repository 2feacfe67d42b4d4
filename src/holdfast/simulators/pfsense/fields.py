"""Field values: from storage to answers, from requests to storage, and the checks in between (contract §7.5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from holdfast.simulators.pfsense import addresses, php
from holdfast.simulators.pfsense.answers import invalid, not_found
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.schema import Field, Model
from holdfast.simulators.pfsense.validators import VALIDATORS, check_length
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.work import Work

Siblings = Iterable[tuple[Ident, Stored]]


def conditions_met(model: Model, field: Field, values: dict[str, Any], parent: dict[str, Any] | None) -> bool:
    """Whether the other fields are such that this one means something; a field not given counts as its default."""
    for target, wanted in field.conditions.items():
        name = target.removeprefix("!")
        inverted = target.startswith("!")
        source: dict[str, Any] | None = values
        if name in model.fields and name not in values:
            source = {name: model.fields[name].default}
        if name.startswith("parent__"):
            name, source = name.removeprefix("parent__"), parent
        value = (source or {}).get(name)
        if isinstance(wanted, list):
            holds = any(php.equals(value, item) for item in wanted)
        else:
            holds = type(value) is type(wanted) and value == wanted
        if holds == inverted:
            return False
    return True


def represent(
    work: Work, model: Model, stored: Stored, ident: Ident | None = None, parent_id: Ident | None = None
) -> Obj:
    """An object as answers show it: absent values become their default, null, or false (booleans)."""
    values: dict[str, Any] = {}
    stored = work.machine.behaviour(model.name).complete(work, stored)
    for field in model.fields.values():
        raw = stored.get(field.name)
        if field.nested:
            values[field.name] = _represent_nested(work, field, raw, ident)
        elif field.kind == "InterfaceField" and raw is not None:
            values[field.name] = work.show_interfaces(raw)
        else:
            values[field.name] = raw
    parent = work.parent_values(model, parent_id) if model.parent_model else None
    shown = dict(values)
    for field in model.fields.values():
        value = values[field.name]
        if field.type == "boolean" and not field.many and not field.representation_only:
            shown[field.name] = bool(value) if conditions_met(model, field, values, parent) else None
        elif value is None and field.default and conditions_met(model, field, values, parent):
            shown[field.name] = field.default
    made = Obj(model, shown, ident, parent_id)
    work.machine.behaviour(model.name).expand(work, made, stored)
    return made


def _represent_nested(work: Work, field: Field, raw: Value, ident: Ident | None) -> list[dict[str, Any]] | None:
    if raw is None:
        return [] if not field.allow_null else None
    child = work.schema.models[field.model_class]
    rows = []
    for index, stored in enumerate(raw):
        made = represent(work, child, stored, index, ident)
        rows.append({"parent_id": ident, "id": index, **made.values})
    return rows


def to_stored(work: Work, obj: Obj, base: Stored | None) -> Stored:
    """The object as the configuration keeps it; empty values leave no trace, so that a later GET gives null (§7.1)."""
    stored = dict(base or {})
    for field in obj.model.fields.values():
        value = obj.values.get(field.name)
        if field.representation_only:
            stored.pop(field.name, None)
        elif field.nested:
            if field.name in obj.given or base is None:
                stored[field.name] = [_child_stored(work, field, item) for item in value or []]
        elif value is None or (value in ("", []) and not field.required and not field.default):
            stored.pop(field.name, None)
        elif field.kind == "InterfaceField":
            stored[field.name] = work.store_interfaces(value)
        else:
            stored[field.name] = value
    return stored


def _child_stored(work: Work, field: Field, item: Obj | dict[str, Any]) -> Stored:
    if isinstance(item, Obj):
        return to_stored(work, item, None)
    child = work.schema.models[field.model_class]
    return to_stored(work, Obj(child, {k: v for k, v in item.items() if k in child.fields}), None)


def validate(work: Work, obj: Obj, siblings: Siblings, parent: dict[str, Any] | None) -> None:
    """Check every field in order and raise the first problem; unmet conditions null a value, defaults fill gaps."""
    for field in obj.model.fields.values():
        if not conditions_met(obj.model, field, obj.values, parent):
            obj.values[field.name] = None
            continue
        _validate_field(work, obj, field, siblings)


def _validate_field(work: Work, obj: Obj, field: Field, siblings: Siblings) -> None:
    name = field.name
    value = obj.values.get(name)
    if field.required and value is None:
        raise invalid("FIELD_IS_REQUIRED", f"Field `{name}` is required.")
    if not field.editable and obj.initial is not None and value != obj.initial.get(name):
        raise invalid(
            "FIELD_VALUE_CHANGED_WHEN_NOT_EDITABLE",
            f"Field `{name}` cannot be edited: it is `{obj.initial.get(name)}`, not `{value}`.",
        )
    if field.read_only:
        if value is None and field.default:
            obj.values[name] = field.default
        return
    if field.many and isinstance(value, list):
        check_length(value, field.many_minimum, field.many_maximum or 65535, name)
    if value is None:
        value = field.default if field.default is not None else work.machine.default_of(work, obj, field)
        obj.values[name] = value
    if field.many and not isinstance(value, list) and value is not None:
        raise invalid("FIELD_INVALID_MANY_VALUE", f"Field `{name}` must be of type `array`.")
    if _is_empty(field, value):
        return
    if value is None and (field.allow_null or field.nested):
        return
    if field.nested:
        _validate_nested(work, obj, field, value)
        return
    for item in value if field.many else [value]:
        if not _validate_item(work, obj, field, item, siblings):
            return


def _is_empty(field: Field, value: object) -> bool:
    if not (value == "" or value == []):
        return False
    if not field.allow_empty:
        raise invalid("FIELD_EMPTY_NOT_ALLOWED", f"Field `{field.name}` must not be empty.")
    return True


def _validate_item(work: Work, obj: Obj, field: Field, item: Value, siblings: Siblings) -> bool:
    """Check one value; False when an allowed empty value ends the checks of the whole field, as in the package."""
    _check_type(field, item)
    _check_choice(work, obj, field, item)
    if field.unique:
        _check_unique(work, obj, field, item, siblings)
    if _is_empty(field, item):
        return False
    if isinstance(item, str) and field.kind == "StringField":
        check_length(item, field.minimum_length, field.maximum_length, field.name)
    for rule in field.validators:
        VALIDATORS[rule["class"]](rule, item, field.name, work, obj)
    if field.kind == "ForeignModelField":
        _check_foreign(work, field, item)
    elif field.kind == "FilterAddressField":
        addresses.check_filter_address(work, field, item)
    elif field.kind == "SpecialNetworkField":
        addresses.check_special_network(work, field, item)
    elif field.kind == "PortField":
        addresses.check_port(work, field, item)
    return True


def _check_type(field: Field, item: object) -> None:
    if item is None and field.allow_null:
        return
    found = php.php_type(item)
    if found == field.type or (field.type == "double" and found == "integer"):
        return
    raise invalid("FIELD_INVALID_TYPE", f"Field `{field.name}` must be of type `{field.type}`")


def _check_choice(work: Work, obj: Obj, field: Field, item: object) -> None:
    choices = work.machine.choices_of(work, obj, field)
    if choices is not None and item not in choices:
        listed = ", ".join(str(choice) for choice in choices)
        raise invalid("FIELD_INVALID_CHOICE", f"Field `{field.name}` must be one of [{listed}]")


def _check_unique(work: Work, obj: Obj, field: Field, item: object, siblings: Siblings) -> None:
    wanted = work.store_interfaces(item) if field.kind == "InterfaceField" else item
    for ident, row in siblings:
        if ident == obj.id:
            continue
        held = row.get(field.name)
        taken = wanted in held if isinstance(held, list) else held is not None and php.equals(held, wanted)
        if taken:
            raise invalid(
                "FIELD_MUST_BE_UNIQUE",
                f"Field `{field.name}` must differ from that of object `{ident}`.",
            )


def check_unique_together(work: Work, obj: Obj, siblings: Siblings) -> None:
    """Values that identify an object together occur once."""
    names = obj.model.unique_together
    if not names:
        return
    wanted = to_stored(work, obj, None)
    for ident, row in siblings:
        if ident != obj.id and all(php.equals(row.get(name), wanted.get(name)) for name in names):
            raise invalid(
                "MODEL_FIELDS_NOT_UNIQUE_TOGETHER",
                f"Object `{ident}` has the same values in [{', '.join(names)}].",
            )


def _check_foreign(work: Work, field: Field, item: object) -> None:
    if item in field.allowed_keywords:
        return
    for model in field.model_name:
        if any(php.equals(value, item) for value in work.values_of(model, field.model_field)):
            return
    raise not_found(
        "FOREIGN_MODEL_FIELD_VALUE_NOT_FOUND",
        f"Field `{field.name}`: no {' or '.join(field.model_name)} has `{item}` as its `{field.model_field}`.",
    )


def _validate_nested(work: Work, obj: Obj, field: Field, value: list[Any]) -> None:
    if field.name not in obj.given:
        return
    child = work.schema.models[field.model_class]
    check_length(value, child.many_minimum, child.many_maximum, field.name)
    rows: list[tuple[Ident, Stored]] = []
    made: list[Obj] = []
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise invalid("FIELD_INVALID_TYPE", f"Field `{field.name}` must be of type `array`")
        given = {k: v for k, v in item.items() if k in child.fields and not child.fields[k].read_only}
        nested = Obj(child, given, index, obj.id, given=frozenset(given))
        validate(work, nested, rows, obj.values)
        work.machine.behaviour(child.name).check(work, nested)
        check_unique_together(work, nested, rows)
        rows.append((index, to_stored(work, nested, None)))
        made.append(nested)
    obj.values[field.name] = [{"parent_id": obj.id, "id": nested.id, **nested.values} for nested in made]
