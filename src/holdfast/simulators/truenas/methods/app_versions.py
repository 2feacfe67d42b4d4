"""Upgrades of apps, and the way back (contract section 15.12)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.compose import Service
from holdfast.simulators.truenas.errors import ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.methods.apps import Apps, by_name
from holdfast.simulators.truenas.methods.catalog import version_key
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class AppVersions(Namespace):
    """Versions of installed apps."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.apps = box.get(Apps)

    @method("app.upgrade_summary")
    def upgrade_summary(self, call: Call, name: str, options: Row) -> Row:
        """What an upgrade would do: a dry run."""
        app = self.apps.find(name)
        versions = self._newer(app)
        if not versions:
            raise CallError(f"No upgrade available for {name}")
        target = versions[-1] if options["app_version"] == "latest" else options["app_version"]
        if target not in versions:
            raise invalid("options.app_version", f"{target} is not a newer version of {name}")
        return {
            "latest_version": versions[-1],
            "latest_human_version": f"{versions[-1]}_{versions[-1]}",
            "upgrade_version": target,
            "upgrade_human_version": f"{target}_{target}",
            "available_versions_for_upgrade": [{"version": v, "human_version": f"{v}_{v}"} for v in reversed(versions)],
            "changelog": f"Upgrade of {app['item']} from {app['version']} to {target}.",
        }

    def _newer(self, app: Row) -> list[str]:
        if app["custom"]:
            return []
        all_versions = self.apps.catalog.versions(app["train"], app["item"])
        return [version for version in all_versions if version_key(version) > version_key(app["version"])]

    @method("app.rollback_versions")
    def rollback_versions(self, call: Call, name: str) -> list[str]:
        """Versions it had before."""
        return [entry["version"] for entry in self.apps.find(name)["history"]]

    def _set_version(self, app: Row, version: str) -> None:
        details = self.apps.catalog.item(app["train"], app["item"])
        app["version"] = version
        app["services"] = [Service(app["item"], f"{details['image']}:{version}", [(details["port"], details["port"])])]

    @method("app.upgrade", lock=by_name)
    def upgrade(self, call: Call, name: str, options: Row) -> Steps:
        """Go to a newer version; the old one stays to roll back to."""
        app = self.apps.find(name)
        versions = self._newer(app)
        if not versions:
            raise invalid("app_name", f"No upgrade available for {name}")
        target = versions[-1] if options["app_version"] == "latest" else options["app_version"]
        if target not in versions:
            raise invalid("options.app_version", f"{target} is not a newer version of {name}")
        yield Step(20, f"Validating {name!r} upgrade")
        app["history"].append({"version": app["version"], "values": copy.deepcopy(app["values"])})
        yield Step(50, "Pulling images")
        self._set_version(app, target)
        app["values"] = {**app["values"], **(options.get("values") or {})}
        yield from self.apps.deploy(app)
        return self.apps.row(app)

    @method("app.upgrade_bulk", since="26")
    def upgrade_bulk(self, call: Call, entries: list[Row]) -> Steps:
        """Upgrade several; SUCCESS even when some failed."""
        results: list[Row] = []
        for entry in entries:
            try:
                yield from self.upgrade(call, entry["app_name"], {"app_version": "latest", **entry})
                results.append({"app_name": entry["app_name"], "success": True, "error": None})
            except CallError as error:
                results.append({"app_name": entry["app_name"], "success": False, "error": error.reason})
        return results

    @method("app.rollback", lock=by_name)
    def rollback(self, call: Call, name: str, options: Row) -> Steps:
        """Go back to a version it had."""
        app = self.apps.find(name)
        entry = next((e for e in app["history"] if e["version"] == options["app_version"]), None)
        if entry is None:
            raise invalid("options.app_version", "Specified version is not available for rollback", ENOENT)
        yield Step(20, "Completed validation for app rollback operation")
        app["history"] = app["history"][: app["history"].index(entry)]
        self._set_version(app, entry["version"])
        if options["rollback_snapshot"]:
            app["values"] = entry["values"]
        yield from self.apps.deploy(app)
        return self.apps.row(app)
