"""An error that TrueNAS answers is an answer: only what keeps Holdfast out opens the circuit (contract 11, rule 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import HoldfastError
from tests.appliances.truenas.harness import calls_of, client_of, nas
from tests.support.rooms import Room

DOMAIN = (1, 2, 11, 12, 13, 14, 16, 17, 22, 28, 30, 64, 95, 103, 109, 110, 111, 113, 202, 203, 204, 205, 209, 210, 2010)
AGAIN = {11, 110, 111, 113, 203, 204}
"""Those that rule 4 lets a read be tried again after."""


async def marks(made: Room) -> int:
    breaker = (await client_of(made)).circuit_breaker
    assert breaker is not None
    return breaker.fail_counter


@pytest.mark.parametrize("errno", DOMAIN)
async def test_what_goes_wrong_inside_a_call_does_not_block_the_others(errno: int, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("call-fails", method="cloudsync.list_buckets", errno=errno, reason="provider away", count=0)
        for _ in range(7):
            error = await made.fails("truenas_list_buckets", account=1)
            assert error.code != "circuit_open"
            assert "provider away" in error.message
        assert calls_of(made, "cloudsync.list_buckets") == 7 * (3 if errno in AGAIN else 1)
        assert await marks(made) == 0
        assert (await made.call("truenas_list_users"))["total"]
        assert (await made.call("truenas_create_snapshot", dataset="tank/vms", name="s1"))["outcome"] == "applied"


@pytest.mark.parametrize("fault", ["upgrade-502", "rate-limited", "cut-after-send"])
async def test_what_keeps_holdfast_out_opens_the_circuit(fault: str, tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault(fault, count=0)
        codes: list[str] = []
        for _ in range(7):
            codes.append((await made.fails("truenas_list_pools")).code)
        assert codes[-1] == "circuit_open", codes


async def test_a_call_that_found_no_place_on_the_socket_is_sent_again_even_if_it_changes_something(
    tmp_path: Path,
) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("too-many-calls", method="pool.snapshot.create", count=1)
        made.running.fault("too-many-calls", method="pool.query", count=1)
        done = await made.call("truenas_create_snapshot", dataset="tank/vms", name="s1")
        assert done["outcome"] == "applied"
        assert calls_of(made, "pool.snapshot.create") == 2
        assert (await made.call("truenas_list_pools"))["total"] == 1
        made.running.fault("too-many-calls", method="pool.query", count=0)
        error = await made.fails("truenas_list_pools")
        assert isinstance(error, HoldfastError)
        assert (error.code, error.executed) == ("overloaded", "no")
