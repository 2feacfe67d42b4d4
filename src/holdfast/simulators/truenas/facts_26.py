"""26 as a list of differences from 25.10 (contract sections 5, 15 and 16)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

from holdfast.simulators.truenas import facts_26_new
from holdfast.simulators.truenas.errors import Row
from holdfast.simulators.truenas.facts import Fact, JobFacts
from holdfast.simulators.truenas.shapes import (
    BOOL,
    FREE,
    INT,
    NAME,
    NULL,
    TEXT,
    also_taking,
    array,
    closed,
    default,
    edited,
    maybe,
    nullable,
    one_of,
    returning,
    taking,
    then,
    updatable,
    with_members,
)

GONE: tuple[str, ...] = (
    "virt.*",
    "service.start",
    "service.stop",
    "service.restart",
    "service.reload",
    "pool.dataset.destroy_snapshots",
    "pool.ddt_prefetch",
)
_RECONNECT = default(BOOL, False)
_SCRAM_TYPES = ("CLIENT_FIRST_MESSAGE", "CLIENT_FINAL_MESSAGE")


def _login(original: Fact) -> Fact:
    """SCRAM, reconnect tokens, DENIED."""

    def is_options(schema: Row) -> bool:
        return list(schema["properties"]) == ["user_info"]

    def more_options(schema: Row) -> Row:
        return {**schema, "properties": {**schema["properties"], "reconnect_token": _RECONNECT}}

    def grow(name: str, members: list[Row]) -> Callable[[Row], Row]:
        def change(schema: Row) -> Row:
            branches = [*schema["oneOf"], *members] if "oneOf" in schema else schema["anyOf"] + members
            key = "oneOf" if "oneOf" in schema else "anyOf"
            return {**schema, key: branches, "discriminator": {"propertyName": name}}

        return change

    facts = with_members("authenticator", {"reconnect_token": nullable(TEXT)})(original)
    scram = closed(
        {"mechanism": {"const": "SCRAM", "type": "string"}, "scram_type": one_of(*_SCRAM_TYPES), "rfc_str": TEXT}
    )
    params = [dataclasses.replace(p, schema=edited(p.schema, is_options, more_options)) for p in facts.params]
    if original.name == "auth.login_ex":
        params = [dataclasses.replace(p, schema=grow("mechanism", [scram])(p.schema)) for p in params]
    branches: list[Row] = facts.returns.get("oneOf") or facts.returns["anyOf"]
    user = next(branch for branch in branches if "user_info" in branch["properties"])
    denied = closed({"response_type": {"const": "DENIED", "type": "string"}})
    answer = closed(
        {
            "response_type": {"const": "SCRAM_RESPONSE", "type": "string"},
            "scram_type": one_of("SERVER_FIRST_RESPONSE", "SERVER_FINAL_RESPONSE"),
            "rfc_str": TEXT,
            "user_info": user["properties"]["user_info"],
        }
    )
    extra = [denied, answer] if original.name == "auth.login_ex" else [denied]
    returns = grow("response_type", extra)(facts.returns)
    return dataclasses.replace(facts, params=tuple(params), returns=returns)


def _without_graphs(original: Fact) -> Fact:
    """Three graphs about the ARC are gone."""
    gone = ("arcactualrate", "arcrate", "arcresult")

    def shrink(schema: Row) -> Row:
        names = [name for name in schema["properties"]["name"].get("enum", []) if name not in gone]
        return {**schema, "properties": {**schema["properties"], "name": {"enum": names, "type": "string"}}}

    params = tuple(
        dataclasses.replace(p, schema=edited(p.schema, lambda s: "enum" in s["properties"].get("name", {}), shrink))
        for p in original.params
    )
    return dataclasses.replace(original, params=params)


def _with_logs(original: Fact) -> Fact:
    job = dataclasses.replace(original.job or JobFacts(), logs=True)
    return dataclasses.replace(original, job=job)


def _strong_keys(original: Fact) -> Fact:
    """No choice of algorithm any more, and more PBKDF2 rounds."""
    iterations = {"type": "integer", "minimum": 1_300_000, "default": 1_300_000}
    return with_members("pbkdf2iters", {"pbkdf2iters": iterations}, drop=("algorithm",), answers=False)(original)


_POOL = with_members("dedup_table_size", {"all_sed": nullable(BOOL)})
_DISK = with_members("rotationrate", {"sed": default(BOOL, False), "sed_status": default(TEXT, "UNSUPPORTED")})
_APP = with_members("image_updates_available", {"latest_app_version": nullable(TEXT), "action_required": BOOL})
_SMB_MEMBERS = {
    "minimum_protocol": one_of("SMB1", "SMB2", "SMB3"),
    "search_protocols": default(array(TEXT), []),
    "stateful_failover": default(BOOL, False),
}
_SMB = with_members("netbiosname", _SMB_MEMBERS, drop=("enable_smb1",))
_SMB_SHARE = with_members(
    "locked",
    {
        "dataset": default(nullable(TEXT), None),
        "relative_path": default(nullable(TEXT), None),
        "tier": default(nullable(FREE), None),
    },
)
_KEYS = dict.fromkeys(("client_key", "stored_key", "server_key", "salt"), TEXT)
_NEW_KEY = with_members("key", {**_KEYS, "iterations": INT})
_GENERAL = with_members(
    "ui_httpsredirect", {"ui_certificate": maybe(INT), "ui_certificate_name": default(nullable(TEXT), None)}
)
_GENERAL_UPDATE = with_members("ui_restart_delay", {"ui_certificate": nullable(INT)}, drop=("ui_certificate_name",))


def _forgotten(original: Fact) -> Fact:
    """Arguments keep no defaults where every key is optional (updates)."""
    params = tuple(
        dataclasses.replace(p, schema={**updatable(p.schema["properties"])}) if "properties" in p.schema else p
        for p in original.params
    )
    return dataclasses.replace(original, params=params)


@cache
def changed() -> dict[str, Callable[[Fact], Fact]]:
    """25.10 facts that differ in 26."""
    changes: dict[str, Callable[[Fact], Fact]] = {
        "auth.login_ex": _login,
        "auth.login_ex_continue": _login,
        "api_key.create": _NEW_KEY,
        "api_key.update": _NEW_KEY,
        "pool.create": then(
            _POOL,
            _strong_keys,
            with_members(
                "allow_duplicate_serials", {"all_sed": default(BOOL, False), "force_topology": default(BOOL, False)}
            ),
        ),
        "pool.dataset.create": _strong_keys,
        "pool.dataset.change_key": _strong_keys,
        "smb.config": _SMB,
        "smb.update": then(_SMB, _forgotten),
        "system.general.config": _GENERAL,
        "system.general.update": then(_GENERAL, _GENERAL_UPDATE, _forgotten),
        "docker.config": with_members(
            "enable_image_updates", {"registry_mirrors": default(array(TEXT), [])}, drop=("nvidia",)
        ),
        "docker.update": then(
            with_members("enable_image_updates", {"registry_mirrors": default(array(TEXT), [])}, drop=("nvidia",)),
            _forgotten,
        ),
        "system.feature_enabled": taking(
            ("feature", one_of("APPS", "DEDUP", "FIBRECHANNEL", "SED", "SUPPORT", "VMS", "ZFSTIER"))
        ),
        "pool.snapshot.create": with_members("vmware_sync", {"suspend_vms": default(BOOL, False)}),
        "pool.snapshot.rename": with_members("new_name", {"recursive": default(BOOL, False)}),
        "replication.run": also_taking(("options", default(closed({}, {"dry_run": default(BOOL, False)}), {}))),
        "vm.delete": returning(NULL),
        "vm.device.nic_attach_choices": returning(closed({"BRIDGE": array(NAME), "MACVLAN": array(NAME)})),
        "alert.list_categories": taking(
            (
                "options",
                default(
                    closed(
                        {},
                        {"include_all_products": default(BOOL, False), "include_hidden_classes": default(BOOL, False)},
                    ),
                    {},
                ),
            )
        ),
        "zfs.resource.query": with_members(
            "nest_results", {"max_depth": default(INT, 0), "get_tier": default(BOOL, False)}
        ),
        "app.create": then(_APP, _with_logs),
    }
    for name in ("query", "get_instance", "update"):
        changes[f"pool.{name}"] = _POOL
        changes[f"disk.{name}"] = _DISK
        changes[f"app.{name}"] = _APP
    for name in ("upgrade", "rollback", "redeploy", "convert_to_custom"):
        changes[f"app.{name}"] = _APP
    for name in ("query", "get_instance", "create", "update"):
        changes[f"sharing.smb.{name}"] = _SMB_SHARE
    for name in ("get_data", "graph", "netdata_get_data", "netdata_graph"):
        changes[f"reporting.{name}"] = _without_graphs
    changes["boot.get_state"] = _POOL
    return changes


def own() -> tuple[Fact, ...]:
    """Methods that are new in 26."""
    return facts_26_new.own()
