"""`system.general/advanced/security`, system dataset, tunables, time servers, mail, scheduled commands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Settings, Table
from holdfast.simulators.truenas.errors import EEXIST, ENOENT, ENONET, CallError, Row, invalid
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.certificates import Certificates
from holdfast.simulators.truenas.methods.identities import Identities
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.methods.system import System
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.timeline import Timer

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

TIMEZONES = ("Europe/Vienna", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "UTC")
PROTOCOLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
UI_FIELDS = (
    "ui_port",
    "ui_httpsport",
    "ui_httpsredirect",
    "ui_address",
    "ui_v6address",
    "ui_certificate",
    "ui_httpsprotocols",
)
COUNTRIES = {"AT": "Austria", "DE": "Germany", "GB": "United Kingdom", "US": "United States"}


class General(Namespace):
    """Settings of the whole system. UI changes have a rollback timer of their own."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.certificates = box.get(Certificates)
        self.row: Row = {
            "id": 1,
            "ui_certificate": 1,
            "ui_port": 80,
            "ui_httpsport": 443,
            "ui_httpsredirect": False,
            "ui_httpsprotocols": ["TLSv1.2", "TLSv1.3"],
            "ui_address": ["0.0.0.0"],
            "ui_v6address": ["::"],
            "ui_allowlist": [],
            "ui_consolemsg": False,
            "ui_x_frame_options": "SAMEORIGIN",
            "kbdmap": "us",
            "timezone": "Europe/Vienna",
            "usage_collection": True,
            "usage_collection_is_set": True,
            "wizardshown": False,
            "ds_auth": False,
        }
        self._before: Row | None = None
        self._timer: Timer | None = None
        address = box.server.host_ip
        fixed: dict[str, Row] = {
            "country_choices": COUNTRIES,
            "kbdmap_choices": {"us": "English (US)", "de": "German"},
            "timezone_choices": {name: name for name in TIMEZONES},
            "ui_address_choices": {"0.0.0.0": "0.0.0.0", address: address},
            "ui_v6address_choices": {"::": "::"},
            "ui_httpsprotocols_choices": {name: name for name in PROTOCOLS},
        }
        for name, values in fixed.items():
            self.choices(f"system.general.{name}", values)
        self.choices("system.general.ui_certificate_choices", self.certificates.choices_by_id)
        self.choices("system.general.local_url", lambda: f"https://{box.server.host_ip}:{self.row['ui_httpsport']}")

    def restarted(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._before, self._timer = None, None

    def _shown(self, call: Call) -> Row:
        """The certificate as an object up to 25.10, as an id and a name from 26 on."""
        number = self.row["ui_certificate"]
        row = self.certificates.table.rows.get(number)
        if call.release >= (26, 0):
            return {
                **self.row,
                "ui_certificate": number,
                "ui_certificate_name": row["name"] if row is not None else None,
            }
        return {**self.row, "ui_certificate": self.certificates.without_key(row) if row is not None else None}

    @method("system.general.config")
    def config(self, call: Call) -> Row:
        """The settings."""
        return self._shown(call)

    @method("system.general.update")
    def update(self, call: Call, data: Row) -> Row:
        """Change settings; with `rollback_timeout` UI changes go back unless checked in."""
        prefix = "general_settings"
        changes = {key: value for key, value in data.items() if key not in ("ui_restart_delay", "rollback_timeout")}
        if changes.get("timezone") is not None and changes["timezone"] not in TIMEZONES:
            raise invalid(f"{prefix}.timezone", "Timezone is not valid.")
        if changes.get("ui_certificate") is not None and changes["ui_certificate"] not in self.certificates.table.rows:
            raise invalid(
                f"{prefix}.ui_certificate", "Please specify a valid certificate which exists in the system", ENOENT
            )
        if changes.get("ui_port", self.row["ui_port"]) == changes.get("ui_httpsport", self.row["ui_httpsport"]):
            raise invalid(f"{prefix}.ui_port", 'Must be different from "ui_httpsport"')
        before = dict(self.row)
        self.row.update(changes)
        self.box.get(System).timezone = self.row["timezone"]
        if any(before[key] != self.row[key] for key in UI_FIELDS):
            self._ui_changed(before, data)
        return self._shown(call)

    def _ui_changed(self, before: Row, data: Row) -> None:
        timeout = data.get("rollback_timeout")
        if timeout is not None:
            self._before = self._before or before
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.box.timeline.after(timeout, self._roll_back)
        if data.get("ui_restart_delay") is not None:
            self.box.timeline.after(data["ui_restart_delay"], self.box.drop_sockets)

    def _roll_back(self) -> None:
        if self._before is not None:
            self.row.update(self._before)
        self._before, self._timer = None, None
        self.box.drop_sockets()

    @method("system.general.checkin")
    def checkin(self, call: Call) -> None:
        """Keep the UI change."""
        if self._timer is not None:
            self._timer.cancel()
        self._before, self._timer = None, None

    @method("system.general.checkin_waiting")
    def checkin_waiting(self, call: Call) -> int | None:
        """Seconds until the UI change goes back."""
        return None if self._timer is None else max(math.ceil(self._timer.when - self.box.clock.now()), 0)

    @method("system.general.ui_restart")
    def ui_restart(self, call: Call, delay: int) -> None:
        """Restart the web server: every socket drops."""
        self.box.timeline.after(delay, self.box.drop_sockets)


class Advanced(Namespace):
    """Settings for those who know."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        values: Row = {
            "id": 1,
            "boot_scrub": 7,
            "consolemenu": True,
            "motd": "Welcome to TrueNAS",
            "login_banner": "",
            "serialport": "ttyS0",
            "serialspeed": "9600",
            "sed_user": "USER",
            "sysloglevel": "F_INFO",
            "isolated_gpu_pci_ids": [],
            "kernel_extra_options": "",
            "traceback": True,
        }
        self.sed_password = ""
        self.settings = Settings(self, "system.advanced", values, check=self._take_password)
        for name in ("get_gpu_pci_choices", "syslog_certificate_authority_choices", "syslog_certificate_choices"):
            self.choices(f"system.advanced.{name}", {})
        self.choices("system.advanced.serial_port_choices", {"ttyS0": "ttyS0"})
        self.choices("system.advanced.login_banner", lambda: self.settings.row["login_banner"])
        self.choices("system.advanced.sed_global_password_is_set", lambda: bool(self.sed_password))

    def _take_password(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if "sed_passwd" in row:
            self.sed_password = row.pop("sed_passwd")

    @method("system.advanced.sed_global_password")
    def sed_global_password(self, call: Call) -> str:
        """The password of self-encrypting disks."""
        return self.sed_password if call.may("SYSTEM_ADVANCED_WRITE") else "********"

    @method("system.advanced.update_gpu_pci_ids")
    def update_gpu_pci_ids(self, call: Call, data: list[str]) -> None:
        """Set GPUs aside for machines; there are none."""
        if data:
            raise invalid("data", f"{data[0]} GPU pci slot(s) are not available or a GPU is not configured.")


class Administration(Namespace):
    """Security, system dataset, tunables, NTP, mail, cron and start-up scripts."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.security = Settings(
            self, "system.security", {"id": 1, "enable_fips": False, "enable_gpos_stig": False}, update=False
        )
        self.system_dataset: Row = {
            "id": 1,
            "pool": box.world.nas_pool,
            "pool_set": True,
            "uuid": box.new_uuid().replace("-", ""),
            "path": "/var/db/system",
        }
        self.tunables = Table(box, "tunable", "Tunable")
        Crud(self, self.tunables, unique=("var",), check=self._check_tunable)
        self.choices("tunable.tunable_type_choices", {name: name for name in ("SYSCTL", "UDEV", "ZFS")})
        self.ntp = Table(box, "system.ntpserver", "NTP Server")
        Crud(self, self.ntp, check=self._check_ntp)
        for number in range(3):
            self.ntp.add({"address": f"{number}.debian.pool.ntp.org", "burst": False, "iburst": True, "prefer": False})
        self.cron = Table(box, "cronjob", "Cron Job")
        Crud(self, self.cron, check=self._check_cron, merge=("schedule",))
        self.cron.add(
            {
                "command": "/usr/local/bin/report.sh",
                "user": "root",
                "description": "weekly report",
                "schedule": {"minute": "00", "hour": "6", "dom": "*", "month": "*", "dow": "1"},
                "enabled": True,
                "stdout": True,
                "stderr": False,
            }
        )
        self.scripts = Table(box, "initshutdownscript", "Init/Shutdown Script")
        Crud(self, self.scripts)
        values: Row = {
            "id": 1,
            "fromemail": "nas@rack.example",
            "fromname": box.hostname,
            "outgoingserver": "mail.rack.example",
            "port": 25,
            "security": "PLAIN",
            "smtp": False,
            "user": None,
            "pass": None,
            "oauth": {},
        }
        self.mail = Settings(self, "mail", values)
        self.choices("mail.local_administrator_email", lambda: "admin@rack.example")

    @method("system.security.update")
    def update_security(self, call: Call, data: Row) -> Steps:
        """Change security settings; FIPS and STIG need a reboot, STIG ends login by key."""
        row = {**self.security.row, **data}
        if row["enable_gpos_stig"] and not row["enable_fips"]:
            raise invalid(
                "system_security_update.enable_gpos_stig",
                "FIPS mode is required in General Purpose OS STIG compatibility mode.",
            )
        if row["enable_gpos_stig"] and not self.box.get(Identities).twofactor.row["enabled"]:
            raise invalid(
                "system_security_update.enable_gpos_stig",
                "Two-factor authentication must be globally enabled before enabling STIG mode.",
            )
        yield Step(50, "Configuring")
        for key, code in (("enable_fips", "FIPS"), ("enable_gpos_stig", "GPOSSTIG")):
            if row[key] != self.security.row[key]:
                self.box.get(System).require_reboot(code, f"{code} configuration was changed.")
        self.security.row.update(row)
        self.box.get(Identities).stig = row["enable_gpos_stig"]
        return dict(self.security.row)

    # System dataset ------------------------------------------------------------------------------------------

    @method("systemdataset.config")
    def system_dataset_config(self, call: Call) -> Row:
        """Where logs and the like are kept."""
        return {**self.system_dataset, "basename": f"{self.system_dataset['pool']}/.system"}

    @method("systemdataset.pool_choices")
    def system_dataset_choices(self, call: Call, current: bool) -> Row:
        """Pools it could move to."""
        names = ["boot-pool", *(pool.name for pool in self.storage.store.pools.values())]
        return {name: name for name in names}

    @method("systemdataset.update")
    def system_dataset_update(self, call: Call, data: Row) -> Steps:
        """Move it."""
        pool = data.get("pool") or self.system_dataset["pool"]
        if self.storage.store.pool_named(pool) is None:
            raise invalid("sysdataset_update.pool", f"Pool {pool!r} not found", ENOENT)
        yield Step(50, "Moving")
        self.system_dataset.update(pool=pool, pool_set=data.get("pool") is not None or self.system_dataset["pool_set"])
        return self.system_dataset_config(call)

    # Checks --------------------------------------------------------------------------------------------------

    @staticmethod
    def _check_tunable(call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if old is None:
            row["orig_value"] = "0"
        if row.get("type") == "SYSCTL" and "." not in row["var"]:
            raise invalid(f"{prefix}.var", f"Sysctl '{row['var']}' does not exist in kernel.", ENOENT)

    @staticmethod
    def _check_ntp(call: Call, row: Row, old: Row | None, prefix: str) -> None:
        force = row.pop("force", False)
        if row["minpoll"] >= row["maxpoll"]:
            raise invalid(f"{prefix}.minpoll", "Must be less than maxpoll")
        if not force and (row["address"].endswith(".invalid") or " " in row["address"]):
            raise invalid(f"{prefix}.address", 'Server could not be reached. Check "Force" to continue regardless.')

    def _check_cron(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if self.box.get(Accounts).users.first(username=row["user"]) is None:
            raise invalid(f"{prefix}.user", "Specified user does not exist", ENOENT)

    @method("cronjob.run", lock=lambda arguments: f"{arguments[0]}")
    def run_cron(self, call: Call, number: int, skip_disabled: bool) -> Steps:
        """Run a command now. Nothing is executed: the simulator only logs it."""
        row = self.cron.get(number)
        if skip_disabled and not row["enabled"]:
            return
        yield Step(50, row["command"])
        if call.job is not None:
            call.job.log(f"$ {row['command']}")

    @method("mail.send")
    def send_mail(self, call: Call, message: Row, config: Row | None) -> Steps:
        """Send a message; a server named `.invalid` cannot be reached."""
        server = (config or {}).get("outgoingserver") or self.mail.row["outgoingserver"]
        yield Step(50, "Sending")
        if str(server).endswith(".invalid"):
            raise CallError(f"Failed to send email: {server}: name or service not known", ENONET)
        return True

    @method("hardware.virtualization.variant")
    def virtualization_variant(self, call: Call) -> str:
        """Not a virtual machine."""
        return "none"

    def unique_name(self, table: Table, name: str, attribute: str) -> None:
        """Refuse a taken name."""
        if table.first(name=name) is not None:
            raise invalid(attribute, "Object with this name already exists", EEXIST)
