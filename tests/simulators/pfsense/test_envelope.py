"""Envelopes, headers and encodings on the wire (contract §4, §5)."""

from __future__ import annotations

from tests.simulators.pfsense.caller import Caller


async def test_a_success_is_the_envelope_with_code_200(fw: Caller) -> None:
    reply = await fw("GET", "/system/version")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.json == {
        "code": 200,
        "status": "ok",
        "response_id": "SUCCESS",
        "message": "",
        "data": {"version": "2.8.1-RELEASE", "base": "2.8.1", "patch": "0", "buildtime": "2025-09-02 18:41:03 UTC"},
    }
