"""Services, shares, apps, machines, updates: behaviour beyond the schema (contract sections 12 and 15)."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulators.truenas.peer import standing


async def test_a_silent_failed_start_is_a_success_with_false() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("service-false", service="ftp", count=2)
        row = await peer.job("service.control", "START", "ftp")
        assert (row["state"], row["result"]) == ("SUCCESS", False)
        row = await peer.job("service.control", "START", "ftp", {"silent": False})
        assert (row["state"], row["exc_info"]["errno"]) == ("FAILED", 202)
        assert await peer.done("service.control", "START", "ftp", {"silent": False}) is True


async def test_stop_answers_true_when_the_service_stopped() -> None:
    async with standing() as stand:
        peer = await stand.login()
        assert await peer.done("service.control", "STOP", "cifs") is True
        row = await peer.call("service.query", [["service", "=", "cifs"]], {"get": True})
        assert (row["state"], row["pids"]) == ("STOPPED", [])


async def test_an_unprobed_service_is_unknown() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("service-unknown", service="nfs")
        assert (await peer.call("service.query", [["service", "=", "nfs"]]))[0]["state"] == "UNKNOWN"
        assert (await peer.call("service.query", [["service", "=", "cifs"]]))[0]["state"] == "RUNNING"


async def test_update_answers_the_id_and_takes_a_name_or_from_25_10_a_number() -> None:
    async with standing() as stand:
        peer = await stand.login()
        number = await peer.call("service.update", "ftp", {"enable": True})
        assert await peer.call("service.update", number, {"enable": True}) == number
        assert (await peer.call("service.get_instance", number))["enable"] is True
    async with standing("25.04") as stand:
        peer = await stand.login()
        assert (await peer.refused("service.update", 2, {"enable": True})).code == -32602
        assert await peer.call("service.update", "2", {"enable": True}) == 2


async def test_a_reboot_starts_what_starts_on_boot() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.done("service.control", "START", "ftp")
        await peer.done("service.control", "STOP", "nfs")
        stand.simulator.timing.restart_s = 0
        stand.simulator.set_fault("reboot")
        peer = await stand.login()
        rows = {row["service"]: row["state"] for row in await peer.call("service.query")}
        assert (rows["ftp"], rows["nfs"]) == ("STOPPED", "RUNNING")


async def test_share_names_are_unique_whatever_their_case() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("sharing.smb.create", {"name": "HOME", "path": "/mnt/tank/home"})
        assert error.data["extra"][0][0] == "smb_create.name" or error.data["extra"][0][0].endswith(".name")
        error = await peer.refused("sharing.smb.create", {"name": "x", "path": "/mnt/elsewhere"})
        assert error.data["extra"][0][0].endswith(".path")


async def test_the_racks_nodes_are_seen_as_nfs_clients_while_nfs_runs() -> None:
    async with standing() as stand:
        peer = await stand.login()
        world = stand.box.world
        up = [s.host_ip for s in world.servers if s.role == "proxmox" and s.hostname not in world.offline_nodes]
        rows = await peer.call("nfs.get_nfs4_clients")
        assert sorted(row["info"]["address"].partition(":")[0] for row in rows) == sorted(up)
        await peer.done("service.control", "STOP", "nfs")
        assert await peer.call("nfs.client_count") == 0


async def test_an_iscsi_target_in_use_needs_force() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.done("service.control", "START", "iscsitarget")
        assert len(await peer.call("iscsi.global.sessions")) == 1
        assert (await peer.refused("iscsi.target.delete", 1)).errno == 16
        assert await peer.call("iscsi.target.delete", 1, True, True) is True
        assert await peer.call("iscsi.extent.query") == []


async def test_an_app_is_upgraded_after_a_summary_and_rolled_back() -> None:
    async with standing() as stand:
        peer = await stand.login()
        app = await peer.call("app.get_instance", "jellyfin")
        assert (app["version"], app["upgrade_available"], app["latest_version"]) == ("1.2.10", True, "1.3.0")
        summary = await peer.call("app.upgrade_summary", "jellyfin")
        assert [v["version"] for v in summary["available_versions_for_upgrade"]] == ["1.3.0", "1.2.11"]
        assert (await peer.done("app.upgrade", "jellyfin", {"app_version": "1.2.11"}))["version"] == "1.2.11"
        assert await peer.call("app.rollback_versions", "jellyfin") == ["1.2.10"]
        assert (await peer.done("app.rollback", "jellyfin", {"app_version": "1.2.10"}))["version"] == "1.2.10"
        assert (await peer.refused("app.upgrade_summary", "syncthing")).code == -32001


@pytest.mark.parametrize(
    "compose",
    ["", "services:\n  web:\n    ports:\n      - 80:80\n", "nothing: here\n", "services:\n\tweb:\n", "services: [\n"],
)
async def test_a_bad_compose_file_is_refused(compose: str) -> None:
    async with standing() as stand:
        peer = await stand.login()
        row = await peer.job(
            "app.create", {"app_name": "x", "custom_app": True, "custom_compose_config_string": compose}
        )
        assert (row["state"], row["exc_info"]["type"]) == ("FAILED", "VALIDATION")


async def test_a_compose_app_runs_its_services_and_holds_its_ports() -> None:
    async with standing() as stand:
        peer = await stand.login()
        compose = "services:\n  web:\n    image: nginx:1\n    ports:\n    - '8090:80'\n  db:\n    image: postgres:17\n"
        data = {"app_name": "site", "custom_app": True, "custom_compose_config_string": compose}
        app = await peer.done("app.create", data)
        assert (app["state"], app["active_workloads"]["containers"], app["custom_app"]) == ("RUNNING", 2, True)
        assert 8090 in await peer.call("app.used_ports")
        row = await peer.job("app.create", {**data, "app_name": "other"})
        assert (row["state"], row["exc_info"]["errno"]) == ("FAILED", 16)
        await peer.done("app.stop", "site")
        assert (await peer.call("app.get_instance", "site"))["state"] == "STOPPED"


async def test_a_machine_starts_stops_and_refuses_what_its_state_forbids() -> None:
    async with standing() as stand:
        peer = await stand.login()
        number = (await peer.call("vm.query", [["name", "=", "win-lab"]]))[0]["id"]
        assert (await peer.refused("vm.poweroff", number)).errno == 22
        await peer.call("vm.start", number)
        assert (await peer.call("vm.status", number))["state"] == "RUNNING"
        assert (await peer.refused("vm.delete", number)).errno == 16
        await peer.done("vm.stop", number)
        assert await peer.call("vm.delete", number) is True


async def test_a_machine_larger_than_memory_needs_overcommit() -> None:
    async with standing() as stand:
        peer = await stand.login()
        number = (await peer.call("vm.create", {"name": "huge", "memory": 400_000}))["id"]
        assert (await peer.refused("vm.start", number)).errno == 12
        await peer.call("vm.start", number, {"overcommit": True})


async def test_an_update_waits_for_consent_and_makes_a_boot_environment() -> None:
    async with standing() as stand:
        peer = await stand.login()
        new = (await peer.call("update.status"))["status"]["new_version"]["version"]
        stand.simulator.set_fault("reboot-required")
        row = await peer.job("update.run", {})
        assert (row["state"], row["exc_info"]["errno"]) == ("FAILED", 11)
        assert await peer.done("update.run", {"resume": True}) is True
        rows = await peer.call("boot.environment.query", [["activated", "=", True]])
        assert [row["id"] for row in rows] == [new]
        assert rows[0]["active"] is False
        assert (await peer.refused("boot.environment.destroy", {"id": new})).errno == 16


async def test_a_failed_update_check_is_told_inside_the_status() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("update-error", reason="no route")
        status = await peer.call("update.status")
        assert (status["code"], status["error"]["reason"]) == ("ERROR", "no route")
        assert (await peer.refused("update.available_versions")).errno == 64


async def test_a_partial_cloud_sync_is_a_success_that_only_its_log_gives_away() -> None:
    async with standing() as stand:
        peer = await stand.login()
        stand.simulator.set_fault("job-partial", method="cloudsync.sync")
        row = await peer.job("cloudsync.sync", 1)
        assert row["state"] == "SUCCESS"
        assert "skipped: permission denied" in row["logs_excerpt"]
        row = await peer.job("cloudsync.sync", 1, {"dry_run": True})
        assert "dry run" in row["logs_excerpt"]
        assert "skipped" not in row["logs_excerpt"]


async def test_reporting_pages_span_backwards_and_are_not_thinned() -> None:
    async with standing() as stand:
        peer = await stand.login()
        one = (await peer.call("reporting.get_data", [{"name": "cpu"}], {"unit": "HOUR"}))[0]
        three = (await peer.call("reporting.get_data", [{"name": "cpu"}], {"unit": "HOUR", "page": 3}))[0]
        assert len(one["data"]) == 3601
        assert three["end"] - three["start"] == 3 * 3600
        assert one["legend"] == ["time", "cpu"]
        assert one["aggregations"]["min"]["cpu"] <= one["aggregations"]["mean"]["cpu"]
        error = await peer.refused("reporting.get_data", [{"name": "cpu"}], {"unit": "HOUR", "start": 1})
        assert error.code == -32602
        assert (await peer.refused("reporting.get_data", [{"name": "cpu"}], {"start": 1.5})).code == -32602


async def test_changes_and_logins_are_audited_with_secrets_hidden() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("user.set_password", {"username": "bob", "new_password": "visible-secret"})
        rows = await peer.call("audit.query", {"query-filters": [["event", "=", "METHOD_CALL"]]})
        assert rows[-1]["event_data"]["method"] == "user.set_password"
        assert "visible-secret" not in str(rows)
        logins = await peer.call("audit.query", {"query-filters": [["event", "=", "AUTHENTICATION"]]})
        assert (logins[-1]["username"], logins[-1]["success"]) == ("mcp", True)


async def test_a_change_from_elsewhere_shows_up_in_the_box_name() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("network.configuration.update", {"hostname": "vault"})
        await asyncio.sleep(0)
        assert (await peer.call("system.info"))["hostname"] == "vault"
