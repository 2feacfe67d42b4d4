"""A tour through every method that the simulator serves; each answer is held against the vendor's schema."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.simulators.truenas.answers import AnswerCheck
from tests.simulators.truenas.peer import Peer, Stand, standing
from tests.simulators.truenas.tour import TOURS


@pytest.mark.parametrize("persona", ["25.04", "25.10", "26"])
async def test_every_served_method_answers_as_its_schema_says(persona: str) -> None:
    async with standing(persona) as stand:
        check = AnswerCheck(stand.simulator)
        stand.simulator.timing.job_step_s = 0.001
        stand.simulator.timing.scrub_s = 0.05
        for tour in TOURS:
            stand.clock.advance(61)  # so that this many logins stay below the rate limit
            await tour(Guide(stand, await stand.login()))
        served = set(stand.box.dispatcher.served(persona))
        assert check.problems == []
        assert served - check.seen == set()


class Guide:
    """Calls methods, follows jobs to their end, and skips what the release does not have."""

    def __init__(self, stand: Stand, peer: Peer) -> None:
        self.stand = stand
        self.peer = peer
        self.release = stand.box.persona.release

    def has(self, method: str) -> bool:
        """Whether this release serves the method."""
        return self.stand.box.dispatcher.fact(self.stand.box.persona.name, method) is not None

    async def do(self, method: str, *params: Any) -> Any:
        """Call; of a job, its result. None when the release does not have the method."""
        fact = self.stand.box.dispatcher.fact(self.stand.box.persona.name, method)
        if fact is None:
            return None
        if fact.job is not None:
            return await self.peer.done(method, *params)
        return await self.peer.call(method, *params)

    async def download(self, method: str, *params: Any) -> bytes:
        """The bytes of a method that writes a file."""
        number, path = await self.peer.call("core.download", method, list(params), "file", True)
        async with self.stand.http.get(self.stand.url + path) as answer:
            assert answer.status == 200
            data = await answer.read()
        assert (await self.peer.wait_job(number))["state"] == "SUCCESS"
        return data

    async def upload(self, method: str, params: list[Any], content: bytes) -> dict[str, Any]:
        """Send a file to a method; its job when it ended."""
        form = aiohttp.FormData()
        form.add_field("data", json.dumps({"method": method, "params": params}))
        form.add_field("file", content, filename="upload")
        token = await self.peer.call("auth.generate_token")
        headers = {"Authorization": f"Token {token}"}
        async with self.stand.http.post(f"{self.stand.url}/_upload", data=form, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            number = (await answer.json())["job_id"]
        return await self.peer.wait_job(number)
