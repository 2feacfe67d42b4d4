"""What the server boots from, in which order: by BootOrder, or by Dell's boot sources (contract 12.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from holdfast.appliances.idrac.bios import settings_queue
from holdfast.appliances.idrac.biosjobs import waiting
from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered
from holdfast.appliances.idrac.configuring import boot_place
from holdfast.appliances.idrac.reading import flag, link, objects, text, texts, whole
from holdfast.appliances.idrac.steps import in_steps
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.errors import ConflictError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from holdfast.appliances.idrac.client import IDracClient

JOBS: Final = frozenset({"BIOSConfiguration"})
_SEQUENCES: Final = ("UefiBootSeq", "BootSeq", "HddSeq")


@dataclass(frozen=True)
class Option:
    """Something the server can boot from."""

    id: str
    name: str | None
    enabled: bool | None


@dataclass(frozen=True)
class Order:
    """The boot order now, and where another one is sent: as `BootOrder`, or as entries of a sequence of Dell's."""

    options: tuple[Option, ...]
    address: str
    sequence: str | None = None
    entries: tuple[JsonObject, ...] = ()

    @property
    def ids(self) -> list[str]:
        """Ids in their order."""
        return [option.id for option in self.options]


async def read_order(client: IDracClient) -> Order:
    """The boot order.

    Raises:
        UnsupportedError: This server does not show it.
    """
    address, resource = await boot_place(client)
    order = texts(resource, "Boot/BootOrder")
    if order:
        return Order(tuple(await _named(client, resource, order)), address)
    return await _by_sources(client)


async def _named(client: IDracClient, resource: JsonObject, order: list[str]) -> list[Option]:
    listing = link(resource, "Boot/BootOptions") or link(await client.places.system(), "Boot/BootOptions")
    rows = await client.rows(listing) if listing else []
    known = {text(row, "BootOptionReference", "Id") or "": row for row in rows}
    return [
        Option(name, text(known.get(name, {}), "DisplayName", "Name"), flag(known.get(name, {}), "BootOptionEnabled"))
        for name in order
    ]


async def _by_sources(client: IDracClient) -> Order:
    address = link(await client.places.system(), "Links/Oem/Dell/BootOrder")
    sources = await client.get(address) if address else {}
    settings = link(sources, "@Redfish.Settings/SettingsObject")
    for sequence in _SEQUENCES:
        entries = sorted(objects(sources, f"Attributes/{sequence}"), key=lambda row: whole(row, "Index") or 0)
        if entries and settings is not None:
            options = tuple(
                Option((text(row, "Id") or "?").rsplit("#", 1)[-1], text(row, "Name"), flag(row, "Enabled"))
                for row in entries
            )
            return Order(options, settings, sequence, tuple(entries))
    raise UnsupportedError("This server does not show its boot order.")


def _body(order: Order, wanted: list[str]) -> JsonObject:
    if order.sequence is None:
        return {"Boot": {"BootOrder": [*wanted]}}
    by_id = {option.id: entry for option, entry in zip(order.options, order.entries, strict=True)}
    entries: list[JsonObject] = [
        {
            "Index": index,
            "Id": by_id[name].get("Id"),
            "Name": by_id[name].get("Name"),
            "Enabled": by_id[name].get("Enabled"),
        }
        for index, name in enumerate(wanted)
    ]
    return {"Attributes": {order.sequence: [*entries]}}


async def _is_staged(client: IDracClient, order: Order, wanted: list[str]) -> bool:
    """Whether Dell's boot sources hold this order for the next restart."""
    if order.sequence is None:
        return False
    entries = objects(await client.get(order.address), f"Attributes/{order.sequence}")
    found = sorted(entries, key=lambda row: whole(row, "Index") or 0)
    return [(text(row, "Id") or "").rsplit("#", 1)[-1] for row in found] == wanted


async def plan_order(ctx: Ctx, first: list[str]) -> Change:
    """The change of the boot order at the next restart: those given first, the others after them as they are.

    Raises:
        NotFoundError: One of them is not there.
        ConflictError: Settings of the BIOS wait already: one job at a time.
    """
    client = ctx.client
    order = await read_order(client)
    unknown = sorted(set(first) - set(order.ids))
    if unknown:
        raise NotFoundError(f"The server does not boot from {', '.join(unknown)}.", next_step="See idrac_get_boot.")
    jobs = await waiting(client)
    if jobs:
        raise ConflictError(
            f"Job {jobs[0].id} waits for a restart already.",
            next_step="Restart the server to carry it out, or take it back with idrac_delete_job.",
        )
    chosen = list(dict.fromkeys(first))
    wanted = [*chosen, *(name for name in order.ids if name not in chosen)]
    body = _body(order, wanted)

    async def send() -> Answered:
        if order.sequence is None:
            return await client.write("PATCH", order.address, body)
        # Dell's boot sources are staged, and want their job made by itself (contract 8.4).
        queue = await settings_queue(client)
        return await in_steps(
            ctx,
            lambda: client.write("PATCH", order.address, body),
            lambda: _is_staged(client, order, wanted),
            lambda: client.write("POST", queue, {"TargetSettingsURI": order.address}),
            half="It may be staged without a job: call again.",
        )

    async def look() -> Seen:
        now = (await read_order(client)).ids
        if now == wanted:
            return Seen(True, {"order": [*now]})
        if await waiting(client):
            return Seen(True, {"order": [*now]})
        if await _is_staged(client, order, wanted):
            return Seen(False, {"order": [*now]}, note="It is staged, but without a job: call again.", partly=True)
        return Seen(False, {"order": [*now]})

    return await change(
        ctx,
        Write(send, {"PATCH": order.address, "body": body}, jobs=JOBS, wait_s=5.0),
        summary=f"Boot from {', '.join(chosen)} first, from the next restart on",
        before={"order": [*order.ids]},
        after={"order": [*wanted]},
        look=look,
        blast_radius=("Takes effect when the server is restarted.",),
        nothing_to_do=wanted == order.ids,
    )
