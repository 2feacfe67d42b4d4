"""What is special to TrueNAS, one test each."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from holdfast.errors import Executed, InputError, NotFoundError
from tests.appliances.truenas.harness import ask, box, calls_of, nas, raw, sent
from tests.support.realtime import REAL_TIME
from tests.support.rooms import room


async def test_ten_thousand_snapshots_are_paged_on_the_server_and_no_page_is_over_8k_tokens(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        box(made).fill_snapshots(10_000, "tank/vms")
        seen: set[str] = set()
        cursor, sizes = None, []
        for _ in range(60):
            answer = await made.call("truenas_list_snapshots", dataset="tank/vms", limit=200, cursor=cursor)
            sizes.append(len(json.dumps(answer)))
            items = answer["items"]
            assert isinstance(items, list)
            seen |= {str(row["id"]) for row in items if isinstance(row, dict)}
            assert answer["total"] == 10_007
            cursor = answer.get("next_cursor")
            if cursor is None:
                break
        assert len(seen) == 10_007
        assert max(sizes) <= 32_000
        queries = [params for method, params in sent(made) if method == "pool.snapshot.query"]
        # Every page but the first begins with the last row shown once more.
        assert all(re.search(r"'limit': 20[01]\b|'count': True", str(params)) for params in queries)


async def test_a_service_that_does_not_start_is_never_called_started(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("service-false", count=1)
        answer = await made.call("truenas_control_service", service="ftp", action="START")
        assert answer["outcome"] == "not_applied"
        control = [params for method, params in sent(made) if method == "service.control"]
        assert control == [["START", "ftp", {"silent": False, "timeout": 120}]]


async def test_datasets_that_could_not_be_unlocked_are_told_although_the_job_succeeds(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        options = {"passphrase": "correct horse battery"}
        data = {"name": "tank/s", "encryption": True, "inherit_encryption": False, "encryption_options": options}
        await raw(made, "pool.dataset.create", data)
        await ask(made, ("lock_dataset", {"dataset": "tank/s"}))
        answer = await made.call("truenas_unlock_dataset", dataset="tank/s", passphrase="wrong horse battery")
        assert answer["outcome"] == "not_applied"
        assert "tank/s was not unlocked" in str(answer["warnings"])
        assert "wrong horse" not in json.dumps(answer)


async def test_a_job_that_a_restart_forgot_is_not_called_done_and_its_number_is_not_mistaken(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("job-stuck", method="replication.run")
        answer = await made.call("truenas_run_replication", task="1")
        assert answer["outcome"] == "started"
        job = int(str(answer["task"]))
        box(made).clear_faults()
        made.running.fault("restart", down_s=0.0)
        assert (await made.call("truenas_list_jobs"))["total"] == 0
        # Another job gets the same number after the restart.
        await raw(made, "replication.run", 1)
        error = await made.fails("truenas_wait_job", job=job)
        assert error.code == "not_found"


async def test_a_lost_job_is_found_by_its_request_id_and_on_25_04_by_method_arguments_and_time(tmp_path: Path) -> None:
    for persona, field in (("25.10", "message_ids"), ("25.04", "method")):
        folder = tmp_path / persona
        folder.mkdir()
        async with nas(folder, persona) as made:
            await raw(made, "app.stop", "jellyfin")
            made.running.fault("cut-after-commit", method="app.stop", count=1)
            answer = await made.call("truenas_stop_app", app="syncthing")
            assert answer["outcome"] == "applied"
            looked = [params[0][0][0] for method, params in sent(made) if method == "core.get_jobs" and params[0]]  # type: ignore[index]
            assert field in looked


async def test_the_key_is_not_sent_where_scram_is_offered(tmp_path: Path) -> None:
    async with nas(tmp_path, "26") as made:
        assert (await made.call("truenas_connection_test"))["login"] is True
        logins = [params[0] for method, params in sent(made) if method == "auth.login_ex"]
        assert [login["scram_type"] for login in logins] == ["CLIENT_FIRST_MESSAGE", "CLIENT_FINAL_MESSAGE"]  # type: ignore[index]
        assert str(logins[0]["rfc_str"]).startswith("p=tls-server-end-point,,n=mcp:1,r=")  # type: ignore[index]
        secret = made.running.credentials["api_key"].partition("-")[2]
        assert all(secret.encode() not in arrival.body for arrival in made.arrivals)


async def test_a_target_that_demands_scram_never_sends_the_key_to_one_without(tmp_path: Path) -> None:
    async with nas(tmp_path, settings='login = "scram"') as made:
        error = await made.fails("truenas_list_pools")
        assert "SCRAM" in error.message
        assert calls_of(made, "auth.login_ex") == 0


async def test_a_read_only_target_gives_up_its_rights_on_the_server_where_the_release_can(tmp_path: Path) -> None:
    from holdfast.errors import PermissionDeniedError

    async with nas(tmp_path, "26", mode="read-only") as made:
        await made.call("truenas_list_pools")
        assert calls_of(made, "privilege.become_readonly") == 1
        with pytest.raises(PermissionDeniedError):
            await raw(made, "pool.dataset.create", {"name": "tank/x"})


async def test_a_call_over_64_kb_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        values = {f"key{number}": "x" * 200 for number in range(400)}
        error = await made.fails(
            "truenas_install_app", app="big", catalogue_app="gitea", train="community", values=values
        )
        assert error.code == "invalid_argument"
        assert calls_of(made, "app.create") == 0


@pytest.mark.parametrize("letter", ["x", "é", "😀"], ids=["ascii", "two-bytes", "four-bytes"])
async def test_the_limit_counts_characters_as_the_appliance_does(letter: str, tmp_path: Path) -> None:
    """Contract 2: request size in characters; of what is sent, JSON included."""
    async with nas(tmp_path) as made:
        with pytest.raises(NotFoundError):
            await raw(made, "filesystem.stat", "/mnt")
        frame = len(made.arrivals[-1].body.decode()) - len("/mnt")
        with pytest.raises(NotFoundError):
            await raw(made, "filesystem.stat", letter * (65536 - frame))
        assert len(made.arrivals[-1].body.decode()) == 65536
        before = len(made.arrivals)
        with pytest.raises(InputError, match="65537 characters long; the appliance takes 65536"):
            await raw(made, "filesystem.stat", letter * (65537 - frame))
        assert len(made.arrivals) == before
        assert calls_of(made, "auth.login_ex") == 1


@pytest.mark.parametrize("size", [65536, 8193])
async def test_a_credential_over_8_kb_is_refused_before_it_is_sent(size: int, tmp_path: Path) -> None:
    """Contract 2: before login TrueNAS takes 8192 characters, and cuts the connection at more."""
    secret = "1-" + "k" * size
    async with room("truenas", tmp_path, without=("api_key",), settings=f'api_key = "{secret}"') as made:
        for _ in range(2):
            error = await made.fails("truenas_list_pools")
            assert (error.code, error.executed) == ("config", Executed.NO)
            assert "8192" in error.message
            assert "kkk" not in error.message
        assert calls_of(made, "auth.login_ex") == 0


@REAL_TIME
async def test_one_socket_carries_eight_reads_at_a_time(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("slow-call", method="pool.query", delay_s=0.2)
        await asyncio.gather(*(made.call("truenas_list_pools") for _ in range(24)))
        assert calls_of(made, "auth.login_ex") == 1
        assert made.running.state.max_in_flight <= 8
        assert calls_of(made, "pool.query") <= 24


@pytest.mark.parametrize("persona", ["25.10", "26"])
async def test_an_interface_change_is_checked_in_on_a_new_connection(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        answer = await made.call(
            "truenas_update_interface", interface="eno1", addresses=["10.20.0.14/24", "10.20.0.15/24"]
        )
        assert answer["outcome"] == "applied"
        order = [
            arrival.method
            for arrival in made.arrivals
            if arrival.method.startswith(("interface.c", "interface.u", "auth.login"))
        ]
        first = order.index("interface.commit")
        assert "auth.login_ex" in order[first:], "it did not reconnect"
        assert order.index("interface.checkin") > first
        commit = [params for method, params in sent(made) if method == "interface.commit"]
        assert commit == [[{"rollback": True, "checkin_timeout": 60}]]


async def test_a_commit_whose_answer_was_lost_without_a_timer_is_rolled_back(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("interface-commit-lost", timer=False)
        answer = await made.call(
            "truenas_update_interface", interface="eno1", addresses=["10.20.0.14/24", "10.20.0.16/24"]
        )
        assert answer["outcome"] == "not_applied"
        assert calls_of(made, "interface.rollback") == 1


async def test_an_address_that_is_not_reached_any_more_is_taken_back_by_the_appliance(tmp_path: Path) -> None:
    async with nas(tmp_path, settings="connect_timeout = 0.2") as made:
        made.running.fault("new-address-dead")
        answer = await made.call("truenas_update_interface", interface="eno1", addresses=["10.20.0.99/24"])
        assert answer["outcome"] == "not_applied"
        assert answer["after"]["addresses"] == ["10.20.0.14/24"]  # type: ignore[index,call-overload]


async def test_changes_of_somebody_else_are_not_committed(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await raw(made, "interface.update", "eno2", {"description": "somebody's"})
        error = await made.fails("truenas_update_interface", interface="eno1", mtu=9000)
        assert error.code == "conflict"
        assert calls_of(made, "interface.commit") == 0


async def test_no_apps_is_not_said_while_the_apps_service_is_down(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("docker-down")
        page = await made.call("truenas_list_apps")
        assert page["items"] == []
        assert "apps service" in str(page["notes"])
        assert (await made.fails("truenas_stop_app", app="jellyfin")).code == "unavailable"


@REAL_TIME
async def test_a_job_that_cannot_be_stopped_safely_is_not_aborted(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("job-stuck", method="app.stop")
        number = await raw(made, "app.stop", "syncthing")
        await asyncio.sleep(0.1)
        error = await made.fails("truenas_abort_job", job=number)
        assert error.code == "conflict"
        assert calls_of(made, "core.job_abort") == 0


async def test_the_account_and_the_key_that_holdfast_uses_are_not_deleted(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        assert (await made.fails("truenas_delete_user", user="mcp")).code == "conflict"
        assert (await made.fails("truenas_delete_api_key", ref="holdfast")).code == "conflict"
        assert (await made.fails("truenas_update_user", user="mcp", locked=True)).code == "conflict"


async def test_after_a_restart_the_next_read_works_within_5_seconds_of_its_return(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_list_pools")
        made.running.fault("restart", down_s=2.0)
        made.clock.advance(2.0)
        began = made.clock.now()
        assert (await made.call("truenas_list_pools"))["total"] == 1
        assert made.clock.now() - began < 5


async def test_secrets_of_users_and_virtual_machines_are_in_no_answer(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        said = json.dumps(
            [await made.call(f"truenas_list_{name}") for name in ("users", "guests", "protection_tasks", "api_keys")]
        )
        for secret in ("spice-pass-9", "s3-secret-tide", "pbkdf2"):
            assert secret not in said
