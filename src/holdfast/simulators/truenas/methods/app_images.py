"""`app.image.*`, `app.ix_volume.*` and the catalogue as `app.*` shows it (contract section 15.12)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import done
from holdfast.simulators.truenas.errors import EBUSY, CallError, InstanceNotFoundError, Json, Row
from holdfast.simulators.truenas.methods.apps import Apps
from holdfast.simulators.truenas.methods.catalog import Catalog
from holdfast.simulators.truenas.methods.docker import Docker
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.query import run_query
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class AppImages(Namespace):
    """Images, volumes and what could be installed."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.apps = box.get(Apps)
        self.catalog = box.get(Catalog)
        self.docker = box.get(Docker)
        self.storage = box.get(Storage)
        self.pulled: set[str] = set()

    def _used(self) -> set[str]:
        return {service.image for app in self.apps.apps.values() for service in app["services"]}

    def _images(self) -> list[Row]:
        names = sorted(self._used() | self.pulled)
        return [
            {
                "id": f"sha256:{hashlib.sha256(name.encode()).hexdigest()}",
                "repo_tags": [name],
                "repo_digests": [],
                "size": 180_000_000,
                "dangling": False,
                "update_available": any(
                    app["images_outdated"] and name in {s.image for s in app["services"]}
                    for app in self.apps.apps.values()
                ),
                "created": "2026-06-01T00:00:00Z",
                "author": "",
                "comment": "",
                "parsed_repo_tags": None,
            }
            for name in names
        ]

    @method("app.image.query")
    def image_query(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Images on the box."""
        return call.query(self._images() if self.docker.running else [], filters, options)

    def _image(self, number: str) -> Row:
        for row in self._images():
            if row["id"] == number:
                return row
        raise InstanceNotFoundError(f"App Image {number} does not exist")

    @method("app.image.get_instance")
    def image_get(self, call: Call, number: str, options: Row) -> Row:
        """One image."""
        return self._image(number)

    @method("app.image.delete")
    def image_delete(self, call: Call, number: str, options: Row) -> bool | None:
        """Delete an image; those in use refuse without `force`."""
        name = self._image(number)["repo_tags"][0]
        if name in self._used() and not options["force"]:
            raise CallError(f"Unable to remove image {name}: image is being used by a container", EBUSY)
        self.pulled.discard(name)
        return done(call)

    @method("app.image.pull")
    def image_pull(self, call: Call, data: Row) -> Steps:
        """Fetch an image."""
        for percent in (20, 60, 90):
            yield Step(percent, f"Pulling {data['image']}")
        self.pulled.add(data["image"])

    @method("app.image.dockerhub_rate_limit")
    def rate_limit(self, call: Call) -> Row:
        """What Docker Hub still allows."""
        return {
            "total_pull_limit": 100,
            "total_time_limit_in_secs": 21_600,
            "remaining_pull_limit": 93,
            "remaining_time_limit_in_secs": 21_600,
            "error": None,
        }

    @method("app.ix_volume.query")
    def ix_volume_query(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Volumes that the box keeps for apps."""
        prefix = f"{self.docker.settings.row['pool']}/ix-apps/app_mounts/"
        names = sorted(n.removeprefix(prefix) for n in self.storage.store.datasets if n.startswith(prefix))
        return run_query(
            [{"app_name": n.partition("/")[0], "name": n.rpartition("/")[2]} for n in names], filters, options
        )

    @method("app.ix_volume.exists")
    def ix_volume_exists(self, call: Call, name: str) -> bool:
        """Whether an app has volumes there."""
        return f"{self.docker.settings.row['pool']}/ix-apps/app_mounts/{name}" in self.storage.store.datasets

    @method("app.available_space")
    def available_space(self, call: Call) -> int:
        """Bytes left on the apps' pool."""
        dataset = self.storage.store.datasets.get(self.docker.settings.row["pool"] or "")
        if dataset is None:
            raise CallError("No pool configured for Docker")
        return self.storage.store.available(dataset)

    @method("app.available", "app.latest")
    def available(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Apps of the catalogue."""
        installed = {app["item"] for app in self.apps.apps.values()}
        rows = [
            {**row, "catalog": "TRUENAS", "installed": row["name"] in installed, "popularity_rank": None}
            for row in self.catalog.rows()
        ]
        return call.query(rows, filters, options)

    @method("app.similar")
    def similar(self, call: Call, name: str, train: str) -> list[Row]:
        """Apps of the same categories."""
        own = set(self.catalog.item(train, name)["categories"])
        rows = self.catalog.rows()
        return [
            {**r, "catalog": "TRUENAS", "installed": False}
            for r in rows
            if r["name"] != name and own & set(r["categories"])
        ]

    @method("app.categories")
    def categories(self, call: Call) -> list[str]:
        """Categories of the catalogue."""
        return sorted({category for row in self.catalog.rows() for category in row["categories"]})
