"""`group.*`, `privilege.*` and `api_key.*` (contract section 15.10)."""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.credentials import expand_roles
from holdfast.simulators.truenas.crud import READ_VERBS, Crud, done
from holdfast.simulators.truenas.errors import EACCES, EEXIST, ENOENT, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.identities import Identities
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.releases import facts_of

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

GROUP_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")


@cache
def all_roles(release: str) -> frozenset[str]:
    """Every role that a method of this release names, and the bundles."""
    named = {role for fact in facts_of(release).values() for role in fact.roles}
    return frozenset(named | {"FULL_ADMIN", "READONLY_ADMIN", "SHARING_ADMIN", "REPLICATION_ADMIN"})


class Groups(Namespace):
    """Groups, privileges and keys over the tables of `Accounts`."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.accounts = box.get(Accounts)
        self.groups = self.accounts.groups
        self.groups.present = self._present_group
        self.privileges = self.accounts.privileges
        self.privileges.present = self._present_privilege
        self.keys = self.accounts.keys
        Crud(self, self.groups, verbs=READ_VERBS)
        Crud(self, self.privileges, unique=("name",), check=self._check_privilege, before_delete=self._keep_builtin)
        self._show_key = Crud(self, self.keys, verbs=READ_VERBS).show

    # Groups --------------------------------------------------------------------------------------------------

    def _present_group(self, row: Row) -> Row:
        roles = {role for p in self.privileges for role in p["roles"] if row["gid"] in p["local_groups"]}
        return {**row, "roles": sorted(roles)}

    def _check_group(self, row: Row, prefix: str, own: int | None) -> None:
        if not GROUP_NAME.fullmatch(row["name"]):
            raise invalid(f"{prefix}.name", "Group names must begin with a letter and hold no spaces")
        other = self.groups.first(name=row["name"])
        if other is not None and other["id"] != own:
            raise invalid(f"{prefix}.name", f'A Group with the name "{row["name"]}" already exists.', EEXIST)
        for number in row.get("users") or []:
            if number not in self.accounts.users.rows:
                raise invalid(f"{prefix}.users", f"User {number} does not exist", ENOENT)

    def _members(self, group: Row, users: list[int]) -> None:
        for user in self.accounts.users:
            inside = group["id"] in user["groups"]
            if user["id"] in users and not inside:
                user["groups"].append(group["id"])
            elif user["id"] not in users and inside:
                user["groups"].remove(group["id"])

    @method("group.create")
    def create_group(self, call: Call, data: Row) -> int:
        """Create a local group; its id."""
        self._check_group(data, "group_create", None)
        gid = data["gid"] if data.get("gid") is not None else self.accounts.next_id(self.groups, "gid")
        if self.groups.first(gid=gid) is not None:
            raise invalid("group_create.gid", f'The Group ID "{gid}" already exists.', EEXIST)
        row = self.groups.add(
            {
                **data,
                "gid": gid,
                "group": data["name"],
                "builtin": False,
                "local": True,
                "immutable": False,
                "sid": None,
            }
        )
        self._members(row, row["users"])
        return int(row["id"])

    @method("group.update")
    def update_group(self, call: Call, number: int, data: Row) -> int:
        """Change a local group; its id."""
        old = self.groups.get(number)
        self._check_group({**old, **data}, "group_update", number)
        if old["builtin"] and "name" in data and data["name"] != old["name"]:
            raise invalid("group_update.name", "A built-in group cannot be renamed", EACCES)
        row = self.groups.change(number, {**data, **({"group": data["name"]} if "name" in data else {})})
        if "users" in data:
            self._members(row, data["users"])
        return number

    @method("group.delete")
    def delete_group(self, call: Call, number: int, options: Row) -> int:
        """Delete a group, with `delete_users` also the users whose primary group it is."""
        group = self.groups.get(number)
        if group["builtin"]:
            raise CallError("A built-in group cannot be deleted.", EACCES)
        if any(group["gid"] in privilege["local_groups"] for privilege in self.privileges):
            raise CallError("This group is used by a privilege and cannot be deleted", EACCES)
        primary = [user for user in self.accounts.users if user["group"] == number]
        if primary and not options.get("delete_users"):
            raise CallError("The group has users whose primary group it is", EACCES, [u["username"] for u in primary])
        for user in primary:
            self.accounts.users.remove(user["id"])
        self._members(group, [])
        self.groups.remove(number)
        return number

    @method("group.get_next_gid")
    def get_next_gid(self, call: Call) -> int:
        """The next free gid."""
        return self.accounts.next_id(self.groups, "gid")

    @method("group.get_group_obj")
    def get_group_obj(self, call: Call, data: Row) -> Row:
        """The group entry of the operating system by name or gid."""
        wanted = {"name": data["groupname"]} if data.get("groupname") is not None else {"gid": data.get("gid")}
        group = self.groups.first(**wanted)
        if group is None:
            raise CallError(f"{next(iter(wanted.values()))}: group does not exist", ENOENT)
        members = [self.accounts.users.rows[number]["username"] for number in group["users"]]
        return {
            "gr_name": group["name"],
            "gr_gid": group["gid"],
            "gr_mem": members,
            "sid": None,
            "source": "LOCAL",
            "local": True,
        }

    @method("group.has_password_enabled_user")
    def has_password_enabled_user(self, call: Call, gids: list[int], excluded: list[int]) -> bool:
        """Whether a member of these groups can log in by password."""
        numbers = {group["id"] for group in self.groups if group["gid"] in gids}
        return any(
            not user["password_disabled"] and user["id"] not in excluded and numbers & {user["group"], *user["groups"]}
            for user in self.accounts.users
        )

    # Privileges ----------------------------------------------------------------------------------------------

    def _present_privilege(self, row: Row) -> Row:
        return {**row, "local_groups": self.accounts.local_groups(row), "ds_groups": []}

    def _check_privilege(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        row.setdefault("builtin_name", None)
        for gid in row["local_groups"]:
            if self.groups.first(gid=gid) is None:
                raise invalid(f"{prefix}.local_groups", f"Local group {gid} does not exist", ENOENT)
        unknown = set(row["roles"]) - all_roles(self.box.persona.name)
        if unknown:
            raise invalid(f"{prefix}.roles", f"Invalid role: {sorted(unknown)[0]}")
        if old is not None and old["builtin_name"] is not None and row["roles"] != old["roles"]:
            raise invalid(f"{prefix}.roles", "This property is read-only for built-in privileges")

    @staticmethod
    def _keep_builtin(call: Call, row: Row) -> None:
        if row["builtin_name"] is not None:
            raise CallError("Unable to delete built-in privilege", EACCES)

    @method("privilege.roles")
    def roles(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Roles that exist."""
        names = sorted(all_roles(self.box.persona.name))
        rows = [
            {
                "name": name,
                "title": name.replace("_", " ").title(),
                "includes": sorted(expand_roles([name]) - {name}),
                "builtin": name not in ("FULL_ADMIN", "READONLY_ADMIN", "SHARING_ADMIN", "REPLICATION_ADMIN"),
                "stig": None,
            }
            for name in names
        ]
        return call.query(rows, filters, options)

    @method("privilege.become_readonly", since="26")
    def become_readonly(self, call: Call) -> None:
        """Drop this session, and only it, to read-only."""
        if call.session is not None and call.session.credential is not None:
            call.session.credential.roles = expand_roles(["READONLY_ADMIN"])
            call.session.credential.web_shell = False

    # API keys ------------------------------------------------------------------------------------------------

    def _own(self, call: Call, username: str) -> None:
        """Without the write role, only one's own keys."""
        if not call.may("API_KEY_WRITE") and call.credential is not None and call.credential.username != username:
            raise CallError("Not authorized", EACCES)

    def _with_secret(self, row: Row, raw: str) -> Row:
        """The row with the key itself, and on 26 what SCRAM needs."""
        shown: Row = {**row, "key": raw}
        if self.box.persona.has_scram:
            stored = self.box.get(Identities).scram_key(row["id"])
            for name in ("client_key", "stored_key", "server_key", "salt"):
                shown[name] = base64.b64encode(getattr(stored, name)).decode()
            shown["iterations"] = stored.iterations
        return shown

    @method("api_key.create")
    def create_key(self, call: Call, data: Row) -> Row:
        """Create a key; the answer is the only place where it is shown."""
        username = data.get("username") or (call.credential.username if call.credential is not None else "")
        self._own(call, username)
        if self.keys.first(name=data["name"]) is not None:
            raise invalid("api_key_create.name", "Object with this name already exists", EEXIST)
        user = self.accounts.users.first(username=username)
        if user is not None and not self.accounts.roles_of(user):
            raise invalid("api_key_create.username", "User lacks privilege role membership.")
        row, raw = self.accounts.issue_key(username, data["name"], data.get("expires_at"))
        return self._with_secret(row, raw)

    @method("api_key.update")
    def update_key(self, call: Call, number: int, data: Row) -> Row:
        """Rename, set the expiry, or with `reset` give it a new secret."""
        row = self.keys.get(number)
        self._own(call, row["username"])
        other = self.keys.first(name=data.get("name"))
        if data.get("name") is not None and other is not None and other["id"] != number:
            raise invalid("api_key_update.name", "Object with this name already exists", EEXIST)
        changes = {name: value for name, value in data.items() if name != "reset"}
        row = self.keys.change(number, changes)
        if not data.get("reset"):
            return self._show_key(call, row)
        raw = self.accounts.new_secret(row)
        row.update(revoked=False, revoked_reason=None, created_at=row["created_at"])
        return self._with_secret(row, raw)

    @method("api_key.delete")
    def delete_key(self, call: Call, number: int) -> bool | None:
        """Delete a key; sessions it opened end."""
        row = self.keys.get(number)
        self._own(call, row["username"])
        self.keys.remove(number)
        del self.accounts.raw_keys[number]
        for session in list(self.box.sessions):
            key = session.credential.api_key if session.credential is not None else None
            if key is not None and key[0] == number and session is not call.session:
                session.log_out()
        return done(call)

    @method("api_key.my_keys")
    def my_keys(self, call: Call) -> list[Row]:
        """The caller's keys."""
        name = call.credential.username if call.credential is not None else None
        return [row for row in self.keys if row["username"] == name]

    @method("api_key.convert_raw_key", since="26")
    def convert_raw_key(self, call: Call, raw: str) -> Row:
        """What SCRAM needs, of a raw key."""
        row = self.box.get(Identities).find_key(raw)
        if row is None:
            raise invalid("raw_key", "Not a valid API key")
        full = self._with_secret(row, raw)
        return {
            "api_key_id": row["id"],
            **{name: full[name] for name in ("iterations", "salt", "client_key", "stored_key", "server_key")},
        }
