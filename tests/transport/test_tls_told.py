"""What is believed where nothing is configured, and what a failed handshake tells its reader."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from holdfast.errors import ConfigError, TlsError
from holdfast.transport import Request, TlsSettings, ssl_context, tls
from tests.transport.peers import OK, ca_file, identity, peer, transport_to


@pytest.fixture
def no_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contexts are made anew, and what a test does to them ends with it."""
    monkeypatch.setattr(tls, "_contexts", {})


@pytest.mark.usefixtures("no_contexts")
async def test_without_any_setting_the_authorities_of_the_system_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file()))  # where OpenSSL takes the system's authorities from
    async with peer(OK, tls=identity().server) as server, transport_to(server.url) as http:
        assert (await http.send(Request("GET", "/"))).status == 200


@pytest.mark.usefixtures("no_contexts")
async def test_the_authorities_of_the_system_are_not_believed_beside_a_ca_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file()))
    settings = TlsSettings(ca_file=ca_file("unknown"))
    async with peer(OK, tls=identity().server) as server, transport_to(server.url, tls=settings) as http:
        with pytest.raises(TlsError):
            await http.send(Request("GET", "/"))


@pytest.mark.usefixtures("no_contexts")
async def test_a_peer_that_shows_no_certificate_at_all_is_not_the_pinned_one() -> None:
    """Nothing here offers a cipher without certificates; should one ever be offered, the pin still holds."""
    anonymous = "AECDH-AES128-SHA:@SECLEVEL=0"
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.maximum_version = ssl.TLSVersion.TLSv1_2
    server_side.set_ciphers(anonymous)
    unchecked, pinned = TlsSettings(verify=False), TlsSettings(pin_sha256=identity().sha256)
    for settings in (unchecked, pinned):
        ssl_context(settings).set_ciphers(anonymous)
    async with peer(OK, tls=server_side) as server:
        async with transport_to(server.url, tls=unchecked) as http:
            assert (await http.send(Request("GET", "/"))).status == 200
        async with transport_to(server.url, tls=pinned) as http:
            with pytest.raises(TlsError) as caught:
                await http.send(Request("GET", "/"))
        assert len(server.arrivals) == 1
    assert caught.value.details["reason"] == "pin_mismatch"


def test_only_what_is_spelled_out_as_unchecked_is_insecure() -> None:
    assert TlsSettings(verify=False).insecure
    for settings in (TlsSettings(), TlsSettings(ca_file="ca.pem"), TlsSettings(pin_sha256="ab" * 32)):
        assert not settings.insecure


async def test_a_wrong_pin_is_told_without_a_transport_too() -> None:
    context = ssl_context(TlsSettings(pin_sha256="ab" * 32))
    async with peer(OK, tls=identity().server) as server:
        with pytest.raises(ssl.SSLError, match="does not match the pin"):
            await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname="127.0.0.1")


def test_a_ca_file_that_cannot_be_used_is_told_with_the_reason(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for file, reason in (
        (tmp_path / "gone.pem", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (empty, "no certificate in PEM form in it"),
        ("a\0b", "there can be no such file"),
    ):
        with pytest.raises(ConfigError) as caught:
            ssl_context(TlsSettings(ca_file=file))
        assert str(caught.value) == f"The CA file {file} cannot be used: {reason}."


def test_the_tls_error_is_found_behind_what_was_raised_for_it() -> None:
    failed = ssl.SSLError(1, "handshake")
    wrapped = [OSError("caused"), OSError("context")]
    wrapped[0].__cause__, wrapped[0].__context__ = failed, OSError("another")
    wrapped[1].__context__ = failed
    for error in wrapped:
        assert tls.find_tls_cause(error) is failed


@pytest.mark.parametrize("kind", [ssl.SSLEOFError, ssl.SSLZeroReturnError])
def test_a_handshake_that_was_cut_short_is_no_tls_error_wherever_it_is_told(kind: type[ssl.SSLError]) -> None:
    error = OSError("no connection")
    error.__cause__ = kind(8, "EOF occurred in violation of protocol")
    error.__cause__.__context__ = ssl.SSLError(1, "something before")
    assert tls.find_tls_cause(error) is None


def test_a_failed_handshake_is_told_with_openssls_word_for_it() -> None:
    named, unnamed, bare = ssl.SSLError(1, "x"), ssl.SSLError(1, "x"), ssl.SSLError(1, "x")
    named.reason = "BAD_EXTENSION <>"
    unnamed.reason = None  # type: ignore[assignment]  # as the ssl module leaves it when OpenSSL gave none
    for error, word in ((named, "bad_extension"), (unnamed, "handshake"), (bare, "handshake")):
        told = tls.explain(error, target="pve.lab")
        assert str(told) == f"The TLS handshake with the appliance failed ({word})."
        assert told.details["reason"] == "handshake"
        assert told.target == "pve.lab"
