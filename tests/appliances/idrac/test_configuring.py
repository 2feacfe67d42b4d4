"""Users, network and attributes: what is protected, what is partly done, what is never told."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import HoldfastError
from tests.appliances.idrac.cases import GENERATIONS, bmc_of
from tests.appliances.idrac.changes_table import subscribed
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import room

every_generation = pytest.mark.parametrize("persona", GENERATIONS)


@every_generation
async def test_a_new_user_can_log_in_with_the_password_in_its_file_and_no_answer_tells_it(
    persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        answer = await lab.call("idrac_create_account", user="watcher")
        (place,) = (tmp_path / "secrets_dir").iterdir()
        password = place.read_text().strip()
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert bmc_of(lab).accounts.login("watcher", password) is not None
        assert password not in str(answer)
        again = await lab.call("idrac_update_account", user="watcher", new_password=True)
        assert len(list((tmp_path / "secrets_dir").iterdir())) == 2
        assert bmc_of(lab).accounts.login("watcher", password) is None
        assert password not in str(again)
        ledger = b"".join(file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file())
        assert not any(one.read_bytes().strip() in ledger for one in (tmp_path / "secrets_dir").iterdir())


async def test_a_password_is_taken_from_the_first_line_of_a_file(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        (tmp_path / "secrets_dir" / "given").write_text("Correct-horse-7\n")
        await lab.call("idrac_create_account", user="watcher", password_file="given")
        assert bmc_of(lab).accounts.login("watcher", "Correct-horse-7") is not None


@pytest.mark.parametrize(
    ("content", "code"), [("", "invalid_argument"), ("short\n", "invalid_argument"), (None, "not_found")]
)
async def test_a_file_without_a_usable_password_is_refused_before_anything_is_sent(
    content: str | None, code: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path) as lab:
        if content is not None:
            (tmp_path / "secrets_dir" / "given").write_text(content)
        error = await lab.fails("idrac_create_account", user="watcher", password_file="given")
        assert error.code == code, error
        assert sent(lab) == []


async def test_a_refused_creation_leaves_no_password_behind(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_list_jobs")
        lab.simulator.set_fault("busy", method="PATCH")
        assert (await lab.fails("idrac_create_account", user="watcher")).code == "not_ready"
        assert list((tmp_path / "secrets_dir").iterdir()) == []


async def test_without_a_folder_for_secrets_no_user_is_made(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        assert (await lab.fails("idrac_create_account", user="watcher")).code == "refused"
        assert sent(lab) == []


@every_generation
@pytest.mark.parametrize(
    ("tool", "more"),
    [
        ("idrac_delete_account", {}),
        ("idrac_update_account", {"enabled": False}),
        ("idrac_update_account", {"role": "ReadOnly"}),
        ("idrac_update_account", {"new_password": True}),
    ],
)
async def test_the_user_that_holdfast_logs_in_with_is_not_touched(
    tool: str, more: dict[str, Any], persona: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path, persona) as lab:
        own = lab.running.credentials["username"]
        error = await lab.fails(tool, user=own, **more)
        assert error.code == "refused"
        assert sent(lab) == []


@every_generation
async def test_the_last_enabled_administrator_stays(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_create_account", user="boss", role="Administrator")
        own = bmc_of(lab).accounts.named(lab.running.credentials["username"])
        for account in bmc_of(lab).accounts.members.values():
            if account.username not in ("", "boss", own.username):
                account.enabled = False
        own.role = "Operator"
        for tool, more in (("idrac_delete_account", {}), ("idrac_update_account", {"enabled": False})):
            error = await lab.fails(tool, user="boss", **more)
            assert error.code == "refused", error


async def test_slots_that_are_all_taken_are_told(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        for number, account in enumerate(bmc_of(lab).accounts.members.values()):
            if account.id != "1" and not account.username:
                account.username = f"filler{number}"
        error = await lab.fails("idrac_create_account", user="watcher")
        assert error.code == "conflict"
        assert sent(lab) == []


async def test_attributes_that_were_partly_set_are_told_one_by_one(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        # The registry calls it a text; the iDRAC itself takes only its own words, and sets the rest.
        wanted = {"ThermalSettings.1.MinimumFanSpeed": 30, "ServerPwr.1.PowerCapValue": 400}
        answer = await lab.call("idrac_set_attributes", group="system", attributes=wanted)
        assert answer["outcome"] == "unknown"
        assert answer["after"]["ThermalSettings.1.MinimumFanSpeed"] == 30
        assert answer["after"]["ServerPwr.1.PowerCapValue"] != 400
        assert "Not set: ServerPwr.1.PowerCapValue. Set: ThermalSettings.1.MinimumFanSpeed." in str(answer["warnings"])
        assert len(sent(lab)) == 1


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"Users.3.UserName": "x"}, "refused"),
        ({"Lockdown.1.SystemLockdown": "Enabled"}, "refused"),
        ({"IPv4.1.Address": "10.0.0.9"}, "refused"),
        ({"WebServer.1.HttpsPort": 8443}, "refused"),
        ({"SNMP.1.AgentCommunity": "x"}, "refused"),
        ({"LDAP.1.BindPassword": "x"}, "refused"),
        ({"Nothing.1.Here": "x"}, "invalid_argument"),
        ({"SNMP.1.AgentEnable": "Perhaps"}, "invalid_argument"),
        ({"SNMP.1.DiscoveryPort": "many"}, "invalid_argument"),
        ({"Info.1.Version": "9"}, "invalid_argument"),
    ],
    ids=str,
)
async def test_attributes_that_must_not_be_set_here_are_refused_before_anything_is_sent(
    attributes: dict[str, Any], code: str, tmp_path: Path
) -> None:
    async with lab_room(tmp_path) as lab:
        error = await lab.fails("idrac_set_attributes", group="idrac", attributes=attributes)
        assert error.code == code, error
        assert sent(lab) == []


async def test_secrets_among_the_attributes_are_not_shown(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        seen: dict[str, Any] = {}
        cursor: object = None
        for _ in range(20):
            arguments = {"cursor": cursor} if cursor else {}
            page = await lab.call("idrac_list_attributes", limit=200, **arguments)
            seen |= {row["name"]: row.get("value") for row in page["items"]}
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        assert len(seen) == page["total"] > 200
        assert "canary" not in str(seen)
        assert seen["SNMP.1.AgentCommunity"] in ("(secret)", "[redacted]")
        assert seen["Security.1.PasswordMinimumLength"] == "8"


async def test_the_address_is_changed_only_where_the_operator_allows_it(tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9") as lab:
        error = await lab.fails("idrac_set_address", address="10.0.90.77/24", gateway="10.0.90.1")
        assert error.code == "refused"
        assert sent(lab) == []


@pytest.mark.parametrize(
    ("address", "gateway"),
    [
        ("10.0.90.77/24", "10.0.91.1"),
        ("10.0.90.1/24", "10.0.90.1"),
        ("10.0.90.0/24", "10.0.90.1"),
        ("10.0.90.255/24", "10.0.90.1"),
        ("fd00::7/64", "fd00::1"),
        ("10.0.90.77/24", None),
        (None, "10.0.90.1"),
    ],
)
async def test_an_address_that_could_not_work_is_refused(
    address: str | None, gateway: str | None, tmp_path: Path
) -> None:
    async with lab_room(tmp_path) as lab:
        given = {name: value for name, value in (("address", address), ("gateway", gateway)) if value is not None}
        error = await lab.fails("idrac_set_address", **given)
        assert error.code == "invalid_argument", error
        assert sent(lab) == []


async def test_an_idrac_that_is_away_after_its_address_changed_is_not_called_moved_and_the_way_back_is_told(
    tmp_path: Path,
) -> None:
    async with lab_room(tmp_path) as lab:
        await lab.call("idrac_list_jobs")
        planned = await lab.call("idrac_set_address", dry_run=True, address="10.0.90.77/24", gateway="10.0.90.1")
        assert "F2" in str(planned["warnings"])
        patched = len(sent(lab))

        async def gone() -> bool:
            return len(sent(lab)) == patched

        client = await lab.application.connections.client(lab.application.connections.targets("idrac")[0])
        client.answers = gone
        answer = await lab.call("idrac_set_address", address="10.0.90.77/24", gateway="10.0.90.1")
        assert answer["outcome"] == "unknown"
        assert "set host of target lab to 10.0.90.77" in str(answer["warnings"])
        assert answer["undo"]["tool"] == "idrac_set_address"


@every_generation
async def test_the_network_of_the_idrac_is_told(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        found = await lab.call("idrac_get_network")
        assert found["address"] == bmc_of(lab).server.bmc_ip
        assert found["mac_address"].lower() == bmc_of(lab).server.bmc_mac.lower()
        assert {"HTTPS", "SSH"} <= {one["name"] for one in found["protocols"]}
        assert abs(found["clock_ahead_s"]) < 5


async def test_a_subscription_is_told_without_the_secrets_in_its_destination(tmp_path: Path) -> None:
    async with lab_room(tmp_path) as lab:
        subscribed(lab)
        (row,) = (await lab.call("idrac_list_subscriptions"))["items"]
        assert row["destination"] == "https://collector.example/in"
        planned = await lab.call("idrac_delete_subscription", subscription=row["id"], dry_run=True)
        assert "hush-hush" not in f"{row}{planned}"


@pytest.mark.parametrize("persona", ["8", "9", "10"])
async def test_two_users_that_are_made_at_once_do_not_take_each_others_slot(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        await lab.call("idrac_list_accounts")
        calls = [lab.call("idrac_create_account", user=user, role="ReadOnly") for user in ("alpha", "beta")]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        made = {one.username for one in bmc_of(lab).accounts.members.values()}
        for user, end in zip(("alpha", "beta"), ends, strict=True):
            if isinstance(end, HoldfastError):
                assert (end.code, end.executed) == ("conflict", "no")
                assert (await lab.call("idrac_create_account", user=user, role="ReadOnly"))["outcome"] == "applied"
            else:
                assert user in made, "told as applied"
        assert {"alpha", "beta"} <= {one.username for one in bmc_of(lab).accounts.members.values()}


SOURCES = 'image_sources = ["https://mirror.example", "nfs://files.example/isos/"]'


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("https://mirror.example/a.iso", True),
        ("https://MIRROR.example/a.iso", True),
        ("nfs://files.example/isos/a.iso", True),
        ("https://mirror.example.evil/a.iso", False),
        ("https://mirror.example:8443/a.iso", False),
        ("http://mirror.example/a.iso", False),
        ("nfs://files.example/isosx/a.iso", False),
        ("nfs://files.example/isos/%2e%2e/secret.iso", False),
        ("nfs://files.example/isos/%2E./%252e%252e/secret.iso", False),
        ("nfs://files.example/isos/..%2fsecret.iso", False),
        ("nfs://files.example/isos/..", False),
    ],
)
async def test_an_image_is_taken_from_the_allowed_places_only(image: str, allowed: bool, tmp_path: Path) -> None:
    async with room("idrac", tmp_path, persona="9", settings=SOURCES) as lab:
        if allowed:
            assert (await lab.call("idrac_insert_media", image=image, dry_run=True))["outcome"] == "planned"
        else:
            assert (await lab.fails("idrac_insert_media", image=image)).code == "refused"


async def test_a_user_that_was_not_made_leaves_a_password_file_that_is_told(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "9") as lab:
        await lab.call("idrac_list_accounts")
        lab.running.fault("drop-before", method="PATCH", times=1)
        answer = await lab.call("idrac_create_account", user="alpha", role="ReadOnly")
        assert answer["outcome"] == "not_applied", answer
        assert "holds a password that no user has" in str(answer["warnings"])


@REAL_TIME
async def test_a_user_of_this_name_with_another_role_is_not_told_as_made(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "9") as lab:
        await lab.call("idrac_list_accounts")
        accounts = bmc_of(lab).accounts
        lab.running.fault("drop-before", method="PATCH", times=1)
        call = asyncio.create_task(lab.call("idrac_create_account", user="alpha", role="ReadOnly"))
        for _ in range(1000):
            await asyncio.sleep(0.002)
            if sent(lab):
                break
        free = next(one for one in accounts.members.values() if not one.username and one.id != "1")
        free.username, free.role, free.enabled = "alpha", "Administrator", True
        answer: Any = await call
        assert answer["outcome"] == "unknown", answer


@pytest.mark.parametrize("persona", ["8", "9"])
async def test_the_boot_mode_that_was_asked_for_is_read_back_and_undone(persona: str, tmp_path: Path) -> None:
    async with lab_room(tmp_path, persona) as lab:
        modes = {"UEFI", "Legacy"}
        before = (await lab.call("idrac_get_boot"))["mode"]
        (other,) = modes - {str(before)}
        answer: Any = await lab.call("idrac_set_boot", source="Pxe", mode=other)
        assert (answer["outcome"], answer["after"]["mode"]) == ("applied", other), answer
        assert (await lab.call("idrac_set_boot", **answer["undo"]["arguments"]))["outcome"] == "applied"
        assert (await lab.call("idrac_get_boot"))["mode"] == before
