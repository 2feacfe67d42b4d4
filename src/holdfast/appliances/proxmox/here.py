"""What this machine is: to recognise the guest or the node that Holdfast itself runs on."""

from __future__ import annotations

import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_INTERFACES = Path("/sys/class/net")


@dataclass(frozen=True)
class Here:
    """Names and addresses of this machine.

    Attributes:
        hostname: Host name without domain.
        macs: Hardware addresses, lower case with colons.
        addresses: IP addresses, without loopback.
    """

    hostname: str
    macs: frozenset[str]
    addresses: frozenset[str]


@cache
def detect() -> Here:
    """This machine, looked at once. Sends nothing."""
    hostname = socket.gethostname()
    return Here(hostname.partition(".")[0], _macs(), _addresses(hostname))


def _macs() -> frozenset[str]:
    found: set[str] = set()
    with suppress(OSError):
        for interface in _INTERFACES.iterdir():
            # Not all that stands there is an interface (bonding_masters), and one may go at any time.
            with suppress(OSError):
                found.add((interface / "address").read_text(encoding="ascii").strip().lower())
    found -= {"", "00:00:00:00:00:00"}
    if not found:
        number = f"{uuid.getnode():012x}"
        found.add(":".join(number[start : start + 2] for start in range(0, 12, 2)))
    return frozenset(found)


def _addresses(hostname: str) -> frozenset[str]:
    found: set[str] = set()
    try:
        found.update(str(info[4][0]) for info in socket.getaddrinfo(hostname, None))
    except OSError:
        return frozenset()
    return frozenset(address for address in found if not address.startswith("127.") and address != "::1")
