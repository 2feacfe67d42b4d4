"""Dell's attributes of the iDRAC, the system and the Lifecycle Controller (contract 12.13).

A PATCH of them is partial: what was refused is listed in a 200 with an error, the rest is set (contract 5).
"""

from __future__ import annotations

from typing import Final, Literal, Unpack

from holdfast.appliances.idrac.bios import check_value
from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import IDracClient
from holdfast.appliances.idrac.places import attributes_place
from holdfast.appliances.idrac.reading import dig, link, objects, text
from holdfast.appliances.idrac.secretnames import is_secret
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Cautions, Change
from holdfast.errors import HoldfastError, InputError, RefusedError, UnsupportedError

Group = Literal["idrac", "system", "lifecycle"]
Value = str | int

_GROUPS: Final[dict[Group, str]] = {"idrac": "iDRAC", "system": "System", "lifecycle": "LifecycleController"}
_OTHER_TOOLS: Final = {
    "Users": "Users are changed by the tools of the toolset accounts.",
    "Lockdown": "Lockdown is changed by idrac_set_lockdown.",
    "NTPConfigGroup": "NTP is changed by idrac_set_network.",
    "IPv4": "DNS is changed by idrac_set_network, the address by idrac_set_address.",
    "NIC": "The host name is changed by idrac_set_network.",
}
_CUTS_OFF: Final = frozenset(
    {"IPv4Static", "IPv6", "IPv6Static", "NICStatic", "WebServer", "Redfish", "IPBlocking", "SecurityCertificate"}
)


async def place_of(client: IDracClient, group: Group) -> str:
    """Address of a group.

    Raises:
        UnsupportedError: This generation has no attributes over Redfish.
    """
    found = await attributes_place(client, _GROUPS[group])
    if found is None:
        raise UnsupportedError(
            "This iDRAC has no attributes over Redfish.",
            next_step="A profile has them: idrac_export_profile, idrac_import_profile.",
        )
    return found


async def read_attributes(client: IDracClient, group: Group) -> JsonObject:
    """All attributes of a group by name, secrets included where the iDRAC tells them."""
    found = dig(await client.get(await place_of(client, group)), "Attributes")
    return found if isinstance(found, dict) else {}


async def registry_rows(client: IDracClient, names: set[str]) -> list[JsonObject]:
    """What the iDRAC's registry says about attributes; empty when it has none."""
    try:
        listing = link(await client.root(), "Registries")
        file = await client.get(f"{listing}/ManagerAttributeRegistry") if listing else {}
        address = text((objects(file, "Location") or [{}])[0], "Uri")
        registry = await client.get(address) if address else {}
    except HoldfastError:
        return []
    return [row for row in objects(registry, "RegistryEntries/Attributes") if text(row, "AttributeName") in names]


def check_names(wanted: dict[str, Value]) -> None:
    """Refuse attributes that have tools of their own, could cut Holdfast off, or are secrets.

    Raises:
        RefusedError: There are some. Nothing was executed.
    """
    for name in sorted(wanted):
        head = name.partition(".")[0]
        if head in _OTHER_TOOLS:
            raise RefusedError(f"{name} is not changed here. Nothing was executed.", next_step=_OTHER_TOOLS[head])
        if head in _CUTS_OFF:
            raise RefusedError(
                f"{name} could cut Holdfast off from the iDRAC. Nothing was executed.",
                next_step="Change it at the iDRAC itself.",
            )
        if is_secret(name):
            raise RefusedError(
                f"{name} is a secret, which is not passed through arguments. Nothing was executed.",
                next_step="Change it at the iDRAC itself.",
            )


async def plan_attributes(ctx: Ctx, group: Group, wanted: dict[str, Value]) -> Change:
    """The change of attributes, checked against this machine's registry."""
    check_names(wanted)
    present = await read_attributes(ctx.client, group)
    warnings: list[str] = []
    rows = await registry_rows(ctx.client, set(wanted))
    for row in rows:
        name = text(row, "AttributeName") or ""
        check_value(name, wanted[name], row)
    if not rows:
        warnings.append("This iDRAC tells no registry: the values were not checked before.")
    untold = [name for name in sorted(wanted) if present.get(name) is None]
    back: JsonObject = {"group": group, "attributes": {name: present.get(name) for name in sorted(wanted)}}
    return await plan_values(
        ctx,
        group,
        present,
        wanted,
        summary=f"Set {_GROUPS[group]} attributes: {', '.join(sorted(wanted))}",
        undo=None if untold else UndoCall(tool="idrac_set_attributes", arguments=back),
        cannot_undo=f"Not told as they were: {', '.join(untold)}." if untold else None,
        warnings=warnings,
    )


async def plan_values(
    ctx: Ctx,
    group: Group,
    present: JsonObject,
    wanted: dict[str, Value],
    *,
    summary: str,
    undo: UndoCall | None = None,
    cannot_undo: str | None = None,
    **cautions: Unpack[Cautions],
) -> Change:
    """The change of attributes by one PATCH; read back one by one, since it may be partly done.

    Raises:
        InputError: An attribute that this iDRAC does not have.
    """
    unknown = sorted(set(wanted) - set(present))
    if unknown:
        raise InputError(
            f"This iDRAC has no attribute {', '.join(unknown)}.", next_step="List them: idrac_list_attributes."
        )
    address = await place_of(ctx.client, group)
    before: JsonObject = {name: present[name] for name in sorted(wanted)}
    after: JsonObject = {name: wanted[name] for name in sorted(wanted)}
    body: JsonObject = {"Attributes": after}

    async def look() -> Seen:
        now = await read_attributes(ctx.client, group)
        shown: JsonObject = {name: now.get(name) for name in sorted(wanted)}
        missed = [name for name in shown if str(shown[name]) != str(after[name])]
        done = [name for name in shown if name not in missed and str(before[name]) != str(after[name])]
        note = f"Not set: {', '.join(missed)}. Set: {', '.join(done) or 'none'}." if missed else None
        return Seen(not missed, shown, note=note, partly=bool(missed and done))

    return await change(
        ctx,
        Write(lambda: ctx.client.write("PATCH", address, body), {"PATCH": address, "body": body}),
        summary=summary,
        before=before,
        after=after,
        look=look,
        undo=undo,
        cannot_undo=cannot_undo,
        nothing_to_do=all(str(before[name]) == str(after[name]) for name in after),
        **cautions,
    )
