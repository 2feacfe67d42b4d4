"""The API package's own administration: keys, tokens, settings, access list (contract §3, §13.12)."""

from __future__ import annotations

from holdfast.simulators.pfsense.auth import hash_key, new_key
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.schema import Field
from holdfast.simulators.pfsense.values import Value
from holdfast.simulators.pfsense.work import Obj, Work


@behaves("RESTAPIKey")
class ApiKey(Behaviour):
    """API keys: the clear key is in the answer to its creation, and never again (contract §3.2)."""

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        obj.values["key"] = None

    def prepare(self, work: Work, obj: Obj) -> None:
        obj.values["username"] = work.client.username

    async def create(self, work: Work, obj: Obj) -> bool:
        key = new_key(int(obj.values["length_bytes"]))
        algorithm = str(obj.values["hash_algo"])
        row = {
            "descr": obj.values.get("descr") or "",
            "username": work.client.username,
            "hash_algo": algorithm,
            "length_bytes": obj.values["length_bytes"],
            "hash": hash_key(key, algorithm),
        }
        work.tree.put(obj.model, obj.id or 0, row)
        await work.save("Added REST API Key via API")
        obj.values |= {"key": key, "hash": row["hash"]}
        return True


@behaves("RESTAPIJWT")
class Token(Behaviour):
    """Tokens: issued against name and password, never stored (contract §3.3)."""

    async def create(self, work: Work, obj: Obj) -> bool:
        obj.values["token"] = work.machine.auth.issue_token(work.tree, work.client.username)
        return True


@behaves("RESTAPISettings")
class Settings(Behaviour):
    """Settings of the API itself; they take effect at once, a fatal one too."""

    async def apply(self, work: Work, obj: Obj, verb: str) -> None:
        work.machine.protection.enabled = bool(work.machine.store.current.one(obj.model).get("login_protection"))


@behaves("RESTAPIAccessListEntry")
class AccessListEntry(Behaviour):
    """Who may reach the API."""

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Value] | None:
        if field.name == "users":
            return work.values_of("User", "name")
        if field.name == "sched":
            return ["", *work.values_of("FirewallSchedule", "name")]
        return list(field.choices) if field.choices else None
