"""Models and endpoints of the REST API package, read from this package's data files.

The data are the facts of the vendor's tables for 2.10.0 with the version in which each method and field came; a
persona sees those that its version has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from holdfast.simulators.pfsense.versions import Version, parse_version

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model, as the vendor's table describes it."""

    name: str
    type: str
    kind: str
    since: Version
    required: bool = False
    many: bool = False
    many_minimum: int = 0
    many_maximum: int = 65535
    default: Any = None
    default_callable: str = ""
    choices: tuple[Any, ...] | None = None
    choices_source: str = ""
    allow_null: bool = False
    allow_empty: bool = False
    unique: bool = False
    editable: bool = True
    read_only: bool = False
    write_only: bool = False
    sensitive: bool = False
    representation_only: bool = False
    minimum_length: int = 0
    maximum_length: int = 1024
    conditions: dict[str, Any] = field(default_factory=dict)
    validators: tuple[dict[str, Any], ...] = ()
    model_name: tuple[str, ...] = ()
    model_field: str = ""
    model_class: str = ""
    allowed_keywords: tuple[str, ...] = ()
    allow_custom: tuple[str, ...] = ()
    referenced_by: dict[str, str] = field(default_factory=dict)
    auto_add_now: bool = False
    allows: frozenset[str] = frozenset()

    @property
    def nested(self) -> bool:
        """Whether the values are objects of another model."""
        return self.kind == "NestedModelField"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what an object of it is, where it is stored and how a change of it takes effect."""

    name: str
    verbose_name: str
    fields: dict[str, Field]
    many: bool = False
    many_minimum: int = 0
    many_maximum: int = 65535
    string_id: bool = False
    auto_create_id: bool = True
    parent_model: str = ""
    config_path: str = ""
    internal_callable: str = ""
    subsystem: str = ""
    always_apply: bool = False
    packages: tuple[str, ...] = ()
    unique_together: tuple[str, ...] = ()
    protected_query: dict[str, Any] = field(default_factory=dict)
    sort_by: tuple[str, ...] = ()

    @property
    def plural_name(self) -> str:
        """The name of many, as the package forms it."""
        if self.verbose_name.endswith("y"):
            return self.verbose_name[:-1] + "ies"
        return self.verbose_name + ("es" if self.verbose_name.endswith("s") else "s")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One URL: its model, whether it answers one object or many, and its methods with the version each came in."""

    url: str
    model: str
    plural: bool
    methods: dict[str, Version]
    auth_methods: tuple[str, ...] = ()
    encode: tuple[str, ...] = ()
    default_limit: int = 0
    ignore_read_only: bool = False
    privileges: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def required_privileges(self, method: str) -> tuple[str, ...]:
        """Privileges of which a user needs one (contract §3.4)."""
        if method in self.privileges:
            return self.privileges[method]
        usual = self.url.strip("/").replace("/", "-").replace("_", "-") + "-" + method.lower()
        return ("page-all", usual)


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything one version serves."""

    models: dict[str, Model]
    endpoints: dict[str, Endpoint]

    def singular(self, model: str) -> Endpoint | None:
        """The endpoint that answers one object of this model, if any."""
        return next((e for e in self.endpoints.values() if e.model == model and not e.plural), None)

    def children(self, model: str) -> dict[str, Model]:
        """The models nested in this one, by the field of the parent that holds them."""
        return {f.name: self.models[f.model_class] for f in self.models[model].fields.values() if f.nested}


_FIELD_KEYS = frozenset(Field.__dataclass_fields__)
_PLAIN_CLASS = {"string": "StringField", "boolean": "BooleanField", "integer": "IntegerField", "double": "FloatField"}


def _tuple(value: object) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else ()


def _field(name: str, raw: dict[str, Any]) -> Field:
    known = {k: v for k, v in raw.items() if k in _FIELD_KEYS}
    for key in ("choices", "validators", "model_name", "allowed_keywords", "allow_custom"):
        if key in known:
            known[key] = _tuple(known[key])
    known["conditions"] = known.get("conditions") or {}
    known["since"] = parse_version(raw.get("since", "2.2"))
    known["allows"] = frozenset(
        k.removeprefix("allow_") for k, v in raw.items() if k.startswith("allow_") and v is True
    ) - {"null", "empty"}
    kind = known.pop("class", None) or raw.get("class") or _PLAIN_CLASS[raw["type"]]
    made = Field(name=name, kind=kind, **known)
    return _with_implied_default(made)


def _with_implied_default(made: Field) -> Field:
    """A field that is neither required nor nullable has a default; the table leaves out those that are empty."""
    if made.required or made.allow_null or made.default is not None or made.default_callable or made.read_only:
        return made
    empty: Any = [] if made.many else {"boolean": False, "integer": 0, "double": 0.0, "array": []}.get(made.type, "")
    return _replace_default(made, empty)


def _replace_default(made: Field, default: object) -> Field:
    values = {key: getattr(made, key) for key in _FIELD_KEYS}
    return Field(**(values | {"default": default}))


# Kept by the package inside another object's text; here a collection of its own.
_KEPT_AS = {"NTPTimeServer": "ntpd/timeservers"}


def _model(raw: dict[str, Any]) -> Model:
    return Model(
        name=raw["model"],
        verbose_name=raw["verbose_name"],
        fields={name: _field(name, value) for name, value in raw["fields"].items()},
        many=raw.get("many", False),
        many_minimum=raw.get("many_minimum", 0),
        many_maximum=raw.get("many_maximum", 65535),
        string_id=raw.get("id_type") == "string",
        auto_create_id=raw.get("auto_create_id", True),
        parent_model=raw.get("parent_model", ""),
        config_path=raw.get("config_path", "") or _KEPT_AS.get(raw["model"], ""),
        internal_callable=raw.get("internal_callable", ""),
        subsystem=raw.get("subsystem", ""),
        always_apply=raw.get("always_apply", False),
        packages=_tuple(raw.get("packages")),
        unique_together=_tuple(raw.get("unique_together")),
        protected_query=raw.get("protected_query") or {},
        sort_by=_tuple(raw.get("sort_by")),
    )


def _endpoint(raw: dict[str, Any]) -> Endpoint:
    return Endpoint(
        url=raw["url"],
        model=raw["model"],
        plural=raw["plural"],
        methods={name: parse_version(since) for name, since in raw["methods"].items()},
        auth_methods=_tuple(raw.get("auth_methods")),
        encode=_tuple(raw.get("encode")),
        default_limit=raw.get("default_limit", 0),
        ignore_read_only=raw.get("ignore_read_only", False),
        privileges={name: tuple(value) for name, value in raw.get("privileges", {}).items()},
    )


def _rows(name: str) -> list[dict[str, Any]]:
    text = files("holdfast.simulators.pfsense").joinpath("data", name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@cache
def newest() -> Schema:
    """Everything of the newest version."""
    models = {raw["model"]: _model(raw) for raw in _rows("models.jsonl")}
    endpoints: dict[str, Endpoint] = {}
    for raw in _rows("endpoints.jsonl"):
        # `/status/ipsec/sas` is registered twice and behaves as the plural (contract §12)
        if raw["url"] not in endpoints or raw["plural"]:
            endpoints[raw["url"]] = _endpoint(raw)
    return Schema(models, endpoints)


@cache
def schema_of(version: Version) -> Schema:
    """What this version of the package serves: younger fields, methods and URLs are not there."""
    everything = newest()
    models: dict[str, Model] = {}
    for name, model in everything.models.items():
        values = {key: getattr(model, key) for key in Model.__dataclass_fields__}
        fields = {key: value for key, value in model.fields.items() if value.since <= version}
        models[name] = Model(**(values | {"fields": fields}))
    endpoints: dict[str, Endpoint] = {}
    for url, endpoint in everything.endpoints.items():
        methods = {name: since for name, since in endpoint.methods.items() if since <= version}
        if methods:
            values = {key: getattr(endpoint, key) for key in Endpoint.__dataclass_fields__}
            endpoints[url] = Endpoint(**(values | {"methods": methods}))
    return Schema(models, endpoints)
