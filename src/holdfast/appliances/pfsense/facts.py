"""What the REST API package's models are: URLs, methods, fields, and the release that brought each (contract 12, 13).

pfSense ignores a field or query parameter that it does not know (contract 6, 7.1): a misspelt one in a write changes
nothing and is answered with success, a misspelt one in a bulk deletion deletes everything. So nothing is sent that is
not in this table. The data file holds facts only and is compared with the vendor's tables by the tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, cast

from holdfast.errors import InputError, UnsupportedError
from holdfast.transport.values import JsonObject, JsonValue, kind_of

Version = tuple[int, int]
"""Minor release of the package: (2, 10)."""

_WORDS: Final = {"string": str, "boolean": bool, "integer": int, "double": float, "array": dict}
# Kept by pfSense, or moving by themselves: never part of an object's content.
VOLATILE: Final = frozenset({"created_time", "created_by", "updated_time", "updated_by", "active", "carp_status"})


def version_of(text: str) -> Version:
    """`2.8` as (2, 8)."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def shown(version: Version) -> str:
    """(2, 8) as `2.8`."""
    return f"{version[0]}.{version[1]}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model.

    Attributes:
        type: string, boolean, integer, double, or array for nested objects.
        fixed: It cannot be changed after creation.
        secret: It is never answered.
        choices: Everything that it may hold, where that does not depend on the appliance.
        interface: It names interfaces, in the way the setting `represent_interfaces_as` says.
        address: It holds an address in a rule's notation, in which interfaces may be named too.
        child: Model of nested objects.
    """

    name: str
    type: str
    many: bool = False
    required: bool = False
    read_only: bool = False
    write_only: bool = False
    secret: bool = False
    fixed: bool = False
    since: Version = (2, 2)
    choices: tuple[str | int, ...] = ()
    default: JsonValue = None
    minimum: int | None = None
    maximum: int | None = None
    interface: bool = False
    address: bool = False
    child: str | None = None

    @property
    def hidden(self) -> bool:
        """Whether answers lack it."""
        return self.secret or self.write_only


@dataclass(frozen=True, slots=True)
class Model:
    """A model: one kind of object of the API."""

    name: str
    title: str
    fields: Mapping[str, Field]
    one: str | None = None
    many: str | None = None
    one_methods: Mapping[str, Version] | None = None
    many_methods: Mapping[str, Version] | None = None
    minimum: int = 0
    string_id: bool = False
    parent: str | None = None
    packages: tuple[str, ...] = ()

    def path(self, method: str, *, plural: bool = False) -> tuple[str, ...]:
        """Segments of the URL below `/api/v2` that serves a method.

        Raises:
            UnsupportedError: No release of the API serves it.
        """
        url, methods = (self.many, self.many_methods) if plural else (self.one, self.one_methods)
        if url is None or methods is None or method not in methods:
            raise UnsupportedError(f"pfSense's API has no {method} for {self.title}.")
        return tuple(url.split("/"))

    def since(self, method: str, *, plural: bool = False) -> Version:
        """The release that brought a method."""
        self.path(method, plural=plural)
        methods = self.many_methods if plural else self.one_methods
        assert methods is not None
        return methods[method]

    def writable(self, name: str) -> Field:
        """The field of this name, if a request may set it.

        Raises:
            InputError: There is none, or it is read-only.
        """
        field = self.fields.get(name)
        if field is None or field.read_only:
            names = ", ".join(sorted(key for key, value in self.fields.items() if not value.read_only))
            what = "is read-only" if field is not None else "is not one of its fields"
            raise InputError(
                f"{self.title}: {_safe(name)} {what}. Nothing was executed.", next_step=f"Fields: {names}."
            )
        return field


def check_body(model: Model, body: Mapping[str, JsonValue], version: Version, *, creating: bool) -> None:
    """Refuse a body that pfSense would refuse, or worse, take and ignore in part.

    Raises:
        InputError: An unknown or read-only field, a wrong type or choice; a required field is missing.
        UnsupportedError: A field that this release of the package does not know.
    """
    for name, value in body.items():
        field = model.writable(name)
        if field.since > version:
            raise UnsupportedError(
                f"{model.title}: {name} exists since release {shown(field.since)} of the REST API package; "
                f"this firewall has {shown(version)}. Nothing was executed.",
                next_step="Leave it out, or update the package.",
            )
        if value is not None:
            _check_value(model, field, value, version)
    if creating:
        missing = [n for n, f in model.fields.items() if f.required and f.since <= version and n not in body]
        unconditional = [name for name in missing if name in _ALWAYS.get(model.name, ())]
        if unconditional:
            raise InputError(f"{model.title}: required: {', '.join(unconditional)}. Nothing was executed.")


# Fields whose absence pfSense would only report one at a time; conditional ones are left to its own validation.
_ALWAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "FirewallRule": ("type", "interface", "ipprotocol", "source", "destination"),
    "FirewallAlias": ("name", "type"),
    "PortForward": ("interface", "protocol", "source", "destination", "target"),
}


def _check_value(model: Model, field: Field, value: JsonValue, version: Version) -> None:
    where = f"{model.title}: {field.name}"
    if not field.many:
        _check_item(where, field, value)
        return
    if not isinstance(value, list):
        raise InputError(f"{where} must be an array, not {kind_of(value)}. Nothing was executed.")
    for item in value:
        if field.child is not None:
            if not isinstance(item, dict):
                raise InputError(f"{where} must hold objects. Nothing was executed.")
            check_body(model_named(field.child), item, version, creating=False)
        else:
            _check_item(where, field, item)


def _check_item(where: str, field: Field, value: JsonValue) -> None:
    wanted = _WORDS[field.type]
    fits = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if wanted is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        hint = " (ports are texts)" if field.type == "string" and isinstance(value, int) else ""
        raise InputError(f"{where} must be a {field.type}, not {kind_of(value)}{hint}. Nothing was executed.")
    if field.choices and value != "" and value not in field.choices:
        allowed = ", ".join(str(choice) for choice in field.choices)
        raise InputError(f"{where} must be one of: {allowed}. Nothing was executed.")
    if isinstance(value, int) and not isinstance(value, bool):
        low, high = field.minimum, field.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise InputError(f"{where} must be from {low or 0} to {high or 'more'}. Nothing was executed.")


def _safe(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-.") else "?" for c in name)[:40]


@cache
def models() -> Mapping[str, Model]:
    """All models by name."""
    text = files("holdfast.appliances.pfsense").joinpath("data/models.jsonl").read_text(encoding="utf-8")
    made = (_model(json.loads(line)) for line in text.splitlines())
    return {model.name: model for model in made}


def model_named(name: str) -> Model:
    """The model of this name."""
    return models()[name]


def _model(raw: JsonObject) -> Model:
    one, many = raw.get("one"), raw.get("many")
    return Model(
        name=str(raw["model"]),
        title=str(raw["name"]),
        fields={name: _field(name, cast("JsonObject", f)) for name, f in cast("JsonObject", raw["fields"]).items()},
        one=_url(one),
        many=_url(many),
        one_methods=_methods(one),
        many_methods=_methods(many),
        minimum=int(cast("int", raw.get("minimum", 0))),
        string_id=bool(raw.get("string_id")),
        parent=cast("str | None", raw.get("parent")),
        packages=tuple(cast("list[str]", raw.get("packages", []))),
    )


def _url(side: JsonValue) -> str | None:
    return str(side["url"]) if isinstance(side, dict) else None


def _methods(side: JsonValue) -> Mapping[str, Version] | None:
    if not isinstance(side, dict):
        return None
    return {name: version_of(str(since)) for name, since in cast("JsonObject", side["methods"]).items()}


def _field(name: str, raw: JsonObject) -> Field:
    return Field(
        name=name,
        type=str(raw["t"]),
        many=bool(raw.get("many")),
        required=bool(raw.get("required")),
        read_only=bool(raw.get("ro")),
        write_only=bool(raw.get("wo")),
        secret=bool(raw.get("secret")),
        fixed=bool(raw.get("fixed")),
        since=version_of(str(raw.get("since", "2.2"))),
        choices=tuple(cast("list[str | int]", raw.get("choices", []))),
        default=raw.get("default"),
        minimum=cast("int | None", raw.get("min")),
        maximum=cast("int | None", raw.get("max")),
        interface=bool(raw.get("iface")),
        address=bool(raw.get("addr")),
        child=cast("str | None", raw.get("of")),
    )
