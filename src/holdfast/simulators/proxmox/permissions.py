"""Permission rules of methods, evaluated as the real daemon does (contract section 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from holdfast.simulators.proxmox.access import ROOT, Access
from holdfast.simulators.proxmox.errors import ApiError, forbidden
from holdfast.simulators.proxmox.facts import Fact
from holdfast.simulators.proxmox.values import split_list


def check_rule(rule: Fact, access: Access, who: str, params: Mapping[str, object]) -> None:
    """403 unless the caller satisfies the method's permission rule; `who` is a user or token id."""
    if who == ROOT:
        return
    if not isinstance(rule, Mapping):
        raise forbidden("user != root@pam")
    if rule.get("user") == "all":
        return
    check = rule.get("check")
    if not isinstance(check, list):
        raise forbidden()
    _evaluate(check, access, who, params)


def _evaluate(check: list[Fact], access: Access, who: str, params: Mapping[str, object]) -> None:
    kind, *rest = check
    if kind == "and":
        for part in rest:
            _evaluate(cast("list[Fact]", part), access, who, params)
    elif kind == "or":
        if not any(_passes(cast("list[Fact]", part), access, who, params) for part in rest):
            raise forbidden()
    elif kind == "perm":
        _check_path(rest, access, who, params)
    elif kind == "userid-param":
        _check_user_param(str(rest[0]), access, who, params)
    elif kind == "userid-group":
        _check_user_group(rest, access, who, params)
    elif kind == "perm-modify":
        path = str(params.get(str(rest[0]).strip("{}"), ""))
        require_permission_change(access, who, path)
    else:
        raise forbidden()


def _passes(check: list[Fact], access: Access, who: str, params: Mapping[str, object]) -> bool:
    try:
        _evaluate(check, access, who, params)
    except ApiError:
        return False
    return True


def _options(rest: list[Fact]) -> dict[str, Fact]:
    return {str(rest[index]): rest[index + 1] for index in range(0, len(rest) - 1, 2)}


def _check_path(rest: list[Fact], access: Access, who: str, params: Mapping[str, object]) -> None:
    template, names, *more = rest
    options = _options(more)
    needed = options.get("require_param")
    if isinstance(needed, str) and needed not in params:
        raise forbidden()
    path = re.sub(r"\{([^}]+)\}", lambda found: str(params.get(found[1], "")), str(template))
    wanted = [str(name) for name in cast("list[Fact]", names)]
    access.require(who, path, wanted, any_of=bool(options.get("any")))


def _check_user_param(word: str, access: Access, who: str, params: Mapping[str, object]) -> None:
    userid = str(params.get("userid", ""))
    if word == "self":
        if who != userid:
            raise forbidden()
        return
    access.require(who, f"/access/realm/{userid.rpartition('@')[2]}", [word])


def _check_user_group(rest: list[Fact], access: Access, who: str, params: Mapping[str, object]) -> None:
    wanted = [str(name) for name in cast("list[Fact]", rest[0])]
    if access.holds(who, "/access/groups", wanted, any_of=True):
        return
    groups_param = _options(rest[1:]).get("groups_param")
    user = access.users.get(str(params.get("userid", "")))
    if groups_param is None and user is None:
        raise ApiError(f"no such user ('{params.get('userid', '')}')")
    given = split_list(str(params["groups"])) if "groups" in params else []
    groups = given if groups_param == "create" else sorted(user.groups if user else [])
    if not groups:
        raise forbidden(f"/access/groups, {'|'.join(wanted)}")
    if groups_param == "update":
        groups = [*groups, *given]
    if groups_param == "create":
        for group in groups:
            access.require(who, f"/access/groups/{group}", wanted, any_of=True)
        return
    if not any(access.holds(who, f"/access/groups/{group}", wanted, any_of=True) for group in groups):
        raise forbidden(f"/access/groups, {'|'.join(wanted)}")


def require_permission_change(access: Access, who: str, path: str) -> None:
    """403 unless the caller may change grants on this path."""
    names = ["Permissions.Modify"]
    for prefix, name in (("/storage/", "Datastore.Allocate"), ("/vms/", "VM.Allocate"), ("/pool/", "Pool.Allocate")):
        if path.startswith(prefix):
            names.append(name)
    access.require(who, path or "/access", names, any_of=True)
