"""Users, their tokens and second factors (contract sections 2.3, 15.10)."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from holdfast.simulators.proxmox.access import ROOT, Factor, Token, User
from holdfast.simulators.proxmox.auth import new_token, totp
from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.values import Row

_FIELDS: Final = ("comment", "email", "firstname", "lastname", "keys")
_SEE: Final = ("User.Modify", "Sys.Audit")


def find_user(call: Call) -> User:
    """The user of the path; 500 when there is none."""
    userid = call.params.text("userid")
    user = call.cluster.access.users.get(userid)
    if user is None:
        raise ApiError(f"no such user ('{userid}')")
    return user


def _basic(user: User) -> Row:
    row: Row = {"enable": int(user.enable), "expire": user.expire, **user.fields}
    return row


def _token_row(token: Token) -> Row:
    row: Row = {"privsep": int(token.privsep), "expire": token.expire}
    if token.comment:
        row["comment"] = token.comment
    return row


@answers("GET /access/users")
def list_users(call: Call) -> Answer:
    """Users the caller may see: all, those of groups the caller manages, or only the caller."""
    access, rows = call.cluster.access, list[Row]()
    everybody = call.allowed("/access/groups", *_SEE, any_of=True)
    for user in access.users.values():
        managed = any(call.allowed(f"/access/groups/{group}", *_SEE, any_of=True) for group in user.groups)
        if not (everybody or managed or user.userid == call.identity.user):
            continue
        if "enabled" in call.params and call.params.flag("enabled") != user.enable:
            continue
        row: Row = {"userid": user.userid, "realm-type": _realm_type(call, user), **_basic(user)}
        if call.params.flag("full"):
            row["groups"] = ",".join(sorted(user.groups))
            row["tokens"] = [{"tokenid": name, **_token_row(token)} for name, token in user.tokens.items()]
        if user.locked_totp:
            row["totp-locked"] = 1
        rows.append(row)
    call.cluster.rng.shuffle(rows)
    return rows


def _realm_type(call: Call, user: User) -> str:
    return call.cluster.sections["domains"].get(user.realm, {}).get("type", "pve")


@answers("GET /access/users/{userid}")
def get_user(call: Call) -> Answer:
    """One user."""
    user = find_user(call)
    row = _basic(user)
    row["groups"] = sorted(user.groups)
    row["tokens"] = {name: _token_row(token) for name, token in user.tokens.items()} if user.tokens else None
    return row


def _apply(call: Call, user: User, what: str) -> None:
    params = call.params
    for group in params.words("groups"):
        if group not in call.cluster.access.groups:
            raise ApiError(f"{what} user failed: no such group '{group}'")
    if "groups" in params:
        wanted = set(params.words("groups"))
        user.groups = user.groups | wanted if params.flag("append") else wanted
    if "enable" in params:
        user.enable = params.flag("enable")
    if "expire" in params:
        user.expire = params.number("expire")
    for name in _FIELDS:
        if name in params:
            user.fields[name] = params.text(name)


@answers("POST /access/users")
def create(call: Call) -> Answer:
    """A new user."""
    access, userid = call.cluster.access, call.params.text("userid")
    call.cluster.require_writable("user.cfg")
    if userid in access.users:
        raise ApiError(f"create user failed: user '{userid}' already exists")
    user = User(userid)
    if user.realm not in call.cluster.sections["domains"]:
        raise ApiError(f"create user failed: domain '{user.realm}' does not exist")
    if "password" in call.params:
        if user.realm not in ("pve", "pam"):
            raise ApiError(f"create user failed: can't set password on auth type '{_realm_type(call, user)}'")
        user.password = call.params.text("password")
    _apply(call, user, "create")
    access.users[userid] = user
    access.changed()
    return None


@answers("PUT /access/users/{userid}")
def change(call: Call) -> Answer:
    """Change a user."""
    user = find_user(call)
    call.cluster.require_writable("user.cfg")
    _apply(call, user, "update")
    call.cluster.access.changed()
    return None


@answers("DELETE /access/users/{userid}")
def delete(call: Call) -> Answer:
    """Delete a user with its tokens and grants."""
    user, access = find_user(call), call.cluster.access
    call.cluster.require_writable("user.cfg")
    if user.userid == ROOT:
        raise ApiError("delete user failed: unable to delete 'root@pam'")
    for name in user.tokens:
        access.revoke_subject("token", f"{user.userid}!{name}")
    access.revoke_subject("user", user.userid)
    del access.users[user.userid]
    access.changed()
    return None


# -- tokens -----------------------------------------------------------------------------------------------------------


def _find_token(call: Call) -> Token:
    user, name = find_user(call), call.params.text("tokenid")
    token = user.tokens.get(name)
    if token is None:
        raise ApiError(f"no such token '{name}' for user '{user.userid}'")
    return token


@answers("GET /access/users/{userid}/token")
def list_tokens(call: Call) -> Answer:
    """Tokens of a user."""
    return [{"tokenid": name, **_token_row(token)} for name, token in find_user(call).tokens.items()]


@answers("GET /access/users/{userid}/token/{tokenid}")
def get_token(call: Call) -> Answer:
    """One token, without its secret."""
    return _token_row(_find_token(call))


@answers("POST /access/users/{userid}/token/{tokenid}")
def create_token(call: Call) -> Answer:
    """A new token; its secret is told this once."""
    user, name, params = find_user(call), call.params.text("tokenid"), call.params
    call.cluster.require_writable("user.cfg")
    if name in user.tokens:
        raise bad_parameter("tokenid", "Token already exists.")
    token = new_token(params.flag("privsep", True), params.number("expire"), params.maybe("comment"))
    user.tokens[name] = token
    call.cluster.access.changed()
    info = _token_row(token)
    # The creation answers with text where reading has numbers (contract section 12).
    info["privsep"] = str(info["privsep"])
    return {"full-tokenid": f"{user.userid}!{name}", "info": info, "value": token.secret}


@answers("PUT /access/users/{userid}/token/{tokenid}")
def change_token(call: Call) -> Answer:
    """Change a token."""
    token, params = _find_token(call), call.params
    call.cluster.require_writable("user.cfg")
    if "privsep" in params:
        token.privsep = params.flag("privsep")
    if "expire" in params:
        token.expire = params.number("expire")
    if "comment" in params:
        token.comment = params.text("comment")
    for name in params.words("delete"):
        if name == "comment":
            token.comment = None
    call.cluster.access.changed()
    return _token_row(token)


@answers("DELETE /access/users/{userid}/token/{tokenid}")
def delete_token(call: Call) -> Answer:
    """Delete a token and its grants."""
    _find_token(call)
    user, name = find_user(call), call.params.text("tokenid")
    call.cluster.require_writable("user.cfg")
    del user.tokens[name]
    call.cluster.access.revoke_subject("token", f"{user.userid}!{name}")
    return None


# -- second factors ---------------------------------------------------------------------------------------------------


def _factor_row(ident: str, factor: Factor) -> Row:
    return {
        "id": ident,
        "type": factor.kind,
        "description": factor.description,
        "created": factor.created,
        "enable": int(factor.enable),
    }


@answers("GET /access/tfa")
def list_all_factors(call: Call) -> Answer:
    """Factors of all users, or of the caller alone."""
    rows: list[Row] = []
    for user in call.cluster.access.users.values():
        if not user.factors and not user.locked_totp:
            continue
        if user.userid != call.identity.user and not call.allowed("/access/groups", *_SEE, any_of=True):
            continue
        row: Row = {
            "userid": user.userid,
            "entries": [_factor_row(ident, factor) for ident, factor in user.factors.items()],
        }
        if user.locked_totp:
            row["totp-locked"] = 1
        rows.append(row)
    return rows


@answers("GET /access/tfa/{userid}")
def list_factors(call: Call) -> Answer:
    """Factors of one user."""
    return [_factor_row(ident, factor) for ident, factor in find_user(call).factors.items()]


def _find_factor(call: Call) -> tuple[User, str, Factor]:
    user, ident = find_user(call), call.params.text("id")
    factor = user.factors.get(ident)
    if factor is None:
        raise ApiError(f"no such tfa entry '{ident}'")
    return user, ident, factor


@answers("GET /access/tfa/{userid}/{id}")
def get_factor(call: Call) -> Answer:
    """One factor."""
    _, ident, factor = _find_factor(call)
    return _factor_row(ident, factor)


def _confirm(call: Call) -> None:
    """Everybody but root confirms with the own password."""
    if call.who == ROOT:
        return
    password = call.params.maybe("password")
    if password is None:
        raise bad_parameter("password", "password is required to modify TFA data")
    if not call.authenticator.password_holds(call.who, password):
        raise ApiError("authentication failure", 401)


@answers("POST /access/tfa/{userid}")
def add_factor(call: Call) -> Answer:
    """Enrol a factor; recovery keys are told this once."""
    user, kind = find_user(call), call.params.text("type")
    _confirm(call)
    now = int(call.now())
    ident = f"{kind}-{secrets.token_hex(4)}"
    if kind == "recovery":
        if user.factors_of("recovery"):
            raise ApiError("recovery keys already exist")
        keys = ["-".join(secrets.token_hex(2) for _ in range(4)) for _ in range(10)]
        user.factors["recovery"] = Factor("recovery", call.params.text("description"), now, set(keys))
        return {"id": "recovery", "recovery": [f"{number}: {key}" for number, key in enumerate(keys)]}
    if kind != "totp":
        raise ApiError(f"missing {kind} configuration")
    query: Mapping[str, list[str]] = parse_qs(urlsplit(call.params.text("totp")).query)
    secret = query.get("secret", [""])[0]
    if not re.fullmatch(r"[A-Z2-7]{8,}=*", secret):
        raise bad_parameter("totp", "invalid totp uri")
    padded = secret + "=" * (-len(secret) % 8)
    base64.b32decode(padded)
    if call.params.text("value") not in (totp(padded, now), totp(padded, now - 30)):
        raise ApiError("failed to verify TOTP challenge")
    user.factors[ident] = Factor("totp", call.params.text("description"), now, {padded})
    return {"id": ident}


@answers("PUT /access/tfa/{userid}/{id}")
def change_factor(call: Call) -> Answer:
    """Describe, switch on or off."""
    _, _, factor = _find_factor(call)
    _confirm(call)
    if "description" in call.params:
        factor.description = call.params.text("description")
    if "enable" in call.params:
        factor.enable = call.params.flag("enable")
    return None


@answers("DELETE /access/tfa/{userid}/{id}")
def delete_factor(call: Call) -> Answer:
    """Remove a factor."""
    user, ident, _ = _find_factor(call)
    _confirm(call)
    del user.factors[ident]
    return None


@answers("GET /access/users/{userid}/tfa")
def get_factor_kinds(call: Call) -> Answer:
    """Which kinds of factors a user has."""
    user = find_user(call)
    if call.params.flag("multiple"):
        return {"types": sorted({factor.kind for factor in user.factors.values() if factor.enable})}
    return {"user": "oath"} if user.factors_of("totp") else {}


@answers("PUT /access/users/{userid}/unlock-tfa")
def unlock(call: Call) -> Answer:
    """Allow factors again after too many failures; whether there was a lock."""
    user = find_user(call)
    locked, user.locked_totp, user.failed_factors = user.locked_totp, False, 0
    return int(locked)
