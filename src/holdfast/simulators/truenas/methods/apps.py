"""`app.*`: installed apps and their life (contract section 15.12)."""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.compose import ComposeError, Service, parse_compose
from holdfast.simulators.truenas.crud import Crud, Table
from holdfast.simulators.truenas.errors import (
    EBUSY,
    EEXIST,
    ENOENT,
    CallError,
    InstanceNotFoundError,
    Json,
    Row,
    invalid,
)
from holdfast.simulators.truenas.methods.catalog import Catalog, version_key
from holdfast.simulators.truenas.methods.docker import Docker
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


def by_name(arguments: list[Json]) -> str:
    """The name of the app that a job is about, which is its lock."""
    first = arguments[0]
    return str(first["app_name"] if isinstance(first, dict) else first)


class Apps(Namespace):
    """Apps by name."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.catalog = box.get(Catalog)
        self.docker = box.get(Docker)
        self.storage = box.get(Storage)
        self.apps: dict[str, Row] = {}
        self.registry = Table(box, "app.registry", "Docker Registry")
        Crud(self, self.registry, unique=("name",))
        self.choices("app.certificate_choices", [{"id": 1, "name": "truenas_default"}])
        self.choices("app.ip_choices", lambda: {ip: ip for ip in ("0.0.0.0", "::", box.server.host_ip)})
        self.choices("app.gpu_choices", {})
        self._install("jellyfin", "jellyfin", "stable", "1.2.10", {"jellyfin": {"publish": 30013}})
        self._install("syncthing", "syncthing", "stable", "1.1.4", {"syncthing": {"gui_password": "tide-pool-7"}})
        compose = "services:\n  dashboard:\n    image: ghcr.io/example/dashboard:2.1\n    ports:\n      - 8085:80\n"
        self._install_custom("dashboard", compose)

    # State ---------------------------------------------------------------------------------------------------

    def _install(self, name: str, item: str, train: str, version: str, values: Row) -> Row:
        details = self.catalog.item(train, item)
        services = [Service(item, f"{details['image']}:{version}", [(details["port"], details["port"])])]
        self.apps[name] = {
            "name": name,
            "item": item,
            "train": train,
            "version": version,
            "state": "RUNNING",
            "custom": False,
            "values": values,
            "services": services,
            "history": [],
            "images_outdated": False,
            "logs": [f"{name} started"],
        }
        self._dataset(name)
        return self.apps[name]

    def _install_custom(self, name: str, compose: str | Row) -> Row:
        self.apps[name] = {
            "name": name,
            "item": "custom-app",
            "train": "stable",
            "version": "1.0.0",
            "state": "RUNNING",
            "custom": True,
            "values": {"compose": compose},
            "services": parse_compose(compose),
            "history": [],
            "images_outdated": True,
            "logs": [f"{name} started"],
        }
        self._dataset(name)
        return self.apps[name]

    def _dataset(self, name: str) -> None:
        store = self.storage.store
        pool = self.docker.settings.row["pool"]
        if pool is None:
            return
        for part in (f"{pool}/ix-apps", f"{pool}/ix-apps/app_mounts", f"{pool}/ix-apps/app_mounts/{name}"):
            if part not in store.datasets:
                store.add_dataset(part, "FILESYSTEM", self.box.clock.now()).internal = True

    def find(self, name: str) -> Row:
        """An installed app. InstanceNotFoundError when there is none, also while Docker is down."""
        if name not in self.apps or not self.docker.running:
            raise InstanceNotFoundError(f"App {name} does not exist")
        return self.apps[name]

    def _containers(self, app: Row) -> list[Row]:
        running = app["state"] == "RUNNING"
        return [
            {
                "id": hashlib.sha256(f"{app['name']}/{service.name}/{service.image}".encode()).hexdigest(),
                "service_name": service.name,
                "image": service.image,
                "port_config": [_port(inner, outer) for outer, inner in service.ports],
                "state": "running" if running else "exited",
                "volume_mounts": [],
            }
            for service in app["services"]
        ]

    def latest(self, app: Row) -> str:
        """The newest version in the catalogue; a custom app is always at its own."""
        return app["version"] if app["custom"] else self.catalog.versions(app["train"], app["item"])[-1]

    def row(self, app: Row, *, config: bool = False) -> Row:
        """An app as `app.query` shows it."""
        containers = self._containers(app)
        latest = self.latest(app)
        ports = [port for service in app["services"] for port in service.ports]
        row: Row = {
            "name": app["name"],
            "id": app["name"],
            "state": app["state"],
            "upgrade_available": version_key(latest) > version_key(app["version"]),
            "latest_version": latest,
            "latest_app_version": latest,
            "image_updates_available": app["images_outdated"],
            "action_required": False,
            "custom_app": app["custom"],
            "migrated": False,
            "human_version": f"{app['version']}_{app['version']}",
            "version": app["version"],
            "metadata": {
                "name": app["item"],
                "train": app["train"],
                "title": app["item"].title(),
                "version": app["version"],
            },
            "active_workloads": {
                "containers": len(containers),
                "used_ports": [_port(inner, outer) for outer, inner in ports],
                "used_host_ips": [],
                "container_details": containers,
                "volumes": [],
                "images": sorted({service.image for service in app["services"]}),
                "networks": [],
            },
            "notes": None,
            "portals": {"Web UI": f"http://{self.box.server.host_ip}:{ports[0][0]}/"} if ports else {},
        }
        if config:
            row["config"] = copy.deepcopy(app["values"])
        return row

    def changed(self, app: Row, msg: str = "changed") -> None:
        """Announce an app's state."""
        fields = self.row(app) if msg != "removed" else None
        self.box.events.emit("app.query", msg, key=app["name"], fields=fields)

    # Reading -------------------------------------------------------------------------------------------------

    @method("app.query")
    def query(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Installed apps; none at all, without an error, while Docker is not running."""
        config = bool(options.get("extra", {}).get("retrieve_config"))
        rows = [self.row(app, config=config) for app in self.apps.values()] if self.docker.running else []
        return call.query(rows, filters, options)

    @method("app.get_instance")
    def get_instance(self, call: Call, name: str, options: Row) -> Row:
        """One app."""
        return self.row(self.find(name), config=bool(options.get("extra", {}).get("retrieve_config")))

    @method("app.config")
    def config(self, call: Call, name: str) -> Row:
        """Its values, secrets included."""
        return dict(copy.deepcopy(self.find(name)["values"]))

    @method("app.container_ids")
    def container_ids(self, call: Call, name: str, options: Row) -> Row:
        """Its containers by id."""
        keys = ("id", "service_name", "image", "state")
        containers = self._containers(self.find(name))
        alive = [c for c in containers if c["state"] == "running" or not options["alive_only"]]
        return {c["id"]: {key: c[key] for key in keys} for c in alive}

    @method("app.container_console_choices")
    def console_choices(self, call: Call, name: str) -> Row:
        """Containers whose console or log may be opened."""
        return self.container_ids(call, name, {"alive_only": True})

    @method("app.outdated_docker_images")
    def outdated_images(self, call: Call, name: str) -> list[str]:
        """Images with a newer digest."""
        app = self.find(name)
        return sorted({service.image for service in app["services"]}) if app["images_outdated"] else []

    def ports_in_use(self) -> set[int]:
        """Host ports of all apps."""
        return {outer for app in self.apps.values() for service in app["services"] for outer, _ in service.ports}

    @method("app.used_ports")
    def used_ports(self, call: Call) -> list[int]:
        """Host ports of all apps."""
        return sorted(self.ports_in_use())

    @method("app.used_host_ips")
    def used_host_ips(self, call: Call) -> Row:
        """Host addresses that apps bind."""
        return {}

    # Life ----------------------------------------------------------------------------------------------------

    def deploy(self, app: Row) -> Steps:
        """Start an app's containers."""
        app["state"] = "DEPLOYING"
        self.changed(app)
        yield Step(60, "Starting containers")
        app["state"] = "RUNNING"
        app["logs"].append(f"{app['name']} {app['version']} started")
        self.changed(app)

    @method("app.start", lock=by_name)
    def start(self, call: Call, name: str) -> Steps:
        """Start."""
        yield from self.deploy(self.find(name))

    @method("app.stop", lock=by_name)
    def stop(self, call: Call, name: str) -> Steps:
        """Stop."""
        app = self.find(name)
        app["state"] = "STOPPING"
        self.changed(app)
        yield Step(50, "Stopping containers")
        app["state"] = "STOPPED"
        app["logs"].append(f"{name} stopped")
        self.changed(app)

    @method("app.redeploy", lock=by_name)
    def redeploy(self, call: Call, name: str) -> Steps:
        """Make the containers anew."""
        app = self.find(name)
        yield from self.deploy(app)
        return self.row(app)

    @method("app.pull_images", lock=by_name)
    def pull_images(self, call: Call, name: str, options: Row) -> Steps:
        """Fetch newer images, and by default redeploy."""
        app = self.find(name)
        yield Step(40, "Pulling images")
        app["images_outdated"] = False
        if options["redeploy"] and app["state"] == "RUNNING":
            yield from self.deploy(app)
        self.changed(app)

    @staticmethod
    def _compose(data: Row, attribute: str) -> str | Row:
        text = data.get("custom_compose_config_string") or ""
        given = data.get("custom_compose_config")
        if text and given:
            raise invalid(attribute, "Only one of the compose configurations may be given")
        if not text and not given:
            raise invalid(attribute, "Compose configuration is required")
        try:
            parse_compose(text or given or "")
        except ComposeError as error:
            field = "custom_compose_config_string" if text else "custom_compose_config"
            raise invalid(f"{attribute}.{field}", f"Please specify a valid compose configuration: {error}") from error
        return str(text) if text else dict(given or {})

    def _check_ports(self, services: list[Service], own: str | None) -> None:
        taken = {
            outer: name
            for name, app in self.apps.items()
            if name != own
            for service in app["services"]
            for outer, _ in service.ports
        }
        for service in services:
            for outer, _ in service.ports:
                if outer in taken:
                    raise CallError(f"Port {outer} is already in use by app {taken[outer]}", EBUSY)

    @method("app.create", lock=by_name)
    def create(self, call: Call, data: Row) -> Steps:
        """Install from the catalogue, or a custom app from a compose file."""
        name = data["app_name"]
        if not self.docker.running:
            raise CallError(
                "Apps are not available: Docker is not running"
                if self.docker.settings.row["pool"]
                else "No pool configured for Docker"
            )
        if name in self.apps:
            raise invalid("app_create.app_name", f"App with name {name} already exists", EEXIST)
        if data["custom_app"]:
            compose = self._compose(data, "app_create")
            services = parse_compose(compose)
        else:
            item, train = data.get("catalog_app"), data["train"]
            if not item:
                raise invalid("app_create.catalog_app", "This field is required")
            details = self.catalog.item(train, item)
            versions = self.catalog.versions(train, item)
            version = versions[-1] if data["version"] == "latest" else data["version"]
            if version not in versions:
                raise invalid("app_create.version", f"Version {version} does not exist for {item}", ENOENT)
            services = [Service(item, f"{details['image']}:{version}", [(details["port"], details["port"])])]
        self._check_ports(services, None)
        yield Step(25, "Initial validation completed for app creation")
        yield Step(50, "Pulling images")
        if data["custom_app"]:
            app = self._install_custom(name, compose)
        else:
            app = self._install(name, str(item), train, version, data.get("values") or {})
        self.changed(app, "added")
        yield from self.deploy(app)
        return self.row(app)

    @method("app.update", lock=by_name)
    def update(self, call: Call, name: str, data: Row) -> Steps:
        """Replace values or compose file, and redeploy."""
        app = self.find(name)
        if app["custom"]:
            compose = self._compose(data, "app_update")
            services = parse_compose(compose)
            self._check_ports(services, name)
            app["services"], app["values"] = services, {"compose": compose}
        else:
            app["values"] = {**app["values"], **(data.get("values") or {})}
        yield Step(25, "Initial validation completed for app update")
        yield from self.deploy(app)
        return self.row(app)

    @method("app.delete", lock=by_name)
    def delete(self, call: Call, name: str, options: Row) -> Steps:
        """Remove an app; its ix-volumes only when told to."""
        app = self.find(name)
        yield Step(40, "Removing containers")
        if options["remove_ix_volumes"]:
            pool = self.docker.settings.row["pool"]
            for dataset in list(self.storage.store.datasets.values()):
                if dataset.name == f"{pool}/ix-apps/app_mounts/{name}":
                    self.storage.store.drop_dataset(dataset)
        del self.apps[name]
        self.changed(app, "removed")
        return True

    @method("app.convert_to_custom", lock=by_name)
    def convert_to_custom(self, call: Call, name: str) -> Steps:
        """Cut an app off from the catalogue."""
        app = self.find(name)
        if app["custom"]:
            raise invalid("app_name", f"{name} is already a custom app")
        yield Step(50, "Converting")
        app["custom"] = True
        return self.row(app)


def _port(inner: int, outer: int) -> Row:
    hosts = [{"host_port": outer, "host_ip": "0.0.0.0"}, {"host_port": outer, "host_ip": "::"}]
    return {"container_port": inner, "protocol": "tcp", "host_ports": hosts}
