"""Changes of a guest's configuration: digest, pending values, what is read back, what takes it back (contract 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.appliances.proxmox.changes import Ctx, Seen, Write, change
from holdfast.appliances.proxmox.encoding import Form, holds, is_drive, names_new_volume, plain
from holdfast.appliances.proxmox.guests import Guest, config_of, get_of
from holdfast.appliances.proxmox.protection import guard_guest
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import InputError, UnsupportedError
from holdfast.transport.values import as_objects, get_str, opt_str

_TOOL: Final = "proxmox_change_guest_config"
_NEVER: Final = frozenset({"lock", "digest", "skiplock", "delete", "revert", "force", "template", "vmid", "node"})
_SECRET: Final = frozenset({"cipassword"})


def checked(options: Mapping[str, str], unset: Sequence[str]) -> None:
    """Refuse options that have tools of their own, or that no tool sets.

    Raises:
        InputError: Nothing was sent.
    """
    named = {*options, *unset}
    if not named:
        raise InputError("Nothing to change was given.", next_step="Give at least one value, or unset.")
    if wrong := sorted(named & (_NEVER | _SECRET)):
        raise InputError(f"Not settable here: {', '.join(wrong)}.", next_step="Other tools do that, or nobody should.")
    if both := sorted(set(options) & set(unset)):
        raise InputError(f"Given and unset at once: {', '.join(both)}.")


async def plan_config(
    ctx: Ctx,
    guest: Guest,
    options: Mapping[str, str],
    unset: Sequence[str] = (),
    *,
    summary: str | None = None,
    warnings: Sequence[str] = (),
) -> Change:
    """The change of some options of a guest.

    Raises:
        InputError: The change is empty or not possible here.
    """
    checked(options, unset)
    await guard_guest(ctx, guest, interrupts=False)
    found = await config_of(ctx.client, guest)
    named = [*options, *unset]
    before: JsonObject = {option: plain(found[option]) for option in sorted(named) if option in found}
    after: JsonObject = {option: options[option] for option in sorted(options)}
    form: Form = {**options}
    if unset:
        form["delete"] = ",".join(unset)
    form["digest"] = get_str(found, "digest")

    async def look() -> Seen:
        seen = await config_of(ctx.client, guest)
        state: JsonObject = {option: plain(seen[option]) for option in sorted(named) if option in seen}
        set_so = all(_is_set(option, seen, found, value) for option, value in options.items())
        gone = all(option not in seen for option in unset)
        waiting = await pending_options(ctx, guest) if set_so and gone else []
        shown = sorted(set(waiting) & set(named))
        note = f"Pending until the next stop and start: {', '.join(shown)}." if shown else None
        return Seen(set_so and gone, state, note)

    destroys = [option for option in unset if option.startswith("unused")]
    new = [option for option, value in options.items() if names_new_volume(option, value)]
    undo, cannot_undo = _back(guest, before, named, destroys, new)
    touched = [f"Destroys the data of {option}: {before.get(option, '')}." for option in destroys]
    touched += [
        f"Detaches {option}; its data stays as unusedN." for option in unset if is_drive(option) and option in before
    ]
    return await change(
        ctx,
        Write("PUT", (*guest.path, "config"), form, guest=guest),
        summary=summary or f"Change {', '.join(sorted(named))} of {guest.label}",
        before=before,
        after=after,
        look=look,
        undo=undo,
        cannot_undo=cannot_undo,
        blast_radius=touched,
        warnings=warnings,
        nothing_to_do=all(holds(option, found.get(option), value) for option, value in options.items())
        and not new
        and all(option not in found for option in unset),
        destructive=bool(destroys) or any(is_drive(option) and option in before for option in named),
    )


def _is_set(option: str, seen: JsonObject, found: JsonObject, wanted: str) -> bool:
    if names_new_volume(option, wanted) and plain(seen.get(option)) == plain(found.get(option)):
        return False
    return holds(option, seen.get(option), wanted)


def _back(
    guest: Guest, before: JsonObject, named: Sequence[str], destroys: Sequence[str], new: Sequence[str]
) -> tuple[UndoCall | None, str | None]:
    if destroys:
        return None, "Data that is destroyed cannot be brought back."
    if new:
        return None, (
            "A new disk is not taken back by one call: unset it (it becomes unusedN), then unset that, which "
            "destroys it."
        )
    arguments: JsonObject = {"guest": str(guest.vmid)}
    if before:
        arguments["options"] = dict(before)
    if absent := [option for option in named if option not in before]:
        arguments["unset"] = [*absent]
    return UndoCall(tool=_TOOL, arguments=arguments), None


async def pending_options(ctx: Ctx, guest: Guest) -> list[str]:
    """Options that wait for the next stop and start."""
    rows = await pending_rows(ctx, guest)
    return sorted(plain(row.get("key")) for row in rows)


async def pending_rows(ctx: Ctx, guest: Guest) -> list[JsonObject]:
    """The entries of GET pending that really wait."""
    try:
        rows = as_objects(await get_of(ctx.client, guest, "pending"), "pending")
    except UnsupportedError:
        return []
    return [row for row in rows if row.get("pending") is not None or row.get("delete")]


def waiting(rows: Sequence[JsonObject]) -> JsonObject:
    """Pending changes: option → now and then; then is absent where the option goes."""
    found: JsonObject = {}
    for row in sorted(rows, key=lambda row: plain(row.get("key"))):
        entry: JsonObject = {"now": plain(row.get("value"))} if row.get("value") is not None else {}
        if row.get("delete"):
            entry["removed"] = True
        else:
            entry["then"] = opt_str(row, "pending") if isinstance(row.get("pending"), str) else row.get("pending")
        found[plain(row.get("key"))] = entry
    return found
