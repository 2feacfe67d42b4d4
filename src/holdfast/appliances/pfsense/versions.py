"""Which release of the REST API package answers, and what may be asked of it (contract 3.7, 7.4, 15)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from holdfast.appliances.pfsense.facts import Model, Version, shown
from holdfast.errors import PermissionDeniedError, ProtocolError, UnsupportedError, ValidationError
from holdfast.transport.values import JsonValue, as_object, get_str

_VERSION: Final = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.\d{1,4})?")
VERIFIED_DRY_RUN: Final = frozenset({(2, 8), (2, 9), (2, 10)})
"""Releases in which a dry run of one POST, PATCH or DELETE is known to store nothing. Others are not trusted."""
ADVISED: Final[Version] = (2, 10)
"""Older ones have a command injection and a privilege escalation (contract 10.16)."""
_KNOWN_FOR_S: Final = 600.0
_PROBED_FOR_S: Final = 120.0


def parse_version(text: str) -> Version:
    """`v2.10`, `v2.7.0` or `2.8.4` as (major, minor).

    Raises:
        ProtocolError: It is no version.
    """
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        raise ProtocolError("pfSense tells no version of its REST API package.")
    return int(found[1]), int(found[2])


class Reader(Protocol):
    """What discovery needs of a client."""

    async def get(self, *segments: str, query: Mapping[str, str] | None = None) -> JsonValue: ...

    async def public_version(self) -> str: ...


class Versions:
    """Discovers the release once, and again after a while: a package can be replaced under a running server."""

    def __init__(self, reader: Reader, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._version: tuple[Version, float] | None = None
        self._dry_run: tuple[bool, float] | None = None
        self._asking = asyncio.Lock()

    async def version(self) -> Version:
        """The package's minor release; asked once by callers who come together."""
        async with self._asking:
            now = self._monotonic()
            if self._version is None or now > self._version[1]:
                self._version = (parse_version(await self._ask()), now + _KNOWN_FOR_S)
            return self._version[0]

    async def _ask(self) -> str:
        try:
            said = as_object(await self._reader.get("system", "restapi", "version"), "version")
            return get_str(said, "current_version")
        except PermissionDeniedError:
            # Every account may read the API's own description (contract 3.7).
            return await self._reader.public_version()

    async def require(self, model: Model, method: str, *, plural: bool = False) -> Version:
        """The release, if it serves this method of this model.

        Raises:
            UnsupportedError: Not on this release. Nothing was executed.
        """
        version = await self.version()
        since = model.since(method, plural=plural)
        if version < since:
            raise UnsupportedError(
                f"Not on this version: {model.title} ({method}) exists since release {shown(since)} of the REST API "
                f"package; this firewall has {shown(version)}. Nothing was executed.",
                next_step="Update the package pfSense-pkg-RESTAPI, or do it in the web interface.",
            )
        return version

    async def has_dry_run(self) -> bool:
        """Whether `dry_run` may be sent with one POST, PATCH or DELETE.

        The release must be one that is known to honour it, and the appliance must show that it knows the parameter:
        before 2.8 it is an unknown field and the write really happens (contract 7.4).
        """
        if await self.version() not in VERIFIED_DRY_RUN:
            return False
        now = self._monotonic()
        if self._dry_run is None or now > self._dry_run[1]:
            self._dry_run = (await self._probe(), now + _PROBED_FOR_S)
        return self._dry_run[0]

    async def _probe(self) -> bool:
        try:
            await self._reader.get("firewall", "aliases", query={"dry_run": "true", "limit": "1"})
        except ValidationError as error:
            return error.vendor_code == "ENDPOINT_DRY_RUN_NOT_SUPPORTED_ON_GET"
        return False

    def forget(self) -> None:
        """Ask again next time."""
        self._version = self._dry_run = None
