"""The vendor's tables, reduced to the facts that the room needs to write safely.

Run as a program it writes the room's data file; imported by the tests it proves that the file still says what the
tables say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.schemas import schema_lines

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "src" / "holdfast" / "appliances" / "pfsense" / "data" / "models.jsonl"
# What no tool touches: other protocols, shells, and packages with a world of their own.
_LEFT_OUT = ("ACME", "BIND", "FreeRADIUS", "HAProxy", "OpenVPNClientExport")
_LEFT_OUT_EXACTLY = frozenset(
    {
        "AuthServer",
        "CertificatePKCS12Export",
        "CommandPrompt",
        "EmailNotificationSettings",
        "GraphQL",
        "RESTAPIJWT",
        "RESTAPIKey",
        "RESTAPISettingsSync",
        "Test",
    }
)


def _wanted(model: str) -> bool:
    return not model.startswith(_LEFT_OUT) and model not in _LEFT_OUT_EXACTLY


def _since(text: str) -> str:
    """`<=v2.2.0` and `v2.9.0` as `2.2` and `2.9`."""
    major, minor, *_ = text.removeprefix("<=").removeprefix("v").split(".")
    return f"{major}.{minor}"


def _field(raw: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"t": raw["type"]}
    for flag, key in (
        ("many", "many"),
        ("required", "required"),
        ("read_only", "ro"),
        ("write_only", "wo"),
        ("sensitive", "secret"),
    ):
        if raw.get(flag):
            made[key] = True
    if raw.get("editable", False) is not True:
        made["fixed"] = True
    if (since := _since(raw["since"])) != "2.2":
        made["since"] = since
    if raw.get("choices") and not raw.get("choices_environment_dependent"):
        made["choices"] = raw["choices"]
    if raw.get("default") not in (None, "", [], False):
        made["default"] = raw["default"]
    if raw["class"] == "InterfaceField":
        made["iface"] = True
    if raw["class"] in ("FilterAddressField", "SpecialNetworkField"):
        made["addr"] = True
    if raw["type"] == "integer":
        made |= {
            key: raw[name] for name, key in (("minimum", "min"), ("maximum", "max")) if 0 < raw.get(name, 0) < 2**31
        }
    if "model_class" in raw:
        made["of"] = raw["model_class"].rsplit("\\", 1)[1]
    return made


def compact_models() -> list[dict[str, Any]]:
    """Every model that a tool may touch, with its URLs, the release that brought each method, and its fields."""
    urls: dict[str, dict[str, Any]] = {}
    for row in schema_lines("pfsense-2.10-endpoints.jsonl"):
        side = "many" if row["plural"] else "one"
        methods = {name: _since(method["since"]) for name, method in row["methods"].items()}
        urls.setdefault(row["model"], {})[side] = {"url": row["url"].removeprefix("/api/v2/"), "methods": methods}
    models = []
    for raw in schema_lines("pfsense-2.10-models.jsonl"):
        name = raw["model"]
        if not _wanted(name):
            continue
        made: dict[str, Any] = {"model": name, "name": raw["verbose_name"], **urls.get(name, {})}
        if raw["many"] and raw["many_minimum"]:
            made["minimum"] = raw["many_minimum"]
        if raw["id_type"] == "string":
            made["string_id"] = True
        if raw["parent_model"]:
            made["parent"] = raw["parent_model"]
        if raw["packages"]:
            made["packages"] = raw["packages"]
        made["fields"] = {field: _field(facts) for field, facts in raw["fields"].items()}
        models.append(made)
    return models


def render(rows: list[dict[str, Any]]) -> str:
    """One object a line, so that a change of one model is a change of one line."""
    return "".join(json.dumps(row, separators=(",", ":"), ensure_ascii=True) + "\n" for row in rows)


if __name__ == "__main__":
    DATA.write_text(render(compact_models()), encoding="utf-8")
