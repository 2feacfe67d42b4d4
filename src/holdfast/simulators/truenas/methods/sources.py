"""Event sources of apps, instances and files (contract section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EINVAL, ENOENT, CallError, Json, Row, ValidationFailedError
from holdfast.simulators.truenas.events import Subscription
from holdfast.simulators.truenas.methods.apps import Apps
from holdfast.simulators.truenas.methods.containers import Containers
from holdfast.simulators.truenas.methods.filesystem import Filesystem, Node
from holdfast.simulators.truenas.methods.virt import Virt
from holdfast.simulators.truenas.registry import Namespace
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

LOG_EVERY_S = 2.0


def _interval(argument: Json) -> float:
    interval = argument.get("interval", 2) if isinstance(argument, dict) else None
    if not isinstance(interval, int) or isinstance(interval, bool) or interval < 2:
        raise ValidationFailedError([("interval", "Input should be greater than or equal to 2", EINVAL)])
    return float(interval)


def _need(argument: Json, *names: str) -> list[str]:
    """Required text members of an event source's argument."""
    given = argument if isinstance(argument, dict) else {}
    missing: list[tuple[str | None, str, int]] = [
        (name, "Field required" if name not in given else "Input should be a valid string", EINVAL)
        for name in names
        if not isinstance(given.get(name), str)
    ]
    if missing:
        raise ValidationFailedError(missing)
    return [str(given[name]) for name in names]


class Sources(Namespace):
    """No methods of its own: subscriptions that deliver by themselves."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        sources = box.events.sources
        sources["app.stats"] = (("APPS_READ",), self._app_stats)
        sources["app.container_log_follow"] = (("APPS_READ",), self._app_log)
        sources["filesystem.file_tail_follow"] = (("FULL_ADMIN",), self._tail)
        if box.persona.release >= (26, 0):
            sources["container.metrics"] = (("CONTAINER_READ",), self._container_metrics)
        else:
            sources["virt.instance.metrics"] = (("VIRT_INSTANCE_READ",), self._instance_metrics)

    def _app_stats(self, subscription: Subscription, argument: Json) -> None:
        interval = _interval(argument)
        apps = self.box.get(Apps)

        def fields() -> Row:
            running = [app for app in apps.apps.values() if app["state"] == "RUNNING"]
            return {
                "apps": [
                    {
                        "app_name": app["name"],
                        "cpu_usage": 2,
                        "memory": 310_000_000,
                        "networks": [],
                        "blkio": {"read": 0, "write": 0},
                    }
                    for app in running
                ]
            }

        self.box.events.repeat(subscription, interval, fields)

    def _app_log(self, subscription: Subscription, argument: Json) -> None:
        name, container = _need(argument, "app_name", "container_id")
        apps = self.box.get(Apps)
        if name not in apps.apps:
            raise CallError(f"App {name} not found", ENOENT)
        app = apps.apps[name]
        if container not in {row["id"] for row in apps.row(app)["active_workloads"]["container_details"]}:
            raise CallError(f"Container {container} not found", ENOENT)
        tail = argument.get("tail_lines", 500)
        lines = list(app["logs"])[-tail:] if isinstance(tail, int) else list(app["logs"])
        now = self.box.clock.now()
        for line in lines:
            fields: Row = {"timestamp": from_epoch(now).isoformat(), "data": f"{line}\n"}
            self.box.events.notify(subscription.session, subscription.name, "added", fields=fields)

        def more() -> Row:
            line = f"{name}: alive"
            app["logs"].append(line)
            return {"timestamp": from_epoch(self.box.clock.now()).isoformat(), "data": f"{line}\n"}

        subscription.timer = self.box.timeline.after(
            LOG_EVERY_S, lambda: self.box.events.repeat(subscription, LOG_EVERY_S, more)
        )

    def _tail(self, subscription: Subscription, argument: Json) -> None:
        (path,) = _need(argument, "path")
        found = self.box.get(Filesystem).find(path)
        if not isinstance(found, Node) or found.content is None:
            raise CallError(f"{path} is not a file")
        lines = found.content.decode(errors="replace").splitlines()[-int(argument.get("tail_lines", 3)) :]
        for line in lines:
            self.box.events.notify(subscription.session, subscription.name, "added", fields={"data": f"{line}\n"})

    def _container_metrics(self, subscription: Subscription, argument: Json) -> None:
        interval = _interval(argument)
        containers = self.box.get(Containers)

        def fields() -> Row:
            running = [number for number, state in containers.states.items() if state == "RUNNING"]
            return {
                str(number): {
                    "cpu": {"cpu_user_percentage": 1.5, "cpu_system_percentage": 0.5},
                    "mem_usage": {"mem_usage_ram_mib": 28.4},
                }
                for number in running
            }

        self.box.events.repeat(subscription, interval, fields)

    def _instance_metrics(self, subscription: Subscription, argument: Json) -> None:
        interval = _interval(argument)
        instances = self.box.get(Virt).instances

        def fields() -> Row:
            running = [row["id"] for row in instances if row["status"] == "RUNNING"]
            return {
                name: {"cpu": {"cpu_user_percentage": 1.5}, "mem_usage": {"mem_usage_ram_mib": 28.4}}
                for name in running
            }

        self.box.events.repeat(subscription, interval, fields)
