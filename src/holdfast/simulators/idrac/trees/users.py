"""The account service: users, roles and keys (contract §12.12)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from holdfast.simulators.idrac import accounts, body
from holdfast.simulators.idrac.accounts import Account
from holdfast.simulators.idrac.errors import Info, Refusal, info_object, missing_resource, refuse, success
from holdfast.simulators.idrac.persona import MGR, ROOT, Persona
from holdfast.simulators.idrac.trees.common import collection, resource, status
from holdfast.simulators.idrac.trees.root import account_service
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_WRITABLE = ("UserName", "Password", "RoleId", "Enabled", "Locked", "AccountTypes", "PasswordChangeRequired")


def accounts_base(persona: Persona) -> str:
    """What Accounts and Roles hang under: the manager itself on iDRAC7/8."""
    return f"{ROOT}/AccountService" if persona.new_sessions_uri else MGR


def _service(bmc: Bmc, call: Call) -> Reply:
    base = accounts_base(bmc.persona)
    content = resource(bmc, account_service(bmc.persona), "AccountService", "Account Service")
    content |= {
        "Accounts": link(f"{base}/Accounts"),
        "Roles": link(f"{base}/Roles"),
        "ServiceEnabled": True,
        "MinPasswordLength": accounts.MIN_PASSWORD,
        "MaxPasswordLength": accounts.MAX_PASSWORD,
        "AccountLockoutThreshold": int(bmc.setting("IPBlocking.1.FailCount")),
        "AccountLockoutDuration": int(bmc.setting("IPBlocking.1.PenaltyTime")),
        "AccountLockoutCounterResetAfter": int(bmc.setting("IPBlocking.1.FailWindow")),
        "AuthFailureLoggingThreshold": 2,
        "Status": status(),
    }
    if bmc.persona.generation >= 9:
        content |= {
            "HTTPBasicAuth": "Enabled",
            "LocalAccountAuth": "Fallback",
            "PrivilegeMap": link(f"{ROOT}/Registries/PrivilegeRegistry/PrivilegeRegistry"),
            "SupportedAccountTypes": ["Redfish", "SNMP", "OEM", "HostConsole", "ManagerConsole", "IPMI", "KVMIP"],
        }
    return Reply(200, content)


def _members(bmc: Bmc, call: Call) -> Reply:
    base = f"{accounts_base(bmc.persona)}/Accounts"
    return collection(bmc, base, "ManagerAccount", [f"{base}/{number}" for number in bmc.accounts.members])


def _find(bmc: Bmc, call: Call) -> Account:
    account = bmc.accounts.members.get(call.args[0])
    if account is None:
        raise missing_resource(call.path)
    return account


def _account(bmc: Bmc, account: Account) -> Json:
    base = accounts_base(bmc.persona)
    path = f"{base}/Accounts/{account.id}"
    content = resource(bmc, path, "ManagerAccount", "User Account")
    content |= {
        "UserName": account.username,
        "Password": None,
        "RoleId": account.role,
        "Enabled": account.enabled,
        "Locked": account.locked,
        "Links": {"Role": link(f"{base}/Roles/{account.role}")},
    }
    if bmc.persona.generation >= 9:
        content |= {
            "AccountTypes": ["Redfish", "SNMP", "OEM", "HostConsole", "ManagerConsole", "IPMI", "KVMIP"],
            "OEMAccountTypes": ["IPMI", "SOL", "WSMAN", "UI", "RACADM"],
            "PasswordChangeRequired": account.password_change_required,
            "PasswordExpiration": None,
            "StrictAccountTypes": False,
            "Keys": link(f"{path}/Keys"),
        }
    return content


def _read(bmc: Bmc, call: Call) -> Reply:
    return Reply(200, _account(bmc, _find(bmc, call)))


def _patch(bmc: Bmc, call: Call) -> Reply:
    account = _find(bmc, call)
    changes = {name: value for name, value in call.body.items() if not name.startswith("@")}
    if not changes:
        raise refuse(400, "NoOperation")
    privileged = call.account is not None and "ConfigureUsers" in bmc.accounts.privileges(call.account)
    if not privileged and set(changes) - {"Password"}:
        raise Refusal(403, (Info("RAC0506"), Info("InsufficientPrivilege")))
    if account.id == "1":
        raise refuse(400, "SYS451", "1")
    problems = [Info("PropertyUnknown", (name,), (f"#/{name}",)) for name in changes if name not in _WRITABLE]
    _check(bmc, account, changes)
    if problems and len(problems) == len(changes):
        raise Refusal(400, tuple(problems))
    before, due = account.username, account.password_change_required
    _apply(account, changes)
    bmc.sessions_of_changed(before, "Password" in changes or not account.enabled)
    bmc.record("USR0007" if before else "USR0005", account.username or before, category="Audit")
    if problems:
        # The rest was set; the annotation names what was not.
        content = _account(bmc, account)
        content["@Message.ExtendedInfo"] = [info_object(bmc.persona, problem) for problem in problems]
        return Reply(200, content)
    if due and not account.password_change_required:
        return Reply(200, _account(bmc, account))
    return success(bmc.persona)


def _check(bmc: Bmc, account: Account, changes: Json) -> None:
    if "UserName" in changes:
        name = body.text(changes, "UserName")
        if name:
            bmc.accounts.check_name(name, own=account)
        elif not bmc.accounts.slots:
            raise body.invalid("UserName", name)
    if "Password" in changes:
        bmc.accounts.check_password(body.text(changes, "Password"))
    if "RoleId" in changes:
        bmc.accounts.check_role(body.text(changes, "RoleId"))
    for name in ("Enabled", "Locked", "PasswordChangeRequired"):
        if name in changes:
            body.boolean(changes, name)
    if changes.get("Enabled") is True and not (account.username or changes.get("UserName")):
        raise refuse(400, "SYS410", "Enabled", related=("#/Enabled",))


def _apply(account: Account, changes: Json) -> None:
    if "Password" in changes:
        account.password = body.text(changes, "Password")
        account.password_change_required = False
    account.role = body.text(changes, "RoleId", default=account.role)
    account.enabled = body.boolean(changes, "Enabled", default=account.enabled)
    account.locked = body.boolean(changes, "Locked", default=account.locked)
    account.password_change_required = body.boolean(
        changes, "PasswordChangeRequired", default=account.password_change_required
    )
    if "UserName" in changes:
        account.username = body.text(changes, "UserName")
        if not account.username:
            account.password, account.role, account.enabled = "", "None", False
            account.keys.clear()


def _create(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {*_WRITABLE, "OEMAccountTypes"})
    name = body.text(call.body, "UserName")
    password = body.text(call.body, "Password")
    role = body.text(call.body, "RoleId")
    bmc.accounts.check_name(name)
    bmc.accounts.check_password(password)
    bmc.accounts.check_role(role)
    account = bmc.accounts.create(name, password, role, enabled=body.boolean(call.body, "Enabled", default=True))
    bmc.record("USR0005", name, category="Audit")
    content = _account(bmc, account)
    return Reply(201, content, {"Location": str(content["@odata.id"])})


def _delete(bmc: Bmc, call: Call) -> Reply:
    account = _find(bmc, call)
    if bmc.accounts.last_administrator(account):
        raise refuse(400, "SYS451", account.username)
    del bmc.accounts.members[account.id]
    bmc.sessions_of_changed(account.username, True)
    bmc.record("USR0006", account.username, category="Audit")
    return Reply(204)


def _roles(bmc: Bmc, call: Call) -> Reply:
    base = f"{accounts_base(bmc.persona)}/Roles"
    return collection(bmc, base, "Role", [f"{base}/{name}" for name in bmc.accounts.roles()])


def _role(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    privileges = bmc.accounts.roles().get(name)
    if privileges is None:
        raise missing_resource(call.path)
    content = resource(bmc, f"{accounts_base(bmc.persona)}/Roles/{name}", "Role", "User Role")
    content |= {
        "RoleId": name,
        "IsPredefined": name in accounts.ROLES,
        "AssignedPrivileges": list(privileges),
        "OemPrivileges": [],
    }
    return Reply(200, content)


def _create_role(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"RoleId", "AssignedPrivileges", "OemPrivileges"})
    name = body.text(call.body, "RoleId")
    if name in bmc.accounts.roles() or not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
        raise body.invalid("RoleId", name)
    privileges = body.texts(call.body, "AssignedPrivileges")
    for privilege in privileges:
        if privilege not in accounts.ROLES["Administrator"]:
            raise body.not_listed("AssignedPrivileges", privilege)
    bmc.accounts.custom_roles[name] = tuple(privileges)
    path = f"{accounts_base(bmc.persona)}/Roles/{name}"
    return Reply(201, bmc.fetch(path), {"Location": path})


def _patch_role(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name not in bmc.accounts.roles():
        raise missing_resource(call.path)
    if name in accounts.ROLES:
        raise refuse(405, "SYS402")
    bmc.accounts.custom_roles[name] = tuple(body.texts(call.body, "AssignedPrivileges"))
    return success(bmc.persona)


def _delete_role(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name in accounts.ROLES or any(a.role == name for a in bmc.accounts.members.values()):
        raise refuse(405, "SYS402")
    if bmc.accounts.custom_roles.pop(name, None) is None:
        raise missing_resource(call.path)
    return Reply(204)


def _keys(bmc: Bmc, call: Call) -> Reply:
    account = _find(bmc, call)
    base = f"{accounts_base(bmc.persona)}/Accounts/{account.id}/Keys"
    return collection(bmc, base, "Key", [f"{base}/{name}" for name in account.keys])


def _key(bmc: Bmc, call: Call) -> Reply:
    account = _find(bmc, call)
    if call.args[1] not in account.keys:
        raise missing_resource(call.path)
    content = resource(bmc, call.path, "Key", "SSH Public Key")
    content |= {"KeyType": "SSH", "KeyString": account.keys[call.args[1]], "UserDescription": account.username}
    return Reply(200, content)


def _add_key(bmc: Bmc, call: Call) -> Reply:
    account = _find(bmc, call)
    body.text(call.body, "KeyType", allowed=("SSH",))
    text = body.text(call.body, "KeyString")
    if not text.startswith(("ssh-", "ecdsa-")) or len(account.keys) >= 4:
        raise body.invalid("KeyString", text[:16])
    number = next(str(n) for n in range(1, 5) if str(n) not in account.keys)
    account.keys[number] = text
    path = f"{accounts_base(bmc.persona)}/Accounts/{account.id}/Keys/{number}"
    return Reply(201, bmc.fetch(path), {"Location": path})


def _delete_key(bmc: Bmc, call: Call) -> Reply:
    if _find(bmc, call).keys.pop(call.args[1], None) is None:
        raise missing_resource(call.path)
    return Reply(204)


def mount(routes: Routes, persona: Persona) -> None:
    """Add accounts: slots are changed by PATCH, members also made by POST and removed by DELETE."""
    base = accounts_base(persona)
    users = accounts.CONFIGURE_USERS
    routes.get(account_service(persona), _service)
    routes.get(f"{base}/Accounts", _members)
    routes.get(f"{base}/Accounts/*", _read)
    routes.add("PATCH", f"{base}/Accounts/*", _patch, privilege=users)
    routes.get(f"{base}/Roles", _roles)
    routes.get(f"{base}/Roles/*", _role)
    if persona.generation >= 9:
        routes.get(f"{base}/Accounts/*/Keys", _keys)
        routes.get(f"{base}/Accounts/*/Keys/*", _key)
        routes.add("POST", f"{base}/Accounts/*/Keys", _add_key, privilege=users)
        routes.add("DELETE", f"{base}/Accounts/*/Keys/*", _delete_key, privilege=users)
    if not persona.account_slots:
        for path in (f"{base}/Accounts", f"{base}/Accounts/Members"):
            routes.add("POST", path, _create, privilege=users)
        routes.add("DELETE", f"{base}/Accounts/*", _delete, privilege=users)
        routes.add("POST", f"{base}/Roles", _create_role, privilege=users)
        routes.add("PATCH", f"{base}/Roles/*", _patch_role, privilege=users)
        routes.add("DELETE", f"{base}/Roles/*", _delete_role, privilege=users)
