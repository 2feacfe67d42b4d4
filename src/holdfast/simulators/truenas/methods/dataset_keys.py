"""Encrypted datasets: locking, unlocking, keys; and quotas (contract section 15.5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EACCES, ENOENT, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.pool_jobs import encryption_from
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.datasets import Dataset, Encryption, QuotaEntry

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

INVALID_KEY = "Invalid Key"


class DatasetKeys(Namespace):
    """Keys and quotas of datasets."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store

    def _root(self, name: str, attribute: str) -> tuple[Dataset, Encryption]:
        dataset = self.storage.dataset(name)
        if dataset.encryption is None:
            if self.store.encryption(dataset) is not None:
                raise invalid(attribute, f"Only encryption roots can be used; {name} inherits its key.")
            raise invalid(attribute, f"{name} is not encrypted")
        return dataset, dataset.encryption

    def rebooted(self) -> None:
        """Passphrases are not stored on the box: after a boot such datasets are locked."""
        for dataset in self.store.datasets.values():
            if dataset.encryption is not None and dataset.encryption.key_format == "PASSPHRASE":
                dataset.encryption.loaded = False

    @method("pool.dataset.lock", lock=lambda arguments: "dataset_lock")
    def lock(self, call: Call, name: str, options: Row) -> Steps:
        """Unload the key and unmount; only passphrase-encrypted roots."""
        dataset, encryption = self._root(name, "id")
        if encryption.key_format != "PASSPHRASE":
            raise CallError("Only datasets which are encrypted with passphrase can be locked", 22)
        if not encryption.loaded:
            raise CallError("Dataset is already locked", 22)
        yield Step(50, "Unmounting")
        encryption.loaded = False
        for member in (dataset, *self.store.descendants(name)):
            self.storage.dataset_changed(member)
        return True

    def _keys_given(self, name: str, options: Row, data: bytes | None) -> dict[str, str]:
        """Keys by dataset name, from the options or from an uploaded key file."""
        given = {
            entry["name"]: entry.get("passphrase") or entry.get("key") or "" for entry in options.get("datasets") or []
        }
        if options.get("key_file"):
            if data is None:
                raise CallError("Key file must be uploaded through the input pipe", 22)
            try:
                given |= {str(key): str(value) for key, value in json.loads(data).items()}
            except (ValueError, AttributeError) as error:
                raise CallError("Specified key_file must be a valid JSON", 22) from error
        return given

    @method("pool.dataset.unlock", lock=lambda arguments: "dataset_unlock")
    def unlock(self, call: Call, name: str, options: Row) -> Steps:
        """Load keys and mount. SUCCESS even when some datasets failed: they are in `failed`."""
        dataset = self.storage.dataset(name)
        if not self.store.locked(dataset):
            raise CallError(f"{name} dataset is not locked", 22)
        pipe = call.job.input if call.job is not None else None
        given = self._keys_given(name, options, bytes(pipe.data) if pipe is not None else None)
        yield Step(10, "Unlocking")
        below = self.store.descendants(name) if options.get("recursive") or given.keys() - {name} else []
        unlocked: list[str] = []
        failed: Row = {}
        partial = self.box.faults.take("job-partial", "pool.dataset.unlock") is not None
        for member in (dataset, *below):
            encryption = member.encryption
            if encryption is None or encryption.loaded:
                continue
            key = given.get(member.name)
            if key is None and member.name not in given and member is not dataset:
                continue
            parent = self.store.datasets.get(member.parent) if member.parent is not None else None
            if parent is not None and self.store.locked(parent):
                failed[member.name] = {"error": f"{parent.name} has not been unlocked yet", "skipped": [member.name]}
            elif key != encryption.key or partial:
                failed[member.name] = {"error": INVALID_KEY, "skipped": []}
            else:
                encryption.loaded = True
                unlocked.append(member.name)
                self.storage.dataset_changed(member)
        return {"unlocked": unlocked, "failed": failed}

    @method("pool.dataset.encryption_summary", lock=lambda arguments: "dataset_summary")
    def encryption_summary(self, call: Call, name: str, options: Row) -> Steps:
        """Per encryption root: whether the given keys would unlock it."""
        self.storage.dataset(name)
        pipe = call.job.input if call.job is not None else None
        given = self._keys_given(name, options, bytes(pipe.data) if pipe is not None else None)
        yield Step(50, "Checking keys")
        rows: list[Row] = []
        for member in (self.store.datasets[name], *self.store.descendants(name)):
            encryption = member.encryption
            if encryption is None:
                continue
            valid = given.get(member.name) == encryption.key
            rows.append(
                {
                    "name": member.name,
                    "key_format": encryption.key_format,
                    "key_present_in_database": encryption.key_format == "HEX",
                    "valid_key": valid,
                    "locked": not encryption.loaded,
                    "unlock_error": None
                    if valid or encryption.loaded
                    else "Key not provided"
                    if member.name not in given
                    else INVALID_KEY,
                    "unlock_successful": valid and not encryption.loaded,
                }
            )
        return rows

    @method("pool.dataset.change_key", lock=lambda arguments: "dataset_change_key")
    def change_key(self, call: Call, name: str, options: Row) -> Steps:
        """Give an encryption root a new key."""
        dataset, encryption = self._root(name, "id")
        if not encryption.loaded:
            raise invalid("id", "Dataset must be unlocked before key can be changed")
        if not (
            options.get("generate_key") or options.get("passphrase") or options.get("key") or options.get("key_file")
        ):
            raise invalid("change_key_options.key", "Please specify a key, a passphrase, or generate_key")
        yield Step(50, "Changing key")
        fresh = encryption_from(options, self.store.random.getrandbits(256))
        fresh.algorithm = encryption.algorithm
        dataset.encryption = fresh

    @method("pool.dataset.inherit_parent_encryption_properties")
    def inherit(self, call: Call, name: str) -> None:
        """Stop being an encryption root."""
        dataset, encryption = self._root(name, "id")
        parent = self.store.datasets.get(dataset.parent) if dataset.parent is not None else None
        if not encryption.loaded or parent is None or self.store.encryption(parent) is None:
            raise invalid("id", "Parent dataset must be encrypted and unlocked")
        dataset.encryption = None

    @method("pool.dataset.export_key")
    def export_key(self, call: Call, name: str, download: bool) -> Steps:
        """The hex key of a dataset: as the result, or with `download` into the pipe."""
        _, encryption = self._root(name, "id")
        if encryption.key_format != "HEX":
            raise invalid("id", "Specified dataset should be encrypted with a key")
        yield Step(50, "Exporting")
        if not download:
            return encryption.key
        self._write(call, {name: encryption.key})
        return None

    @method("pool.dataset.export_keys")
    def export_keys(self, call: Call, name: str) -> Steps:
        """Hex keys of a dataset and everything below, into the pipe."""
        self.storage.dataset(name)
        yield Step(50, "Exporting")
        family = (self.store.datasets[name], *self.store.descendants(name))
        roots = ((member.name, member.encryption) for member in family)
        self._write(call, {n: e.key for n, e in roots if e is not None and e.key_format == "HEX"})

    @staticmethod
    def _write(call: Call, keys: dict[str, str]) -> None:
        if call.job is None or call.job.output is None:
            raise CallError("Pipe 'output' is not open", 22)
        call.job.output.data += json.dumps(keys).encode()

    # Quotas --------------------------------------------------------------------------------------------------

    def _named(self, kind: str, number: int) -> str | None:
        accounts = self.box.get(Accounts)
        row = accounts.users.first(uid=number) if kind == "USER" else accounts.groups.first(gid=number)
        return str(row["username" if kind == "USER" else "name"]) if row is not None else None

    @method("pool.dataset.get_quota")
    def get_quota(self, call: Call, name: str, kind: str, filters: list[Json], options: Row) -> Json:
        """Quotas of a dataset: its own, or those of users, groups or projects."""
        from holdfast.simulators.truenas.query import run_query

        dataset = self.storage.dataset(name)
        if dataset.is_volume:
            raise CallError("Quotas are only available for file systems", 22)
        if self.store.locked(dataset):
            raise CallError(f"{name}: dataset is locked", EACCES)
        if kind == "DATASET":
            row: Row = {
                "quota_type": "DATASET",
                "id": name,
                "name": name,
                "quota": int(dataset.local.get("quota", "0")),
                "refquota": int(dataset.local.get("refquota", "0")),
                "used_bytes": self.store.used(dataset),
            }
            return run_query([row], filters, options)
        rows = [
            {
                "quota_type": kind,
                "id": number,
                **({"name": self._named(kind, number)} if kind != "PROJECT" else {}),
                "quota": entry.quota,
                "used_bytes": entry.used,
                "obj_quota": entry.object_quota,
                "obj_used": entry.objects,
            }
            for (entry_kind, number), entry in dataset.quotas.items()
            if entry_kind == kind
        ]
        return run_query(rows, filters, options)

    @method("pool.dataset.set_quota")
    def set_quota(self, call: Call, name: str, quotas: list[Row]) -> None:
        """Set quotas; zero or null removes one."""
        dataset = self.storage.dataset(name)
        accounts = self.box.get(Accounts)
        for index, entry in enumerate(quotas):
            kind, value, path = entry["quota_type"], entry["quota_value"] or 0, f"quotas.{index}"
            if kind == "DATASET":
                if entry["id"] not in ("QUOTA", "REFQUOTA"):
                    raise invalid(f"{path}.id", "id for quota_type DATASET must be either QUOTA or REFQUOTA")
                dataset.local[entry["id"].lower()] = str(value)
                continue
            table, field_name = (accounts.users, "username") if kind.startswith("USER") else (accounts.groups, "name")
            number_field = "uid" if kind.startswith("USER") else "gid"
            text = entry["id"]
            row = table.first(**{number_field: int(text)}) if text.isdigit() else table.first(**{field_name: text})
            if row is None and not text.isdigit():
                raise invalid(f"{path}.id", f"{kind} {text} is not valid.", ENOENT)
            number = row[number_field] if row is not None else int(text)
            if number == 0 and value:
                raise invalid(f"{path}.id", "Setting quota for root is not permitted.")
            quota = dataset.quotas.setdefault((kind.removesuffix("OBJ"), number), QuotaEntry())
            if kind.endswith("OBJ"):
                quota.object_quota = value
            else:
                quota.quota = value
        self.storage.dataset_changed(dataset)
