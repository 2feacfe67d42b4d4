"""Peers on loopback sockets that misbehave exactly as told, and certificates for them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from holdfast.transport import ConnectionPool, HttpTransport, TlsSettings

SECRET = "s3cr3t-canary-4711"
CREDENTIALS = {
    "Authorization": f"Bearer {SECRET}",
    "X-API-Key": SECRET,
    "X-Auth-Token": SECRET,
    "Cookie": f"PVEAuthCookie={SECRET}",
}
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Exchange:
    """One request as a peer reads it."""

    head: bytes
    body: bytes
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        import socket
        import struct

        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Exchange], Awaitable[None]]


@dataclass
class Peer:
    """A running peer. `arrivals` counts requests whose head arrived, on any connection."""

    port: int
    scheme: str
    connections: int = 0
    arrivals: list[Exchange] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    open_now: int = 0
    open_max: int = 0
    hosts: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.hosts}:{self.port}"

    def methods(self) -> list[str]:
        return [exchange.line.split(" ")[0] for exchange in self.arrivals]


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Peer]:
    """A server that leaves nothing behind: its tasks have ended and its sockets are closed when the block is left."""
    tasks: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.add(writer)
        running.connections += 1
        try:
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the end of a peer is the end of the test, which nobody waits behind
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            tasks.discard(task)
            writers.discard(writer)

    listener = await asyncio.start_server(serve, host, 0, ssl=tls, limit=1 << 20)
    running = Peer(listener.sockets[0].getsockname()[1], "http" if tls is None else "https", hosts=host)
    try:
        yield running
    finally:
        listener.close()
        for _ in range(3):  # connections accepted in this very moment start their tasks a little later
            for writer in tuple(writers):
                writer.transport.abort()
            for task in tuple(tasks):
                task.cancel()
            if tasks:
                await asyncio.wait(tuple(tasks), timeout=5)
            await asyncio.sleep(0)
        await listener.wait_closed()


@asynccontextmanager
async def peer(
    answer: Answer | bytes, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Peer]:
    """A peer that answers every request of a connection in turn."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = running.connections
        while not writer.transport.is_closing():
            exchange = await _read_request(running, reader, writer, number)
            if exchange is None:
                return
            running.arrivals.append(exchange)
            if isinstance(answer, bytes):
                await exchange.write(answer)
            else:
                await answer(exchange)

    async with listening(serve, tls=tls, host=host) as running:
        yield running


@asynccontextmanager
async def blunt_peer(answer: bytes) -> AsyncIterator[Peer]:
    """A plain peer (with an https URL) that answers the first bytes it gets, whatever they are, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.received += await reader.read(65536)
        writer.write(answer)
        await writer.drain()

    async with listening(serve) as running:
        running.scheme = "https"
        yield running


async def _read_request(
    running: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
) -> Exchange | None:
    head = bytearray()
    while b"\r\n\r\n" not in head:
        data = await reader.read(65536)
        running.received += data
        if not data:
            return None
        head += data
    raw_head, _, body = bytes(head).partition(b"\r\n\r\n")
    exchange = Exchange(raw_head, b"", number, reader, writer)
    wanted = int(exchange.headers.get("content-length", "0"))
    rest = bytearray(body)
    while len(rest) < wanted:
        data = await reader.read(65536)
        running.received += data
        if not data:
            return None
        rest += data
    exchange.body = bytes(rest)
    return exchange


@asynccontextmanager
async def transport_to(url: str, *, tls: TlsSettings | None = None, **options: object) -> AsyncIterator[HttpTransport]:
    """A transport with a pool of its own."""
    async with ConnectionPool() as pool:
        yield HttpTransport(url, pool=pool, tls=tls, **options)  # type: ignore[arg-type]  # passed on as given


# -- certificates ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    """A server's key and certificate, and what a client needs to trust it."""

    server: ssl.SSLContext
    sha256: str
    pem: Path
    ca_pem: Path


@lru_cache(maxsize=1)
def directory() -> Path:
    """Where the certificates of this test run lie; removed with the process's temporary files."""
    holder = tempfile.TemporaryDirectory(prefix="holdfast-tls-")
    _holders.append(holder)
    return Path(holder.name)


_holders: list[tempfile.TemporaryDirectory[str]] = []


def authority(name: str = "good") -> trustme.CA:
    """A CA of this test run."""
    return _authority(name)


@lru_cache(maxsize=4)
def _authority(name: str) -> trustme.CA:
    ca = trustme.CA(organization_name=f"{name} test CA")
    ca.cert_pem.write_to_path(directory() / f"{name}-ca.pem")
    return ca


def ca_file(name: str = "good") -> Path:
    """The CA's certificate as a file."""
    authority(name)
    return directory() / f"{name}-ca.pem"


def identity(kind: str = "good") -> Identity:
    """A server identity: good, expired, future, wrong_name, unknown_ca, self_signed, other, weak_key."""
    return _identity_of(kind)


@lru_cache(maxsize=16)
def _identity_of(kind: str) -> Identity:
    now = datetime.now(UTC)
    match kind:
        case "good" | "other":
            return _issued(kind, authority(), "127.0.0.1", "localhost")
        case "expired":
            return _issued(kind, authority(), "127.0.0.1", not_after=now - timedelta(days=1))
        case "wrong_name":
            return _issued(kind, authority(), "elsewhere.example")
        case "unknown_ca":
            return _issued(kind, authority("unknown"), "127.0.0.1")
        case "future":
            return _made(kind, now + timedelta(days=10), now + timedelta(days=20), signed_by=authority())
        case "self_signed":
            return _made(kind, now - timedelta(days=1), now + timedelta(days=20))
        case "weak_key":
            return _made(kind, now - timedelta(days=1), now + timedelta(days=20), signed_by=authority(), weak=True)
    raise LookupError(kind)


def _issued(kind: str, ca: trustme.CA, *names: str, not_after: datetime | None = None) -> Identity:
    leaf = ca.issue_cert(*names, not_after=not_after) if not_after else ca.issue_cert(*names)
    certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    return _identity(kind, certificate, leaf.private_key_and_cert_chain_pem.bytes())


def _made(
    kind: str, start: datetime, end: datetime, *, signed_by: trustme.CA | None = None, weak: bool = False
) -> Identity:
    import ipaddress

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    key = rsa.generate_private_key(65537, 1024) if weak else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "appliance")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    if signed_by is None:
        certificate = builder.issuer_name(subject).sign(key, hashes.SHA256())
    else:
        ca_key = serialization.load_pem_private_key(signed_by.private_key_pem.bytes(), None)
        ca_certificate = x509.load_pem_x509_certificate(signed_by.cert_pem.bytes())
        assert isinstance(ca_key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))
        certificate = builder.issuer_name(ca_certificate.subject).sign(ca_key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _identity(kind, certificate, key_pem + pem)


def _identity(kind: str, certificate: x509.Certificate, key_and_chain: bytes) -> Identity:
    file = directory() / f"{kind}.pem"
    file.write_bytes(key_and_chain)
    leaf = directory() / f"{kind}-leaf.pem"
    leaf.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "weak_key":
        server.set_ciphers("DEFAULT:@SECLEVEL=0")
    server.load_cert_chain(file)
    return Identity(server, certificate.fingerprint(hashes.SHA256()).hex(), leaf, ca_file())
