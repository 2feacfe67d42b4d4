"""A wrong credential is tried once, however many calls come and however long: appliances lock out who tries more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdfast.errors import AuthenticationError, HoldfastError, QuarantinedError
from holdfast.simulators.base import Arrival
from tests.support.rooms import Room, room

WRONG = {
    "pfsense": ("api_key", 'api_key = "0123456789abcdef0123456789abcdef0123456789abcdef"'),
    "truenas": ("api_key", f'api_key = "1-{"x" * 64}"'),
    "idrac": ("password", 'password = "wrong-password"'),
    "proxmox": ("token_secret", 'token_secret = "00000000-0000-0000-0000-000000000000"'),
}
CALLS_AT_ONCE = 40
ROUNDS = 10
PAUSE_S = 60.0


@asynccontextmanager
async def hurried(made: Room) -> AsyncIterator[None]:
    """The appliance's time flies, so that its own delays after a refusal take no time of the test."""

    async def hurry() -> None:
        for _ in range(100_000):
            made.clock.advance(0.5)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(hurry())
    try:
        yield
    finally:
        task.cancel()


def is_open(arrival: Arrival) -> bool:
    """Whether this asks what anybody may ask: it presents no credential."""
    return arrival.path in ("/redfish/v1", "/redfish/v1/") or arrival.method == "auth.mechanism_choices"


async def outcome(made: Room) -> HoldfastError | None:
    try:
        await made.call(f"{made.kind}_system_info")
    except HoldfastError as error:
        return error
    return None


@pytest.mark.parametrize("kind", WRONG)
async def test_ten_minutes_of_calls_with_a_wrong_credential_make_one_attempt(kind: str, tmp_path: Path) -> None:
    key, wrong = WRONG[kind]
    async with room(kind, tmp_path, settings=wrong, without=(key,)) as made, hurried(made):
        for _ in range(ROUNDS):
            errors = await asyncio.gather(*(outcome(made) for _ in range(CALLS_AT_ONCE)))
            assert all(isinstance(error, AuthenticationError) for error in errors), set(map(type, errors))
            made.clock.advance(PAUSE_S)
        refused = [error for error in errors if not isinstance(error, QuarantinedError)]
        assert refused == []
        presented = [a for a in made.arrivals if not a.authorised and not is_open(a)]
        assert len(presented) <= 1, [f"{a.method} {a.path}" for a in presented]
