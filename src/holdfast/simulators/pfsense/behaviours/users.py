"""Local users and groups (contract §13.12)."""

from __future__ import annotations

from holdfast.simulators.pfsense.answers import ApiError, invalid, not_found
from holdfast.simulators.pfsense.auth import hash_password
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work


def _check_privileges(work: Work, names: list[Value]) -> None:
    known = {name for e in work.schema.endpoints.values() for m in e.methods for name in e.required_privileges(m)}
    for name in names:
        if name not in known and not str(name).startswith(("page-", "user-")):
            raise not_found("USER_PRIV_NOT_FOUND", f"Privilege `{name}` does not exist.")


@behaves("User")
class User(Behaviour):
    """Accounts. The password's hash is kept beside the fields and never shown."""

    def prepare(self, work: Work, obj: Obj) -> None:
        taken = set(work.values_of("User", "uid"))
        number = 2000
        while number in taken:
            number += 1
        obj.values |= {"uid": number, "scope": "user"}

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        obj.values["password"] = stored.get("_hash")

    def check(self, work: Work, obj: Obj) -> None:
        _check_privileges(work, obj.values.get("priv") or [])
        if obj.initial and obj.initial.get("scope") == "system" and obj.values["name"] != obj.initial["name"]:
            raise invalid("USER_CANNOT_RENAME_SYSTEM_USER", "A system user cannot be renamed.")

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        password = stored.pop("password", None)
        if "password" in obj.given and isinstance(password, str):
            stored["_hash"] = hash_password(password, work.machine.unique_id())
        return stored

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        if verb == "create":
            everyone = work.schema.models["UserGroup"]
            for ident, group in work.tree.rows(everyone).items():
                if group.get("name") == "all":
                    members = [*(group.get("member") or []), obj.values["name"]]
                    work.tree.put(everyone, ident, {**group, "member": members})
            work.machine.store.current = work.tree.copy()

    def check_delete(self, work: Work, obj: Obj) -> None:
        if obj.values.get("scope") == "system":
            raise ApiError(403, "USER_CANNOT_DELETE_SYSTEM_USER", "System users cannot be deleted.")

    async def delete(self, work: Work, obj: Obj) -> bool:
        groups = work.schema.models["UserGroup"]
        for ident, group in work.tree.rows(groups).items():
            members = [name for name in group.get("member") or [] if name != obj.values["name"]]
            work.tree.put(groups, ident, {**group, "member": members})
        return False


@behaves("UserGroup")
class UserGroup(Behaviour):
    """Groups; those of scope system are protected."""

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values["gid"] = max([2000, *(int(gid) + 1 for gid in work.values_of("UserGroup", "gid") if gid)])

    def check(self, work: Work, obj: Obj) -> None:
        _check_privileges(work, obj.values.get("priv") or [])


@behaves("AuthServer")
class AuthServer(Behaviour):
    """LDAP and RADIUS servers."""

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values["refid"] = work.machine.unique_id()
