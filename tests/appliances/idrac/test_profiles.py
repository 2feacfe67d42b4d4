"""Profiles, collections, licences, certificates: files that hold secrets, jobs that lie, imports that cut off."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.idrac.certificates import fingerprint
from tests.appliances.idrac import changes_table as given
from tests.appliances.idrac.cases import GENERATIONS, bmc_of
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.rooms import Room, room

every_generation = pytest.mark.parametrize("persona", GENERATIONS)
CANARIES = ("canary-snmp-community", "canary-ipmi-community")


def profile(lab: Room, name: str, rows: dict[str, dict[str, str]], tag: str | None = None) -> None:
    """Write a profile with these settings by component."""
    components = [
        {"FQDD": fqdd, "Attributes": [{"Name": key, "Value": value} for key, value in settings.items()]}
        for fqdd, settings in rows.items()
    ]
    tag = bmc_of(lab).server.service_tag if tag is None else tag
    document = {"SystemConfiguration": {"Model": "x", "ServiceTag": tag, "Components": components}}
    (given.folder(lab) / name).write_text(json.dumps(document))


@every_generation
async def test_an_exported_profile_is_a_private_file_whose_secrets_no_answer_tells(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        answer = await lab.call("idrac_export_profile", wait_s=300)
        assert answer["outcome"] == "applied", answer
        place = given.folder(lab) / answer["after"]["file"]
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        content = place.read_text()
        assert all(canary in content for canary in CANARIES)
        assert "SHA256Password" not in content
        shown: list[dict[str, Any]] = []
        cursor: object = None
        for _ in range(40):
            more = {"cursor": cursor} if cursor else {}
            page = await lab.call("idrac_show_profile", file=place.name, limit=200, **more)
            shown += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        assert len(shown) == page["total"] > 100
        assert page["service_tag"] == bmc_of(lab).server.service_tag
        told = f"{answer}{shown}"
        assert not any(canary in told for canary in CANARIES)
        with pytest.raises(AssertionError):
            await lab.fails("idrac_export_profile", wait_s=300)  # a second one gets a name of its own
        assert len(list(given.folder(lab).iterdir())) == 2


@every_generation
async def test_an_export_that_lasts_longer_than_the_call_is_saved_by_the_next(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        begun = await lab.call("idrac_export_profile", wait_s=0)
        assert begun["outcome"] == "started"
        assert list(given.folder(lab).iterdir()) == []
        saved = await lab.call("idrac_save_export", job=begun["task"], file="late.xml", wait_s=300)
        assert saved["outcome"] == "applied"
        assert (given.folder(lab) / "late.xml").read_text().startswith("<SystemConfiguration")


async def test_an_export_whose_task_the_idrac_has_forgotten_is_no_success(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        begun = await lab.call("idrac_export_profile", wait_s=0)
        lab.clock.advance(1000)
        error = await lab.fails("idrac_save_export", job=begun["task"], file="late.xml", wait_s=60)
        assert error.code == "not_found"
        assert "keeps no file" in str(error)
        assert list(given.folder(lab).iterdir()) == []


@pytest.mark.parametrize("fault", ["job-fails", "job-vanishes"])
async def test_an_export_that_failed_or_vanished_leaves_no_file_and_says_so(fault: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        lab.simulator.set_fault(fault)
        answer = await lab.call("idrac_export_profile", wait_s=300)
        assert answer["outcome"] in ("not_applied", "unknown"), answer
        assert list(given.folder(lab).iterdir()) == []


async def test_the_link_of_a_file_elsewhere_is_not_followed(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        given.agreed(lab)
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("foreign-link", method="GET")
        answer = await lab.call("idrac_collect_support", wait_s=570)
        assert answer["outcome"] != "applied"
        assert list(given.folder(lab).iterdir()) == []


async def test_a_collection_waits_for_a_person_to_accept_the_agreement(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        error = await lab.fails("idrac_collect_support")
        assert error.code == "conflict"
        assert "person" in str(error.next_step)
        assert sent(lab) == []


@every_generation
async def test_an_import_tells_what_it_changed(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        given.profiles(lab)
        arguments = {"file": "golden.xml", "components": ["BIOS"], "shutdown": "Graceful", "wait_s": 300}
        planned = await lab.call("idrac_import_profile", dry_run=True, **arguments)
        if persona not in ("7", "8"):
            assert planned["before"] == {"LogicalProc": "Enabled"}
            assert planned["after"] == {"LogicalProc": "Disabled"}
        answer = await lab.call("idrac_import_profile", **arguments)
        assert answer["outcome"] == "applied", answer
        assert bmc_of(lab).bios.get("LogicalProc") == "Disabled"
        again = await lab.call("idrac_import_profile", **arguments)
        assert again["outcome"] == "applied"
        assert "changes" in str(again["details"]).lower()


async def test_an_import_names_attributes_that_the_log_says_were_configured(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        given.profiles(lab)
        answer = await lab.call(
            "idrac_import_profile", file="golden.json", components=["System", "BIOS"], shutdown="Forced", wait_s=300
        )
        assert "LCD.1.UserDefinedString" in str(answer["details"]["changed"])


async def test_an_import_with_errors_is_not_told_as_a_success(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        profile(lab, "bad.json", {"System.Embedded.1": {"LCD.1#UserDefinedString": "x", "Nothing.1#Here": "y"}})
        answer = await lab.call("idrac_import_profile", file="bad.json", components=["System"], wait_s=300)
        assert answer["outcome"] == "started" or answer["outcome"] == "unknown", answer
        assert answer["verified"] is False
        assert "Part of it failed" in str(answer["warnings"])


async def test_a_preview_says_that_an_import_would_not_work(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        profile(lab, "bad.json", {"System.Embedded.1": {"Nothing.1#Here": "y"}})
        answer = await lab.call("idrac_preview_profile", file="bad.json", components=["System"])
        assert answer["outcome"] == "applied"
        assert answer["details"]["state"] == "CompletedWithErrors"
        assert answer["details"]["would_change"] == 0
        assert bmc_of(lab).attributes.get("LCD.1.UserDefinedString") == ""


async def test_an_import_that_would_move_the_idrac_is_refused_unless_the_operator_allows_it(tmp_path: Path) -> None:
    (tmp_path / "files_dir").mkdir()
    async with room("idrac", tmp_path, persona="9", settings=f'files_dir = "{tmp_path / "files_dir"}"') as lab:
        profile(lab, "move.json", {"iDRAC.Embedded.1": {"IPv4.1#Address": "10.9.9.9"}})
        error = await lab.fails("idrac_import_profile", file="move.json", components=["ALL"])
        assert error.code == "refused"
        assert "IPv4.1.Address" in str(error)
        assert sent(lab) == []
        profile(lab, "stay.json", {"iDRAC.Embedded.1": {"IPv4.1#Address": bmc_of(lab).server.bmc_ip}})
        planned = await lab.call("idrac_import_profile", file="stay.json", components=["ALL"], dry_run=True)
        assert planned["outcome"] == "planned"


async def test_an_import_warns_of_users_storage_and_another_servers_profile(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        profile(
            lab,
            "clone.json",
            {
                "iDRAC.Embedded.1": {"Users.3#UserName": "boss", "SNMP.1#AgentCommunity": "hush-hush"},
                "RAID.Integrated.1-1": {"RAIDresetConfig": "True"},
            },
            tag="OTHER01",
        )
        planned = await lab.call("idrac_import_profile", file="clone.json", components=["ALL"], dry_run=True)
        said = str(planned["warnings"])
        assert "OTHER01" in said
        assert "Users.3.UserName" in said
        assert "RAIDresetConfig=True" in said
        assert "hush-hush" not in str(planned)
        assert "canary" not in str(planned)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello",
        "{",
        "[]",
        '{"Other": 1}',
        "<SystemConfiguration>",
        "<Other/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><SystemConfiguration>&a;</SystemConfiguration>',
        "{" * 5000,
    ],
)
async def test_a_file_that_is_no_profile_is_refused_before_anything_is_sent(content: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        (given.folder(lab) / "x").write_text(content)
        for tool, more in (("idrac_import_profile", {"components": ["ALL"]}), ("idrac_show_profile", {})):
            assert (await lab.fails(tool, file="x", **more)).code == "invalid_argument"
        assert sent(lab) == []


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", ".hidden", "a\x00b", ""])
async def test_names_of_files_lead_nowhere_else(name: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        for tool in ("idrac_show_profile", "idrac_import_licence", "idrac_replace_certificate"):
            assert (await lab.fails(tool, file=name)).code == "invalid_argument"


async def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        (tmp_path / "outside.json").write_text(given.PROFILE)
        (given.folder(lab) / "link.json").symlink_to(tmp_path / "outside.json")
        assert (await lab.fails("idrac_show_profile", file="link.json")).code == "not_found"


async def test_a_certificate_is_taken_without_its_key_only_and_a_pin_is_warned_of(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        given.a_certificate(lab)
        place = given.folder(lab) / given.SIGNED
        (given.folder(lab) / "both.pem").write_text(
            place.read_text() + "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"
        )
        error = await lab.fails("idrac_replace_certificate", file="both.pem")
        assert error.code == "invalid_argument"
        assert sent(lab) == []
        answer = await lab.call("idrac_replace_certificate", file=given.SIGNED)
        assert answer["after"]["sha256"] == fingerprint(place.read_text())
        listed = await lab.call("idrac_list_certificates")
        assert listed["items"][0]["sha256"] == answer["after"]["sha256"]
        assert (await lab.call("idrac_replace_certificate", file=given.SIGNED))["outcome"] == "nothing_to_do"


async def test_a_signing_request_is_told(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        answer = await lab.call("idrac_create_csr", alternative_names=["bmc-8.example"], **given.CSR)
        assert "BEGIN CERTIFICATE REQUEST" in answer["details"]["csr"]


async def test_the_tier_is_read_from_the_licence_and_an_export_holds_it(tmp_path: Path) -> None:
    for persona in ("9", "9-14g"):
        folder = tmp_path / persona
        folder.mkdir()
        async with lab_room(folder, persona) as lab:
            (row,) = (await lab.call("idrac_list_licences"))["items"]
            assert row["tier"] == ("enterprise" if persona == "9-14g" else "datacenter")
            answer = await lab.call("idrac_export_licence", licence=row["id"])
            assert answer["after"]["bytes"] > 10
            given.a_licence(lab)
            assert (await lab.call("idrac_delete_licence", licence=row["id"]))["outcome"] == "applied"
            assert (await lab.call("idrac_import_licence", file="new.xml"))["outcome"] == "applied"
