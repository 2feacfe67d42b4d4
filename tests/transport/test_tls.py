"""Who is believed to be the appliance, and that nobody else gets a byte of the credential."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Coroutine
from pathlib import Path

import pytest

from holdfast.errors import ConfigError, Executed, NotSentError, TlsError
from holdfast.transport import (
    JsonRpcSocket,
    Request,
    TlsSettings,
    fetch_certificate,
    fingerprint,
    normalise_pin,
    ssl_context,
)
from tests.support.realtime import REAL_TIME
from tests.transport.peers import CREDENTIALS, OK, SECRET, blunt_peer, ca_file, identity, listening, peer, transport_to
from tests.transport.proofs import PROMISED, Recorder, record

BAD = {
    "expired": "expired",
    "future": "not_yet_valid",
    "wrong_name": "wrong_name",
    "unknown_ca": "unknown_ca",
    "self_signed": "self_signed",
    "weak_key": "weak_key",
    "other": "pin_mismatch",
    "plain_http": "plain_http",
}


def _settings(kind: str) -> TlsSettings:
    if kind == "other":
        return TlsSettings(pin_sha256=identity("good").sha256)
    return TlsSettings(ca_file=ca_file())


@REAL_TIME
@pytest.mark.parametrize("over", ["http", "socket"])
@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_certificate_gets_no_byte_of_the_credential_and_is_named(
    kind: str, over: str, record_property: Recorder
) -> None:
    assert len(BAD) == PROMISED["bad_certificates"]
    settings = _settings(kind)
    plain = blunt_peer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    async with plain if kind == "plain_http" else peer(OK, tls=identity(kind).server) as server:
        url = f"https://127.0.0.1:{server.port}"
        async with transport_to(url, tls=settings) as http:
            call: Coroutine[object, object, object]
            if over == "http":
                call = http.send(Request("POST", "/login", headers=CREDENTIALS, json={"password": SECRET}))
            else:
                socket_url = url.replace("https", "wss")
                call = JsonRpcSocket.connect(socket_url, pool=http.pool, tls=settings, headers=CREDENTIALS)
            with pytest.raises(TlsError) as caught:
                await call
        await asyncio.sleep(0.02)
        # What the server decrypted; for the plain server, the raw bytes: the beginning of a handshake.
        leaked = server.received.count(SECRET.encode()) * len(SECRET)
        if kind != "plain_http":
            assert not server.received
        assert not server.arrivals
    record(record_property, "bad_certificate_credential_bytes", leaked)
    assert leaked == PROMISED["bad_certificate_credential_bytes"]
    assert caught.value.details["reason"] == BAD[kind]
    assert caught.value.executed is Executed.NO
    assert caught.value.next_step


async def test_a_good_certificate_is_accepted_by_its_ca() -> None:
    settings = TlsSettings(ca_file=ca_file())
    async with peer(OK, tls=identity().server) as server, transport_to(server.url, tls=settings) as http:
        assert (await http.send(Request("GET", "/"))).json() == {}


async def test_a_certificate_of_a_private_ca_is_refused_without_that_ca() -> None:
    async with peer(OK, tls=identity().server) as server, transport_to(server.url) as http:
        with pytest.raises(TlsError) as caught:
            await http.send(Request("GET", "/"))
    assert caught.value.details["reason"] == "unknown_ca"


@pytest.mark.parametrize("kind", ["self_signed", "wrong_name", "unknown_ca", "expired", "future"])
async def test_a_pin_alone_decides_whatever_else_is_wrong_with_the_certificate(kind: str) -> None:
    settings = TlsSettings(pin_sha256=fingerprint(identity(kind).sha256))
    async with peer(OK, tls=identity(kind).server) as server, transport_to(server.url, tls=settings) as http:
        assert (await http.send(Request("GET", "/"))).status == 200


async def test_several_pins_allow_for_a_certificate_that_is_being_replaced() -> None:
    settings = TlsSettings(pin_sha256=[identity("good").sha256, identity("other").sha256])
    for kind in ("good", "other"):
        async with peer(OK, tls=identity(kind).server) as server, transport_to(server.url, tls=settings) as http:
            assert (await http.send(Request("GET", "/"))).status == 200


async def test_a_pin_together_with_a_ca_file_needs_both() -> None:
    good = TlsSettings(ca_file=ca_file(), pin_sha256=identity("good").sha256)
    wrong_ca = TlsSettings(ca_file=ca_file("unknown"), pin_sha256=identity("good").sha256)
    wrong_pin = TlsSettings(ca_file=ca_file(), pin_sha256=identity("other").sha256)
    async with peer(OK, tls=identity("good").server) as server:
        async with transport_to(server.url, tls=good) as http:
            assert (await http.send(Request("GET", "/"))).status == 200
        for settings, reason in ((wrong_ca, "unknown_ca"), (wrong_pin, "pin_mismatch")):
            async with transport_to(server.url, tls=settings) as http:
                with pytest.raises(TlsError) as caught:
                    await http.send(Request("GET", "/"))
                assert caught.value.details["reason"] == reason


async def test_a_pin_mismatch_shows_the_fingerprint_that_was_found() -> None:
    settings = TlsSettings(pin_sha256=identity("good").sha256)
    async with peer(OK, tls=identity("other").server) as server, transport_to(server.url, tls=settings) as http:
        with pytest.raises(TlsError) as caught:
            await http.send(Request("GET", "/"))
    assert fingerprint(identity("other").sha256) in str(caught.value)
    assert caught.value.details["found_sha256"] == identity("other").sha256


async def test_verification_can_be_turned_off_when_it_is_spelled_out() -> None:
    settings = TlsSettings(verify=False)
    assert settings.insecure
    async with peer(OK, tls=identity("self_signed").server) as server, transport_to(server.url, tls=settings) as http:
        assert (await http.send(Request("GET", "/"))).status == 200


async def test_the_appliances_own_certificate_may_be_the_ca_file() -> None:
    for kind in ("self_signed", "good"):
        settings = TlsSettings(ca_file=identity(kind).pem)
        async with peer(OK, tls=identity(kind).server) as server, transport_to(server.url, tls=settings) as http:
            assert (await http.send(Request("GET", "/"))).status == 200


async def test_another_name_may_be_expected_in_the_certificate() -> None:
    settings = TlsSettings(ca_file=ca_file(), server_name="elsewhere.example")
    async with peer(OK, tls=identity("wrong_name").server) as server, transport_to(server.url, tls=settings) as http:
        assert (await http.send(Request("GET", "/"))).status == 200


def _old_server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(identity().pem.with_name("good.pem"))
    return context


async def test_an_appliance_with_old_tls_only_is_reached_when_the_target_lowers_the_minimum() -> None:
    lowered = TlsSettings(ca_file=ca_file(), minimum="1.0")
    async with peer(OK, tls=_old_server()) as server, transport_to(server.url, tls=lowered) as http:
        assert (await http.send(Request("GET", "/"))).status == 200


@pytest.mark.parametrize(("number", "reason"), [(70, "old_tls"), (40, "old_tls"), (80, "handshake")])
async def test_an_alert_that_ends_the_handshake_is_told_from_a_bad_certificate(number: int, reason: str) -> None:
    alert = bytes([0x15, 3, 1, 0, 2, 2, number])
    async with blunt_peer(alert) as server, transport_to(server.url) as http:
        with pytest.raises(TlsError) as caught:
            await http.send(Request("GET", "/", headers=CREDENTIALS))
        assert SECRET.encode() not in server.received
    assert caught.value.details["reason"] == reason


@REAL_TIME
async def test_a_handshake_that_never_ends_is_proof_that_nothing_was_sent() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as server, transport_to(f"https://127.0.0.1:{server.port}") as http:
        started = asyncio.get_running_loop().time()
        with pytest.raises(NotSentError) as caught:
            await http.send(Request("PUT", "/", headers=CREDENTIALS, connect_timeout_s=0.2))
        assert asyncio.get_running_loop().time() - started < 0.3
    assert caught.value.details["reason"] == "connect_timeout"


@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_a_connection_cut_in_the_handshake_is_not_a_certificate_problem(how: str) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if how == "reset":
            writer.transport.abort()

    async with listening(cut) as server, transport_to(f"https://127.0.0.1:{server.port}") as http:
        with pytest.raises(NotSentError):
            await http.send(Request("PUT", "/"))


def test_contexts_are_shared_and_a_changed_ca_file_gets_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(ca_file().read_bytes())
    first = ssl_context(TlsSettings(ca_file=file))
    assert ssl_context(TlsSettings(ca_file=str(file))) is first
    assert ssl_context(TlsSettings()) is ssl_context(TlsSettings())
    assert ssl_context(TlsSettings(pin_sha256="ab" * 32)) is ssl_context(TlsSettings(pin_sha256="AB:" * 31 + "AB"))
    assert ssl_context(TlsSettings(pin_sha256="ab" * 32)) is not ssl_context(TlsSettings(pin_sha256="cd" * 32))
    file.write_bytes(ca_file("unknown").read_bytes() + b"\n")
    assert ssl_context(TlsSettings(ca_file=file)) is not first


async def test_session_keys_are_not_written_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    ca = tmp_path / "ca.pem"  # a file of its own, so that the context is made now
    ca.write_bytes(ca_file().read_bytes())
    for settings in (TlsSettings(ca_file=ca), TlsSettings(pin_sha256=identity().sha256, minimum="1.3")):
        async with peer(OK, tls=identity().server) as server, transport_to(server.url, tls=settings) as http:
            assert (await http.send(Request("GET", "/"))).status == 200
    assert not log.exists()


@pytest.mark.parametrize(
    "text",
    [
        "AB:" * 31 + "AB",
        "ab" * 32,
        "  " + "ab" * 32 + "\n",
        "sha256:" + "ab" * 32,
        "SHA256 Fingerprint=" + "AB:" * 31 + "AB",
        "SHA-256: " + "ab " * 32,
    ],
)
def test_a_pin_is_read_in_the_ways_people_copy_it(text: str) -> None:
    assert normalise_pin(text) == "ab" * 32


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "gg" * 32, "ab" * 20, "sha1:" + "ab" * 32])
def test_a_pin_that_is_no_sha256_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        TlsSettings(pin_sha256=text)


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        TlsSettings(verify=False, pin_sha256="ab" * 32)
    with pytest.raises(ConfigError):
        TlsSettings(verify=False, ca_file=tmp_path)
    with pytest.raises(ConfigError):
        TlsSettings(pin_sha256=[])
    with pytest.raises(ConfigError):
        TlsSettings(minimum="0.9")  # type: ignore[arg-type]  # what a configuration file may hold


def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.pem"):
        ssl_context(TlsSettings(ca_file=tmp_path / "gone.pem"))
    empty = tmp_path / "empty.pem"
    empty.write_text("not a certificate")
    with pytest.raises(ConfigError, match=r"empty\.pem"):
        ssl_context(TlsSettings(ca_file=empty))


async def test_a_servers_certificate_can_be_fetched_to_be_trusted() -> None:
    async with peer(OK, tls=identity("self_signed").server) as server:
        found = await fetch_certificate(server.url)
        assert found.sha256 == identity("self_signed").sha256
        assert found.fingerprint == fingerprint(found.sha256)
        assert found.self_signed
        assert found.names == ("127.0.0.1",)
        assert found.not_before < found.not_after
        assert found.problem is not None
        assert found.problem.details["reason"] == "self_signed"
        pinned = await fetch_certificate(server.url, settings=TlsSettings(pin_sha256=found.fingerprint))
        assert pinned.problem is None
        assert not server.received


async def test_fetching_a_certificate_tells_apart_what_is_wrong() -> None:
    async with blunt_peer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain:
        with pytest.raises(TlsError) as caught:
            await fetch_certificate(plain.url)
    assert caught.value.details["reason"] == "plain_http"
    with pytest.raises(NotSentError):
        await fetch_certificate(plain.url)
    with pytest.raises(ConfigError):
        await fetch_certificate("http://127.0.0.1")
