"""Owners, modes, ACLs and quotas."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.appliances.truenas.acl import entry_of, line_of
from holdfast.control.answers import JsonObject
from holdfast.errors import InputError
from holdfast.transport.values import as_objects
from tests.appliances.truenas.harness import calls_of, nas, sent
from tests.support.rooms import Room

HOME = "/mnt/tank/home"
POSIX = ["USER_OBJ:rwx", "USER:bob:r-x", "GROUP_OBJ:r-x", "MASK:rwx", "OTHER:---"]
NFS4 = [
    "owner@:ALLOW:FULL_CONTROL:INHERIT",
    "USER:bob:DENY:DELETE+WRITE_DATA:DIRECTORY_INHERIT+FILE_INHERIT",
    "GROUP:3001:ALLOW:READ:NOINHERIT",
    "everyone@:ALLOW:TRAVERSE:NONE",
]


async def undo(made: Room, done: JsonObject) -> None:
    call = done["undo"]
    assert isinstance(call, dict)
    arguments = call["arguments"]
    assert isinstance(arguments, dict)
    taken_back = await made.call(str(call["tool"]), **arguments)
    assert taken_back["outcome"] == "applied", taken_back


async def test_an_owner_alone_is_set_without_touching_the_mode(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        before = await made.call("truenas_get_permissions", path=HOME)
        done = await made.call("truenas_set_permissions", path=HOME, user="bob", group="3001")
        assert done["outcome"] == "applied"
        assert calls_of(made, "filesystem.setperm") == 0
        chown = [params for method, params in sent(made) if method == "filesystem.chown"]
        wanted = {"path": HOME, "user": "bob", "gid": 3001, "options": {"recursive": False, "traverse": False}}
        assert chown == [[wanted]]
        await undo(made, done)
        assert await made.call("truenas_get_permissions", path=HOME) == before


async def test_a_mode_against_an_acl_is_refused_unless_the_acl_goes_and_undo_brings_it_back(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_set_acl", path=HOME, entries=POSIX)
        held = await made.call("truenas_get_permissions", path=HOME)
        assert held["trivial"] is False
        error = await made.fails("truenas_set_permissions", path=HOME, mode="770")
        assert error.code == "conflict"
        assert calls_of(made, "filesystem.setperm") == 0
        done = await made.call("truenas_set_permissions", path=HOME, mode="770", strip_acl=True)
        assert done["outcome"] == "applied"
        assert (await made.call("truenas_get_permissions", path=HOME))["trivial"] is True
        await undo(made, done)
        assert (await made.call("truenas_get_permissions", path=HOME))["entries"] == held["entries"]


async def test_a_change_of_everything_below_is_destructive_and_not_called_verified(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        planned = await made.call("truenas_set_permissions", path=HOME, mode="700", recursive=True, dry_run=True)
        assert planned["undo"] is None if "undo" in planned else True
        assert "is not kept" in str(planned["cannot_undo"])
        done = await made.call("truenas_set_permissions", path=HOME, mode="700", recursive=True)
        assert done["outcome"] == "applied"


async def test_an_acl_of_nfs4_is_told_in_the_form_in_which_it_is_set(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_create_dataset", dataset="tank/team", share_type="SMB")
        before = await made.call("truenas_get_permissions", path="/mnt/tank/team")
        done = await made.call("truenas_set_acl", path="/mnt/tank/team", entries=NFS4)
        assert done["outcome"] == "applied"
        entries = (await made.call("truenas_get_permissions", path="/mnt/tank/team"))["entries"]
        assert isinstance(entries, list)
        assert entries[0::3] == NFS4[0::3]
        assert entries[1] == NFS4[1]
        await undo(made, done)
        after = await made.call("truenas_get_permissions", path="/mnt/tank/team")
        assert (after["mode"], after["trivial"]) == (before["mode"], True)


async def test_entries_of_the_other_kind_of_acl_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        error = await made.fails("truenas_set_acl", path=HOME, entries=NFS4)
        assert error.code == "invalid_argument"
        assert calls_of(made, "filesystem.setacl") == 0


@pytest.mark.parametrize("line", [*NFS4, *POSIX, "DEFAULT:GROUP:crew:r-x", "owner@:ALLOW:NONE:NONE"])
def test_a_line_says_all_that_its_entry_says(line: str) -> None:
    assert line_of(entry_of(line, "NFS4" if line.count(":") >= 3 and "DEFAULT" not in line else "POSIX1E")) == line


@pytest.mark.parametrize(
    ("line", "kind"), [("USER_OBJ:ALLOW:READ:NONE", "NFS4"), ("owner@:rwx", "POSIX1E"), ("USER:bob:rwx", "NFS4")]
)
def test_a_line_of_the_wrong_kind_is_refused(line: str, kind: str) -> None:
    with pytest.raises(InputError):
        entry_of(line, kind)


async def test_numbers_of_files_are_limited_apart_from_bytes_and_quotas_are_paged_on_the_server(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        for name in ("alice", "bob"):
            await made.call("truenas_set_quota", dataset="tank/home", kind="USER", name=name, quota=10**9)
        done = await made.call("truenas_set_quota", dataset="tank/home", kind="USEROBJ", name="bob", quota=5000)
        assert done["outcome"] == "applied"
        first = await made.call("truenas_list_quotas", dataset="tank/home", limit=1)
        rest = await made.call("truenas_list_quotas", dataset="tank/home", limit=1, cursor=first["next_cursor"])
        rows = [row for page in (first, rest) for row in as_objects(page["items"], "items")]
        assert {(row["name"], row["quota_bytes"], row["quota_files"]) for row in rows} == {
            ("alice", 10**9, 0),
            ("bob", 10**9, 5000),
        }
        assert rest["total"] == 2
        assert "next_cursor" not in rest or rest["next_cursor"] is None
        await undo(made, done)
