"""The protocol edge: what the proxy daemon refuses before the API is asked, and how it encodes (contract 1, 4, 5)."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from tests.simulators.proxmox.bench import Bench, bench


async def _raw(one: Bench, text: bytes, *, read: int = 65536) -> bytes:
    """Send bytes, read until the server closes or pauses."""
    host, port = one.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(text)
        await writer.drain()
        return await asyncio.wait_for(reader.read(read), 5)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("verb", ["HEAD", "PATCH", "OPTIONS"])
async def test_other_methods_are_not_available(verb: str) -> None:
    async with bench() as one:
        answer = await one.call(verb, "/version")
        assert (answer.status, answer.reason, answer.body) == (501, f"method '{verb}' not available", b"")


async def test_a_success_is_an_envelope_of_data() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/version")
        assert answer.document == {"data": {"version": "9.1.4", "release": "9.1", "repoid": "5ac30304265fbd8e"}}
        assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"


async def test_an_error_has_its_text_in_reason_and_body_and_closes_the_connection() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/nodes/pve2/qemu/999/config")
        text = "Configuration file 'nodes/pve2/qemu-server/999.conf' does not exist"
        assert (answer.status, answer.reason) == (500, text)
        assert answer.document == {"data": None, "message": f"{text}\n"}
        assert answer.headers["Connection"] == "close"


async def test_an_unknown_path_is_not_implemented() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/nodes/pve1/teapot")
        assert (answer.status, answer.reason) == (501, "Method 'GET /nodes/pve1/teapot' not implemented")


async def test_a_known_path_with_another_verb_is_not_implemented() -> None:
    async with bench() as one:
        answer = await one.refused("DELETE", "/version")
        assert (answer.status, answer.reason) == (501, "Method 'DELETE /version' not implemented")


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_a_body_where_none_belongs_is_unexpected(verb: str) -> None:
    async with bench() as one:
        answer = await one.call(verb, "/pools", data=b"poolid=a")
        assert (answer.status, answer.reason, answer.body) == (501, f"Unexpected content for method '{verb}'", b"")


async def test_chunked_bodies_are_not_supported() -> None:
    async def body() -> object:
        yield b"poolid=a"

    async with bench() as one:
        answer = await one.call("POST", "/pools", data=body())
        assert (answer.status, answer.reason) == (501, "chunked transfer encoding not supported")


async def test_a_body_over_512_kib_is_too_large() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/pools", data=b"comment=" + b"a" * (512 * 1024))
        assert (answer.status, answer.reason) == (501, "for data too large")


async def test_other_content_types_are_refused() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/pools", data=b"<pool/>", headers={**one.token(), "Content-Type": "text/xml"})
        assert answer.status == 506
        assert "not implemented" in answer.reason


async def test_a_json_body_is_understood_with_its_own_booleans() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/access/users", json={"userid": "a@pve", "enable": False})
        assert answer.status == 200
        assert (await one.get("/access/users/a@pve"))["enable"] == 0


async def test_semicolons_separate_pairs_too() -> None:
    async with bench() as one:
        answer = await one.call(
            "POST",
            "/pools",
            data=b"poolid=a;comment=b",
            headers={**one.token(), "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status == 200
        assert (await one.get("/pools", poolid="a"))[0]["comment"] == "b"


async def test_query_parameters_override_the_body() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/pools", {"poolid": "a", "comment": "body"}, query={"comment": "query"})
        assert answer.status == 200
        assert (await one.get("/pools", poolid="a"))[0]["comment"] == "query"


async def test_a_parameter_that_contradicts_the_path_is_a_duplicate() -> None:
    async with bench() as one:
        answer = await one.call("POST", "/nodes/pve2/qemu/110/status/start", {"vmid": "111"})
        assert answer.status == 400
        assert answer.errors["vmid"].startswith("duplicate parameter (already defined in URI)")


async def test_a_plus_sign_must_be_encoded() -> None:
    async with bench() as one:
        answer = await one.call(
            "PUT",
            "/nodes/pve2/qemu/110/resize",
            data=b"disk=scsi0&size=+1G",
            headers={**one.token(), "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.errors == {"size": "value does not match the regex pattern"}


async def test_large_answers_are_compressed_when_the_client_can() -> None:
    async with bench() as one:
        token = one.token()["Authorization"]
        head = f"GET /api2/json/cluster/resources HTTP/1.0\r\nAuthorization: {token}\r\nAccept-Encoding: gzip\r\n\r\n"
        answer = await _raw(one, head.encode())
        top, _, body = answer.partition(b"\r\n\r\n")
        assert b"Content-Encoding: gzip" in top
        assert json.loads(gzip.decompress(body))["data"]


async def test_small_answers_are_not_compressed() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/version", headers={**one.token(), "Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers


async def test_the_other_style_moves_errors_into_a_200() -> None:
    async with bench() as one:
        answer = await one.call("GET", "/nodes/pve2/qemu/999/config", style="extjs")
        assert answer.status == 200
        assert answer.document["success"] == 0
        assert answer.document["status"] == 500


@pytest.mark.parametrize("path", ["/api2/json/../x", "/api2/json//version", "/@evil/api2/json", "/api2/json/a%00b"])
async def test_strange_urls_are_invalid(path: str) -> None:
    async with bench() as one:
        answer = await _raw(one, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 400 invalid url")


async def test_a_path_outside_the_api_is_not_found() -> None:
    async with bench() as one:
        async with one.session.get(f"{one.base}/redfish/v1") as answer:
            assert answer.status == 404
        async with one.session.get(one.base) as page:
            assert (page.status, page.content_type) == (200, "text/html")


async def test_too_long_a_head_gets_no_answer_at_all() -> None:
    async with bench() as one:
        head = "GET /api2/json/version HTTP/1.1\r\nHost: x\r\n"
        head += "".join(f"X-Filler-{number}: {'a' * 100}\r\n" for number in range(62))
        head += "X-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\n\r\n"
        assert await _raw(one, head.encode()) == b""


async def test_a_connection_serves_a_hundred_requests() -> None:
    async with bench() as one:
        closing = 0
        for number in range(1, 101):
            answer = await one.call("GET", "/version")
            if answer.headers.get("Connection") == "close":
                closing = number
        assert closing == 100


async def test_idle_connections_are_closed_after_five_seconds_says_the_simulator_to_its_rack() -> None:
    async with bench() as one:
        assert one.sim.keepalive_timeout_s == 5.0


async def test_proxied_answers_carry_both_connection_headers() -> None:
    async with bench() as one:
        remote = await one.call("GET", "/nodes/pve2/version")
        local = await one.call("GET", "/nodes/pve1/version")
        assert remote.headers.getall("Connection") == ["close", "Keep-Alive"]
        assert "Connection" not in local.headers


async def test_encoded_and_plain_ids_in_a_path_are_the_same() -> None:
    async with bench() as one:
        plain = await one.get("/nodes/pve2/storage/local/content/local:iso/debian-13.1.0-amd64-netinst.iso")
        encoded = await one.get("/nodes/pve2/storage/local/content/local%3Aiso%2Fdebian-13.1.0-amd64-netinst.iso")
        assert plain == encoded
