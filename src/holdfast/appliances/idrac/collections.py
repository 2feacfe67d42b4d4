"""Collections of an iDRAC: expanded where its firmware can, in Dell's pages of fifty (contract 6)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

from holdfast.appliances.idrac.reading import whole
from holdfast.errors import ApplianceFaultError, NotFoundError, UnsupportedError, ValidationError
from holdfast.transport import Query
from holdfast.transport.values import JsonObject, get_object, get_objects, get_str

EXPAND: Final = "$expand=*($levels=1)"
EXPAND_LINKS: Final = "$expand=~($levels=1)"
"""Only what stands below `Links` (contract 6)."""
MAX_PAGES: Final = 40
"""Most pages of a collection, which hold fifty members each: Dell's fixed size."""


@dataclass(frozen=True)
class Listing:
    """Part of a collection: its rows, and how many there are in all."""

    rows: list[JsonObject]
    total: int


class Collections(ABC):
    """Reads collections by the one thing that it needs: to GET a resource."""

    _plain: set[str]
    """Links of collections that this iDRAC does not expand; empty at first."""

    @abstractmethod
    async def get(self, link: str, *, query: Query | None = None, authenticated: bool = True) -> JsonObject:
        """GET a resource by its path or by a link that the iDRAC gave."""

    @abstractmethod
    async def root(self) -> JsonObject:
        """The service root."""

    async def members(self, link: str) -> list[str]:
        """Links of a collection's members, all pages."""
        return [get_str(row, "@odata.id") for row in await self._all(link)]

    async def rows(self, link: str) -> list[JsonObject]:
        """The members of a collection with all their fields: expanded where the iDRAC can, else one by one.

        What an iDRAC cannot expand is remembered. Unexpanded members are recognised by having nothing but a link.
        """
        if link not in self._plain:
            try:
                found = await self._all(f"{link}?{EXPAND}")
            except (ValidationError, UnsupportedError, NotFoundError, ApplianceFaultError):
                found = await self._plainly(link)
            if all(len(row) > 1 for row in found):
                return found
            self._plain.add(link)
        else:
            found = await self._all(link)
        return list(await asyncio.gather(*(self._member(row) for row in found)))

    async def _plainly(self, link: str) -> list[JsonObject]:
        try:
            return await self._all(link)
        except (NotFoundError, ApplianceFaultError) as error:
            if error.vendor_code not in (None, "", "GeneralError"):
                raise
            # Advertised, yet nothing answers there: as others than iDRACs do (contract 15).
            raise UnsupportedError(
                f"This server names {link.rpartition('/')[2]}, but does not answer there (HTTP {error.status}).",
                next_step="If it has restarted just now, repeat in some minutes.",
            ) from error

    async def expanded(self, link: str, how: str = EXPAND) -> JsonObject:
        """A resource with what it links to in one answer where the iDRAC can, else as it is; remembered by kind."""
        kind = f"{link.rpartition('/')[0]}/*?{how}"
        if kind not in self._plain:
            try:
                return await self.get(f"{link}?{how}")
            except (ValidationError, UnsupportedError, NotFoundError, ApplianceFaultError):
                self._plain.add(kind)
        return await self.get(link)

    async def _member(self, row: JsonObject) -> JsonObject:
        return row if len(row) > 1 else await self.get(get_str(row, "@odata.id"))

    async def many(self, links: list[str]) -> list[JsonObject]:
        """Several resources; as many requests at once as the iDRAC takes."""
        return list(await asyncio.gather(*(self.get(link) for link in links)))

    async def _all(self, link: str) -> list[JsonObject]:
        found: list[JsonObject] = []
        following: str | None = link
        seen: set[str] = set()
        while following is not None and following not in seen and len(seen) < MAX_PAGES:
            seen.add(following)
            page = await self.get(following)
            found += get_objects(page, "Members", "collection")
            after = page.get("Members@odata.nextLink") or page.get("@odata.nextLink")
            following = after if isinstance(after, str) else None
        return found

    async def part(self, link: str, *, offset: int, limit: int, query: str | None = None) -> Listing:
        """Rows of a paged collection from an offset on, in Dell's fixed pages of 50; past the end there are none."""
        rows: list[JsonObject] = []
        total = 0
        while len(rows) < limit:
            at = offset + len(rows)
            given = "&".join(part for part in (query, f"$skip={at}" if at else None) if part)
            try:
                page = await self.get(f"{link}?{given}" if given else link)
            except ValidationError as error:
                if at and error.vendor_code == "SYS417":  # beyond the end (contract 6)
                    return Listing(rows, max(total, len(rows)))
                raise
            found = get_objects(page, "Members", "collection")
            total = whole(page, "Members@odata.count") or at + len(found)
            rows += found
            if not found or at + len(found) >= total:
                break
        return Listing(rows[:limit], total)

    async def collection(self, name: str) -> list[JsonObject]:
        """All members of a collection that the service root names (Systems, Chassis, Managers)."""
        link = get_str(get_object(await self.root(), name, "root"), "@odata.id", name)
        return [await self.get(member) for member in await self.members(link)]

    async def systems(self) -> list[JsonObject]:
        """The ComputerSystem resources; one on a rack server."""
        return await self.collection("Systems")
