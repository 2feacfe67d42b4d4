"""API keys made, changed and renewed; the keys themselves go to files."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from holdfast.appliances.truenas.changes import change
from holdfast.appliances.truenas.collections import at_least_one, create, find, given, update
from holdfast.appliances.truenas.releases import Way
from holdfast.appliances.truenas.secretfiles import SecretFile
from holdfast.appliances.truenas.tools.accounts import KEY, USER, Ref
from holdfast.appliances.truenas.traces import stamped
from holdfast.appliances.truenas.writes import Ctx, Seen, Verdict, Write
from holdfast.control.answers import JsonObject
from holdfast.control.change import Applied, Change, Observed
from holdfast.control.grammar import Grammar
from holdfast.control.identifiers import UserName
from holdfast.control.spec import Risk, tool
from holdfast.errors import ConflictError, InputError
from holdfast.transport.values import JsonValue, as_object, get_int, opt_str

KeyName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.@-]*$")]
Expiry = Annotated[
    str,
    Grammar(
        "expiry",
        r"never|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})",
        35,
        "time as 2027-01-31T00:00:00Z, or never",
        ("2027-01-31T00:00:00Z", "never"),
    ),
]


def _moment(expires_at: str | None) -> JsonValue:
    """A time as the middleware takes it; None for never."""
    if expires_at is None or expires_at == "never":
        return None
    try:
        return {"$date": round(datetime.fromisoformat(expires_at).timestamp() * 1000)}
    except ValueError:
        raise InputError("expires_at is no possible time.") from None


def _keeping(ctx: Ctx, file: SecretFile, write: Write) -> Write:
    """The write with its answer's secret going into the file, and nowhere else."""

    def judge(answer: JsonValue) -> Verdict:
        key = opt_str(as_object(answer, "api_key"), "key")
        if not key:
            return Verdict(told=["TrueNAS answered without the secret: delete the key and make another."])
        ctx.client.hide(key)
        ctx.client.hide(key.partition("-")[2])
        problem = file.write(key)
        return Verdict(told=[problem] if problem else [], details={"file": file.place.name} if not problem else {})

    return replace(write, judge=judge)


def _filed(planned: Change, file: SecretFile) -> Change:
    """The change with its file made before anything is sent, and what is missing told afterwards."""

    async def apply() -> Applied:
        file.open()
        try:
            return await planned.apply()
        finally:
            file.close()

    async def read_back() -> Observed:
        seen = await planned.read_back()
        return replace(seen, note=file.note or seen.note) if seen.effect == "applied" else seen

    return replace(planned, apply=apply, read_back=read_back)


@tool(title="Create API key", toolset="keys", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_create_api_key(
    ctx: Ctx,
    *,
    name: Annotated[KeyName, Field(description="Name of the key.")],
    username: Annotated[UserName, Field(description="User that it acts as, with that user's roles.")],
    expires_at: Expiry = "never",
) -> Change:
    """Make an API key. It goes to a file in the operator's folder (secrets_dir), never into an answer."""
    user = await find(ctx, USER, username)
    file = SecretFile(ctx.client.settings.secrets_dir, name)
    roles = user.get("roles")
    values: JsonObject = {"name": name, "username": username, "expires_at": _moment(expires_at)}
    write = _keeping(ctx, file, Write((Way("api_key.create", (values,)),)))
    held = ", ".join(map(str, roles[:10])) if isinstance(roles, list) and roles else "no role"
    planned = await create(
        ctx,
        KEY,
        values,
        write=write,
        summary=f"Create the API key {name} for {username}",
        blast_radius=[f"Whoever has the key acts as {username} ({held})."],
        warnings=[f"It is written to {file.place.name}; if the answer is lost, so is the key: delete it then."],
    )
    return _filed(planned, file)


@tool(title="Change API key", toolset="keys", risk=Risk.WRITE, idempotent=True)
async def truenas_update_api_key(
    ctx: Ctx,
    *,
    ref: Ref,
    name: Annotated[KeyName | None, Field(description="New name.")] = None,
    expires_at: Expiry | None = None,
) -> Change:
    """Rename an API key, or say when it expires. The key that Holdfast uses may not be made to expire."""
    row = await find(ctx, KEY, ref)
    values = given(name=name)
    if expires_at is not None:
        values["expires_at"] = _moment(expires_at)
        if values["expires_at"] is not None and get_int(row, "id") == ctx.client.key_id:
            raise ConflictError(
                "That is the key Holdfast itself uses.",
                next_step="Tell the user: it is done in the web interface by another account.",
            )
    at_least_one(values)
    return await update(ctx, KEY, row, values)


@tool(title="Renew API key", toolset="keys", risk=Risk.DESTRUCTIVE, idempotent=False)
async def truenas_renew_api_key(ctx: Ctx, *, ref: Ref) -> Change:
    """Give an API key a new secret; the old one stops working at once. The new one goes to a file in the operator's
    folder (secrets_dir), never into an answer.
    """
    row = await find(ctx, KEY, ref)
    number = get_int(row, "id")
    if number == ctx.client.key_id:
        raise ConflictError(
            "That is the key Holdfast itself uses.",
            next_step="Tell the user: it is done in the web interface by another account.",
        )
    file = SecretFile(ctx.client.settings.secrets_dir, f"{row.get('name')}-renewed-{int(ctx.now())}")
    write = _keeping(ctx, file, Write((Way("api_key.update", (number, {"reset": True})),)))

    async def look() -> Seen:
        now = await find(ctx, KEY, str(number))
        return stamped(row, now, "keyhash", {"name": now.get("name"), "revoked": now.get("revoked")})

    planned = await change(
        ctx,
        write,
        summary=f"Renew the {KEY.label(row)} of {row.get('username')}",
        before={"name": row.get("name"), "revoked": row.get("revoked")},
        after={"name": row.get("name"), "revoked": False},
        look=look,
        cannot_undo="The old secret is gone.",
        blast_radius=["Whatever uses the key is locked out until it gets the new one."],
    )
    return _filed(planned, file)
