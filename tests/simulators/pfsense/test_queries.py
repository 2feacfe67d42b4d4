"""Filters, sorting and paging (contract §6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.pfsense.caller import Caller
from tests.simulators.pfsense.conftest import Start


async def names(fw: Caller, query: str) -> list[str]:
    return [row["name"] for row in await fw.get(f"/firewall/aliases?{query}")]


ALL = ["nas_hosts", "pve_nodes", "rack_hosts", "bmc_net", "web_ports"]


async def test_without_a_query_everything_comes_with_positions_as_ids(fw: Caller) -> None:
    rows = await fw.get("/firewall/aliases")
    assert [row["name"] for row in rows] == ALL
    assert [row["id"] for row in rows] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=bmc_net", ["bmc_net"]),
        ("name__except=bmc_net", ["nas_hosts", "pve_nodes", "rack_hosts", "web_ports"]),
        ("name__startswith=nas", ["nas_hosts"]),
        ("name__endswith=_hosts", ["nas_hosts", "rack_hosts"]),
        ("name__contains=o", ["nas_hosts", "pve_nodes", "rack_hosts", "web_ports"]),
        ("name__in[]=bmc_net&name__in[]=web_ports", ["bmc_net", "web_ports"]),
        ("name__in=has bmc_net inside", ["bmc_net"]),
        ("id__gte=3", ["bmc_net", "web_ports"]),
        ("id__lt=1", ["nas_hosts"]),
        ("id__lte=1", ["nas_hosts", "pve_nodes"]),
        ("id__gt=3", ["web_ports"]),
        ("name__regex=/^web/", ["web_ports"]),
        ("name__regex=/^WEB/i", ["web_ports"]),
        ("name__regex=^web", []),
        ("name__regex=/(/", []),
        ("address__contains=443", ["web_ports"]),
        ("address__contains=44", []),
        ("address=443", []),
        ("name__format=alias", ALL),
        ("name__format=ipv4", []),
        ("type=host&name__endswith=_hosts", ["nas_hosts", "rack_hosts"]),
    ],
)
async def test_filters_select_as_the_contract_says(fw: Caller, query: str, expected: list[str]) -> None:
    assert await names(fw, query) == expected


async def test_a_misspelt_field_selects_everything(fw: Caller) -> None:
    assert await names(fw, "nmae=bmc_net") == ALL


async def test_a_misspelt_filter_is_404_unless_there_is_nothing_to_filter(fw: Caller) -> None:
    reply = await fw("GET", "/firewall/aliases?name__like=x")
    assert reply.error == (404, "QUERY_FILTER_NOT_FOUND")
    assert await fw.get("/interface/bridges?descr__like=x") == []


async def test_comparison_is_loose(fw: Caller) -> None:
    rows = await fw.get("/interface/vlans", body={"tag": "9"})
    assert [row["tag"] for row in rows] == [9]
    assert await fw.get("/firewall/rules?disabled=true") == await fw.get("/firewall/rules", body={"disabled": 1})


async def test_an_array_field_never_equals_a_scalar(fw: Caller) -> None:
    assert await fw.get("/firewall/rules?interface=lan") == []
    assert len(await fw.get("/firewall/rules?interface__contains=lan")) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=2", ALL[:2]),
        ("limit=2&offset=1", ALL[1:3]),
        ("offset=3", ALL[3:]),
        ("limit=2&offset=99", []),
        ("limit=0", ALL),
        # without filter and sort, reverse comes before the limit
        ("reverse=true&limit=2", ["web_ports", "bmc_net"]),
        # with a filter, after it
        ("reverse=true&limit=2&id__gte=0", ["pve_nodes", "nas_hosts"]),
        ("sort_by=name", sorted(ALL)),
        ("sort_by=name&sort_order=SORT_DESC&limit=1", ["web_ports"]),
        ("sort_by[]=type&sort_by[]=name", ["nas_hosts", "pve_nodes", "rack_hosts", "bmc_net", "web_ports"]),
        ("sort_by=name&reverse=true&limit=2", ["nas_hosts", "bmc_net"]),
    ],
)
async def test_pages_and_order(fw: Caller, query: str, expected: list[str]) -> None:
    assert await names(fw, query) == expected


@pytest.mark.parametrize(
    "flag", ["SORT_NUMERIC", "SORT_STRING", "SORT_LOCALE_STRING", "SORT_NATURAL", "SORT_FLAG_CASE"]
)
async def test_sort_flags_are_known(fw: Caller, flag: str) -> None:
    rows = await fw.get(f"/services/dns_resolver/host_overrides?sort_by=host&sort_flags={flag}")
    assert len(rows) == 8


async def test_natural_order_counts_digits_as_numbers(fw: Caller) -> None:
    for name in ("host2", "host10", "host1"):
        await fw.post("/firewall/alias", {"name": name, "type": "host"})
    query = "/firewall/aliases?name__startswith=host&sort_by=name&sort_flags="
    assert [row["name"] for row in await fw.get(query + "SORT_NATURAL")] == ["host1", "host2", "host10"]
    assert [row["name"] for row in await fw.get(query + "SORT_STRING")] == ["host1", "host10", "host2"]


@pytest.mark.parametrize(
    ("query", "response_id"),
    [
        ("limit=ten", "ENDPOINT_LIMIT_FIELD_INVALID_TYPE"),
        ("offset=1.5", "ENDPOINT_OFFSET_FIELD_INVALID_TYPE"),
        ("reverse=yes", "ENDPOINT_REVERSE_FIELD_INVALID_TYPE"),
        ("sort_by=nothing", "ENDPOINT_SORT_BY_FIELD_NON_EXISTENT_FIELD"),
        ("sort_by=5", "ENDPOINT_SORT_BY_FIELD_INVALID_TYPE"),
        ("sort_by=name&sort_order=UP", "ENDPOINT_SORT_ORDER_FIELD_UNKNOWN_SORT_ORDER"),
        ("dry_run=true", "ENDPOINT_DRY_RUN_NOT_SUPPORTED_ON_GET"),
    ],
)
async def test_control_parameters_of_a_wrong_kind_are_400(fw: Caller, query: str, response_id: str) -> None:
    assert (await fw("GET", f"/firewall/aliases?{query}")).error == (400, response_id)


async def test_states_come_a_hundred_at_a_time_by_default(fw: Caller) -> None:
    guests = fw.sim.world.guests
    assert guests
    states = await fw.get("/firewall/states")
    assert 0 < len(states) <= 100
    assert len(await fw.get("/firewall/states?limit=3")) == 3


async def test_a_nested_plural_shows_the_children_of_all_parents(fw: Caller) -> None:
    rows: list[dict[str, Any]] = await fw.get("/services/dhcp_server/static_mappings")
    assert {row["parent_id"] for row in rows} == {"lan"}
    assert await fw.get("/services/dhcp_server/static_mappings?parent_id=opt1") == []
    assert len(await fw.get("/services/dhcp_server/static_mappings?parent_id=lan")) == len(rows)


async def test_younger_filters_and_parameters_are_unknown_to_older_versions(start: Start) -> None:
    fw = await start("2.6")
    assert (await fw("GET", "/firewall/aliases?name__in=bmc_net")).error == (404, "QUERY_FILTER_NOT_FOUND")
    assert (await fw("GET", "/services/dhcp_server/static_mappings")).status == 404
    older = await start("2.7")
    # dry_run is an unknown field there: the capability probe of the contract
    assert len(await older.get("/firewall/aliases?dry_run=true")) == 5
