"""The vendor's tables, reduced to the facts that the simulator serves.

Run as a program it writes the simulator's data files; imported by the tests it proves that they still say what the
tables say.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "src" / "holdfast" / "simulators" / "pfsense" / "data"
PHP_INT_MAX = 9223372036854775807
UNSERVED_MODELS = frozenset({"Test", "GraphQL"})  # a self-test model of the package; another protocol than REST
_MODEL_DEFAULTS: dict[str, Any] = {
    "many": False,
    "many_minimum": 0,
    "many_maximum": 65535,
    "id_type": "integer",
    "auto_create_id": True,
    "parent_model": "",
    "config_path": "",
    "internal_callable": "",
    "subsystem": "",
    "always_apply": False,
    "update_strategy": "merge",
    "packages": [],
    "unique_together": [],
    "protected_query": [],
    "sort_by": None,
}
_FIELD_DEFAULTS: dict[str, Any] = {
    "default_callable": "",
    "editable": True,
    "many": False,
    "since": "<=v2.2.0",
    "maximum_length": 1024,
    "maximum": PHP_INT_MAX,
    "many_maximum": 65535,
}
_FIELD_DROPPED = frozenset({"choices_environment_dependent", "default_environment_dependent"})
_PLAIN_CLASS = {"string": "StringField", "boolean": "BooleanField", "integer": "IntegerField", "double": "FloatField"}


def schemas_dir() -> Path | None:
    """Where the vendors' tables are, or None: HOLDFAST_SCHEMAS, else beside the repository."""
    named = os.environ.get("HOLDFAST_SCHEMAS")
    for candidate in (Path(named),) if named else (ROOT.parent / "shared" / "schemas",):
        if (candidate / "pfsense-2.10-models.jsonl").is_file():
            return candidate
    return None


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _field(raw: dict[str, Any]) -> dict[str, Any]:
    field = {k: v for k, v in raw.items() if k not in _FIELD_DROPPED and _FIELD_DEFAULTS.get(k, ...) != v}
    if raw.get("editable", False) is not True:
        field["editable"] = False
    if _PLAIN_CLASS.get(raw["type"]) == raw["class"]:
        del field["class"]
    if "model_class" in field:
        field["model_class"] = field["model_class"].rsplit("\\", 1)[1]
    validators = [
        {k: v for k, v in validator.items() if v not in (False, []) and k not in ("error_msg", "foreign_model_fqn")}
        for validator in raw.get("validators", [])
    ]
    if validators:
        field["validators"] = validators
    if str(field.get("choices_source", "")).startswith("callable:"):
        field["choices_source"] = field["choices_source"].removeprefix("callable:").split(" ")[0]
    return field


def compact_models(directory: Path) -> list[dict[str, Any]]:
    """Every model but the package's own self-test, without the keys that only repeat a default."""
    models = []
    for raw in _lines(directory / "pfsense-2.10-models.jsonl"):
        if raw["model"] in UNSERVED_MODELS:
            continue
        model = {"model": raw["model"], "verbose_name": raw["verbose_name"]}
        model |= {k: raw[k] for k, default in _MODEL_DEFAULTS.items() if raw[k] not in (default, None)}
        model["fields"] = {name: _field(field) for name, field in raw["fields"].items()}
        models.append(model)
    return models


def compact_endpoints(directory: Path) -> list[dict[str, Any]]:
    """Every URL with its methods (the version each came in); privileges follow from the URL except where given."""
    endpoints = []
    for raw in _lines(directory / "pfsense-2.10-endpoints.jsonl"):
        if raw["model"] in UNSERVED_MODELS:
            continue
        endpoint: dict[str, Any] = {
            "url": raw["url"],
            "plural": raw["plural"],
            "model": raw["model"],
            "methods": {name: method["since"].removeprefix("v") for name, method in raw["methods"].items()},
        }
        for key in ("auth_methods", "encode", "default_limit", "ignore_read_only"):
            if raw[key]:
                endpoint[key] = raw[key]
        for name, method in raw["methods"].items():
            usual = raw["url"].strip("/").replace("/", "-").replace("_", "-") + "-" + name.lower()
            if method["privilege"] != ["page-all", usual]:
                endpoint.setdefault("privileges", {})[name] = method["privilege"]
        endpoints.append(endpoint)
    return endpoints


def render(rows: list[dict[str, Any]]) -> str:
    """One object a line, so that a change of one model is a change of one line."""
    return "".join(json.dumps(row, separators=(",", ":"), ensure_ascii=True) + "\n" for row in rows)


def main() -> None:
    """Write the data files from the tables."""
    directory = schemas_dir()
    if directory is None:
        raise SystemExit("the vendor tables are not here; set HOLDFAST_SCHEMAS")
    (DATA / "models.jsonl").write_text(render(compact_models(directory)), encoding="utf-8")
    (DATA / "endpoints.jsonl").write_text(render(compact_endpoints(directory)), encoding="utf-8")


if __name__ == "__main__":
    main()
