"""What fails after it was carried out, in part or in whole: never told as not executed, never as a plain success."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.appliances.proxmox.addresses import Address, for_address
from holdfast.appliances.proxmox.errors import error_of
from holdfast.errors import Executed
from holdfast.resilience import Outcome
from holdfast.transport import Headers, Reply, Request
from holdfast.transport.values import JsonObject
from tests.appliances.proxmox.harness import client_of, configuration, prepare, pve_room, simulator_of
from tests.appliances.proxmox.table import Case
from tests.appliances.proxmox.test_every_tool import WRITES
from tests.support.rooms import Room


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with pve_room(tmp_path) as made:
        yield made


def warned(answer: dict[str, Any]) -> str:
    return " ".join(str(text) for text in answer.get("warnings") or ())


async def during_the_write(pve: Room, meanwhile: Callable[[], object], *, after: bool = False) -> None:
    """Let something happen right before the write is sent, or right after it was answered."""
    client = await client_of(pve)
    send = client.write

    async def write(*arguments: object, **named: object) -> object:
        if not after:
            meanwhile()
        answer = await send(*arguments, **named)  # type: ignore[arg-type]
        if after:
            meanwhile()
        return answer

    client.write = write  # type: ignore[method-assign,assignment]


USER = {"user": "joe@pve", "comment": "made late"}


@pytest.mark.parametrize("status", [502, 503, 504, 520])
async def test_what_a_proxy_answers_says_nothing_about_the_write_behind_it(pve: Room, status: int) -> None:
    pve.simulator.set_fault("late-error", path="/access/users", status=status, text="Bad Gateway", count=1)
    answer = await pve.call("proxmox_create_user", **USER)
    assert answer["outcome"] == "applied", answer
    assert "joe@pve" in simulator_of(pve).cluster.access.users
    assert len(pve.writes()) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_write_that_a_proxy_did_not_see_answered_may_still_come(pve: Room, status: int) -> None:
    pve.running.fault("http-503", method="write", times=1, status=status)
    answer = await pve.call("proxmox_create_user", **USER)
    assert answer["outcome"] == "unknown"
    assert "may still" in warned(answer)
    assert answer["next_step"]


def proxy_reply(status: int) -> Reply:
    page = b"<html><head><title>Bad Gateway</title></head><body>proxy</body></html>"
    return Reply(status=status, reason="Bad Gateway", headers=Headers({"Content-Type": "text/html"}), body=page)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 595])
def test_a_web_page_is_a_proxys_answer_whatever_its_status(status: int) -> None:
    error = error_of(proxy_reply(status))
    assert error.executed is Executed.UNKNOWN
    assert "proxy" in error.message
    assert error.next_step


async def test_a_value_that_a_running_guest_refuses_is_stored_all_the_same(pve: Room) -> None:
    pve.simulator.set_fault(
        "late-error",
        path="/nodes/{node}/qemu/{vmid}/config",
        status=400,
        field="cores",
        text="hotplug problem - can't unplug this CPU",
        count=1,
    )
    answer = await pve.call("proxmox_change_guest_config", guest="web", cores=4)
    assert answer["outcome"] == "applied", answer
    assert "Pending until the next stop and start: cores" in warned(answer)
    assert "hotplug problem" in warned(answer)


async def test_a_cluster_file_system_that_closes_during_the_work_is_read_back(pve: Room) -> None:
    pve.simulator.set_fault(
        "late-error",
        path="/nodes/{node}/qemu/{vmid}/config",
        text="unable to open file '/etc/pve/nodes/pve2/qemu-server/110.conf.tmp.1' - Permission denied",
        count=1,
    )
    answer = await pve.call("proxmox_change_guest_config", guest="build", cores=4)
    assert answer["outcome"] == "applied", answer


UNFAMILIAR = (
    "VM 101 qmp command 'guest-get-fsinfo' failed - got timeout",
    "VM 101 qmp command 'guest-ping' failed - unable to connect to VM 101 qga socket - timeout after 31 retries",
    "command '/usr/sbin/showmount --no-headers --exports 10.0.0.1' failed: got timeout",
    "unable to activate storage 'nas' - directory is expected to be a mount point but is not mounted: '/mnt/pve/nas'",
    "500 Can't connect to download.example.org:443 (Name or service not known)",
    "pbs-office: error fetching datastores - 401 Unauthorized",
    "this is refused for a reason that nobody has written down",
)
RAW = (
    "unexpected end of file at /usr/share/perl5/PVE/API2/Tools.pm line 71.",
    "ipcc_send_rec[1] failed: Connection refused",
    "Internal Server Error",
)


def api_reply(text: str) -> Reply:
    return Reply(status=500, reason=text, headers=Headers({}), body=b"")


@pytest.mark.parametrize("text", UNFAMILIAR)
def test_a_refusal_or_a_device_that_fails_does_not_count_against_the_address(text: str) -> None:
    error = error_of(api_reply(text))
    assert for_address(error).outcome is Outcome.NEUTRAL
    assert error.executed is Executed.UNKNOWN
    assert error.next_step


@pytest.mark.parametrize("text", RAW)
def test_a_daemon_that_stumbles_counts_against_the_address(text: str) -> None:
    assert for_address(error_of(api_reply(text))).outcome is Outcome.FAILURE


async def test_a_guest_agent_that_hangs_does_not_cut_off_the_cluster(pve: Room) -> None:
    pve.simulator.set_fault("internal-error", path="/nodes/{node}/qemu/{vmid}/agent/get-fsinfo", text=UNFAMILIAR[0])
    for _ in range(7):
        error = await pve.fails("proxmox_guest_filesystems", guest="web")
        assert error.code == "unavailable"
        assert error.executed is Executed.NO
        assert "agent" in str(error.next_step)
    assert (await pve.call("proxmox_get_guest", guest="web"))["status"] == "running"


async def test_one_bad_answer_does_not_end_the_wait_for_a_task(pve: Room) -> None:
    simulator_of(pve).task_seconds = 20.0
    answer = await pve.call("proxmox_clone_guest", guest="build", name="copy", vmid=300)
    assert answer["outcome"] == "started"
    pve.simulator.set_fault("internal-error", path="/nodes/{node}/tasks/{upid}/status", count=2)
    end = await pve.call("proxmox_wait_task", upid=answer["task"], wait_s=40)
    assert end["succeeded"] is True


def other_task(pve: Room, kind: str, ident: str, who: str, age_s: float = 0.0) -> str:
    """A task on pve2 that this process has not heard of: another server's, or a person's, with the same account."""

    def work() -> Any:
        yield "another's work"

    task = simulator_of(pve).cluster.fork("pve2", kind, ident, who, work(), 0)
    task.starttime -= int(age_s)
    return task.upid


@pytest.mark.parametrize("age_s", [0, 30])
async def test_a_backup_of_another_guest_does_not_settle_a_lost_one(pve: Room, age_s: float) -> None:
    other_task(pve, "vzdump", "111", (await client_of(pve)).principal, age_s)
    pve.running.fault("drop-before", method="write", times=1)
    answer = await pve.call("proxmox_run_backup", guest="build", storage="nas-backup")
    assert answer["outcome"] == "not_applied", answer
    assert "task" not in answer


async def test_a_task_that_began_before_the_write_was_sent_is_not_told_as_ours(pve: Room) -> None:
    old = other_task(pve, "qmreboot", "101", (await client_of(pve)).principal)
    cluster = simulator_of(pve).cluster
    pve.clock.advance(20)
    cluster.guests[101].node = "pve2"
    cluster.touch(cluster.guests[101])
    pve.running.fault("drop-before", method="write", times=1)
    answer = await pve.call("proxmox_reboot_guest", guest="101")
    assert answer["outcome"] == "unknown", answer
    assert old in warned(answer)


async def test_of_two_tasks_that_could_be_ours_none_is_told_as_ours(pve: Room) -> None:
    who = (await client_of(pve)).principal
    await during_the_write(pve, lambda: other_task(pve, "vzdump", "110", who))
    pve.running.fault("lost-reply", method="write", times=1)
    answer = await pve.call("proxmox_run_backup", guest="build", storage="nas-backup")
    assert answer["outcome"] == "unknown", answer
    assert "Several tasks" in warned(answer)


async def test_the_task_of_a_write_that_followed_its_guest_is_found_on_the_other_node(pve: Room) -> None:
    pve.simulator.set_fault("migrating", vmid=110, target="pve1", count=1)
    pve.running.fault("lost-reply", method="POST", path="/api2/json/nodes/pve1/qemu/110/clone", times=1)
    answer = await pve.call("proxmox_clone_guest", guest="build", name="copy", vmid=300)
    assert answer["outcome"] == "applied", answer
    assert [arrival.path.split("/")[4] for arrival in pve.writes()] == ["pve2", "pve1"]


LATE = "removing the rest failed"


@pytest.mark.parametrize("after_work", [False, True])
async def test_a_restore_over_a_guest_that_fails_is_never_told_as_not_done(pve: Room, after_work: bool) -> None:
    made = await pve.call("proxmox_run_backup", guest="build", storage="nas-backup")
    backup = made["after"]["backups"][0]  # type: ignore[index, call-overload]
    pve.simulator.set_fault("task-fails", kind="qmrestore", text=LATE, after_work=after_work, count=1)
    answer = await pve.call("proxmox_restore_backup", backup=backup, node="pve2", vmid=110, overwrite=True)
    assert answer["outcome"] == "unknown", answer
    assert answer["verified"] is False
    assert "task" not in answer, "it has ended: there is nothing to wait for"
    assert LATE in warned(answer)
    assert "part" in warned(answer)


async def test_a_rollback_that_fails_may_have_put_a_part_back(pve: Room) -> None:
    await pve.call("proxmox_create_snapshot", guest="build", name="one")
    pve.simulator.set_fault("task-fails", kind="qmrollback", text=LATE, count=1)
    answer = await pve.call("proxmox_rollback_snapshot", guest="build", name="one")
    assert answer["outcome"] == "unknown"
    assert "part" in warned(answer)


async def test_a_deletion_that_fails_after_disks_are_gone_tells_what_is_left(pve: Room) -> None:
    config = simulator_of(pve).cluster.guests[110].config
    # The task takes a disk away before it fails.
    await during_the_write(pve, lambda: config.pop("scsi0"), after=True)
    pve.simulator.set_fault("task-fails", kind="qmdestroy", text=LATE, count=1)
    answer = await pve.call("proxmox_delete_guest", guest="build")
    assert answer["outcome"] == "unknown", answer
    assert "part" in warned(answer)
    assert answer["after"]["disks"] == []  # type: ignore[index, call-overload]


async def test_a_deletion_that_fails_before_it_began_is_seen_as_not_done(pve: Room) -> None:
    pve.simulator.set_fault("task-fails", kind="qmdestroy", text=LATE, count=1)
    answer = await pve.call("proxmox_delete_guest", guest="build")
    assert answer["outcome"] == "not_applied"
    assert answer["verified"] is True


async def test_a_deletion_whose_task_fails_after_its_work_is_seen_as_done(pve: Room) -> None:
    pve.simulator.set_fault("task-fails", kind="qmdestroy", text=LATE, after_work=True, count=1)
    answer = await pve.call("proxmox_delete_guest", guest="build")
    assert answer["outcome"] == "applied"
    assert LATE in warned(answer)


@pytest.mark.parametrize(
    ("tool", "kind", "arguments"),
    [
        ("proxmox_apply_network", "srvreload", {"node": "pve2"}),
        ("proxmox_make_template", "qmtemplate", {"guest": "build"}),
        ("proxmox_clone_guest", "qmclone", {"guest": "build", "name": "copy", "vmid": 300}),
        ("proxmox_run_backup", "vzdump", {"guest": "build", "storage": "nas-backup"}),
    ],
)
async def test_a_state_as_wanted_is_no_success_when_the_task_behind_it_failed(
    pve: Room, tool: str, kind: str, arguments: dict[str, Any]
) -> None:
    if tool == "proxmox_apply_network":
        await pve.call("proxmox_create_network", node="pve2", iface="vmbr7", type="bridge", autostart=True)
    pve.simulator.set_fault("task-fails", kind=kind, text=LATE, after_work=True, count=1)
    answer = await pve.call(tool, **arguments)
    assert answer["outcome"] == "unknown", answer
    assert LATE in warned(answer)


async def test_a_reboot_that_stops_the_guest_and_does_not_start_it_is_not_told_as_not_done(pve: Room) -> None:
    guest = simulator_of(pve).cluster.guests[101]
    await during_the_write(pve, lambda: setattr(guest, "running", False), after=True)
    pve.simulator.set_fault("task-fails", kind="qmreboot", text="start failed: QEMU exited with code 1", count=1)
    answer = await pve.call("proxmox_reboot_guest", guest="web")
    assert answer["outcome"] == "unknown", answer
    assert answer["after"]["status"] == "stopped"  # type: ignore[index, call-overload]


async def test_a_guest_that_did_not_shut_down_in_time_may_still_do_so(pve: Room) -> None:
    pve.simulator.set_fault("task-fails", kind="qmshutdown", text="VM quit/powerdown failed - got timeout", count=1)
    answer = await pve.call("proxmox_shutdown_guest", guest="web")
    assert answer["outcome"] == "unknown", answer
    assert "may still" in warned(answer)
    assert "proxmox_stop_guest" in warned(answer)


async def test_what_was_made_while_the_answer_was_lost_is_not_ours_without_a_task_of_ours(pve: Room) -> None:
    cluster = simulator_of(pve).cluster

    def made() -> None:
        twin = cluster.guests[110]
        cluster.guests[300] = type(twin)(**{**vars(twin), "vmid": 300})
        cluster.touch(cluster.guests[300])

    await during_the_write(pve, made)
    pve.running.fault("drop-before", method="write", times=1)
    answer = await pve.call("proxmox_clone_guest", guest="build", name="copy", vmid=300)
    assert answer["outcome"] == "unknown", answer
    assert "somebody else" in warned(answer)


async def test_a_token_whose_answer_is_lost_is_told_without_a_file_that_does_not_exist(pve: Room) -> None:
    pve.running.fault("lost-reply", method="write", times=1)
    answer = await pve.call("proxmox_create_token", user="ops@pve", name="late")
    assert answer["outcome"] == "applied"
    assert "file" not in answer["after"]  # type: ignore[operator]
    assert "secret was not written" in warned(answer)
    assert "proxmox_delete_token" in warned(answer)


async def test_a_secret_that_cannot_be_written_is_told_beside_the_token_that_exists(pve: Room, tmp_path: Path) -> None:
    await during_the_write(pve, lambda: shutil.rmtree(tmp_path / "secrets"))
    answer = await pve.call("proxmox_create_token", user="ops@pve", name="late")
    assert answer["outcome"] == "applied"
    assert "cannot be written" in warned(answer)
    assert "proxmox_delete_token" in warned(answer)


async def test_a_log_that_cannot_be_read_does_not_hide_how_a_task_ended(pve: Room) -> None:
    pve.simulator.set_fault("task-fails", kind="qmstart", text=LATE, count=1)
    started = await pve.call("proxmox_start_guest", guest="build")
    upid = started["details"]["task"]  # type: ignore[index, call-overload]
    pve.simulator.set_fault("internal-error", path="/nodes/{node}/tasks/{upid}/log")
    end = await pve.call("proxmox_wait_task", upid=upid)
    assert end["succeeded"] is False
    assert "log cannot be read" in str(end["notes"])
    assert "read the state" in str(end["notes"])


async def test_one_look_that_fails_does_not_end_the_wait_for_a_program(pve: Room) -> None:
    path = "/nodes/{node}/qemu/{vmid}/agent/exec-status"
    pve.simulator.set_fault("internal-error", path=path, text=UNFAMILIAR[0], count=1)
    answer = await pve.call("proxmox_agent_exec", guest="web", command=["uname"])
    assert answer["outcome"] == "applied"
    assert answer["details"]["exit_code"] == 0  # type: ignore[index, call-overload]


async def test_a_container_whose_migration_failed_may_be_stopped(pve: Room) -> None:
    pve.simulator.set_fault("task-fails", kind="vzmigrate", text=LATE, count=1)
    answer = await pve.call("proxmox_migrate_guest", guest="dns", to_node="pve2")
    assert answer["outcome"] == "unknown", answer
    assert LATE in warned(answer)


async def test_a_refused_token_is_told_with_everything_that_is_answered_the_same(pve: Room) -> None:
    pve.simulator.set_fault("token-refused")
    error = await pve.fails("proxmox_list_nodes")
    assert error.code == "authentication"
    assert "expired" in str(error.next_step)
    assert "disabled" in str(error.next_step)


@pytest.mark.parametrize("case", WRITES, ids=lambda case: case.tool)
async def test_no_write_that_failed_after_its_work_is_told_as_not_done(case: Case, tmp_path: Path) -> None:
    for status, text in ((504, "Gateway Timeout"), (500, "this came late, for a reason that nobody has written down")):
        (tmp_path / str(status)).mkdir()
        async with pve_room(tmp_path / str(status)) as pve:
            arguments = await prepare(pve, case)
            sent = len(pve.writes())
            pve.simulator.set_fault("late-error", status=status, text=text, count=1)
            answer = await pve.call(case.tool, **arguments)
            assert answer["outcome"] in ("applied", "unknown", "started"), answer
            assert answer["outcome"] == "applied" or case.blind, answer
            assert len(pve.writes()) - sent == 1


@pytest.mark.parametrize("case", WRITES, ids=lambda case: case.tool)
async def test_what_is_told_of_a_task_that_failed_is_never_against_what_it_did(case: Case, tmp_path: Path) -> None:
    for after_work in (False, True):
        (tmp_path / str(after_work)).mkdir()
        async with pve_room(tmp_path / str(after_work)) as pve:
            arguments = await prepare(pve, case)
            before = configuration(pve)
            pve.simulator.set_fault("task-fails", text=LATE, after_work=after_work, count=1)
            answer = await pve.call(case.tool, **arguments)
            if LATE not in str(answer):
                return  # it starts no task
            assert answer["outcome"] in ("applied", "unknown", "not_applied"), answer
            assert LATE in warned(answer)
            if answer["outcome"] == "not_applied":
                assert configuration(pve) == before
            if configuration(pve) == before:
                assert answer["outcome"] != "applied" or not answer["verified"]


async def test_a_lock_that_a_failed_task_leaves_is_told(pve: Room) -> None:
    config = simulator_of(pve).cluster.guests[110].config
    await during_the_write(pve, lambda: config.update(lock="snapshot"), after=True)
    pve.simulator.set_fault("task-fails", kind="qmsnapshot", text=LATE, count=1)
    answer = await pve.call("proxmox_create_snapshot", guest="build", name="one")
    assert answer["outcome"] == "unknown", answer
    assert "locked (snapshot)" in warned(answer)


@pytest.mark.parametrize("case", WRITES, ids=lambda case: case.tool)
async def test_a_way_that_is_cut_right_after_the_answer_does_not_make_the_write_undone(case: Case, pve: Room) -> None:
    arguments = await prepare(pve, case)
    sent = len(pve.writes())
    send = Address._send

    async def cut(self: Address, request: Request) -> JsonObject:
        answer = await send(self, request)
        if not request.safe:
            pve.running.fault("refuse")
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Address, "_send", cut)
        answer = await pve.call(case.tool, **arguments)
    assert len(pve.writes()) - sent == 1
    # A program whose number came runs; that is all that is known of it.
    assert answer["outcome"] == "applied" if "agent_exec" in case.tool else answer["outcome"] in ("unknown", "started")
    assert not answer["verified"]
    assert answer["next_step"]


@pytest.mark.parametrize(
    ("tool", "kind", "arguments"),
    [
        ("proxmox_reboot_guest", "qmreboot", {"guest": "web"}),
        ("proxmox_shutdown_guest", "qmshutdown", {"guest": "web"}),
        ("proxmox_rollback_snapshot", "qmrollback", {"guest": "build", "name": "one"}),
    ],
)
async def test_a_task_that_found_the_guest_locked_did_nothing(
    pve: Room, tool: str, kind: str, arguments: dict[str, Any]
) -> None:
    await pve.call("proxmox_create_snapshot", guest="build", name="one")
    await pve.call("proxmox_create_snapshot", guest="build", name="two")
    pve.simulator.set_fault("task-fails", kind=kind, text="VM is locked (backup)", count=1)
    answer = await pve.call(tool, **arguments)
    assert answer["outcome"] == "not_applied", answer
    assert "locked (backup)" in warned(answer)
    assert "may still" not in warned(answer)
