"""Tools about apps in detail, and about jobs."""

from __future__ import annotations

from tests.appliances.truenas.case import Case

NO_APP = {"app": "nowhere"}

READS: tuple[Case, ...] = (
    Case("get_app", {"app": "jellyfin"}, missing=NO_APP),
    Case("app_log", {"app": "jellyfin"}, missing=NO_APP),
    Case("get_app_config", {"app": "jellyfin"}, missing=NO_APP),
    Case("get_apps_service"),
    Case("list_app_images"),
    Case("job_log", {"job": 1}, before=(("run_cloud_sync", {"task": "1", "test_only": True}),), missing={"job": 99}),
)

WRITES: tuple[Case, ...] = (
    Case(
        "update_app",
        {"app": "syncthing", "values": {"TZ": "Europe/Vienna"}},
        "app.update",
        missing={**NO_APP, "values": {"TZ": "UTC"}},
    ),
    Case("pull_app_images", {"app": "syncthing"}, "app.pull_images", (("!images-outdated", {}),), missing=NO_APP),
    Case("delete_app_image", {"image": "nginx:1"}, "app.image.delete", (("!image", {}),), missing={"image": "no:1"}),
)
