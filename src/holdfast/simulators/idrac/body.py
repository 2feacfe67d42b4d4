"""Reading request bodies strictly: a wrong name, type or value is answered as an iDRAC answers it (contract §5.2)."""

from __future__ import annotations

from collections.abc import Collection

from holdfast.simulators.idrac.errors import Info, Refusal
from holdfast.simulators.idrac.wire import Json


def wrong_type(name: str, value: object) -> Refusal:
    """The value has the wrong type."""
    pointer = (f"#/{name}",)
    return Refusal(
        400, (Info("PropertyValueTypeError", (str(value), name), pointer), Info("SYS424", (str(value), name), pointer))
    )


def not_listed(name: str, value: object) -> Refusal:
    """The value is not one of those allowed."""
    pointer = (f"#/{name}",)
    return Refusal(
        400, (Info("PropertyValueNotInList", (str(value), name), pointer), Info("SYS426", (str(value), name), pointer))
    )


def missing(name: str) -> Refusal:
    """A required property is not there."""
    pointer = (f"#/{name}",)
    return Refusal(400, (Info("PropertyMissing", (name,), pointer), Info("SYS428", (name,), pointer)))


def unknown(name: str) -> Refusal:
    """The property is not known here."""
    pointer = (f"#/{name}",)
    return Refusal(400, (Info("PropertyUnknown", (name,), pointer), Info("SYS429", (name,), pointer)))


def read_only(name: str) -> Refusal:
    """The property cannot be written."""
    pointer = (f"#/{name}",)
    return Refusal(400, (Info("PropertyNotWritable", (name,), pointer), Info("SYS427", (name,), pointer)))


def invalid(name: str, value: object) -> Refusal:
    """The value is of the right type but not usable."""
    pointer = (f"#/{name}",)
    return Refusal(
        400, (Info("PropertyValueFormatError", (str(value), name), pointer), Info("SYS425", (name,), pointer))
    )


def closed(body: Json, allowed: Collection[str]) -> None:
    """Refuse a body that has a property outside `allowed`; annotations are let through."""
    for name in body:
        if name not in allowed and not name.startswith(("@odata.", "@Message.")):
            raise unknown(name)


def text(body: Json, name: str, *, allowed: Collection[str] | None = None, default: str | None = None) -> str:
    """A string property; refused when missing (without a default), of another type, or not in `allowed`."""
    if name not in body:
        if default is None:
            raise missing(name)
        return default
    value = body[name]
    if not isinstance(value, str):
        raise wrong_type(name, value)
    if allowed is not None and value not in allowed:
        raise not_listed(name, value)
    return value


def boolean(body: Json, name: str, *, default: bool | None = None) -> bool:
    """A boolean property."""
    if name not in body:
        if default is None:
            raise missing(name)
        return default
    value = body[name]
    if not isinstance(value, bool):
        raise wrong_type(name, value)
    return value


def integer(body: Json, name: str, *, low: int, high: int, default: int | None = None) -> int:
    """An integer property within bounds."""
    if name not in body:
        if default is None:
            raise missing(name)
        return default
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, value)
    if not low <= value <= high:
        raise Refusal(
            400,
            (Info("PropertyValueOutOfRange", (str(value), name), (f"#/{name}",)), Info("SYS425", (name,))),
        )
    return value


def obj(body: Json, name: str, *, default: Json | None = None) -> Json:
    """A property that is an object."""
    if name not in body:
        if default is None:
            raise missing(name)
        return default
    value = body[name]
    if not isinstance(value, dict):
        raise wrong_type(name, value)
    return value


def array(body: Json, name: str, *, default: list[object] | None = None) -> list[object]:
    """A property that is an array."""
    if name not in body:
        if default is None:
            raise missing(name)
        return default
    value = body[name]
    if not isinstance(value, list):
        raise wrong_type(name, value)
    return value


def texts(body: Json, name: str, *, default: list[str] | None = None) -> list[str]:
    """A property that is an array of strings."""
    if name not in body and default is not None:
        return default
    found: list[str] = []
    for value in array(body, name):
        if not isinstance(value, str):
            raise wrong_type(name, value)
        found.append(value)
    return found


def merged_array(present: list[str], patch: list[object], name: str) -> list[str]:
    """An array after a PATCH: null removes an element, {} leaves it, fewer elements cut the rest off."""
    merged: list[str] = []
    for index, value in enumerate(patch):
        if isinstance(value, str):
            merged.append(value)
        elif value == {}:
            merged += present[index : index + 1]
        elif value is not None:
            raise wrong_type(name, value)
    return merged


def reference(value: object, name: str) -> str:
    """The `@odata.id` of a reference object."""
    if not isinstance(value, dict):
        raise wrong_type(name, value)
    path = value.get("@odata.id")
    if not isinstance(path, str):
        raise missing(f"{name}/@odata.id")
    return path
