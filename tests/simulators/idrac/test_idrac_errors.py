"""The shapes of refusals, entity tags, media types."""

from __future__ import annotations

import aiohttp
import pytest

from tests.simulators.idrac.bench import ALL, CHS, MGR, ROOT, SYS, bench
from tests.support.realtime import REAL_TIME

RESET = f"{SYS}/Actions/ComputerSystem.Reset"


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_an_unknown_address_is_404_with_a_list_of_messages(persona: str) -> None:
    async with bench(persona) as at:
        answer = await at.get(f"{ROOT}/Nowhere")
        assert answer.status == 404
        assert answer.at("error", "code") == f"Base.{at.simulator.bmc.persona.base_version}.GeneralError"
        assert answer.ids == ["SYS403", "ResourceMissingAtURI"]
        entry = answer.infos[0]
        assert {"Message", "MessageArgs", "MessageId", "RelatedProperties", "Resolution", "Severity"} <= set(entry)
        assert str(entry["MessageId"]).startswith("IDRAC.2.")


async def test_an_unknown_address_of_idrac8_is_400_with_a_single_object() -> None:
    async with bench("8") as at:
        answer = await at.get(f"{ROOT}/LicenseService")
        assert answer.status == 400
        info = answer.at("error", "@Message.ExtendedInfo")
        assert isinstance(info, dict)
        assert info["MessageId"] == "iDRAC.1.6.SYS403"


@pytest.mark.parametrize("persona", ALL)
async def test_a_method_that_a_resource_lacks_is_405_and_says_which_it_has(persona: str) -> None:
    async with bench(persona) as at:
        answer = await at.delete(SYS)
        assert answer.status == 405
        assert answer.ids == ["SYS402"]
        assert {"GET", "HEAD", "PATCH"} == set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, "SYS428"),
        ({"ResetType": 7}, "SYS424"),
        ({"ResetType": "Sideways"}, "SYS426"),
        ({"ResetType": "On", "Extra": 1}, "SYS429"),
    ],
)
async def test_bad_bodies_are_refused_with_the_message_that_fits(content: object, expected: str) -> None:
    async with bench("9") as at:
        answer = await at.post(RESET, content)
        assert answer.status == 400
        assert expected in answer.ids
        assert at.simulator.bmc.host.state == "On"


async def test_a_body_that_is_not_json_or_of_another_type_is_refused() -> None:
    async with bench("9") as at:
        broken = await at.request("POST", RESET, headers={"Content-Type": "application/json"}, data=b"{")
        assert (broken.status, broken.ids[0]) == (400, "SYS405")
        array = await at.request("POST", RESET, [], headers={"Content-Type": "application/json"})
        assert array.status == 400
        form = await at.request("POST", RESET, headers={"Content-Type": "text/plain"}, data=b"x")
        assert (form.status, form.ids) == (415, ["SYS401"])
        empty = await at.request("PATCH", SYS)
        assert (empty.status, empty.ids) == (400, ["SYS405"])
        picture = await at.get(SYS, headers={"Accept": "image/png"})
        assert (picture.status, picture.ids) == (406, ["SYS401"])


async def test_an_odata_version_other_than_4_is_a_failed_precondition() -> None:
    async with bench("9") as at:
        assert (await at.get(SYS, headers={"OData-Version": "4.1"})).status == 412
        answer = await at.get(SYS, headers={"OData-Version": "4.0"})
        assert answer.headers["OData-Version"] == "4.0"
        assert answer.headers["Content-Type"] == "application/json;odata.metadata=minimal;charset=utf-8"


async def test_an_entity_tag_lives_until_the_resource_changes() -> None:
    async with bench("9") as at:
        first = await at.get(SYS)
        tag = first.headers["ETag"]
        assert first.body["@odata.etag"] == tag
        assert (await at.get(SYS)).headers["ETag"] == tag
        unchanged = await at.get(SYS, headers={"If-None-Match": tag})
        assert (unchanged.status, unchanged.raw) == (304, b"")
        done = await at.patch(SYS, {"AssetTag": "A1"}, headers={"If-Match": tag})
        assert done.status == 200
        stale = await at.patch(SYS, {"AssetTag": "A2"}, headers={"If-Match": tag})
        assert (stale.status, stale.ids) == (412, ["PreconditionFailed"])
        assert (await at.get(SYS)).body["AssetTag"] == "A1"


async def test_readings_that_move_do_not_change_an_entity_tag() -> None:
    async with bench("9") as at:
        for path in (MGR, f"{CHS}/Thermal", f"{CHS}/Sensors/SystemBoardInletTemp"):
            before = (await at.get(path)).headers["ETag"]
            at.wait(100)
            assert (await at.get(path)).headers["ETag"] == before, path


async def test_only_idrac10_takes_an_if_match_on_an_action_amiss() -> None:
    async with bench("10") as at:
        answer = await at.post(RESET, {"ResetType": "ForceRestart"}, headers={"If-Match": 'W/"gen-1"'})
        assert answer.status == 412
        assert at.simulator.bmc.host.resets == 0
    async with bench("9") as at:
        answer = await at.post(RESET, {"ResetType": "ForceRestart"}, headers={"If-Match": 'W/"gen-1"'})
        assert answer.status == 204


async def test_errors_can_be_misshapen() -> None:
    async with bench("9") as at:
        at.fault("error-object", count=1)
        answer = await at.get(f"{ROOT}/Nowhere")
        assert isinstance(answer.at("error", "@Message.ExtendedInfo"), dict)
        at.fault("error-without-info", count=1)
        answer = await at.get(f"{ROOT}/Nowhere")
        assert answer.infos == []
        at.fault("html-error", status=500, count=1)
        answer = await at.get(SYS)
        assert (answer.status, answer.headers["Content-Type"][:9]) == (500, "text/html")
        at.fault("internal-error", count=1)
        assert (await at.get(SYS)).ids == ["RAC964"]
        at.fault("empty-body", count=1)
        answer = await at.get(SYS)
        assert (answer.status, answer.raw) == (200, b"")
        at.fault("too-many", retry_after_s=7, count=1)
        answer = await at.get(SYS)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        at.fault("busy", count=1)
        answer = await at.get(SYS)
        assert answer.status == 503
        assert "Retry-After" not in answer.headers
        assert (await at.get(SYS)).status == 200


async def test_a_fault_can_be_for_one_path_and_method() -> None:
    async with bench("9") as at:
        at.fault("html-error", path="/Storage", method="GET")
        assert (await at.get(SYS)).status == 200
        assert (await at.get(f"{SYS}/Storage")).status == 500
        assert (await at.delete(f"{SYS}/Storage")).status == 405
        at.running.heal()
        assert (await at.get(f"{SYS}/Storage")).status == 200


async def test_a_fault_ends_by_itself_when_its_time_is_over() -> None:
    async with bench("9") as at:
        at.fault("html-error", for_s=30.0)
        assert (await at.get(SYS)).status == 500
        at.wait(31)
        assert (await at.get(SYS)).status == 200


async def test_a_success_can_hide_an_error_whether_it_was_carried_out_or_not() -> None:
    async with bench("9") as at:
        at.fault("success-with-error-body", executed=False, count=1)
        answer = await at.patch(SYS, {"AssetTag": "A1"})
        assert answer.status == 200
        assert "error" in answer.body
        assert (await at.get(SYS)).body["AssetTag"] == ""
        at.fault("success-with-error-body", executed=True, count=1)
        answer = await at.patch(SYS, {"AssetTag": "A1"})
        assert (answer.status, "error" in answer.body) == (200, True)
        assert (await at.get(SYS)).body["AssetTag"] == "A1"


async def test_unknown_faults_and_options_are_told_apart() -> None:
    async with bench("9") as at:
        with pytest.raises(LookupError):
            at.simulator.set_fault("gremlins")
        with pytest.raises(ValueError, match="has no option"):
            at.simulator.set_fault("slow", speed=1)
        with pytest.raises(ValueError, match="cannot be"):
            at.simulator.set_fault("slow", seconds="long")


@REAL_TIME
async def test_a_crowd_is_refused_and_counted() -> None:
    async with bench("9") as at:
        at.fault("slow", seconds=0.05)
        at.fault("overload", limit=2)
        answers = await _together(at.running.url, at.http, 6, at.credentials)
        assert sorted(answers).count(503) >= 1
        assert at.simulator.state.max_in_flight >= 3
    async with bench("10") as at:
        at.fault("slow", seconds=0.05)
        at.fault("overload", limit=2)
        assert 429 in await _together(at.running.url, at.http, 6, at.credentials)


async def _together(url: str, http: aiohttp.ClientSession, count: int, who: tuple[str, str] | None) -> list[int]:
    import asyncio

    assert who is not None
    headers = {"Authorization": aiohttp.encode_basic_auth(*who)}

    async def one() -> int:
        async with http.get(url + SYS, headers=headers) as reply:
            return reply.status

    return await asyncio.gather(*(one() for _ in range(count)))


async def test_a_connection_ends_after_199_requests() -> None:
    async with bench("9") as at:
        for _ in range(205):
            assert (await at.get("/redfish", auth=None)).status == 200
        assert at.simulator.state.connections_total == 2


async def test_a_refused_value_is_worded_as_the_registries_do_and_named_as_the_firmware_does() -> None:
    async with bench("9") as at:
        sent = {"@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}, "Boot": {"BootSourceOverrideTarget": "Pxe"}}
        for related, named in (
            ("pointer", ["#/Boot/BootSourceOverrideTarget"]),
            ("name", ["BootSourceOverrideTarget"]),
            ("empty", [""]),
            ("none", []),
        ):
            at.simulator.set_fault("value-refused", method="PATCH", related=related, count=1)
            answer = await at.patch(SYS, sent)
            assert (answer.status, answer.ids) == (400, ["PropertyValueNotInList", "SYS426"])
            assert [one["MessageArgs"] for one in answer.infos] == [["Pxe", "BootSourceOverrideTarget"]] * 2
            assert [one["RelatedProperties"] for one in answer.infos] == [named] * 2
        at.simulator.set_fault(
            "value-refused", messages="ActionParameterValueFormatError,ActionParameterMissing,SYS428", count=1
        )
        answer = await at.post(RESET, {"ResetType": "On"})
        assert [one["MessageArgs"] for one in answer.infos] == [
            ["On", "ResetType", "ComputerSystem.Reset"],
            ["ComputerSystem.Reset", "ResetType"],
            ["ResetType"],
        ]
        assert at.simulator.bmc.boot.target == "None"
        assert (await at.patch(SYS, {"Boot": sent["Boot"]})).status == 200


async def test_a_query_option_can_be_refused_wherever_it_is_given() -> None:
    async with bench("9") as at:
        at.simulator.set_fault("query-refused", path="Systems")
        answer = await at.get(f"{SYS}?$select=Model")
        assert (answer.status, answer.ids) == (400, ["SYS407"])
        assert answer.infos[0]["MessageArgs"] == ["$select"]
        assert (await at.get(SYS)).status == 200


async def test_a_fault_with_a_message_that_no_registry_has_is_refused() -> None:
    async with bench("9") as at:
        for fault, option in (
            ("internal-error", "message_id"),
            ("job-fails", "message_id"),
            ("value-refused", "messages"),
        ):
            with pytest.raises(ValueError, match="NOPE1"):
                at.simulator.set_fault(fault, **{option: "NOPE1"})
        assert (await at.get(SYS)).status == 200
