"""How errors look: codes, errnos, extra and trace (contract section 4)."""

from __future__ import annotations

import pytest

from tests.simulators.truenas.peer import standing


async def test_an_unknown_method_is_minus_32601_without_data() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("no.such.method")
        assert (error.code, error.message, error.data) == (-32601, "Method does not exist", {})


async def test_a_call_before_login_is_errno_207() -> None:
    async with standing() as stand:
        peer = await stand.connect()
        error = await peer.refused("pool.query")
        assert (error.code, error.errno, error.data["errname"]) == (-32001, 207, "ENOTAUTHENTICATED")
        assert error.message == "Method call error"
        assert error.data["reason"] == "[ENOTAUTHENTICATED] Not authenticated"


async def test_a_missing_role_is_errno_13() -> None:
    async with standing() as stand:
        key = stand.simulator.add_account("reader", "READONLY_ADMIN")
        peer = await stand.login(username="reader", api_key=key)
        assert await peer.call("pool.query")
        error = await peer.refused("pool.dataset.create", {"name": "tank/x"})
        assert (error.code, error.errno, error.data["reason"]) == (-32001, 13, "[EACCES] Not authorized")


async def test_something_missing_is_a_validation_error_with_errno_2_inside() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("pool.get_instance", 99)
        assert (error.code, error.message, error.errno) == (-32602, "Invalid params", 22)
        assert error.data["extra"] == [[None, "Pool 99 does not exist", 2]]
        assert error.data["reason"] == "[ENOENT] None: Pool 99 does not exist"
        assert error.data["trace"]["class"] == "InstanceNotFound"
        job = await peer.refused("core.job_abort", 4711)
        assert job.data["extra"][0][2] == 2


async def test_get_without_a_match_is_errno_22_match_not_found() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("pool.query", [["name", "=", "gone"]], {"get": True})
        assert (error.code, error.errno, error.data["reason"]) == (-32001, 22, "MatchNotFound()")


async def test_domain_checks_name_the_attribute_in_extra() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("pool.dataset.create", {"name": "tank/home"})
        assert error.code == -32602
        assert error.data["extra"] == [["pool_dataset_create.name", "Path tank/home already exists", 17]]
        assert error.data["trace"]["class"] == "ValidationErrors"


@pytest.mark.parametrize(("persona", "frames"), [("25.10", True), ("26", False)])
async def test_traces_hold_frames_only_through_25_10(persona: str, frames: bool) -> None:
    async with standing(persona) as stand:
        peer = await stand.login()
        error = await peer.refused("pool.get_instance", 99)
        assert ("frames" in error.data["trace"]) is frames


async def test_dependants_are_listed_with_ebusy() -> None:
    async with standing() as stand:
        peer = await stand.login()
        error = await peer.refused("iscsi.portal.delete", 1)
        assert (error.code, error.errno, error.data["errname"]) == (-32001, 16, "EBUSY")
        assert error.data["extra"] == {"dependencies": ["vm-store"]}


async def test_zfs_errors_have_names_of_their_own() -> None:
    async with standing() as stand:
        peer = await stand.login()
        await peer.call("pool.snapshot.create", {"dataset": "tank/home", "name": "kept"})
        await peer.call("pool.snapshot.hold", "tank/home@kept")
        error = await peer.refused("pool.snapshot.delete", "tank/home@kept")
        assert (error.errno, error.data["errname"]) == (2010, "EZFS_BUSY")
