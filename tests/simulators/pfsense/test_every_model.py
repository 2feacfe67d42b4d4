"""Every model that can be changed: create, read, change, delete and replace on the wire, checked by vendor's tables."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.simulators.pfsense.schema import newest
from tests.simulators.pfsense.bodies import body
from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.vendormodels import problems, vendor_models

_ENDPOINTS = newest().endpoints.values()
SINGULAR = {e.model: e for e in _ENDPOINTS if not e.plural}
PLURAL = {e.model: e for e in _ENDPOINTS if e.plural}
CREATABLE = sorted(
    name
    for name, endpoint in SINGULAR.items()
    if {"POST", "DELETE"} <= set(endpoint.methods) and newest().models[name].config_path and not endpoint.auth_methods
)
REPLACEABLE = sorted(name for name, endpoint in PLURAL.items() if "PUT" in endpoint.methods)
# Created first, because the model refers to it or lives in it.
NEEDS: dict[str, tuple[str, ...]] = {
    "ACMECertificate": ("ACMEAccountKey",),
    "ACMECertificateAction": ("ACMEAccountKey", "ACMECertificate"),
    "ACMECertificateDomain": ("ACMEAccountKey", "ACMECertificate"),
    "BINDAccessListEntry": ("BINDAccessList",),
    "BINDZoneRecord": ("BINDZone",),
    "CertificateRevocationListRevokedCertificate": ("CertificateRevocationList",),
    "DNSForwarderHostOverrideAlias": ("DNSForwarderHostOverride",),
    "HAProxyBackendACL": ("HAProxyBackend",),
    "HAProxyBackendAction": ("HAProxyBackend", "HAProxyBackendACL"),
    "HAProxyBackendErrorFile": ("HAProxyFile", "HAProxyBackend"),
    "HAProxyBackendServer": ("HAProxyBackend",),
    "HAProxyFrontend": ("HAProxyBackend",),
    "HAProxyFrontendACL": ("HAProxyBackend", "HAProxyFrontend"),
    "HAProxyFrontendAction": ("HAProxyBackend", "HAProxyFrontend", "HAProxyFrontendACL"),
    "HAProxyFrontendAddress": ("HAProxyBackend", "HAProxyFrontend"),
    "HAProxyFrontendCertificate": ("HAProxyBackend", "HAProxyFrontend"),
    "HAProxyFrontendErrorFile": ("HAProxyFile", "HAProxyBackend", "HAProxyFrontend"),
}
PARENT_IDS = {"DHCPServer": "lan"}


async def _prepare(fw: Caller, model: str) -> dict[str, Any]:
    """Install every package, create what the model needs, and say which parent it goes to."""
    for package in {name for one in newest().models.values() for name in one.packages}:
        fw.sim.machine.packages.installed[package] = "1.0"
    for needed in NEEDS.get(model, ()):
        await fw.post(_url(needed), body(needed) | _parent(needed))
    return _parent(model)


def _url(model: str) -> str:
    return SINGULAR[model].url.removeprefix("/api/v2")


def _parent(model: str) -> dict[str, Any]:
    parent = newest().models[model].parent_model
    if not parent or not newest().models[parent].many:
        return {}
    return {"parent_id": PARENT_IDS.get(parent, 0)}


@pytest.mark.parametrize("model", CREATABLE)
async def test_an_object_can_be_created_read_changed_and_deleted(fw: Caller, model: str) -> None:
    parent = await _prepare(fw, model)
    url = _url(model)
    wanted = body(model)
    made = await fw.post(url, wanted | parent)
    hidden = {n for n, f in vendor_models()[model]["fields"].items() if f.get("sensitive") or f.get("write_only")}
    shown = {name: value for name, value in wanted.items() if name not in hidden and not isinstance(value, list)}
    assert {name: made[name] for name in shown} == shown
    assert problems(model, made) == []
    ids = {"id": made["id"], **parent}
    where = "?" + "&".join(f"{name}={value}" for name, value in ids.items())
    if "GET" in SINGULAR[model].methods:
        read = await fw.get(url + where)
        assert problems(model, read) == []
        assert {name: read[name] for name in shown} == shown
    if "PATCH" in SINGULAR[model].methods:
        fields = vendor_models()[model]["fields"]
        text = next(
            (n for n in ("descr", "description", "comment") if n in fields and not fields[n].get("read_only")), None
        )
        change = {text: "changed"} if text and text not in hidden else {}
        changed = (await fw("PATCH", url, ids | change)).data
        assert problems(model, changed) == []
        if change and "GET" in SINGULAR[model].methods:
            again = await fw.get(url + "?" + "&".join(f"{n}={v}" for n, v in (ids | {"id": changed["id"]}).items()))
            assert again[text] == "changed"
            ids = ids | {"id": changed["id"]}
    gone = (await fw("DELETE", url, ids)).data
    assert problems(model, gone) == []


@pytest.mark.parametrize("model", REPLACEABLE)
async def test_a_collection_can_be_replaced_as_a_whole(fw: Caller, model: str) -> None:
    await _prepare(fw, model)
    url = PLURAL[model].url.removeprefix("/api/v2")
    data = (await fw("PUT", url, [body(model)])).data
    assert [text for item in data for text in problems(model, item)] == []
    stored = await fw.get(url)
    protected = [item for item in stored if item.get("scope") == "system"]
    assert len(stored) == 1 + len(protected)
    assert len(data) == len(stored)
