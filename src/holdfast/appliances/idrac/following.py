"""An iDRAC that was given another address: found there, no other machine taken for it (contract 2, 12.15).

Who answers at the new address is asked in this order, and asking ends where an answer is wrong:

1. the certificate, by the rules of the configuration: the same CA and name, or the same pin;
2. the service root, without a login: an iDRAC tells its service tag there;
3. a login, only where 1 was checked at all: the service tag again, and the address that it has set.

Credentials go to no address but the one that the plan named and a person approved.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.appliances.idrac.logins import ROOT
from holdfast.appliances.idrac.reading import link, objects, text
from holdfast.control.answers import JsonObject
from holdfast.errors import AttemptTimeoutError, HoldfastError, NotSentError, TlsError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient


@dataclass(frozen=True)
class Sighting:
    """What answers at the new address.

    Attributes:
        here: Whether it is this iDRAC; None when nothing answers, or nothing that proves it.
        note: What was found, and what to do.
        state: Its address as it says itself, where it was asked.
    """

    here: bool | None
    note: str
    state: JsonObject | None = None


async def port(client: IDracClient) -> JsonObject:
    """The iDRAC's own network port."""
    listing = link(await client.places.manager(), "EthernetInterfaces")
    rows = await client.rows(listing) if listing else []
    if not rows:
        raise UnsupportedError("This iDRAC does not show its network port.")
    return rows[0]


def address_of(found: JsonObject) -> JsonObject:
    """The IPv4 address of a port, as far as a plan is bound to it."""
    first = (objects(found, "IPv4Addresses") or [{}])[0]
    return {
        "dhcp": text(first, "AddressOrigin") == "DHCP",
        "address": text(first, "Address"),
        "netmask": text(first, "SubnetMask"),
        "gateway": text(first, "Gateway"),
    }


async def reached_at(client: IDracClient, address: str | None) -> bool:
    """Whether the configured host is this address: not a forwarded port, a tunnel or a proxy."""
    if address is None or client.settings.proxy is not None:
        return False
    try:
        found = await asyncio.get_running_loop().getaddrinfo(client.settings.host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return address in {str(entry[4][0]) for entry in found}


class NewAddress:
    """Looks for an iDRAC at the address that it was given.

    Args:
        client: Of the iDRAC where it was.
        address: The new one.
        tag: Its service tag.
    """

    def __init__(self, client: IDracClient, address: str, tag: str) -> None:
        self._client = client
        self._there = client.elsewhere(address)
        self._address = address
        self._tag = tag
        self._checked = client.settings.verify or bool(client.settings.pin_sha256)

    async def taken(self) -> bool:
        """Whether anything answers there now; nothing is told to it."""
        try:
            await self._there.look(ROOT, authenticated=False)
        except (NotSentError, AttemptTimeoutError):
            return False
        except HoldfastError:
            return True
        return True

    async def look(self) -> Sighting:
        """Who answers there now."""
        try:
            root = await self._there.look(ROOT, authenticated=False)
        except TlsError as error:
            return Sighting(None, f"What answers at {self._address} was told nothing: {error.message}")
        except HoldfastError:
            return Sighting(None, f"Nothing answers at {self._address} yet.")
        told = text(root, "Oem/Dell/ServiceTag")
        if told is not None and told.upper() != self._tag.upper():
            return self._another(told)
        if not self._checked:
            if told is None:
                return Sighting(None, f"What answers at {self._address} tells no service tag without a login.")
            return Sighting(True, f"{self._found()} Its certificate is not checked, so nobody logged in there.")
        try:
            return await self._ask()
        except HoldfastError as error:
            return Sighting(None, f"What answers at {self._address} could not be asked: {error.message}")
        finally:
            await self._there.close()

    async def _ask(self) -> Sighting:
        self._there.places.forget()
        told = text(await self._there.places.system(), "SKU", "Oem/Dell/DellSystem/ChassisServiceTag")
        if told is None or told.upper() != self._tag.upper():
            return self._another(told or "none")
        self._there.take_over(self._client)
        return Sighting(True, self._found(), address_of(await port(self._there)))

    def _found(self) -> str:
        return f"The iDRAC with service tag {self._tag} answers at {self._address}."

    def _another(self, told: str) -> Sighting:
        return Sighting(
            False, f"Another server answers at {self._address}: its service tag is {told}, not {self._tag}."
        )
