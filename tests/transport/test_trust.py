"""Looking at a certificate that somebody is about to trust: it is the server's, and nothing is sent."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
from cryptography import x509

from holdfast.errors import NotSentError, TlsError
from holdfast.transport import TlsSettings, fetch_certificate, ssl_context, tls, trust
from tests.support.realtime import REAL_TIME
from tests.transport.peers import OK, ca_file, identity, listening, peer


async def test_what_is_shown_is_the_servers_certificate() -> None:
    async with peer(OK, tls=identity().server) as server:
        found = await fetch_certificate(server.url, settings=TlsSettings(ca_file=ca_file()))
        assert not server.received
    certificate = x509.load_pem_x509_certificate(found.pem.encode())
    assert (found.subject, found.issuer) == (certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string())
    assert (found.not_before, found.not_after) == (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    assert found.names == ("localhost", "127.0.0.1")
    assert found.sha256 == identity().sha256
    assert not found.self_signed
    assert found.problem is None


async def test_without_settings_the_certificate_is_checked_as_a_target_without_any_would_be() -> None:
    async with peer(OK, tls=identity().server) as server:
        found = await fetch_certificate(server.url)
    assert found.problem is not None
    assert found.problem.details["reason"] == "unknown_ca"


async def test_the_certificate_may_be_for_another_name_where_the_settings_say_so() -> None:
    async with peer(OK, tls=identity("wrong_name").server) as server:
        named = TlsSettings(ca_file=ca_file(), server_name="elsewhere.example")
        assert (await fetch_certificate(server.url, settings=named)).problem is None
        found = await fetch_certificate(server.url, settings=TlsSettings(ca_file=ca_file()))
        assert found.names == ("elsewhere.example",)
    assert found.problem is not None
    assert found.problem.details["reason"] == "wrong_name"


@REAL_TIME
async def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as server:
        with pytest.raises(NotSentError, match="did not complete a TLS handshake within 0 s"):
            await fetch_certificate(f"https://127.0.0.1:{server.port}", timeout_s=0.1)


async def test_a_server_that_is_not_there_is_told_with_the_reason() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(NotSentError, match=f"127.0.0.1:{port} cannot be reached: .*[Cc]onne"):
            await fetch_certificate(f"https://127.0.0.1:{port}")


async def test_a_server_that_speaks_no_tls_is_told_as_that() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listening(plain) as server:
        with pytest.raises(TlsError) as caught:
            await fetch_certificate(f"https://127.0.0.1:{server.port}")
    assert caught.value.details["reason"] == "plain_http"


async def test_a_server_without_a_certificate_has_none_to_be_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_contexts", {})
    anonymous = "AECDH-AES128-SHA:@SECLEVEL=0"
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.maximum_version = ssl.TLSVersion.TLSv1_2
    server_side.set_ciphers(anonymous)
    ssl_context(TlsSettings(verify=False)).set_ciphers(anonymous)
    async with peer(OK, tls=server_side) as server:
        with pytest.raises(TlsError, match="showed no certificate"):
            await fetch_certificate(server.url)


async def test_the_connection_is_closed_when_the_certificate_was_seen() -> None:
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def patient(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.read() == b""
        finally:
            ended.put_nowait(None)

    async with listening(patient, tls=identity().server) as server:
        await fetch_certificate(server.url, settings=TlsSettings(ca_file=ca_file()))
        for _ in range(2):
            await asyncio.wait_for(ended.get(), 5)


def test_a_certificate_that_cannot_be_read_is_none_to_be_trusted() -> None:
    with pytest.raises(TlsError, match="cannot be read"):
        trust._described(b"no certificate", None)
