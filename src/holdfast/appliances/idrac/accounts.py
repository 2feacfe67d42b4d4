"""Users of the iDRAC: fixed slots up to iDRAC9, members of a collection on iDRAC10 (contract 12.12)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.appliances.idrac.changes import Ctx, Seen, Write, change
from holdfast.appliances.idrac.client import Answered, IDracClient
from holdfast.appliances.idrac.files import free_file, new_password, secret_in, size_of, write_new
from holdfast.appliances.idrac.places import attributes_place
from holdfast.appliances.idrac.reading import flag, link, text, texts, whole
from holdfast.appliances.idrac.steps import in_steps
from holdfast.control.answers import JsonObject, UndoCall
from holdfast.control.change import Change
from holdfast.errors import (
    ConflictError,
    Executed,
    HoldfastError,
    InputError,
    NotFoundError,
    RefusedError,
    UnsupportedError,
)
from holdfast.transport.values import digits

RESERVED_SLOT: Final = "1"
"""The first slot belongs to the iDRAC (contract 12.12)."""
ADMINISTRATOR: Final = "Administrator"
_OWN: Final = "Holdfast logs in with this user; changing it could lock Holdfast out. Nothing was executed."


@dataclass(frozen=True)
class Users:
    """The account service: all users by name, and where they are."""

    service: JsonObject
    listing: str
    rows: list[JsonObject]

    def named(self, name: str) -> JsonObject:
        """A user. Raises `NotFoundError`."""
        for row in self.rows:
            if text(row, "UserName") == name:
                return row
        raise NotFoundError("There is no such user.", next_step="List them: idrac_list_accounts.")

    @property
    def slots(self) -> bool:
        """Whether users live in fixed slots: then there are empty ones, or a reserved first one without a name."""
        return any(not text(row, "UserName") for row in self.rows)

    @property
    def free(self) -> list[JsonObject]:
        """Empty slots, the first one first."""
        empty = [row for row in self.rows if not text(row, "UserName") and text(row, "Id") != RESERVED_SLOT]
        return sorted(empty, key=lambda row: 99 if (slot := digits(text(row, "Id") or "")) is None else slot)


async def read_users(client: IDracClient) -> Users:
    """The account service and its users.

    Raises:
        UnsupportedError: This iDRAC shows none.
    """
    place = link(await client.root(), "AccountService")
    service = await client.get(place) if place else {}
    listing = link(service, "Accounts")
    if listing is None:
        raise UnsupportedError("This iDRAC does not show its users.")
    return Users(service, listing, await client.rows(listing))


async def read_roles(client: IDracClient) -> list[JsonObject]:
    """The roles of this iDRAC."""
    listing = link((await read_users(client)).service, "Roles")
    if listing is None:
        raise UnsupportedError("This iDRAC does not show its roles.")
    return await client.rows(listing)


def shown(row: JsonObject) -> JsonObject:
    """A user as far as a plan is bound to it."""
    return {"user": text(row, "UserName"), "role": text(row, "RoleId"), "enabled": flag(row, "Enabled") or False}


async def _check_role(client: IDracClient, role: str) -> None:
    known = [text(row, "RoleId", "Id") or "" for row in await read_roles(client)]
    if role not in known:
        raise InputError(f"This iDRAC has the roles {', '.join(known)}.", next_step="List them: idrac_list_roles.")


def _check_password(users: Users, password: str) -> None:
    low, high = whole(users.service, "MinPasswordLength"), whole(users.service, "MaxPasswordLength")
    if (low is not None and len(password) < low) or (high is not None and len(password) > high):
        raise InputError(f"This iDRAC takes passwords of {low} to {high} characters.")


def _not_own(client: IDracClient, name: str) -> None:
    if name == client.settings.username:
        raise RefusedError(_OWN, next_step="Change it at the iDRAC itself, then in the configuration of this target.")


def _keeps_an_administrator(users: Users, name: str) -> None:
    """Refuse what would leave no enabled administrator."""
    rest = [
        row
        for row in users.rows
        if text(row, "UserName") not in (None, name) and flag(row, "Enabled") and text(row, "RoleId") == ADMINISTRATOR
    ]
    if not rest and text(users.named(name), "RoleId") == ADMINISTRATOR:
        raise RefusedError("This is the last enabled administrator of the iDRAC. Nothing was executed.")


@dataclass(frozen=True)
class Password:
    """A password for the iDRAC, and the file that it is written to first when it is a new one."""

    value: str
    source: str
    file: Path | None = None

    @property
    def said(self) -> str:
        """Where it is."""
        made = "will hold its new" if self.file is not None else "holds its"
        return f"The file {self.source} in secrets_dir {made} password."

    async def send(self, client: IDracClient, method: str, place: str, body: JsonObject) -> Answered:
        """Write a new one down, then send it: a lost answer must not lose it. What is refused leaves no file."""
        if self.file is not None:
            write_new(self.file, f"{self.value}\n".encode())
        try:
            # A slot that was empty when it was chosen may be somebody's by now.
            return await client.write(method, place, body, still={"UserName": ""} if "UserName" in body else None)
        except HoldfastError as error:
            if self.file is not None and error.executed is Executed.NO:
                self.file.unlink(missing_ok=True)
            raise


async def _password(ctx: Ctx, user: str, given: str | None) -> Password:
    folder = ctx.client.settings.secrets_dir
    if given is not None:
        found = Password(secret_in(folder, given), given)
    else:
        place = free_file(folder, f"{await ctx.client.identity()}_{user}", ".password", key="secrets_dir")
        found = Password(new_password(), place.name, place)
    ctx.client.keep_secret(found.value)
    return found


async def plan_create(ctx: Ctx, user: str, role: str, enabled: bool, password_file: str | None) -> Change:
    """The creation of a user: the first empty slot, or a new member (contract 12.12)."""
    users = await read_users(ctx.client)
    if any(text(row, "UserName") == user for row in users.rows):
        raise ConflictError("A user of this name exists already.", next_step="Change it: idrac_update_account.")
    await _check_role(ctx.client, role)
    password = await _password(ctx, user, password_file)
    _check_password(users, password.value)
    body: JsonObject = {"UserName": user, "Password": password.value, "RoleId": role, "Enabled": enabled}
    method, place = "POST", users.listing
    if users.slots:
        if not users.free:
            raise ConflictError("All slots for users are taken.", next_step="Delete a user first.")
        method, place = "PATCH", text(users.free[0], "@odata.id") or ""
    else:
        body["AccountTypes"] = ["Redfish"]

    after: JsonObject = {"user": user, "role": role, "enabled": enabled}

    async def look() -> Seen:
        found = [row for row in (await read_users(ctx.client)).rows if text(row, "UserName") == user]
        if not found:
            left = password.file is not None and size_of(password.file) is not None
            note = f"The file {password.source} holds a password that no user has: delete it." if left else None
            return Seen(False, {"user": None}, note=note)
        now = shown(found[0])
        note = None if now == after else "There is such a user, but not as wanted: see idrac_list_accounts."
        return Seen(now == after, now, note=note, partly=now != after)

    return await change(
        ctx,
        Write(
            lambda: password.send(ctx.client, method, place, body),
            {method: place, "body": {**body, "Password": f"in {password.source}"}},
        ),
        summary=f"Create the iDRAC user {user} with the role {role}",
        before={"user": None},
        after=after,
        look=look,
        undo=UndoCall(tool="idrac_delete_account", arguments={"user": user}),
        warnings=[password.said],
        destructive=role != "ReadOnly",
    )


async def plan_update(
    ctx: Ctx, user: str, *, role: str | None, enabled: bool | None, password: bool, password_file: str | None
) -> Change:
    """The change of a user's role, state or password."""
    users = await read_users(ctx.client)
    row = users.named(user)
    _not_own(ctx.client, user)
    body: JsonObject = {}
    if role is not None:
        await _check_role(ctx.client, role)
        body["RoleId"] = role
    if enabled is not None:
        body["Enabled"] = enabled
    if enabled is False or role not in (None, ADMINISTRATOR):
        _keeps_an_administrator(users, user)
    fresh = await _password(ctx, user, password_file) if password else None
    if fresh is not None:
        _check_password(users, fresh.value)
        body["Password"] = fresh.value
    if not body:
        raise InputError("Give a role, a state or a password to change.")
    before = shown(row)
    after: JsonObject = {
        "user": user,
        "role": before["role"] if role is None else role,
        "enabled": before["enabled"] if enabled is None else enabled,
    }
    place = text(row, "@odata.id") or ""

    async def send() -> Answered:
        if fresh is not None:
            return await fresh.send(ctx.client, "PATCH", place, body)
        return await ctx.client.write("PATCH", place, body)

    async def look() -> Seen:
        now = shown((await read_users(ctx.client)).named(user))
        if now != after:
            return Seen(False, now)
        note = "That the password is the new one cannot be read." if fresh is not None else None
        return Seen(None if fresh is not None else True, now, note=note)

    content: JsonObject = {**body, "Password": f"in {fresh.source}"} if fresh is not None else body
    back: JsonObject = {"user": user}
    if role is not None:
        back["role"] = before["role"]
    if enabled is not None:
        back["enabled"] = before["enabled"]
    return await change(
        ctx,
        Write(send, {"PATCH": place, "body": content}),
        summary=f"Change {', '.join(sorted(body))} of the iDRAC user {user}",
        before=before,
        after=after,
        look=look,
        undo=None if fresh is not None else UndoCall(tool="idrac_update_account", arguments=back),
        cannot_undo="The password before is not known." if fresh is not None else None,
        blast_radius=("Sessions of this user end.",) if fresh is not None or enabled is False else (),
        warnings=[fresh.said] if fresh is not None else (),
        nothing_to_do=before == after and fresh is None,
    )


async def plan_delete(ctx: Ctx, user: str) -> Change:
    """The deletion of a user; a slot is emptied."""
    users = await read_users(ctx.client)
    row = users.named(user)
    _not_own(ctx.client, user)
    _keeps_an_administrator(users, user)
    place, slot = text(row, "@odata.id") or "", text(row, "Id") or ""
    content: JsonObject
    attributes = await attributes_place(ctx.client, "iDRAC") if users.slots else None
    if not users.slots:
        content = {"DELETE": place}
    elif attributes is not None:
        content = {"PATCH": attributes, "body": {"Attributes": {f"Users.{slot}.UserName": ""}}}
    else:
        content = {"PATCH": place, "steps": [{"Enabled": False, "RoleId": "None"}, {"UserName": ""}]}

    async def send() -> Answered:
        if not users.slots:
            return await ctx.client.write("DELETE", place)
        if attributes is not None:
            emptied: JsonObject = {"Attributes": {f"Users.{slot}.UserName": ""}}
            return await ctx.client.write("PATCH", attributes, emptied)
        return await in_steps(
            ctx,
            lambda: ctx.client.write("PATCH", place, {"Enabled": False, "RoleId": "None"}),
            disabled,
            lambda: ctx.client.write("PATCH", place, {"UserName": ""}),
            half="The user may be disabled, and not deleted: call again.",
        )

    async def disabled() -> bool:
        return flag(await ctx.client.get(place), "Enabled") is False

    async def look() -> Seen:
        found = [one for one in (await read_users(ctx.client)).rows if text(one, "UserName") == user]
        if not found:
            return Seen(True, {"user": None})
        now = shown(found[0])
        if now != shown(row):
            return Seen(False, now, note="The user was disabled, but not deleted: call again.", partly=True)
        return Seen(False, now)

    return await change(
        ctx,
        Write(send, content),
        summary=f"Delete the iDRAC user {user} ({text(row, 'RoleId') or 'no role'})",
        before=shown(row),
        after={"user": None},
        look=look,
        cannot_undo="The user can be made again, but not with its password and keys.",
        blast_radius=("Whoever logs in with it is shut out.",),
    )


def privileges(row: JsonObject) -> list[str]:
    """What a role may do."""
    return texts(row, "AssignedPrivileges")
