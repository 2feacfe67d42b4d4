"""`update.*` and `boot.environment.*` (contract section 15.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EAGAIN, EBUSY, EEXIST, ENOENT, ENONET, CallError, Json, Row, invalid
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.pools import human_size
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

GIB = 1024**3
PROFILES = {
    "DEVELOPER": ("Developer", "Newest, unstable", False),
    "EARLY_ADOPTER": ("Early Adopter", "New features first", True),
    "GENERAL": ("General", "Balanced", True),
    "MISSION_CRITICAL": ("Mission Critical", "Proven only", True),
}


class Updates(Namespace):
    """Updates of the system: checking, fetching, installing."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.config_row: Row = {"id": 1, "autocheck": True, "profile": "GENERAL"}
        self.downloaded: str | None = None
        self.progress: Row | None = None
        parts = box.persona.version.split("-")[0].split(".")
        self.newer = ".".join([*parts[:-1], str(int(parts[-1]) + 1)])
        self.train = box.persona.train
        self.auto_download = False
        self.applied = False

    def rebooted(self) -> None:
        self.applied = False

    def _manifest(self) -> Row:
        return {
            "date": "2026-11-10T00:00:00Z",
            "filename": f"TrueNAS-SCALE-{self.newer}.update",
            "train": self.box.persona.train,
            "version": self.newer,
            "filesize": 2 * GIB,
            "checksum": "0" * 64,
        }

    def _version(self) -> Row:
        url = f"https://www.truenas.com/docs/scale/{self.newer}/releasenotes"
        return {
            "version": self.newer,
            "manifest": self._manifest(),
            "release_notes": "Fixes.",
            "release_notes_url": url,
        }

    def _check_network(self) -> None:
        fault = self.box.faults.take("update-error")
        if fault is not None:
            raise CallError(fault.text("reason"), ENONET)

    @method("update.status", since="25.10")
    def status(self, call: Call) -> Row:
        """What there is; a failed check is told inside, not as an error."""
        fault = self.box.faults.take("update-error")
        if fault is not None:
            return self._unknown("ENONET", fault.text("reason"))
        if self.applied:
            return self._unknown("EREBOOTREQUIRED", "System update was already applied, system reboot is required.")
        current = {"train": self.train, "profile": self.config_row["profile"], "matches_profile": True}
        return {
            "code": "NORMAL",
            "status": {"current_version": current, "new_version": self._version()},
            "error": None,
            "update_download_progress": self.progress,
        }

    @staticmethod
    def _unknown(errname: str, reason: str) -> Row:
        error = {"errname": errname, "reason": reason}
        return {"code": "ERROR", "status": None, "error": error, "update_download_progress": None}

    @method("update.available_versions", since="25.10")
    def available_versions(self, call: Call) -> list[Row]:
        """Versions that could be installed."""
        self._check_network()
        return [{"train": self.train, "version": self._version()}]

    @method("update.profile_choices", since="25.10")
    def profile_choices(self, call: Call) -> Row:
        """How daring updates may be."""
        return {
            key: {"name": name, "footnote": "", "description": description, "available": available}
            for key, (name, description, available) in PROFILES.items()
        }

    @method("update.config", since="25.10")
    def config(self, call: Call) -> Row:
        """Settings of updates."""
        return dict(self.config_row)

    @method("update.update", since="25.10")
    def update(self, call: Call, data: Row) -> Row:
        """Change settings of updates (before 25.10 this name installed)."""
        profile = data.get("profile")
        if profile is not None and not PROFILES.get(profile, ("", "", False))[2]:
            raise invalid("data.profile", "Invalid choice")
        self.config_row.update(data)
        return dict(self.config_row)

    @method("update.download")
    def download(self, call: Call, *arguments: Json) -> Steps:
        """Fetch the newest version; false when there is nothing newer."""
        self._check_network()
        if self.downloaded == self.newer:
            return False
        for percent in (0, 25, 50, 75):
            self.progress = {"percent": float(percent), "description": "Downloading", "version": self.newer}
            self.box.events.emit(
                "update.status", "changed", fields={"status": self.status(call)} if self._modern else {}
            )
            yield Step(percent, f"Downloading update: {human_size(2 * GIB * percent // 100)} of 2G")
        self.progress = None
        self.downloaded = self.newer
        return True

    @property
    def _modern(self) -> bool:
        return self.box.persona.release >= (25, 10)

    def _install(self, name: str | None) -> Steps:
        environments = self.box.get(BootEnvironments)
        if name is not None and name in environments.rows:
            raise CallError(f"Boot environment {name} already exists", EEXIST)
        target = name or environments.free_name(self.newer)
        for percent, text in ((10, "Downloading"), (40, "Installing"), (80, "Creating boot environment")):
            yield Step(percent, text)
        environments.new(target)
        environments.activate_by_name(target)
        self.applied = True

    @method("update.run", since="25.10")
    def run(self, call: Call, data: Row) -> Steps:
        """Install; EAGAIN with warnings must be answered by `resume: true`."""
        self._check_network()
        if data.get("version") not in (None, self.newer):
            raise CallError(f"Version {data['version']} is not available", ENOENT)
        if self.box.get_reboot_reasons() and not data["resume"]:
            raise CallError("A reboot is pending; it will be lost. Repeat with resume to continue.", EAGAIN)
        yield from self._install(data.get("dataset_name"))
        if data["reboot"]:
            self.box.timeline.after(self.box.timing.job_step_s, self.box.reboot)
        return True

    @method("update.update", until="25.10")
    def run_old(self, call: Call, data: Row) -> Steps:
        """Install (25.04's name for it)."""
        yield from self._install(data.get("dataset_name"))
        if data.get("reboot"):
            self.box.timeline.after(self.box.timing.job_step_s, self.box.reboot)
        return True

    @method("update.manual")
    def manual(self, call: Call, path: str, options: Row) -> Steps:
        """Install from a file on a pool."""
        from holdfast.simulators.truenas.methods.filesystem import Filesystem

        if not self.box.get(Filesystem).exists(path):
            raise CallError("File does not exist.", ENOENT)
        yield from self._install(options.get("dataset_name"))

    @method("update.file")
    def file(self, call: Call, options: Row) -> Steps:
        """Install from an upload."""
        if call.job is None or call.job.input is None:
            raise CallError("Pipe 'input' is not open", 22)
        yield from self._install(None)

    # 25.04 ---------------------------------------------------------------------------------------------------

    @method("update.check_available", until="25.10")
    def check_available(self, call: Call, options: Row | None) -> Row:
        """Whether there is something newer (25.04)."""
        self._check_network()
        if self.applied:
            return {"status": "REBOOT_REQUIRED"}
        old = {"name": f"TrueNAS-{self.box.persona.version}", "version": self.box.persona.version}
        changes = [
            {"operation": "upgrade", "old": old, "new": {"name": f"TrueNAS-{self.newer}", "version": self.newer}}
        ]
        return {
            "status": "AVAILABLE",
            "changes": changes,
            "notice": None,
            "notes": None,
            "changelog": "Fixes.",
            "version": self.newer,
        }

    @method("update.get_trains", until="25.10")
    def get_trains(self, call: Call) -> Row:
        """Trains (25.04)."""
        trains = {self.box.persona.train: {"description": f"TrueNAS SCALE {self.box.persona.codename}"}}
        return {"trains": trains, "current": self.box.persona.train, "selected": self.train}

    @method("update.set_train", until="25.10")
    def set_train(self, call: Call, train: str) -> bool:
        """Choose a train (25.04)."""
        if train != self.box.persona.train:
            raise CallError("Invalid train name.", ENOENT)
        self.train = train
        return True

    @method("update.get_pending", until="25.10")
    def get_pending(self, call: Call, path: str | None) -> list[Row]:
        """What has been fetched and waits (25.04)."""
        if self.downloaded is None:
            return []
        return [{"name": f"TrueNAS-{self.downloaded}", "operation": "upgrade", "new": {"version": self.downloaded}}]

    @method("update.set_auto_download", until="25.10")
    def set_auto_download(self, call: Call, enabled: bool) -> None:
        """Fetch by itself or not (25.04)."""
        self.auto_download = enabled


class BootEnvironments(Namespace):
    """Boot environments. Activation takes effect at the next boot."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.rows: dict[str, Row] = {}
        older = ".".join([*box.persona.version.split("-")[0].split(".")[:2], "0"])
        self.new(older if older != box.persona.version else f"{older}-rc", age_s=120 * 86400)
        current = self.new(box.persona.version, age_s=12 * 86400)
        current.update(active=True, activated=True)

    def rebooted(self) -> None:
        for row in self.rows.values():
            row["active"] = row["activated"]

    def new(self, name: str, *, age_s: float = 0) -> Row:
        """A new environment."""
        used = 3 * GIB
        row: Row = {
            "id": name,
            "dataset": f"boot-pool/ROOT/{name}",
            "active": False,
            "activated": False,
            "created": from_epoch(self.box.clock.now() - age_s),
            "used_bytes": used,
            "used": human_size(used),
            "keep": False,
            "can_activate": True,
        }
        self.rows[name] = row
        return row

    def free_name(self, version: str) -> str:
        """What the installer calls a new environment of a version: numbered where there are some already."""
        names = (version if number == 0 else f"{version}-{number}" for number in range(len(self.rows) + 1))
        return next(name for name in names if name not in self.rows)

    def _find(self, name: str) -> Row:
        if name not in self.rows:
            raise CallError(f"{name!r} not found", ENOENT)
        return self.rows[name]

    @method("boot.environment.query")
    def query(self, call: Call, filters: list[Json], options: Row) -> Json:
        """All of them."""
        return call.query(list(self.rows.values()), filters, options)

    def activate_by_name(self, name: str) -> None:
        """Boot this one next."""
        for other in self.rows.values():
            other["activated"] = other["id"] == name

    @method("boot.environment.activate")
    def activate(self, call: Call, data: Row) -> Row:
        """Boot this one next."""
        row = self._find(data["id"])
        if row["activated"]:
            raise CallError(f"{data['id']!r} is already activated")
        self.activate_by_name(data["id"])
        return row

    @method("boot.environment.clone")
    def clone(self, call: Call, data: Row) -> Row:
        """Copy one."""
        self._find(data["id"])
        if data["target"] in self.rows:
            raise CallError(f"{data['target']!r} already exists", EEXIST)
        return self.new(data["target"])

    @method("boot.environment.keep")
    def keep(self, call: Call, data: Row) -> Row:
        """Protect from automatic removal, or not."""
        row = self._find(data["id"])
        row["keep"] = data["value"]
        return row

    @method("boot.environment.destroy")
    def destroy(self, call: Call, data: Row) -> None:
        """Remove one that neither runs nor boots next."""
        row = self._find(data["id"])
        if row["active"] or row["activated"]:
            raise CallError("Deleting the active boot environment is not allowed", EBUSY)
        del self.rows[data["id"]]
