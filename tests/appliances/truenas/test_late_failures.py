"""A call that failed may have done its work first (contract 12): what became of it is read back, not assumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import Executed, HoldfastError
from holdfast.simulators.truenas.errors import CallError, Row
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.releases import facts_of
from holdfast.simulators.truenas.storage.datasets import Dataset
from holdfast.simulators.truenas.storage.store import Snapshot
from tests.appliances.truenas.case import Call, Case
from tests.appliances.truenas.harness import box, calls_of, nas, prepare
from tests.appliances.truenas.table import WRITES
from tests.support.rooms import Room

ERRNOS = (14, 16, 17, 22, 28, 30, 39, 103, 109, 110, 111, 113, 203, 204, 205, 209, 210, 2010)
"""Every number of the taxonomy that can come out of the work itself; each case gets one, so that all are tried."""

TAKEN_BACK = {"update_interface", "create_interface", "delete_interface"}
"""What was staged is rolled back at once: then it is not applied, and that is true."""
WRITES_NOTHING = {"save_config"}
"""Its work is a file of ours; a job on TrueNAS leaves nothing behind."""

CONTAINER = {"guest": "late", "kind": "container"}
MADE: Call = ("create_container", {"name": "late", "image": "$image"})
UP, DOWN = ("start_guest", CONTAINER), ("stop_guest", CONTAINER)
CONTAINERS = (
    Case("start_guest", CONTAINER, "virt.instance.start", (MADE, DOWN)),
    Case("stop_guest", CONTAINER, "virt.instance.stop", (MADE, UP)),
    Case("update_guest", {**CONTAINER, "autostart": True}, "virt.instance.update", (MADE,)),
    Case("delete_guest", CONTAINER, "virt.instance.delete", (MADE, DOWN)),
)
"""Jobs before 26, in part plain calls from then on, of other names and arguments."""
OTHER_WAYS = {
    "25.04": {
        *(f"{verb}_snapshot" for verb in ("create", "delete", "rollback", "clone", "hold", "release")),
        *(f"{verb}_interface" for verb in ("create", "update", "delete")),
        "control_service",
        "update_smb_share",
    },
    "26": {"create_container", "update_smb_service"},
}
"""Writes that another release takes by other methods or in other shapes, or that ask others on their way."""
ON_25_10 = [(case, "25.10") for case in (*WRITES, *CONTAINERS)]
ELSEWHERE = [(case, persona) for persona, tools in OTHER_WAYS.items() for case in WRITES if case.tool in tools]
EVERY_WAY = [*ON_25_10, *ELSEWHERE, *((case, "26") for case in CONTAINERS)]

every_write = pytest.mark.parametrize(
    ("case", "persona", "errno"),
    [(case, persona, ERRNOS[index % len(ERRNOS)]) for index, (case, persona) in enumerate(EVERY_WAY)],
    ids=lambda value: value.tool if isinstance(value, Case) else str(value),
)


def is_job(case: Case, persona: str) -> bool:
    """Whether its method starts a job on a release."""
    return facts_of(persona)[case.method_on(persona)].job is not None


def test_every_write_that_another_release_takes_otherwise_is_among_them() -> None:
    assert all(sum(case.tool == tool for case in WRITES) for tools in OTHER_WAYS.values() for tool in tools)
    named = {(case.tool, p) for case in WRITES for p in OTHER_WAYS if case.method_on(p) != case.method}
    assert named <= {(tool, p) for p, tools in OTHER_WAYS.items() for tool in tools}


async def became(made: Room, case: Case, arguments: dict[str, object]) -> str:
    """The outcome, or what the error says of the execution."""
    try:
        answer = await made.call(f"truenas_{case.tool}", **arguments)
    except HoldfastError as error:
        return f"executed {error.executed}"
    assert answer["outcome"] != "unknown" or answer.get("next_step")
    return str(answer["outcome"])


async def fails(made: Room, method: str, errno: int, *, after_work: bool) -> None:
    fact = box(made).box.fact(method)
    assert fact is not None
    fault = "call-fails" if fact.job is None else "job-fails"
    made.running.fault(fault, method=method, errno=errno, reason="went wrong", after_work=after_work)


@every_write
async def test_a_write_that_failed_after_its_work_is_never_told_as_not_executed(
    case: Case, persona: str, errno: int, tmp_path: Path
) -> None:
    method = case.method_on(persona)
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        before = calls_of(made, method)
        await fails(made, method, errno, after_work=True)
        outcome = await became(made, case, arguments)
        assert calls_of(made, method) == before + 1
        if case.tool in TAKEN_BACK:
            assert (outcome, calls_of(made, "interface.rollback")) == ("not_applied", 1)
        elif case.tool not in WRITES_NOTHING:
            assert outcome in ("applied", "unknown", "started", "executed unknown")


@every_write
async def test_a_write_that_failed_before_its_work_is_never_told_as_executed(
    case: Case, persona: str, errno: int, tmp_path: Path
) -> None:
    method = case.method_on(persona)
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        before = calls_of(made, method)
        await fails(made, method, errno, after_work=False)
        assert await became(made, case, arguments) in ("not_applied", "unknown", "executed no", "executed unknown")
        assert calls_of(made, method) == before + 1


# No job is started for refused values; a job that ends so is in the table above.
@pytest.mark.parametrize(
    ("case", "persona"),
    [one for one in EVERY_WAY if not is_job(*one)],
    ids=lambda value: value.tool if isinstance(value, Case) else value,
)
async def test_values_that_were_refused_after_the_work_are_not_told_as_if_nothing_had_happened(
    case: Case, persona: str, tmp_path: Path
) -> None:
    method = case.method_on(persona)
    async with nas(tmp_path, persona) as made:
        arguments = await prepare(made, case)
        made.running.fault("call-fails", method=method, validation=True, reason="went wrong", after_work=True)
        outcome = await became(made, case, arguments)
        if case.tool in TAKEN_BACK:
            assert (outcome, calls_of(made, "interface.rollback")) == ("not_applied", 1)
        elif case.tool not in WRITES_NOTHING:
            assert outcome in ("applied", "unknown", "executed unknown")


@pytest.mark.parametrize("errno", ERRNOS)
async def test_whatever_number_a_late_failure_has_the_state_tells(errno: int, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await fails(made, "pool.dataset.create", errno, after_work=True)
        done = await made.call("truenas_create_dataset", dataset="tank/late")
        assert done["outcome"] == "applied"
        assert "went wrong" in str(done["warnings"])
        assert done["undo"]
        await fails(made, "pool.dataset.create", errno, after_work=False)
        undone = await made.call("truenas_create_dataset", dataset="tank/never")
        assert undone["outcome"] == "not_applied"
        assert "went wrong" in str(undone["warnings"])


@pytest.mark.parametrize(
    ("errno", "reason", "code"),
    [
        (13, "Not authorized", "permission_denied"),
        (16, "This job is already being performed", "busy"),
        (16, "This job is already being performed by another user", "busy"),
    ],
)
async def test_what_was_refused_before_any_work_is_told_at_once(
    errno: int, reason: str, code: str, tmp_path: Path
) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_list_pools")
        made.running.fault("call-fails", method="pool.dataset.create", errno=errno, reason=reason)
        error = await made.fails("truenas_create_dataset", dataset="tank/new")
        assert (error.code, error.executed) == (code, Executed.NO)


async def test_a_disk_that_was_wiped_by_a_job_that_failed_is_not_called_untouched(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        case = next(case for case in WRITES if case.tool == "wipe_disk")
        arguments = await prepare(made, case)
        made.running.fault("job-fails", method="disk.wipe", after_work=True, reason="went wrong")
        done = await made.call("truenas_wipe_disk", **arguments)
        assert (done["outcome"], done["verified"]) == ("unknown", False)
        assert "may have done" in str(done["warnings"])
        assert "Do not repeat" in str(done["next_step"])


async def test_what_a_failed_replication_sent_is_not_denied(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("job-fails", method="replication.run", after_work=True, reason="went wrong")
        done = await made.call("truenas_run_replication", task="1")
        assert done["outcome"] == "unknown"


async def test_a_change_of_the_network_that_was_staged_by_a_call_that_failed_does_not_stay_staged(
    tmp_path: Path,
) -> None:
    for method in ("interface.update", "interface.services_restarted_on_sync", "interface.commit"):
        folder = tmp_path / method
        folder.mkdir()
        async with nas(folder) as made:
            made.running.fault("call-fails", method=method, after_work=True, reason="went wrong")
            done = await made.call("truenas_update_interface", interface="eno2", description="new")
            assert done["outcome"] == "not_applied", (method, done)
            assert calls_of(made, "interface.rollback") == 1
            again = await made.call("truenas_update_interface", interface="eno2", description="new")
            assert again["outcome"] == "applied"


async def test_a_rollback_is_shown_by_what_the_dataset_has_written_and_a_part_of_it_is_told(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        store = box(made).box.get(Storage).store
        await made.call("truenas_create_snapshot", dataset="tank/vms", name="s1")
        store.get_dataset("tank/vms").own_bytes += 2**20
        done = await made.call("truenas_rollback_snapshot", snapshot="tank/vms@s1")
        assert (done["outcome"], done["verified"]) == ("applied", True)

        await made.call("truenas_create_snapshot", dataset="tank/vms", name="s2")
        await made.call("truenas_create_snapshot", dataset="tank/vms", name="s3")
        await made.call("truenas_hold_snapshot", snapshot="tank/vms@s3")
        plan = {"snapshot": "tank/vms@s1", "destroy_newer": True}
        part = await made.call("truenas_rollback_snapshot", **plan)  # s2 goes, then s3 is held
        assert (part["outcome"], part["verified"]) == ("unknown", False)
        assert "1 of 2 newer snapshots are gone" in str(part["warnings"])


async def test_a_snapshot_that_a_task_takes_meanwhile_does_not_make_a_rollback_look_undone(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        store = box(made).box.get(Storage).store
        for name in ("s1", "s2"):
            await made.call("truenas_create_snapshot", dataset="tank/vms", name=name)
        dataset = store.get_dataset("tank/vms")
        made.running.fault("slow-call", method="zfs.resource.query", delay_s=0)
        await fails(made, "pool.snapshot.rollback", 14, after_work=True)
        drop = store.drop_snapshot

        def and_take(snapshot: Snapshot) -> None:
            drop(snapshot)
            store.take_snapshot(dataset, "auto", made.clock.now())

        store.drop_snapshot = and_take  # type: ignore[method-assign]  # a periodic task, at the worst moment
        done = await made.call("truenas_rollback_snapshot", snapshot="tank/vms@s1", destroy_newer=True)
        assert done["outcome"] in ("applied", "unknown")


async def test_a_password_that_was_not_set_is_not_told_as_set_because_the_name_is_as_wanted(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        wanted = {"user": "alice", "password": "another-long-one"}
        name = (await made.call("truenas_list_users", limit=200))["items"]
        full_name = next(row["full_name"] for row in name if row["username"] == "alice")  # type: ignore[union-attr,index,call-overload]
        for after_work, outcome in ((False, "not_applied"), (True, "applied")):
            made.clock.advance(60)
            await fails(made, "user.update", 14, after_work=after_work)
            done = await made.call("truenas_update_user", full_name=full_name, **wanted)
            assert done["outcome"] == outcome


async def test_what_is_neither_as_it_was_nor_as_wanted_is_told_as_perhaps_done_in_part(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        users = box(made).box.get(Accounts).users
        change = users.change

        def half(key: int | str, values: Row) -> Row:
            return change(key, {"full_name": values["full_name"]} if "full_name" in values else {})

        for validation in (False, True):
            users.change = half  # type: ignore[method-assign]  # the first step of two
            made.running.fault(
                "call-fails", method="user.update", errno=14, reason="no", validation=validation, after_work=True
            )
            done = await made.call("truenas_update_user", user="alice", full_name=f"New {validation}", locked=True)
            users.change = change  # type: ignore[method-assign]
            assert (done["outcome"], done["verified"]) == ("unknown", False)
            assert "a part may have been done" in str(done["warnings"])


async def test_a_destruction_that_stopped_half_way_is_not_told_as_if_all_were_there(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        store = box(made).box.get(Storage).store
        for name in ("top", "top/a", "top/a/b"):
            await made.call("truenas_create_dataset", dataset=f"tank/{name}")
        await made.call("truenas_create_snapshot", dataset="tank/top", name="s", recursive=True)
        drop, drop_snapshot = store.drop_dataset, store.drop_snapshot

        def once(dataset: Dataset) -> None:
            drop(dataset)
            store.drop_dataset = busy  # type: ignore[method-assign]

        def once_snapshot(snapshot: Snapshot) -> None:
            drop_snapshot(store.snapshot("tank/top/a/b@s") or snapshot)
            store.drop_snapshot = busy_snapshot  # type: ignore[method-assign]

        def busy(dataset: Dataset) -> None:
            raise CallError("cannot destroy: dataset is busy", 16)

        def busy_snapshot(snapshot: Snapshot) -> None:
            raise CallError("cannot destroy: dataset is busy", 16)

        for tool, arguments in (
            ("delete_snapshot", {"snapshot": "tank/top@s"}),
            ("delete_dataset", {"dataset": "tank/top"}),
        ):
            store.drop_dataset, store.drop_snapshot = once, once_snapshot  # type: ignore[method-assign]
            half = await made.call(f"truenas_{tool}", recursive=True, **arguments)
            store.drop_dataset, store.drop_snapshot = drop, drop_snapshot  # type: ignore[method-assign]
            assert (half["outcome"], half["verified"]) == ("unknown", False), tool
            assert "a part may have been done" in str(half["warnings"])


async def test_permissions_below_a_folder_are_not_told_as_they_were_after_a_job_that_failed_on_its_way(
    tmp_path: Path,
) -> None:
    async with nas(tmp_path) as made:
        for tool, method, arguments in (
            ("set_permissions", "filesystem.setperm", {"mode": "750"}),
            ("set_permissions", "filesystem.chown", {"user": "alice"}),
            ("set_acl", "filesystem.setacl", {"entries": ["USER_OBJ:rwx", "GROUP_OBJ:r-x", "OTHER:---"]}),
        ):
            made.running.fault("job-fails", method=method, reason="went wrong")
            half = await made.call(f"truenas_{tool}", path="/mnt/tank/home", recursive=True, **arguments)
            assert (half["outcome"], half["verified"]) == ("unknown", False), method
            assert "a part may have been done" in str(half["warnings"])


@pytest.mark.parametrize(
    "tool", ["replace_disk", "attach_disk", "add_vdev", "upgrade_app", "rollback_app", "delete_app"]
)
async def test_work_of_many_steps_that_failed_on_its_way_is_not_told_as_not_done(tool: str, tmp_path: Path) -> None:
    case = next(case for case in WRITES if case.tool == tool)
    async with nas(tmp_path) as made:
        arguments = await prepare(made, case)
        made.running.fault("job-fails", method=case.method, reason="went wrong")
        half = await made.call(f"truenas_{tool}", **arguments)
        assert (half["outcome"], half["verified"]) == ("unknown", False)
        assert "a part may have been done" in str(half["warnings"])
        made.running.fault("job-fails", method=case.method, validation=True, reason="no such disk")
        refused = await made.call(f"truenas_{tool}", **arguments)
        assert (refused["outcome"], refused["verified"]) == ("not_applied", True)
