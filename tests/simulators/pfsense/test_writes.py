"""Creating, changing and deleting, with the traps that the real one has (contract §7, §10)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.pfsense.caller import Caller

RULE = {
    "type": "pass",
    "interface": ["lan"],
    "ipprotocol": "inet",
    "protocol": "tcp",
    "source": "lan",
    "destination": "nas_hosts",
    "destination_port": "443",
    "descr": "lan to nas https",
}


async def rules(fw: Caller) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await fw.get("/firewall/rules")
    return rows


async def test_a_rule_is_answered_as_the_contracts_example_shows_it(fw: Caller) -> None:
    made = await fw.post("/firewall/rule", RULE | {"log": True, "placement": 0, "apply": False})
    now = int(fw.clock.now())
    assert made == {
        "id": 0,
        **RULE,
        "icmptype": None,
        "source_port": None,
        "disabled": False,
        "log": True,
        "dscp": None,
        "tag": "",
        "statetype": "keep state",
        "tcp_flags_any": False,
        "tcp_flags_out_of": None,
        "tcp_flags_set": None,
        "gateway": None,
        "sched": None,
        "dnpipe": None,
        "pdnpipe": None,
        "defaultqueue": None,
        "ackqueue": None,
        "floating": False,
        "quick": None,
        "direction": None,
        "tracker": now,
        "associated_rule_id": None,
        "created_time": now,
        "created_by": "@127.0.0.1 (API)",
        "updated_time": now,
        "updated_by": "holdfast@127.0.0.1 (API)",
    }


async def test_what_was_empty_in_the_answer_is_null_when_read_again(fw: Caller) -> None:
    made = await fw.post("/firewall/rule", RULE)
    assert made["tag"] == ""
    assert (await fw.get(f"/firewall/rule?id={made['id']}"))["tag"] is None


async def test_unknown_fields_are_ignored_without_a_word(fw: Caller) -> None:
    made = await fw.post("/firewall/rule", RULE | {"destinaton_port": "80", "colour": "red"})
    assert "colour" not in made
    changed = (await fw("PATCH", "/firewall/rule", {"id": made["id"], "disable": True})).data
    assert changed["disabled"] is False


async def test_an_id_in_a_create_is_dropped(fw: Caller) -> None:
    before = len(await rules(fw))
    assert (await fw.post("/firewall/rule", RULE | {"id": 0}))["id"] == before


async def test_a_patch_changes_only_what_it_names(fw: Caller) -> None:
    made = await fw.post("/firewall/rule", RULE)
    fw.clock.advance(5)
    changed = (await fw("PATCH", "/firewall/rule", {"id": made["id"], "descr": "other"})).data
    moved = {"descr", "updated_time", "tag"}
    assert {k: v for k, v in changed.items() if k not in moved} == {k: v for k, v in made.items() if k not in moved}
    assert changed["descr"] == "other"
    assert changed["updated_time"] == made["updated_time"] + 5
    assert changed["tracker"] == made["tracker"]


async def test_null_resets_a_field_to_its_default(fw: Caller) -> None:
    made = await fw.post("/firewall/rule", RULE | {"statetype": "none"})
    changed = (await fw("PATCH", "/firewall/rule", {"id": made["id"], "statetype": None})).data
    assert changed["statetype"] == "keep state"


async def test_a_field_whose_condition_is_unmet_is_dropped_not_refused(fw: Caller) -> None:
    made = await fw.post("/firewall/rule", RULE | {"icmptype": ["echoreq"], "direction": "in", "quick": True})
    assert (made["icmptype"], made["direction"], made["quick"]) == (None, None, None)


async def test_ids_are_positions_so_the_same_delete_twice_deletes_two_objects(fw: Caller) -> None:
    before = await rules(fw)
    first = (await fw("DELETE", "/firewall/rule?id=0")).data
    second = (await fw("DELETE", "/firewall/rule?id=0")).data
    assert [first["descr"], second["descr"]] == [before[0]["descr"], before[1]["descr"]]
    after = await rules(fw)
    assert [row["descr"] for row in after] == [row["descr"] for row in before[2:]]
    assert [row["id"] for row in after] == list(range(len(before) - 2))


async def test_placement_moves_an_object_and_is_clamped_to_the_end(fw: Caller) -> None:
    count = len(await rules(fw))
    made = await fw.post("/firewall/rule", RULE | {"placement": 2})
    assert made["id"] == 2
    assert (await rules(fw))[2]["descr"] == RULE["descr"]
    moved = (await fw("PATCH", "/firewall/rule", {"id": 2, "placement": 999})).data
    assert moved["id"] == count
    assert (await rules(fw))[-1]["descr"] == RULE["descr"]


async def test_rules_of_one_second_share_their_tracker(fw: Caller) -> None:
    first, second = await fw.post("/firewall/rule", RULE), await fw.post("/firewall/rule", RULE)
    fw.clock.advance(1)
    third = await fw.post("/firewall/rule", RULE)
    assert first["tracker"] == second["tracker"] != third["tracker"]


async def test_a_bulk_delete_with_a_misspelt_field_leaves_one_rule_and_answers_403(fw: Caller) -> None:
    first = (await rules(fw))[0]["descr"]
    reply = await fw("DELETE", "/firewall/rules?dscr=lan")
    assert reply.error == (403, "MODEL_MANY_MINIMUM_REACHED")
    assert [row["descr"] for row in await rules(fw)] == [first]


async def test_even_apply_alone_makes_a_bulk_delete_take_everything(fw: Caller) -> None:
    assert (await fw("DELETE", "/firewall/aliases?apply=true")).status == 200
    assert await fw.get("/firewall/aliases") == []


async def test_a_bulk_delete_needs_some_parameter(fw: Caller) -> None:
    for query in ("", "?limit=5"):
        reply = await fw("DELETE", f"/firewall/aliases{query}")
        assert reply.error == (400, "MODEL_DELETE_MANY_REQUIRES_QUERY_PARAMS")


async def test_a_bulk_delete_whose_json_type_hides_the_query_is_refused(fw: Caller) -> None:
    reply = await fw("DELETE", "/firewall/aliases?name=bmc_net", headers={"Content-Type": "application/json"})
    assert reply.error == (400, "MODEL_DELETE_MANY_REQUIRES_QUERY_PARAMS")


async def test_a_bulk_delete_takes_what_matches_and_all_takes_all(fw: Caller) -> None:
    gone = (await fw("DELETE", "/firewall/aliases?type=host")).data
    assert [row["name"] for row in gone] == ["nas_hosts", "pve_nodes", "rack_hosts"]
    assert [row["name"] for row in await fw.get("/firewall/aliases")] == ["bmc_net", "web_ports"]
    await fw("DELETE", "/firewall/aliases", {"all": True})
    assert await fw.get("/firewall/aliases") == []


async def test_a_bulk_delete_stops_at_the_first_refusal_with_the_rest_gone(fw: Caller) -> None:
    for tag in (50, 51):
        await fw.post("/interface/vlan", {"if": "igb2", "tag": tag})
    reply = await fw("DELETE", "/interface/vlans?tag__gte=1")
    # from the last to the first: the two free ones go, the assigned one refuses
    assert reply.error == (409, "INTERFACE_VLAN_CANNOT_BE_DELETED_WHILE_IN_USE")
    assert [row["tag"] for row in await fw.get("/interface/vlans")] == [9]


async def test_plural_deletes_are_the_systems_in_the_history(fw: Caller) -> None:
    await fw("DELETE", "/firewall/aliases?name=bmc_net")
    assert (await fw.get("/diagnostics/config_history/revisions"))[0]["description"].startswith("(system): Deleted")


async def test_the_last_rule_cannot_be_deleted(fw: Caller) -> None:
    for _ in range(len(await rules(fw)) - 1):
        assert (await fw("DELETE", "/firewall/rule?id=0")).status == 200
    assert (await fw("DELETE", "/firewall/rule?id=0")).error == (403, "MODEL_MANY_MINIMUM_REACHED")


async def test_put_replaces_everything(fw: Caller) -> None:
    replaced = (await fw("PUT", "/firewall/rules", [RULE, RULE | {"descr": "second", "id": 77}])).data
    assert [row["id"] for row in replaced] == [0, 1]
    assert [row["descr"] for row in await rules(fw)] == ["lan to nas https", "second"]


async def test_put_wants_a_list_and_the_minimum(fw: Caller) -> None:
    assert (await fw("PUT", "/firewall/rules", RULE)).error == (400, "ENDPOINT_REQUEST_DATA_MUST_BE_INDEXED_ARRAY")
    assert (await fw("PUT", "/firewall/rules", [])).error == (400, "MODEL_REPLACE_ALL_MINIMUM_NOT_MET")


async def test_a_put_that_fails_half_way_stores_nothing(fw: Caller) -> None:
    before = await rules(fw)
    reply = await fw("PUT", "/firewall/rules", [RULE, RULE | {"type": "permit"}])
    assert reply.error == (400, "FIELD_INVALID_CHOICE")
    assert await rules(fw) == before


async def test_put_keeps_protected_objects(fw: Caller) -> None:
    await fw("PUT", "/user/groups", [{"name": "only"}])
    assert [row["name"] for row in await fw.get("/user/groups")] == ["admins", "all", "only"]
    reply = await fw("DELETE", "/user/group?id=0")
    assert reply.error == (403, "MODEL_CANNOT_DELETE_PROTECTED_OBJECT")


async def test_append_and_remove_work_on_arrays(fw: Caller) -> None:
    alias = {"id": 0, "address": ["10.20.0.15"], "detail": ["new"]}
    grown = (await fw("PATCH", "/firewall/alias", alias | {"append": True})).data
    assert grown["address"] == ["10.20.0.14", "10.20.0.15"]
    assert grown["detail"] == ["TrueNAS", "new"]
    shrunk = (await fw("PATCH", "/firewall/alias", alias | {"remove": True})).data
    assert shrunk["address"] == ["10.20.0.14"]


async def test_remove_without_the_details_breaks_an_alias(fw: Caller) -> None:
    both = {"id": 0, "address": ["10.20.0.15"], "detail": ["new"], "append": True}
    await fw("PATCH", "/firewall/alias", both)
    reply = await fw("PATCH", "/firewall/alias", {"id": 0, "address": ["10.20.0.15"], "remove": True})
    assert reply.error == (400, "TOO_MANY_ALIAS_DETAILS")


async def test_missing_details_are_filled_in(fw: Caller) -> None:
    wanted = {"name": "two", "type": "host", "address": ["10.0.0.1", "10.0.0.2"], "detail": ["one"]}
    made = await fw.post("/firewall/alias", wanted)
    assert made["detail"][0] == "one"
    assert made["detail"][1].startswith("Entry added ")


async def test_deleting_an_alias_that_rules_use_is_allowed(fw: Caller) -> None:
    await fw.post("/firewall/rule", RULE)
    assert (await fw("DELETE", "/firewall/alias?id=0")).status == 200


async def test_a_referenced_gateway_stays_and_the_answer_lists_what_refers_to_it(fw: Caller) -> None:
    reply = await fw("DELETE", "/routing/gateway?id=1")
    assert reply.error == (409, "MODEL_CANNOT_BE_DELETED_WHILE_REFERENCED")
    assert reply.json["data"] == [
        {"id": 0, "network": "10.99.0.0/16", "gateway": "LAB_GW", "descr": "lab", "disabled": False}
    ]


async def test_nested_objects_are_addressed_with_their_parent(fw: Caller) -> None:
    url = "/services/dhcp_server/static_mapping"
    wanted = {"mac": "00:1b:21:0a:0b:0c", "ipaddr": "10.20.0.60", "hostname": "printer"}
    assert (await fw("POST", url, wanted)).error == (400, "MODEL_PARENT_ID_REQUIRED")
    assert (await fw("POST", url, wanted | {"parent_id": "opt9"})).error == (404, "MODEL_PARENT_OBJECT_NOT_FOUND")
    made = await fw.post(url, wanted | {"parent_id": "lan"})
    assert (made["parent_id"], made["cid"], made["domain"], made["defaultleasetime"]) == ("lan", None, "", 7200)
    reply = await fw("GET", f"{url}?id={made['id']}")
    assert reply.error == (500, "MODEL_CANNOT_GET_CONFIG_PATH_WITHOUT_PARENT_MODEL")
    assert (await fw.get(f"{url}?parent_id=lan&id={made['id']}"))["hostname"] == "printer"


@pytest.mark.parametrize(
    ("path", "body", "code", "response_id"),
    [
        ("/firewall/rule", {k: v for k, v in RULE.items() if k != "type"}, 400, "FIELD_IS_REQUIRED"),
        ("/firewall/rule", RULE | {"destination_port": 443}, 400, "FIELD_INVALID_TYPE"),
        ("/firewall/rule", RULE | {"interface": "lan"}, 400, "FIELD_INVALID_MANY_VALUE"),
        ("/firewall/rule", RULE | {"type": "permit"}, 400, "FIELD_INVALID_CHOICE"),
        ("/firewall/rule", RULE | {"source": ""}, 400, "FIELD_EMPTY_NOT_ALLOWED"),
        ("/firewall/rule", RULE | {"source": "!any"}, 400, "FILTER_ADDRESS_FIELD_INVALID"),
        ("/firewall/rule", RULE | {"source": "10.0.0.300"}, 400, "FILTER_ADDRESS_FIELD_INVALID"),
        ("/firewall/rule", RULE | {"source": "web_ports"}, 400, "FILTER_ADDRESS_FIELD_INVALID"),
        ("/firewall/rule", RULE | {"destination_port": "70000"}, 400, "PORT_FIELD_INVALID"),
        ("/firewall/rule", RULE | {"descr": "x" * 1025}, 400, "LENGTH_VALIDATOR_MAXIMUM_CONSTRAINT"),
        ("/firewall/rule", RULE | {"gateway": "NO_GW"}, 404, "FOREIGN_MODEL_FIELD_VALUE_NOT_FOUND"),
        (
            "/firewall/rule",
            RULE | {"interface": ["lan", "wan"]},
            400,
            "FIREWALL_RULE_MULTIPLE_INTERFACE_WITHOUT_FLOATING",
        ),
        ("/firewall/alias", {"name": "bmc_net", "type": "host"}, 400, "FIELD_MUST_BE_UNIQUE"),
        ("/firewall/alias", {"name": "x" * 32, "type": "host"}, 400, "LENGTH_VALIDATOR_MAXIMUM_CONSTRAINT"),
        ("/firewall/alias", {"name": "pkg_x", "type": "host"}, 400, "FILTER_NAME_VALIDATOR_CANNOT_START_WITH_PKG"),
        ("/firewall/alias", {"name": "123", "type": "host"}, 400, "FILTER_NAME_VALIDATOR_CANNOT_BE_NUMERICAL"),
        ("/firewall/alias", {"name": "lan", "type": "host"}, 400, "FILTER_NAME_VALIDATOR_NAME_IN_USE_BY_INTERFACE"),
        ("/firewall/alias", {"name": "a", "type": "host", "address": ["?"]}, 400, "INVALID_HOST_ALIAS_ADDRESS"),
        ("/firewall/alias", {"name": "a", "type": "network", "address": ["x"]}, 400, "INVALID_NETWORK_ALIAS_ADDRESS"),
        ("/firewall/alias", {"name": "a", "type": "port", "address": ["0"]}, 400, "INVALID_PORT_ALIAS_ADDRESS"),
        ("/interface/vlan", {"if": "igb1", "tag": 5000}, 400, "NUMERIC_RANGE_VALIDATOR_MAXIMUM_CONSTRAINT"),
        ("/interface/vlan", {"if": "igb1", "tag": 0}, 400, "NUMERIC_RANGE_VALIDATOR_MINIMUM_CONSTRAINT"),
        ("/interface/vlan", {"if": "igb1", "tag": 9}, 400, "MODEL_FIELDS_NOT_UNIQUE_TOGETHER"),
        (
            "/services/dhcp_server/static_mapping",
            {"parent_id": "lan", "mac": "00:1b:21:0a:0b:0c", "ipaddr": "10.20.0.210"},
            409,
            "DHCP_SERVER_STATIC_MAPPING_IPADDR_OVERLAPS_EXISTING_OBJECT",
        ),
        (
            "/firewall/virtual_ip",
            {"mode": "carp", "interface": "lan", "subnet": "10.20.0.4", "subnet_bits": 24, "vhid": 1, "password": "x"},
            409,
            "VIRTUALIP_VHID_ALREADY_IN_USE",
        ),
        (
            "/vpn/wireguard/tunnel/address",
            {"parent_id": 0, "address": "10.31.0.1", "mask": 24},
            400,
            "MODEL_FIELDS_NOT_UNIQUE_TOGETHER",
        ),
        (
            "/firewall/nat/one_to_one/mapping",
            {"interface": "wan", "external": "any", "source": "any", "destination": "any"},
            400,
            "SPECIAL_NETWORK_FIELD_INVALID",
        ),
        ("/firewall/schedule", {"name": "s", "timerange": []}, 400, "LENGTH_VALIDATOR_MINIMUM_CONSTRAINT"),
        (
            "/firewall/traffic_shaper/queue",
            {"parent_id": 0, "name": "q", "qlimit": 1, "priority": 7},
            400,
            "FIELD_MUST_BE_UNIQUE",
        ),
        ("/services/service_watchdog", {"name": "nothing"}, 404, "FOREIGN_MODEL_FIELD_VALUE_NOT_FOUND"),
    ],
)
async def test_a_wrong_value_is_refused_with_the_id_of_the_catalogue(
    fw: Caller, path: str, body: dict[str, Any], code: int, response_id: str
) -> None:
    assert (await fw("POST", path, body)).error == (code, response_id)


async def test_a_queue_wider_than_its_parent_and_a_queue_of_a_scheduler_without_any_are_422(fw: Caller) -> None:
    wide = {"interface": "lan", "scheduler": "HFSC", "bandwidthtype": "Mb", "bandwidth": 100}
    parent = (await fw.post("/firewall/traffic_shaper", wide))["id"]
    queue = {"parent_id": parent, "name": "q", "qlimit": 1, "bandwidthtype": "Gb", "bandwidth": 1}
    reply = await fw("POST", "/firewall/traffic_shaper/queue", queue)
    assert reply.error == (422, "TRAFFIC_SHAPER_EXCEEDS_PARENTS_BANDWIDTH_LIMITS")
    await fw("PATCH", "/firewall/traffic_shaper", {"id": parent, "scheduler": "CODELQ"})
    reply = await fw("POST", "/firewall/traffic_shaper/queue", queue)
    assert reply.error == (422, "TRAFFIC_SHAPER_QUEUE_NOT_SUPPORTED_BY_PARENT_SCHEDULER")


async def test_only_the_first_problem_is_reported_in_the_order_of_the_fields(fw: Caller) -> None:
    reply = await fw("POST", "/firewall/rule", {"type": "permit", "source": 5})
    assert reply.error == (400, "FIELD_INVALID_CHOICE")
    assert "type" in reply.json["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/firewall/alias", {"id": 0, "name": "renamed"}),
        ("/firewall/rule", {"id": 0, "floating": True}),
        ("/firewall/rule", {"id": 0, "tracker": 5}),
        ("/routing/gateway", {"id": 0, "name": "OTHER"}),
        ("/interface/vlan", {"id": 0, "if": "igb2"}),
    ],
)
async def test_what_cannot_be_edited_says_so(fw: Caller, path: str, body: dict[str, Any]) -> None:
    assert (await fw("PATCH", path, body)).error == (400, "FIELD_VALUE_CHANGED_WHEN_NOT_EDITABLE")


async def test_sending_an_immutable_field_unchanged_is_fine(fw: Caller) -> None:
    assert (await fw("PATCH", "/firewall/alias", {"id": 0, "name": "nas_hosts", "descr": "x"})).status == 200


async def test_a_change_without_an_id_is_refused(fw: Caller) -> None:
    for method in ("PATCH", "DELETE"):
        assert (await fw(method, "/firewall/rule", {"descr": "x"})).error == (400, "MODEL_REQUIRES_ID")


async def test_an_id_of_an_impossible_type_is_an_uncaught_error(fw: Caller) -> None:
    reply = await fw("DELETE", "/firewall/rule", {"id": [1]})
    assert reply.error == (500, "ENDPOINT_RECEIVED_UNEXPECTED_ERROR")


async def test_a_package_that_is_missing_stops_writes_but_not_reads_of_cron(fw: Caller) -> None:
    del fw.sim.machine.packages.installed["pfSense-pkg-Cron"]
    assert await fw.get("/services/cron/jobs")
    job = {"minute": "1", "hour": "*", "mday": "*", "month": "*", "wday": "*", "who": "root", "command": "true"}
    assert (await fw("POST", "/services/cron/job", job)).error == (404, "MODEL_MISSING_REQUIRED_PACKAGE")


async def test_sorted_collections_stay_sorted(fw: Caller) -> None:
    made = await fw.post("/services/dns_resolver/host_override", {"host": "aaa", "domain": "x", "ip": ["10.0.0.1"]})
    assert made["id"] == 0
    assert (await fw.get("/services/dns_resolver/host_overrides"))[0]["host"] == "aaa"


async def test_every_write_is_a_revision_of_the_history(fw: Caller) -> None:
    before = await fw.get("/diagnostics/config_history/revisions")
    await fw.post("/firewall/alias", {"name": "one", "type": "host"})
    fw.clock.advance(1)
    await fw.post("/firewall/alias", {"name": "two", "type": "host"})
    after = await fw.get("/diagnostics/config_history/revisions")
    assert len(after) == len(before) + 2
    assert after[0]["description"] == "holdfast@127.0.0.1 (Local Database): Added Firewall Alias via API"
    assert after[0]["time"] == int(fw.clock.now())
    assert set(after[0]) == {"id", "time", "description", "version", "filesize"}


async def test_two_writes_in_one_second_share_a_history_file(fw: Caller) -> None:
    before = len(await fw.get("/diagnostics/config_history/revisions"))
    for name in ("one", "two"):
        await fw.post("/firewall/alias", {"name": name, "type": "host"})
    assert len(await fw.get("/diagnostics/config_history/revisions")) == before + 1


async def test_a_revision_can_be_deleted_and_nothing_else(fw: Caller) -> None:
    await fw.post("/firewall/alias", {"name": "one", "type": "host"})
    gone = (await fw("DELETE", "/diagnostics/config_history/revision?id=0")).data
    assert gone["description"].endswith("Added Firewall Alias via API")
    assert all(row["time"] != gone["time"] for row in await fw.get("/diagnostics/config_history/revisions"))
    assert (await fw("POST", "/diagnostics/config_history/revision", {})).error[0] == 405
