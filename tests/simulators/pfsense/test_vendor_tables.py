"""The simulator's data and answers against the vendor's tables."""

from __future__ import annotations

import pytest

from holdfast.simulators.pfsense.schema import newest, schema_of
from holdfast.simulators.pfsense.versions import persona
from tests.simulators.pfsense import vendor_tables
from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.conftest import Start
from tests.simulators.pfsense.vendormodels import problems, vendor_endpoints, vendor_models
from tests.support.schemas import schemas_dir


def test_the_data_files_say_exactly_what_the_vendors_tables_say() -> None:
    directory = schemas_dir()
    for name, rows in (
        ("models.jsonl", vendor_tables.compact_models(directory)),
        ("endpoints.jsonl", vendor_tables.compact_endpoints(directory)),
    ):
        stored = (vendor_tables.DATA / name).read_text(encoding="utf-8")
        assert stored == vendor_tables.render(rows), f"{name} differs: run tests/simulators/pfsense/vendor_tables.py"


def test_every_url_of_the_vendor_is_served_but_the_one_of_another_protocol() -> None:
    served = {url.removeprefix("/api/v2") for url in newest().endpoints}
    assert set(vendor_endpoints()) - served == {"/graphql"}
    assert set(vendor_models()) - set(newest().models) == {"Test", "GraphQL"}


def test_every_method_and_privilege_is_the_vendors() -> None:
    for url, row in vendor_endpoints().items():
        endpoint = newest().endpoints.get("/api/v2" + url)
        if endpoint is None:
            continue
        assert set(endpoint.methods) == set(row["methods"]), url
        for method, facts in row["methods"].items():
            assert list(endpoint.required_privileges(method)) == facts["privilege"], (url, method)


# Settings that nobody ever saved on this firewall: what is required to save them is not there to be read.
NEVER_CONFIGURED = {"BINDSyncSettings.synconchanges", "DHCPRelay.server", "BINDSyncSettings.masterip"}


async def test_every_plural_get_answers_objects_of_the_vendors_model(fw: Caller) -> None:
    await _all_packages(fw)
    found: list[str] = []
    filled = 0
    for url, row in vendor_endpoints().items():
        if row["plural"] and "GET" in row["methods"]:
            data = await fw.get(url + ("?limit=50" if "/logs/" in url else ""))
            assert isinstance(data, list), url
            filled += bool(data)
            found += [text for item in data for text in problems(row["model"], item)]
    assert found == []
    assert filled >= 55


async def test_every_singular_get_answers_an_object_of_the_vendors_model(fw: Caller) -> None:
    await _all_packages(fw)
    found: list[str] = []
    seen = 0
    plurals = {row["model"]: url for url, row in vendor_endpoints().items() if row["plural"]}
    for url, row in vendor_endpoints().items():
        if row["plural"] or "GET" not in row["methods"]:
            continue
        query = ""
        if vendor_models()[row["model"]]["many"]:
            first = next(iter(await fw.get(plurals[row["model"]]) if row["model"] in plurals else []), None)
            if first is None:
                continue
            query = f"?id={first['id']}" + (f"&parent_id={first['parent_id']}" if "parent_id" in first else "")
        found += problems(row["model"], await fw.get(url + query))
        seen += 1
    assert set(found) == {f"{name}: null although required" for name in NEVER_CONFIGURED}
    assert seen >= 90


async def _all_packages(fw: Caller) -> None:
    installed = fw.sim.machine.packages.installed
    for name in ("pfSense-pkg-bind", "pfSense-pkg-freeradius3"):
        installed[name] = "1.0"


@pytest.mark.parametrize("version", ["2.2", "2.4", "2.6", "2.7", "2.8", "2.9"])
async def test_an_older_version_answers_every_get_without_younger_fields(start: Start, version: str) -> None:
    fw = await start(version)
    await _all_packages(fw)
    package = persona(version).package
    plurals = [endpoint for endpoint in schema_of(package).endpoints.values() if endpoint.plural]
    singles = [e for e in schema_of(package).endpoints.values() if not e.plural and not newest().models[e.model].many]
    for endpoint in plurals + singles:
        if "GET" not in endpoint.methods:
            continue
        data = await fw.get(endpoint.url.removeprefix("/api/v2"))
        for item in data if isinstance(data, list) else [data]:
            for name in set(item) - {"id", "parent_id"}:
                assert newest().models[endpoint.model].fields[name].since <= package, (endpoint.url, name)


@pytest.mark.parametrize("version", ["2.2", "2.5", "2.6", "2.7", "2.8", "2.9", "2.10"])
async def test_an_older_version_serves_as_many_operations_as_its_release_had(version: str) -> None:
    counts = {
        "2.2": (206, 561),
        "2.5": (216, 588),
        "2.6": (226, 615),
        "2.7": (258, 677),
        "2.8": (264, 690),
        "2.9": (267, 694),
        "2.10": (267, 694),
    }
    endpoints = schema_of(persona(version).package).endpoints
    operations = sum(len(endpoint.methods) for endpoint in endpoints.values())
    # less the one URL that is not served
    assert (len(endpoints) + 1, operations + 1) == counts[version]
