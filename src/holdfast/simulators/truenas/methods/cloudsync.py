"""`cloudsync.*`, `cloud_backup.*` and `rsynctask.*` (contract section 15.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Table
from holdfast.simulators.truenas.errors import EBUSY, EEXIST, ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.keychain import Keychain
from holdfast.simulators.truenas.methods.tasks import LastJobs, check_local_path, refuse_locked, with_credentials
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

PROVIDERS = (
    ("S3", "Amazon S3", True),
    ("B2", "Backblaze B2", True),
    ("SFTP", "SFTP", False),
    ("WEBDAV", "WebDAV", False),
)
BUCKETS: dict[str, list[str]] = {"rack-archive": ["2026", "photos", "vms"], "scratch": []}
STEPS = 4
CRON = {"minute": "00", "hour": "3", "dom": "*", "month": "*", "dow": "*"}


class CloudSync(Namespace):
    """Tasks that copy to and from elsewhere; what is transferred is only reported."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.buckets = {name: list(folders) for name, folders in BUCKETS.items()}
        self.credentials = Table(box, "cloudsync.credentials", "Cloud Credential")
        Crud(self, self.credentials, unique=("name",), before_delete=self._free_credential)
        provider: Row = {
            "type": "S3",
            "access_key_id": "AKIAEXAMPLE",
            "secret_access_key": "s3-secret-tide",
            "endpoint": "",
            "region": "",
            "skip_region": False,
            "signatures_v2": False,
            "max_upload_parts": 10000,
        }
        self.credentials.add({"name": "archive bucket", "provider": provider})
        self.sync_jobs, self.backup_jobs, self.rsync_jobs = LastJobs(box), LastJobs(box), LastJobs(box)
        self.syncs = Table(box, "cloudsync", "Cloud Sync Task")
        self.syncs.present = self._present_sync
        Crud(self, self.syncs, check=self._check_cloud, merge=("attributes",))
        self.backups = Table(box, "cloud_backup", "Cloud Backup")
        self.backups.present = self._present_backup
        Crud(self, self.backups, check=self._check_cloud, merge=("attributes",))
        self.rsyncs = Table(box, "rsynctask", "Rsync Task")
        self.rsyncs.present = self._present_rsync
        Crud(self, self.rsyncs, check=self._check_rsync)
        self._snapshots: dict[int, list[Row]] = {}
        home = next((share.path for share in box.world.shares if share.kind == "smb"), f"/mnt/{box.world.nas_pool}")
        common: Row = {"credentials": 1, "path": home, "schedule": dict(CRON), "enabled": True}
        attributes: Row = {"bucket": "rack-archive", "folder": ""}
        self.syncs.add(
            {
                **common,
                "description": "home to bucket",
                "direction": "PUSH",
                "transfer_mode": "COPY",
                "attributes": attributes,
            }
        )
        self.rsyncs.add(
            {
                "path": home,
                "user": "root",
                "mode": "SSH",
                "remotehost": "backup@example.com",
                "direction": "PUSH",
                "schedule": dict(CRON),
                "desc": "home off site",
                "enabled": True,
                "remotepath": "/srv/home",
                "extra": [],
            }
        )
        self.choices("cloud_backup.transfer_setting_choices", ["DEFAULT", "PERFORMANCE", "FAST_STORAGE"])

    # Shared --------------------------------------------------------------------------------------------------

    def _free_credential(self, call: Call, row: Row) -> None:
        users = [t["description"] for t in (*self.syncs, *self.backups) if t["credentials"] == row["id"]]
        if users:
            raise CallError(f"This credential is used by cloud task {users[0]}", EBUSY, {"dependencies": users})

    def _locked(self, row: Row) -> bool:
        from holdfast.simulators.truenas.methods.storage import Storage

        return self.box.get(Storage).store.path_locked(row["path"])

    def _present_sync(self, row: Row) -> Row:
        shown = with_credentials(row, self.credentials, "credentials")
        return {**shown, "job": self.sync_jobs.row(row["id"]), "locked": self._locked(row)}

    def _present_backup(self, row: Row) -> Row:
        shown = with_credentials(row, self.credentials, "credentials")
        return {**shown, "job": self.backup_jobs.row(row["id"]), "locked": self._locked(row)}

    def _present_rsync(self, row: Row) -> Row:
        shown = with_credentials(row, self.box.get(Keychain).table, "ssh_credentials")
        return {**shown, "job": self.rsync_jobs.row(row["id"]), "locked": self._locked(row)}

    def _credential(self, number: int) -> Row:
        if number not in self.credentials.rows:
            raise CallError("Invalid credentials", ENOENT)
        return self.credentials.rows[number]

    def _check_cloud(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        number = row["credentials"]["id"] if isinstance(row["credentials"], dict) else row["credentials"]
        if number not in self.credentials.rows:
            raise invalid(f"{prefix}.credentials", "Invalid credentials", ENOENT)
        row["credentials"] = number
        check_local_path(self.box, row["path"], f"{prefix}.path")
        bucket = row["attributes"].get("bucket")
        if self.credentials.rows[number]["provider"]["type"] in ("S3", "B2") and bucket not in self.buckets:
            raise invalid(f"{prefix}.attributes.bucket", f"Bucket {bucket} does not exist", ENOENT)
        if row.get("encryption") and not row.get("encryption_password"):
            raise invalid(f"{prefix}.encryption_password", "This field is required when encryption is enabled")
        if row.get("direction") == "PULL" and row.get("snapshot"):
            raise invalid(f"{prefix}.snapshot", "This option can only be enabled for PUSH tasks")

    def _check_rsync(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        for name in ("validate_rpath", "ssh_keyscan"):
            row.pop(name, None)
        check_local_path(self.box, row["path"], f"{prefix}.path")
        if self.box.get(Accounts).users.first(username=row["user"]) is None:
            raise invalid(f"{prefix}.user", f'Provided user "{row["user"]}" does not exist', ENOENT)
        if row["mode"] == "MODULE" and not (row.get("remotehost") and row.get("remotemodule")):
            raise invalid(f"{prefix}.remotemodule", "This field is required")
        if row["mode"] == "SSH" and not (row.get("remotehost") or row.get("ssh_credentials")):
            raise invalid(f"{prefix}.remotehost", "This field is required")

    def _transfer(self, call: Call, method_name: str, what: str, *, dry_run: bool) -> Steps:
        job = call.job
        partial = self.box.faults.take("job-partial", method_name) is not None
        for number in range(STEPS):
            yield Step(100 * number // STEPS, f"Transferred {number * 2} GiB")
            if job is not None:
                job.log(f"{'NOTICE: dry run: would copy' if dry_run else 'INFO: copied'} {what}/file-{number}.bin")
        if job is not None and partial:
            job.log(f"ERROR : {what}/locked.db: skipped: permission denied")
        if job is not None:
            job.log(f"Transferred: {STEPS * 2} GiB, {'0 files changed (dry run)' if dry_run else f'{STEPS} files'}")

    # Cloud sync ----------------------------------------------------------------------------------------------

    @method("cloudsync.sync", lock=lambda arguments: f"{arguments[0]}")
    def sync(self, call: Call, number: int, options: Row) -> Steps:
        """Run a task; `dry_run` only says what it would do. SUCCESS can hide files that were skipped: read the log."""
        row = self.syncs.get(number)
        refuse_locked(self.box, row["path"])
        self.sync_jobs.remember(number, call)
        yield from self._transfer(call, "cloudsync.sync", row["path"], dry_run=options["dry_run"])

    @method("cloudsync.sync_onetime")
    def sync_onetime(self, call: Call, data: Row, options: Row) -> Steps:
        """Run something that is no task."""
        self._check_cloud(call, dict(data), None, "cloud_sync_sync_onetime")
        yield from self._transfer(call, "cloudsync.sync_onetime", data["path"], dry_run=options["dry_run"])

    def _abort(self, jobs: LastJobs, number: int) -> bool:
        job = jobs.running(number)
        if job is None:
            return False
        self.box.jobs.abort(job, cancels_threads=False)
        return True

    @method("cloudsync.abort")
    def abort_sync(self, call: Call, number: int) -> bool:
        """Stop a task's job; false when none runs."""
        self.syncs.get(number)
        return self._abort(self.sync_jobs, number)

    @method("cloudsync.restore")
    def restore_sync(self, call: Call, number: int, options: Row) -> Row:
        """A new task that brings everything back to a path."""
        row = self.syncs.get(number)
        if row["direction"] == "PULL":
            raise CallError("This task can't be restored")
        values = {**{k: v for k, v in row.items() if k != "id"}, **options, "direction": "PULL", "enabled": False}
        return self._present_sync(self.syncs.add(values))

    @method("cloudsync.providers")
    def providers(self, call: Call) -> list[Row]:
        """Kinds of credentials."""
        return [
            {
                "name": name,
                "title": title,
                "credentials_oauth": None,
                "buckets": buckets,
                "bucket_title": "Bucket" if buckets else None,
                "task_schema": [],
            }
            for name, title, buckets in PROVIDERS
        ]

    @method("cloudsync.list_buckets")
    def list_buckets(self, call: Call, number: int) -> list[Row]:
        """Buckets of a credential."""
        if self._credential(number)["provider"]["type"] not in ("S3", "B2"):
            raise CallError("This provider does not use buckets")
        return [{"Name": name, "Path": name, "IsDir": True, "Size": -1, "Enabled": True} for name in self.buckets]

    @method("cloudsync.create_bucket")
    def create_bucket(self, call: Call, number: int, name: str) -> None:
        """Make a bucket."""
        self._credential(number)
        if name in self.buckets:
            raise CallError(f"BucketAlreadyOwnedByYou: {name}", EEXIST)
        self.buckets[name] = []

    @method("cloudsync.list_directory")
    def list_directory(self, call: Call, data: Row) -> list[Row]:
        """What a folder in the cloud holds."""
        self._credential(data["credentials"])
        bucket = data["attributes"].get("bucket")
        if bucket not in self.buckets:
            raise CallError(f"directory not found: {bucket}", ENOENT)
        return [{"Name": name, "Path": name, "IsDir": True, "Size": -1} for name in self.buckets[bucket]]

    @method("cloudsync.credentials.verify")
    def verify(self, call: Call, provider: Row) -> Row:
        """Whether credentials work: those that mention "invalid" do not."""
        bad = any("invalid" in str(value) for value in provider.values())
        error = "403 Forbidden: access denied" if bad else None
        return {"valid": not bad, "error": error, "excerpt": error}

    # Rsync ---------------------------------------------------------------------------------------------------

    @method("rsynctask.run", lock=lambda arguments: f"{arguments[0]}")
    def rsync(self, call: Call, number: int) -> Steps:
        """Run a task."""
        row = self.rsyncs.get(number)
        refuse_locked(self.box, row["path"])
        self.rsync_jobs.remember(number, call)
        yield from self._transfer(call, "rsynctask.run", row["path"], dry_run=False)

    # Cloud backup --------------------------------------------------------------------------------------------

    @method("cloud_backup.sync", lock=lambda arguments: f"{arguments[0]}")
    def backup(self, call: Call, number: int, options: Row) -> Steps:
        """Back up; a snapshot in the repository is the result."""
        row = self.backups.get(number)
        refuse_locked(self.box, row["path"])
        self.backup_jobs.remember(number, call)
        yield from self._transfer(call, "cloud_backup.sync", row["path"], dry_run=options["dry_run"])
        if not options["dry_run"]:
            moment = from_epoch(self.box.clock.now())
            number_hex = f"{self.box.random.getrandbits(256):064x}"
            entry: Row = {
                "id": number_hex,
                "hostname": self.box.hostname,
                "time": moment,
                "paths": [row["path"]],
                "short_id": number_hex[:8],
            }
            self._snapshots[number] = [*self._snapshots.get(number, []), entry][-int(row["keep_last"]) :]

    @method("cloud_backup.abort")
    def abort_backup(self, call: Call, number: int) -> bool:
        """Stop a backup's job; false when none runs."""
        self.backups.get(number)
        return self._abort(self.backup_jobs, number)

    def _snapshot(self, number: int, snapshot: str) -> Row:
        self.backups.get(number)
        for row in self._snapshots.get(number, []):
            if row["id"].startswith(snapshot):
                return row
        raise CallError(f"no matching ID found for prefix {snapshot!r}", ENOENT)

    @method("cloud_backup.list_snapshots")
    def list_snapshots(self, call: Call, number: int) -> list[Row]:
        """Snapshots in the repository."""
        self.backups.get(number)
        return list(self._snapshots.get(number, []))

    @method("cloud_backup.list_snapshot_directory")
    def list_snapshot_directory(self, call: Call, number: int, snapshot: str, path: str) -> list[Row]:
        """What a snapshot holds."""
        row = self._snapshot(number, snapshot)
        base = path.rstrip("/") or "/"
        return [
            {
                "name": f"file-{n}.bin",
                "path": f"{base}/file-{n}.bin",
                "type": "file",
                "size": 2 * 1024**3,
                "mtime": row["time"],
            }
            for n in range(STEPS)
        ]

    @method("cloud_backup.delete_snapshot", lock=lambda arguments: f"{arguments[0]}")
    def delete_snapshot(self, call: Call, number: int, snapshot: str) -> Steps:
        """Remove a snapshot from the repository."""
        row = self._snapshot(number, snapshot)
        yield Step(50, "Forgetting")
        self._snapshots[number].remove(row)

    @method("cloud_backup.restore")
    def restore_backup(
        self, call: Call, number: int, snapshot: str, subfolder: str, destination: str, options: Row
    ) -> Steps:
        """Bring files back to a path."""
        self._snapshot(number, snapshot)
        check_local_path(self.box, destination, "destination_path")
        yield from self._transfer(call, "cloud_backup.restore", destination, dry_run=False)
