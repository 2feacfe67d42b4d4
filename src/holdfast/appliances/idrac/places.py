"""Where things are on one iDRAC: found by links, kept, found again after a 404 or a restart (contract 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.errors import NotReadyError
from holdfast.appliances.idrac.reading import dig, generation_of, link, links, text
from holdfast.errors import NotFoundError, ProtocolError, UnsupportedError
from holdfast.transport.values import JsonObject

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

_TELLING: Final = {
    "iDRAC": ("WebServer.", "IPv4.", "Lockdown."),
    "System": ("ServerPwr.", "ThermalSettings.", "ServerTopology."),
    "LifecycleController": ("LCAttributes.",),
}
"""Beginnings of attributes that only one group has (contract 12.3, 12.4, 12.7, 12.13)."""
_POWERED: Final = ("Power", "Thermal", "PowerSubsystem", "ThermalSubsystem")


class Places:
    """Addresses of the system, the manager and the main chassis of one iDRAC.

    Attributes:
        generation: 7 to 10, once a resource has told it; None when unknown.
        model: Model of the server, once read; None when unknown.
    """

    def __init__(self, client: IDracClient) -> None:
        self._client = client
        self._found: dict[str, str] = {}
        self._logs: dict[str, str] | None = None
        self.generation: int | None = None
        self.model: str | None = None

    def forget(self) -> None:
        """What was found may be elsewhere now: after a 404, a restart, an update."""
        self._found.clear()
        self._logs = None

    async def system(self) -> JsonObject:
        """The ComputerSystem, read now.

        Raises:
            NotReadyError: Systems is empty, as it is for minutes after a restart.
        """
        system = await self._resource("Systems")
        self.model = text(system, "Model")
        return system

    async def manager(self) -> JsonObject:
        """The Manager, read now."""
        return await self._resource("Managers")

    async def chassis(self) -> JsonObject:
        """The chassis that has power and cooling, read now; enclosures and backplanes are chassis too."""
        return await self._resource("Chassis")

    async def _resource(self, name: str) -> JsonObject:
        known = self._found.get(name)
        if known is not None:
            try:
                return self._learn(await self._client.get(known))
            except NotFoundError:
                self.forget()
        return self._learn(await self._find(name))

    def _learn(self, resource: JsonObject) -> JsonObject:
        told = generation_of(text(resource, "Oem/Dell/DellSystem/SystemGeneration"), text(resource, "Model"))
        if told is not None:
            self.generation = told
            self._client.allow_for(told)
        return resource

    async def _find(self, name: str) -> JsonObject:
        if name == "Chassis":
            return await self._find_chassis()
        root = await self._client.root()
        collection = link(root, name)
        if collection is None:
            raise ProtocolError(f"The service root names no {name}.")
        members = await self._client.members(collection)
        if not members:
            raise NotReadyError(
                f"The iDRAC lists no {name.lower()} yet: it is starting or collecting its inventory.",
                retry_after_s=30,
            )
        candidates = [await self._client.get(member) for member in members[:16]]
        found = candidates[0]
        if len(candidates) > 1:
            related = "Links/ManagedBy" if name == "Systems" else "Links/ManagerForServers"
            found = next((one for one in candidates if links(one, related)), found)
        self._found[name] = text(found, "@odata.id") or members[0]
        return found

    async def _find_chassis(self) -> JsonObject:
        around = links(await self.system(), "Links/Chassis")
        if not around:
            around = await self._client.members(link(await self._client.root(), "Chassis") or "/redfish/v1/Chassis")
        first: JsonObject | None = None
        for address in around[:16]:
            chassis = await self._client.get(address)
            first = first or chassis
            if any(isinstance(chassis.get(name), dict) for name in _POWERED):
                self._found["Chassis"] = address
                return chassis
        if first is None:
            raise UnsupportedError("This server shows no chassis.")
        self._found["Chassis"] = around[0]
        return first

    async def generation_now(self) -> int | None:
        """7 to 10, asked for when it is not known yet."""
        if self.generation is None:
            await self.manager()
        return self.generation

    async def logs(self) -> dict[str, str]:
        """Addresses of the entries of every log by the log's id: Sel, Lclog, FaultList."""
        if self._logs is None:
            manager = await self.manager()
            services = link(manager, "LogServices")
            found: dict[str, str] = {}
            for service in await self._client.rows(services) if services else []:
                entries = link(service, "Entries")
                if entries is not None:
                    found[text(service, "Id") or entries.rstrip("/").split("/")[-2]] = entries
            self._logs = found
        return self._logs

    async def attributes(self, group: str) -> str | None:
        """Address of Dell's attributes of a group, among those that the manager links to."""
        manager = await self.manager()
        known = f"attributes of {group}"
        if known not in self._found:
            found = await self._find_attributes(manager, group)
            if found is None:
                return None
            self._found[known] = found
        return self._found[known]

    async def _find_attributes(self, manager: JsonObject, group: str) -> str | None:
        linked = [one.split("#", 1)[0] for one in links(manager, "Links/Oem/Dell/DellAttributes")]
        ids = {address.rstrip("/").rsplit("/", 1)[-1].lower(): address for address in linked}
        for name, address in ids.items():
            if name.startswith(group.lower()):
                return address
        owner = {"iDRAC": self.manager, "System": self.system}.get(group)
        if linked and owner is not None and (named := text(await owner(), "Id") or "").lower() in ids:
            return ids[named.lower()]
        for address in linked[:8]:
            attributes = (await self._client.get(address)).get("Attributes")
            if isinstance(attributes, dict) and any(name.startswith(_TELLING[group]) for name in attributes):
                return address
        return link(manager, "Attributes") if group == "iDRAC" else None

    async def jobs(self) -> str:
        """Address of the job queue: Dell's own view, else the one of the JobService, else below the manager.

        Other vendors' servers have tasks in their place.
        """
        if "jobs" not in self._found:
            self._found["jobs"] = await self._find_jobs()
        return self._found["jobs"]

    async def _find_jobs(self) -> str:
        manager = await self.manager()
        dell = link(manager, "Links/Oem/Dell/Jobs")
        if dell is not None and self.generation != 10:
            return dell
        address = await self._below_service("JobService", "Jobs")
        if address is not None:
            return address
        if dell is not None:
            return dell
        if dig(manager, "Links/Oem/Dell") is not None:
            return f"{text(manager, '@odata.id') or ''}/Jobs"
        tasks = await self._below_service("Tasks", "Tasks")
        if tasks is None:
            raise UnsupportedError("This manager has no job queue, and the server lists no tasks.")
        return tasks

    async def _below_service(self, service: str, collection: str) -> str | None:
        found = link(await self._client.root(), service)
        return link(await self._client.get(found), collection) if found is not None else None


async def attributes_place(client: IDracClient, group: str) -> str | None:
    """Address of Dell's attributes of a group (iDRAC, System, LifecycleController); None where there are none.

    Which of the linked resources is a group's is told by its id where that is Dell's, or the manager's or the system's;
    else by the attributes in it (contract 2, 12.13).
    """
    return await client.places.attributes(group)
