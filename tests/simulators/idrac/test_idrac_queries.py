"""Paging, `$expand`, `$select`, `$filter`, `$top`, `only`, by generation."""

from __future__ import annotations

import pytest

from tests.simulators.idrac.bench import ALL, CHS, MGR, OEM_M, OEM_S, ROOT, SYS, Bench, bench

LCLOG = f"{MGR}/LogServices/Lclog/Entries"


def _lclog(at: Bench) -> str:
    return LCLOG if at.generation >= 9 else f"{MGR}/Logs/Lclog"


@pytest.mark.parametrize("persona", ALL)
async def test_a_log_of_thousands_is_read_in_pages_of_fifty_newest_first(persona: str) -> None:
    async with bench(persona) as at:
        path, numbers, times = _lclog(at), [], []
        total = 0
        for _ in range(100):
            page = await at.get(path)
            total = int(str(page.body["Members@odata.count"]))
            numbers += [int(str(member["Id"])) for member in page.members]
            times += [str(member["Created"]) for member in page.members]
            if "Members@odata.nextLink" not in page.body:
                break
            assert len(page.members) == 50
            path = str(page.body["Members@odata.nextLink"])
        # On iDRAC8 the very reading adds records: every request is a login of its own.
        assert total >= 2350
        assert len(set(numbers)) >= 2350
        assert numbers[0] == max(numbers)
        assert at.generation < 9 or numbers == sorted(numbers, reverse=True)
        assert at.generation < 9 or len(numbers) == total


@pytest.mark.parametrize("persona", ALL)
async def test_a_page_past_the_end_is_400_which_means_the_end(persona: str) -> None:
    async with bench(persona) as at:
        answer = await at.get(f"{_lclog(at)}?$skip=90000")
        assert (answer.status, answer.ids) == (400, ["SYS417"])


async def test_skip_zero_is_refused_by_old_firmware_only() -> None:
    async with bench("8") as at:
        assert (await at.get(f"{_lclog(at)}?$skip=0")).status == 400
    async with bench("9") as at:
        assert (await at.get(f"{LCLOG}?$skip=0")).status == 200


async def test_top_is_known_from_idrac9_on_and_never_more_than_a_page() -> None:
    async with bench("8") as at:
        assert (await at.get(f"{_lclog(at)}?$top=5")).ids == ["SYS407"]
    async with bench("9") as at:
        page = await at.get(f"{LCLOG}?$top=5&$skip=10")
        assert len(page.members) == 5
        assert str(page.body["Members@odata.nextLink"]).endswith("$skip=15")
        assert len((await at.get(f"{LCLOG}?$top=500")).members) == 50


@pytest.mark.parametrize("persona", ["9", "10"])
async def test_log_entries_are_filtered_by_severity_message_and_time(persona: str) -> None:
    async with bench(persona) as at:
        page = await at.get(f"{LCLOG}?$filter=Severity%20eq%20'Critical'")
        critical = int(str(page.body["Members@odata.count"]))
        assert 0 < critical < 2350
        assert {member["Severity"] for member in page.members} == {"Critical"}
        second = await at.get(f"{LCLOG}?$filter=Severity%20eq%20'Critical'&$skip=50")
        assert {member["Severity"] for member in second.members} == {"Critical"}
        resets = await at.get(f"{LCLOG}?$filter=MessageId eq 'SYS1003'".replace(" ", "%20"))
        assert {str(member["MessageId"]).rsplit(".", 1)[-1] for member in resets.members} == {"SYS1003"}
        begin, end = page.members[10]["Created"], page.members[5]["Created"]
        window = f"{LCLOG}?$filter=Created%20ge%20'{begin}'%20and%20Created%20le%20'{end}'"
        chosen = [str(member["Created"]) for member in (await at.get(window)).members]
        assert chosen
        assert min(chosen) >= str(begin)
        assert max(chosen) <= str(end)


async def test_the_next_link_of_a_filtered_log_keeps_the_filter() -> None:
    async with bench("9") as at:
        page = await at.get(f"{LCLOG}?$filter=Severity%20eq%20'OK'")
        after = await at.get(str(page.body["Members@odata.nextLink"]))
        assert {member["Severity"] for member in after.members} == {"OK"}
        assert after.body["Members@odata.count"] == page.body["Members@odata.count"]


@pytest.mark.parametrize(
    "text", ["Severity", "Severity eq", "Severity is 'OK'", "(Severity eq 'OK'", "Severity eq OK", "Severity eq 'OK' x"]
)
async def test_a_filter_that_is_none_is_refused(text: str) -> None:
    async with bench("9") as at:
        answer = await at.get(f"{LCLOG}?$filter={text.replace(' ', '%20')}")
        assert (answer.status, answer.ids) == (400, ["SYS407"])


async def test_not_or_and_parentheses_work_in_filters() -> None:
    async with bench("9") as at:
        text = "not (Severity eq 'OK' or Severity eq 'Warning') and Oem/Dell/Category eq 'System Health'"
        page = await at.get(f"{LCLOG}?$filter={text.replace(' ', '%20')}")
        assert {member["Severity"] for member in page.members} == {"Critical"}


async def test_idrac8_filters_logs_but_hardly_anything_else() -> None:
    async with bench("8") as at:
        assert (await at.get(f"{_lclog(at)}?$filter=Severity%20eq%20'OK'")).status == 200
        refused = await at.get(f"{SYS}/Memory?$filter=CapacityMiB%20eq%2032768")
        assert (refused.status, refused.ids) == (400, ["SYS407"])
    async with bench("9") as at:
        page = await at.get(f"{SYS}/Memory?$filter=CapacityMiB%20eq%2032768")
        assert page.body["Members@odata.count"] == 8


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize("spelling", ["*($levels=1)", ".($levels=1)", "*"])
async def test_an_expanded_collection_holds_whole_members(persona: str, spelling: str) -> None:
    async with bench(persona) as at:
        page = await at.get(f"{SYS}/Memory?$expand={spelling}")
        assert all("CapacityMiB" in member for member in page.members)
        plain = await at.get(f"{SYS}/Memory")
        assert all(set(member) == {"@odata.id"} for member in plain.members)


@pytest.mark.parametrize("persona", ALL)
async def test_expand_has_its_limits(persona: str) -> None:
    async with bench(persona) as at:
        assert (await at.get(f"{SYS}?$expand=*($levels=1)")).status == 400
        assert (await at.get(f"{SYS}/Memory?$expand=*($levels=2)")).status == 400
        assert (await at.get(f"{SYS}/Memory?$expand=sideways")).status == 400


async def test_sensors_expand_on_idrac10_only() -> None:
    async with bench("9") as at:
        assert (await at.get(f"{CHS}/Sensors?$expand=*($levels=1)")).status == 400
    async with bench("10") as at:
        page = await at.get(f"{CHS}/Sensors?$expand=*($levels=1)")
        assert all("ReadingType" in member for member in page.members)


async def test_links_are_expanded_only_when_asked_for() -> None:
    async with bench("9") as at:
        drive = f"{SYS}/Storage/RAID.Integrated.1-1/Drives/Disk.Bay.0:Enclosure.Internal.0-1:RAID.Integrated.1-1"
        both = await at.get(f"{drive}?$expand=~($levels=1)")
        volumes = both.at("Links", "Volumes", 0)
        assert isinstance(volumes, dict)
        assert volumes["RAIDType"] == "RAID1"
        without = await at.get(f"{drive}?$expand=.($levels=1)")
        volumes = without.at("Links", "Volumes", 0)
        assert isinstance(volumes, dict)
        assert set(volumes) == {"@odata.id"}


async def test_select_cuts_down_to_what_was_named() -> None:
    async with bench("9") as at:
        answer = await at.get(f"{SYS}?$select=Oem/Dell/DellSystem/SystemGeneration,SKU")
        assert answer.at("Oem", "Dell", "DellSystem") == {"SystemGeneration": "14G Monolithic"}
        assert answer.body["SKU"] == at.simulator.bmc.server.service_tag
        assert "Model" not in answer.body
        attributes = f"{OEM_M}/DellAttributes/iDRAC.Embedded.1"
        one = await at.get(f"{attributes}?$select=Attributes/Lockdown.1.SystemLockdown")
        assert one.body["Attributes"] == {"Lockdown.1.SystemLockdown": "Disabled"}
        listed = await at.get(f"{SYS}/Memory?$expand=*($levels=1)&$select=CapacityMiB")
        assert all({"CapacityMiB", "@odata.id"} <= set(member) for member in listed.members)
        assert all("Manufacturer" not in member for member in listed.members)


async def test_only_gives_the_single_member() -> None:
    async with bench("9") as at:
        assert (await at.get(f"{ROOT}/Systems?only")).body["Id"] == "System.Embedded.1"
        assert "Members" in (await at.get(f"{SYS}/Memory?only")).body
        assert (await at.get(f"{SYS}?only")).status == 400
    async with bench("8") as at:
        assert (await at.get(f"{ROOT}/Systems?only")).status == 400


async def test_unknown_options_are_501_and_unknown_words_ignored() -> None:
    async with bench("9") as at:
        assert (await at.get(f"{SYS}?$skiptoken=1")).status == 501
        assert (await at.get(f"{SYS}?colour=blue")).status == 200


async def test_expand_can_be_refused_or_ignored_by_fault() -> None:
    async with bench("9") as at:
        at.fault("expand-refused", status=500, count=1)
        assert (await at.get(f"{SYS}/Memory?$expand=*($levels=1)")).status == 500
        at.fault("expand-ignored", count=1)
        page = await at.get(f"{SYS}/Memory?$expand=*($levels=1)")
        assert (page.status, set(page.members[0])) == (200, {"@odata.id"})


async def test_a_next_link_can_point_elsewhere_or_in_a_circle() -> None:
    async with bench("9") as at:
        at.fault("foreign-link", count=1)
        page = await at.get(LCLOG)
        assert str(page.body["Members@odata.nextLink"]).startswith("https://elsewhere.example/redfish/v1/")
        at.fault("next-link-loop")
        second = await at.get(f"{LCLOG}?$skip=50")
        assert str(second.body["Members@odata.nextLink"]).endswith("$skip=50")


async def test_collections_of_many_members_are_paged_too() -> None:
    async with bench("9") as at:
        page = await at.get(f"{OEM_S}/DellNumericSensors?$expand=*($levels=1)")
        assert len(page.members) == 50
        after = await at.get(str(page.body["Members@odata.nextLink"]))
        assert all("BaseUnits" in member for member in [*page.members, *after.members])
        assert len(page.members) + len(after.members) == page.body["Members@odata.count"]
