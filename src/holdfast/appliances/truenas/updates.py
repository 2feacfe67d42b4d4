"""Updates of the system (contract 15.14): what is offered, and how it is told that one was installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.models.system import UpdateState
from holdfast.appliances.truenas.reading import dig
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.writes import Ctx, Seen, Write
from holdfast.control.answers import JsonObject
from holdfast.control.change import Change
from holdfast.cutting import cut
from holdfast.errors import ConflictError, Executed, UnavailableError, UnsupportedError
from holdfast.transport.values import as_object, opt_str

_APPLIED: Final = "EREBOOTREQUIRED"


@dataclass(frozen=True)
class Offer:
    """What the check for updates said.

    Attributes:
        state: For the reader.
        waits_for_reboot: An update is installed already, and runs from the next reboot on.
    """

    state: UpdateState
    waits_for_reboot: bool = False


async def offer(ctx: Ctx) -> Offer:
    """What TrueNAS offers; one request."""
    try:
        answer = as_object(await ctx.client.first(["update.status"]), "update.status")
    except UnsupportedError:
        old = as_object(await ctx.client.first(["update.check_available"]), "update.check_available")
        return _old_offer(old)
    if answer.get("code") == "ERROR":
        waits = dig(answer, "error.errname") == _APPLIED
        return Offer(UpdateState(available=None, problem=str(dig(answer, "error.reason"))), waits)
    version = dig(answer, "status.new_version.version")
    notes = dig(answer, "status.new_version.release_notes")
    return Offer(
        UpdateState(
            available=version is not None,
            version=str(version) if version is not None else None,
            train=opt_str(as_object(dig(answer, "status.current_version") or {}, "current_version"), "train"),
            notes_text=cut(str(notes), 4000) if notes else None,
        )
    )


def _old_offer(answer: JsonObject) -> Offer:
    """Of 25.04."""
    waits = answer.get("status") == "REBOOT_REQUIRED"
    return Offer(
        UpdateState(
            available=None if waits else answer.get("status") == "AVAILABLE",
            version=opt_str(answer, "version"),
            notes_text=opt_str(answer, "changelog"),
            problem="An update is installed; the system has to be rebooted." if waits else None,
        ),
        waits,
    )


async def plan_update(ctx: Ctx, *, reboot: bool, in_spite_of_warnings: bool) -> Change:
    """The change that installs what is offered.

    Raises:
        UnsupportedError: The release has no method for it that is described.
        ConflictError: Nothing is offered, or an update waits for its reboot.
        UnavailableError: What is offered is not known.
    """
    if await ctx.client.release() < (25, 10):
        raise UnsupportedError(
            "Releases before 25.10 are updated in the web interface.",
            next_step="truenas_check_update tells what waits.",
        )
    wanted = _version(await offer(ctx))
    before = await _environments(ctx)
    resume: JsonObject = {"resume": True} if in_spite_of_warnings else {}

    async def look() -> Seen:
        now = await _environments(ctx)
        # What was there before, of the same version or not, proves nothing: the installer makes another one beside it.
        new = sorted(name for name, created in now.made - before.made if _of(wanted, name))
        there = now.next_boot if now.next_boot in new else (new[0] if new else None)
        return Seen(now.next_boot in new, {"new_boot_environment": there, "next_boot": now.next_boot})

    version = as_object(await ctx.client.get_system_info(), "system.info").get("version")
    return await change(
        ctx,
        Write((Way("update.run", ({"reboot": reboot, **resume},), job=True),), relative=True),
        summary=f"Install TrueNAS {wanted}{' and reboot' if reboot else ''}",
        before={"version": version, "new_boot_environment": None, "next_boot": before.next_boot},
        after={"new_boot_environment": wanted, "next_boot": wanted},
        look=look,
        cannot_undo="Activate the boot environment of the old release and reboot to go back.",
        blast_radius=["The system reboots; everything it serves is interrupted."] if reboot else [],
        warnings=["After it has booted, features of pools stay as they are until they are upgraded by hand."],
    )


def _version(found: Offer) -> str:
    if found.waits_for_reboot:
        raise ConflictError(
            f"An update is installed already and runs from the next reboot on ({found.state.problem}).",
            next_step="truenas_reboot reboots into it; truenas_activate_boot_env of the old release gives it up.",
        )
    if found.state.available is None:
        raise UnavailableError(
            f"Whether an update is available is not known: TrueNAS could not find out ({found.state.problem}).",
            executed=Executed.NO,
            next_step="Repeat in some minutes; truenas_check_update tells when the check works again.",
        )
    if not found.state.available or found.state.version is None:
        raise ConflictError("No update is available.", next_step="truenas_check_update tells why.")
    return found.state.version


@dataclass(frozen=True)
class _Environments:
    """Boot environments by name and the time that they were made, and the one that is booted next."""

    made: frozenset[tuple[str, str]]
    next_boot: str | None


async def _environments(ctx: Ctx) -> _Environments:
    rows = await ctx.client.query("boot.environment.query", [], {"select": ["id", "created", "activated"]})
    return _Environments(
        frozenset((str(row.get("id")), str(dig(row, "created"))) for row in rows),
        next((str(row.get("id")) for row in rows if row.get("activated") is True), None),
    )


def _of(version: str, name: str) -> bool:
    """Whether an environment is of a version: the installer numbers one whose name is taken."""
    return name == version or name.startswith(f"{version}-")
