"""`config.*`, `audit.*` and `failover.*` (contract section 15.14)."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import deque
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Settings
from holdfast.simulators.truenas.errors import CallError, Json, Row, invalid
from holdfast.simulators.truenas.query import run_query
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.secrets import mask_arguments
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

MAX_RECORDS = 5000
SQLITE_MAGIC = b"SQLite format 3\x00"


class Config(Namespace):
    """The configuration database as a file."""

    def _database(self) -> bytes:
        """A SQLite file with the tables' rows, as a backup holds them."""
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
            digest = hashlib.sha256(self.box.persona.version.encode()).hexdigest()[:12]
            connection.execute("INSERT INTO alembic_version VALUES (?)", (digest,))
            connection.execute("CREATE TABLE holdings (namespace TEXT, id TEXT, row TEXT)")
            for namespace, table in self.box.tables.items():
                for row in table:
                    text = json.dumps(row, default=str)
                    connection.execute("INSERT INTO holdings VALUES (?, ?, ?)", (namespace, str(row[table.key]), text))
            connection.commit()
            return connection.serialize()
        finally:
            connection.close()

    @method("config.save")
    def save(self, call: Call, options: Row) -> Steps:
        """The database, through `core.download`; with secrets a tar archive that holds it."""
        yield Step(50, "Saving")
        data = self._database()
        if options["secretseed"] or options["root_authorized_keys"] or options.get("pool_keys"):
            import io
            import tarfile

            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                seed = hashlib.sha256(f"{self.box.server.service_tag}/seed".encode()).digest()
                for name, content in (("freenas-v1.db", data), ("pwenc_secret", seed)):
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
            data = archive.getvalue()
        if call.job is not None and call.job.output is not None:
            call.job.output.data += data

    @method("config.upload")
    def upload(self, call: Call) -> Steps:
        """Take a saved configuration; the system reboots."""
        data = bytes(call.job.input.data) if call.job is not None and call.job.input is not None else b""
        if not data.startswith(SQLITE_MAGIC) and b"freenas-v1.db" not in data[:512]:
            raise CallError("Uploaded file is not a valid configuration file")
        yield Step(50, "Uploading")
        self.box.timeline.after(self.box.timing.job_step_s, self.box.reboot)

    @method("config.reset")
    def reset(self, call: Call, options: Row) -> Steps:
        """Forget the configuration; pools and their data stay."""
        yield Step(50, "Resetting")
        for namespace in (
            "sharing.smb",
            "sharing.nfs",
            "cronjob",
            "staticroute",
            "replication",
            "cloudsync",
            "rsynctask",
        ):
            for key in list(self.box.tables[namespace].rows):
                self.box.tables[namespace].remove(key)
        if options["reboot"]:
            self.box.timeline.after(self.box.timing.job_step_s, self.box.reboot)


class Audit(Namespace):
    """Who did what. Every login and every method that changes something leaves a record."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.records: deque[Row] = deque(maxlen=MAX_RECORDS)
        space = {
            "used": 4 * 1024**2,
            "used_by_dataset": 4 * 1024**2,
            "used_by_reservation": 0,
            "used_by_snapshots": 0,
            "available": 2 * 1024**4,
        }
        values: Row = {
            "id": 1,
            "retention": 7,
            "reservation": 0,
            "quota": 0,
            "quota_fill_warning": 75,
            "quota_fill_critical": 95,
            "space": space,
            "enabled_services": {"MIDDLEWARE": [], "SMB": [], "SUDO": []},
        }
        Settings(self, "audit", values)
        self._add(
            "127.0.0.1", "root", "MIDDLEWARE", "AUTHENTICATION", {"credentials": None}, success=True, age_s=86400.0
        )

    def _add(
        self, address: str, username: str, service: str, event: str, data: Row, *, success: bool, age_s: float = 0.0
    ) -> None:
        now = self.box.clock.now() - age_s
        self.records.append(
            {
                "audit_id": self.box.new_uuid(),
                "message_timestamp": int(now),
                "timestamp": from_epoch(now),
                "address": address,
                "username": username,
                "session": None,
                "service": service,
                "service_data": {
                    "vers": {"major": 0, "minor": 1},
                    "origin": address,
                    "protocol": "WEBSOCKET",
                    "credentials": None,
                },
                "event": event,
                "event_data": data,
                "success": success,
            }
        )

    def method_called(self, call: Call, arguments: list[Json], *, success: bool) -> None:
        """Record a call."""
        if call.session is None or call.credential is None:
            return
        data: Row = {
            "method": call.fact.name,
            "params": mask_arguments(arguments),
            "authenticated": True,
            "authorized": True,
        }
        self._add(call.session.origin, call.credential.username, "MIDDLEWARE", "METHOD_CALL", data, success=success)

    def login(self, origin: str, username: str, *, success: bool) -> None:
        """Record a login."""
        self._add(
            origin,
            username,
            "MIDDLEWARE",
            "AUTHENTICATION",
            {"credentials": {"credentials": "API_KEY"}, "error": None if success else "Bad username or password"},
            success=success,
        )

    @method("audit.query")
    def query(self, call: Call, data: Row) -> Json:
        """Records of some services."""
        rows = [row for row in self.records if row["service"] in data["services"]]
        filters = data.get("query-filters") or []
        return run_query(rows, filters, data.get("query-options") or {})

    @method("audit.export")
    def export(self, call: Call, data: Row) -> Steps:
        """Write a report; its path."""
        rows = self.query(call, data)
        if not rows:
            raise CallError("No entries were returned by query", 2)
        yield Step(50, "Writing")
        return f"/audit/reports/{call.credential.username if call.credential else 'root'}/{self.box.new_uuid()}.json"

    @method("audit.download_report")
    def download_report(self, call: Call, data: Row) -> Steps:
        """A report, through `core.download`."""
        if "/" in data["report_name"]:
            raise invalid("data.report_name", "Not a report name")
        yield Step(50, "Reading")
        if call.job is not None and call.job.output is not None:
            call.job.output.data += json.dumps(list(self.records), default=str).encode()


class Failover(Namespace):
    """A system without a second controller."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.choices("failover.licensed", lambda: False)
        self.choices("failover.status", lambda: "SINGLE")
        self.choices("failover.node", lambda: "MANUAL")
        self.choices("failover.disabled.reasons", ["NO_LICENSE"])
        self.choices("failover.get_ips", [])
        self.choices("failover.config", {"id": 1, "disabled": False, "master": True, "timeout": 0})
        self.choices("directoryservices.status", {"type": None, "status": None, "status_msg": None})
        Settings(
            self,
            "directoryservices",
            {"id": 1, "service_type": None, "credential": None, "enable": False, "configuration": None},
            update=False,
        )
