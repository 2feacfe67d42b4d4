"""`catalog.*`: the apps that can be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import ENOENT, ENONET, CallError, Row
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

# Train → app → (description, categories, image, port, versions).
ITEMS: dict[str, dict[str, tuple[str, list[str], str, int, list[str]]]] = {
    "stable": {
        "jellyfin": ("Media server", ["media"], "jellyfin/jellyfin", 30013, ["1.2.9", "1.2.10", "1.2.11", "1.3.0"]),
        "syncthing": ("File synchronisation", ["storage"], "syncthing/syncthing", 20910, ["1.1.3", "1.1.4"]),
        "nextcloud": ("Files and groupware", ["productivity"], "nextcloud", 30027, ["2.0.4", "2.0.5"]),
        "minio": ("Object storage", ["storage"], "minio/minio", 30000, ["1.2.1", "1.2.2"]),
        "prometheus": ("Metrics", ["monitoring"], "prom/prometheus", 30104, ["1.2.15", "1.2.16"]),
        "grafana": ("Dashboards", ["monitoring"], "grafana/grafana", 30037, ["1.3.0", "1.3.1"]),
        "homepage": ("Start page", ["productivity"], "ghcr.io/gethomepage/homepage", 30054, ["1.3.4", "1.4.0"]),
        "pihole": ("DNS filter", ["networking"], "pihole/pihole", 20720, ["1.1.20", "1.1.21"]),
    },
    "community": {
        "gitea": ("Code hosting", ["development"], "gitea/gitea", 30008, ["1.2.19", "1.2.20"]),
        "vaultwarden": ("Password vault", ["security"], "vaultwarden/server", 30032, ["1.2.5", "1.2.6"]),
    },
    "enterprise": {"minio": ("Object storage", ["storage"], "minio/minio", 30001, ["1.1.3", "1.1.4"])},
}


def version_key(version: str) -> tuple[int, ...]:
    """Comparable form of 1.2.10."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


class Catalog(Namespace):
    """The catalogue of apps."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.preferred = ["stable", "community"]
        self.synced_at = box.clock.now() - 7200

    def item(self, train: str, name: str) -> Row:
        """An app of a train. CallError (ENOENT) when there is none."""
        if train not in ITEMS or name not in ITEMS[train]:
            raise CallError(f'Unable to locate "{name}" catalog item in "{train}" train.', ENOENT)
        description, categories, image, port, _ = ITEMS[train][name]
        return {"description": description, "categories": categories, "image": image, "port": port}

    def versions(self, train: str, name: str) -> list[str]:
        """Versions of an app, oldest first."""
        self.item(train, name)
        return sorted(ITEMS[train][name][4], key=version_key)

    def _row(self, train: str, name: str) -> Row:
        details, latest = self.item(train, name), self.versions(train, name)[-1]
        return {
            "app_readme": f"<h1>{name}</h1><p>{details['description']}.</p>",
            "categories": details["categories"],
            "description": details["description"],
            "healthy": True,
            "healthy_error": None,
            "home": f"https://{name}.example",
            "location": f"/mnt/.ix-apps/truenas_catalog/trains/{train}/{name}",
            "latest_version": latest,
            "latest_app_version": latest,
            "latest_human_version": f"{latest}_{latest}",
            "last_update": from_epoch(self.synced_at),
            "name": name,
            "recommended": train == "stable",
            "title": name.title(),
            "maintainers": [{"name": "truenas", "email": "dev@example.com", "url": "https://www.example.com"}],
            "tags": details["categories"],
            "screenshots": [],
            "sources": [f"https://{name}.example/source"],
            "icon_url": None,
            "train": train,
        }

    def rows(self) -> list[Row]:
        """All apps."""
        return [self._row(train, name) for train, items in ITEMS.items() for name in items]

    @method("catalog.apps")
    def apps(self, call: Call, options: Row) -> Row:
        """Apps by train."""
        trains = options.get("trains") or (list(ITEMS) if options["retrieve_all_trains"] else self.preferred)
        return {train: {name: self._row(train, name) for name in ITEMS[train]} for train in trains if train in ITEMS}

    @method("catalog.get_app_details")
    def details(self, call: Call, name: str, options: Row) -> Row:
        """One app with all versions and what can be set."""
        train = options["train"]
        row = self._row(train, name)
        row["versions"] = {
            version: {
                "healthy": True,
                "version": version,
                "human_version": f"{version}_{version}",
                "schema": {"groups": [], "questions": [{"variable": name, "schema": {"type": "dict", "attrs": []}}]},
            }
            for version in reversed(self.versions(train, name))
        }
        return row

    @method("catalog.trains")
    def trains(self, call: Call) -> list[str]:
        """Names of trains."""
        return list(ITEMS)

    @method("catalog.config")
    def config(self, call: Call) -> Row:
        """Settings of the catalogue."""
        return {
            "id": "TRUENAS",
            "label": "TRUENAS",
            "preferred_trains": self.preferred,
            "location": "/mnt/.ix-apps/truenas_catalog",
        }

    @method("catalog.update")
    def update(self, call: Call, data: Row) -> Row:
        """Change which trains are preferred."""
        self.preferred = data.get("preferred_trains", self.preferred)
        return self.config(call)

    @method("catalog.sync")
    def sync(self, call: Call) -> Steps:
        """Fetch the newest catalogue."""
        if self.box.faults.take("update-error") is not None:
            raise CallError("Network activity is disabled", ENONET)
        yield Step(30, "Cloning repository")
        self.synced_at = self.box.clock.now()
