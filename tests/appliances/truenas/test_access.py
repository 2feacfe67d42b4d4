"""Keys go to files, rights of Holdfast's own account stay, and what an answer loses is told."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.appliances.truenas.harness import box, calls_of, nas, raw, sent
from tests.support.rooms import Room


def secret_of(made: Room, name: str) -> str:
    from holdfast.simulators.truenas.methods.accounts import Accounts

    accounts = box(made).box.get(Accounts)
    row = accounts.keys.first(name=name)
    assert row is not None
    return accounts.raw_keys[row["id"]]


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_a_new_key_stands_in_a_file_of_its_own_and_in_no_answer(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        said = [await made.call("truenas_create_api_key", name="backup job", username="truenas_admin")]
        (file,) = (tmp_path / "secrets").iterdir()
        first = secret_of(made, "backup job")
        assert file.read_text().strip().partition("-")[2] == first
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        said += [await made.call("truenas_renew_api_key", ref="backup job"), await made.call("truenas_list_api_keys")]
        second = secret_of(made, "backup job")
        assert second != first
        renewed = next(one for one in (tmp_path / "secrets").iterdir() if "renewed" in one.name)
        assert renewed.read_text().strip().partition("-")[2] == second
        ledger = b"".join(one.read_bytes() for one in (tmp_path / "state").rglob("*") if one.is_file())
        for secret in (first, second):
            assert secret not in json.dumps(said)
            assert secret.encode() not in ledger


async def test_a_key_whose_answer_was_lost_is_told_to_be_deleted_and_leaves_no_empty_file(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("cut-after-commit", method="api_key.create", count=1)
        answer = await made.call("truenas_create_api_key", name="x", username="truenas_admin")
        assert answer["outcome"] == "applied"
        assert "delete the key" in json.dumps(answer)
        assert list((tmp_path / "secrets").iterdir()) == []
        assert answer["undo"] == {"tool": "truenas_delete_api_key", "arguments": {"ref": "x"}}


async def test_without_a_folder_for_secrets_no_key_is_made(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        (tmp_path / "secrets").rmdir()
        assert (await made.fails("truenas_create_api_key", name="x", username="truenas_admin")).code == "refused"
        assert calls_of(made, "api_key.create") == 0


async def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        (tmp_path / "secrets" / "x.key").write_text("older")
        assert (await made.fails("truenas_create_api_key", name="x", username="truenas_admin")).code == "refused"
        assert (tmp_path / "secrets" / "x.key").read_text() == "older"
        assert calls_of(made, "api_key.create") == 0


async def test_the_rights_of_holdfasts_own_account_are_not_taken_away(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        before = len(sent(made))
        for tool, arguments in (
            ("update_privilege", {"privilege": "Local Administrator", "groups": ["family"]}),
            ("delete_privilege", {"privilege": "Local Administrator"}),
            ("set_group_members", {"group": "builtin_administrators", "users": ["truenas_admin"]}),
            ("renew_api_key", {"ref": "holdfast"}),
            ("update_api_key", {"ref": "holdfast", "expires_at": "2027-01-01T00:00:00Z"}),
        ):
            assert (await made.fails(f"truenas_{tool}", **arguments)).code == "conflict", tool
        assert not [one for one, _ in sent(made)[before:] if one.endswith((".update", ".delete"))]


async def test_privileges_that_would_reach_holdfasts_own_account_say_so(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await raw(made, "group.create", {"name": "robots", "users": []})
        members = ["mcp"]
        await made.call("truenas_set_group_members", group="robots", users=members)
        planned = await made.call(
            "truenas_create_privilege", name="p", groups=["robots"], roles=["POOL_WRITE"], dry_run=True
        )
        assert "Holdfast's own account" in str(planned["blast_radius"])


async def test_a_member_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        error = await made.fails("truenas_set_group_members", group="family", users=["alice", "ghost"])
        assert "ghost" in error.message
        assert calls_of(made, "group.update") == 0


async def test_two_factor_login_is_told_for_the_system_and_for_each_user(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await raw(made, "user.renew_2fa_secret", "alice", {})
        settings = await made.call("truenas_get_settings")
        assert settings["two_factor"] is False
        users = (await made.call("truenas_list_users"))["items"]
        told = {row["username"]: row["two_factor"] for row in users}  # type: ignore[union-attr,index,call-overload]
        assert (told["alice"], told["bob"]) == (True, False)


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_plans_against_an_administrator_say_that_it_is_one(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        plans = [
            await made.call("truenas_delete_user", user="truenas_admin", dry_run=True),
            await made.call("truenas_update_user", user="truenas_admin", locked=True, dry_run=True),
            await made.call("truenas_update_user", user="truenas_admin", password="long-enough-1", dry_run=True),
        ]
        assert all("truenas_admin is a full administrator" in str(plan["blast_radius"]) for plan in plans)
        assert "a new password" in str(plans[2]["summary"])
        plain = [
            await made.call("truenas_delete_user", user="bob", dry_run=True),
            await made.call("truenas_update_user", user="truenas_admin", full_name="Boss", dry_run=True),
        ]
        assert not any("administrator" in str(plan.get("blast_radius")) for plan in plain)


@pytest.mark.parametrize("persona", ["25.10", "26"])
async def test_the_password_that_holdfast_logs_in_with_is_not_changed(persona: str, tmp_path: Path) -> None:
    change = {"user": "truenas_admin", "password": "long-enough-1"}
    settings = 'username = "truenas_admin"\npassword = "harbour-42"'
    async with nas(tmp_path, persona, settings=settings, without=("username", "api_key")) as made:  # type: ignore[arg-type]  # the room's own option
        error = await made.fails("truenas_update_user", **change)
        assert (error.code, error.executed) == ("conflict", "no")
        assert "logs in with" in error.message
        assert calls_of(made, "user.update") == 0
        assert (await made.call("truenas_update_user", user="bob", password="long-enough-1", dry_run=True))["outcome"]


async def test_with_a_key_the_password_of_holdfasts_account_is_no_matter_of_the_connection(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        planned = await made.call("truenas_update_user", user="mcp", password="long-enough-1", dry_run=True)
        assert planned["outcome"] == "planned"


async def test_a_plan_that_sets_a_secret_says_so_to_who_confirms_it(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        login = {"tag": 7, "user": "pve1", "secret": "chap-secret-13"}
        assert (await made.call("truenas_create_iscsi_auth", **login))["outcome"] == "applied"
        planned = await made.call("truenas_update_iscsi_auth", ref="pve1", secret="chap-secret-14", dry_run=True)
        assert "a new secret" in str(planned["summary"])
        assert "chap-secret" not in str(planned)
