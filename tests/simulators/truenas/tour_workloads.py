"""Calls of every method that protects data or runs workloads, with arguments that work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulators.truenas.test_every_method import Guide


async def protection(guide: Guide) -> None:
    """Keys, replication, cloud sync, rsync, cloud backup."""
    pair = await guide.do("keychaincredential.generate_ssh_key_pair")
    key = await guide.do("keychaincredential.create", {"name": "k", "type": "SSH_KEY_PAIR", "attributes": pair})
    await guide.do("keychaincredential.update", key["id"], {"name": "k2"})
    host = next(server.host_ip for server in guide.stand.box.world.servers if server.role == "proxmox")
    scanned = await guide.do("keychaincredential.remote_ssh_host_key_scan", {"host": host})
    manual = {"host": host, "remote_host_key": scanned}
    existing = {"generate_key": False, "existing_key_id": key["id"]}
    connection = {"private_key": existing, "connection_name": "c", "setup_type": "MANUAL", "manual_setup": manual}
    made = await guide.do("keychaincredential.setup_ssh_connection", connection)
    remote = {"name": "d", "url": f"https://{host}", "private_key": key["id"], "token": "x"}
    await guide.do("keychaincredential.remote_ssh_semiautomatic_setup", remote)
    await guide.do("keychaincredential.used_by", key["id"])
    task = {
        "name": "r",
        "direction": "PUSH",
        "transport": "LOCAL",
        "source_datasets": ["tank/home"],
        "target_dataset": "tank/copies/home",
        "recursive": False,
        "auto": False,
        "retention_policy": "SOURCE",
        "name_regex": "auto-.*",
    }
    row = await guide.do("replication.create", task)
    await guide.do("replication.update", row["id"], {"auto": False})
    await guide.do("replication.run", row["id"])
    await guide.do("replication.get_instance", row["id"])
    once = {k: v for k, v in task.items() if k not in ("name", "auto")}
    await guide.do("replication.run_onetime", {**once, "target_dataset": "tank/copies/again"})
    await guide.do("replication.restore", row["id"], {"name": "back", "target_dataset": "tank/restored"})
    await guide.do("replication.list_datasets", "SSH", made["id"])
    await guide.do("replication.create_dataset", "tank/copies/made", "LOCAL")
    eligible = {"datasets": ["tank/home"], "naming_schema": ["auto-%Y-%m-%d_%H-%M"], "transport": "LOCAL"}
    await guide.do("replication.count_eligible_manual_snapshots", eligible)
    await guide.do("replication.target_unmatched_snapshots", "PUSH", ["tank/home"], "tank/vms", "LOCAL")
    await guide.do("replication.delete", row["id"])
    await guide.do("replication.config.update", {"max_parallel_replication_tasks": 2})
    provider = {"type": "S3", "access_key_id": "a", "secret_access_key": "b"}
    credential = await guide.do("cloudsync.credentials.create", {"name": "s3", "provider": provider})
    await guide.do("cloudsync.credentials.update", credential["id"], {"name": "s3b"})
    await guide.do("cloudsync.credentials.verify", provider)
    common = {
        "path": "/mnt/tank/home",
        "credentials": credential["id"],
        "attributes": {"bucket": "scratch", "folder": ""},
    }
    sync = {**common, "direction": "PUSH", "transfer_mode": "COPY"}
    row = await guide.do("cloudsync.create", sync)
    await guide.do("cloudsync.update", row["id"], {"description": "x"})
    await guide.do("cloudsync.sync", row["id"], {"dry_run": True})
    await guide.do("cloudsync.get_instance", row["id"])
    await guide.do("cloudsync.sync_onetime", sync)
    assert await guide.do("cloudsync.abort", row["id"]) is False
    await guide.do("cloudsync.restore", row["id"], {"transfer_mode": "COPY", "path": "/mnt/tank/t"})
    await guide.do("cloudsync.list_buckets", credential["id"])
    await guide.do("cloudsync.list_directory", {k: common[k] for k in ("credentials", "attributes")})
    await guide.do("cloudsync.create_bucket", credential["id"], "tour-bucket")
    await guide.do("cloudsync.delete", row["id"])
    backup = await guide.do("cloud_backup.create", {**common, "password": "p", "keep_last": 3})
    await guide.do("cloud_backup.update", backup["id"], {"keep_last": 2})
    await guide.do("cloud_backup.sync", backup["id"])
    snapshot = (await guide.do("cloud_backup.list_snapshots", backup["id"]))[0]
    await guide.do("cloud_backup.list_snapshot_directory", backup["id"], snapshot["id"], "/mnt/tank/home")
    await guide.do("cloud_backup.restore", backup["id"], snapshot["id"], "/", "/mnt/tank/t")
    await guide.do("cloud_backup.delete_snapshot", backup["id"], snapshot["id"])
    await guide.do("cloud_backup.abort", backup["id"])
    await guide.do("cloud_backup.get_instance", backup["id"])
    await guide.do("cloud_backup.delete", backup["id"])
    for other in await guide.do("cloudsync.query", [["credentials.id", "=", credential["id"]]]):
        await guide.do("cloudsync.delete", other["id"])
    await guide.do("cloudsync.credentials.delete", credential["id"])
    rsync = {"path": "/mnt/tank/home", "user": "root", "mode": "MODULE", "remotehost": "h", "remotemodule": "m"}
    row = await guide.do("rsynctask.create", rsync)
    await guide.do("rsynctask.update", row["id"], {"desc": "x"})
    await guide.do("rsynctask.run", row["id"])
    await guide.do("rsynctask.delete", row["id"])
    await guide.do("keychaincredential.delete", key["id"], {"cascade": True})


async def apps(guide: Guide) -> None:
    """Apps, images, Docker, the catalogue."""
    await guide.do("catalog.apps", {})
    await guide.do("catalog.get_app_details", "minio", {"train": "stable"})
    await guide.do("catalog.update", {"preferred_trains": ["stable"]})
    await guide.do("catalog.sync")
    await guide.do(
        "app.create", {"app_name": "objects", "catalog_app": "minio", "version": "1.2.1", "values": {"a": 1}}
    )
    await guide.do("app.get_instance", "objects", {"extra": {"retrieve_config": True}})
    for method in ("config", "container_ids", "container_console_choices", "outdated_docker_images"):
        await guide.do(f"app.{method}", "objects")
    await guide.do("app.upgrade_summary", "objects")
    await guide.do("app.upgrade", "objects")
    assert await guide.do("app.rollback_versions", "objects") == ["1.2.1"]
    await guide.do("app.rollback", "objects", {"app_version": "1.2.1"})
    await guide.do("app.upgrade_bulk", [{"app_name": "objects"}])
    await guide.do("app.update", "objects", {"values": {"b": 2}})
    for method in ("stop", "start", "redeploy", "pull_images", "convert_to_custom"):
        await guide.do(f"app.{method}", "objects")
    await guide.do("app.delete", "objects", {"remove_ix_volumes": True})
    await guide.do("app.similar", "minio", "stable")
    await guide.do("app.ix_volume.exists", "jellyfin")
    image = (await guide.do("app.image.query"))[0]
    await guide.do("app.image.get_instance", image["id"])
    await guide.do("app.image.delete", image["id"], {"force": True})
    await guide.do("app.image.pull", {"image": "nginx:latest"})
    registry = {"name": "r", "username": "u", "password": "p", "uri": "https://registry.example"}
    made = await guide.do("app.registry.create", registry)
    await guide.do("app.registry.get_instance", made["id"])
    await guide.do("app.registry.update", made["id"], {"name": "r2"})
    await guide.do("app.registry.delete", made["id"])
    await guide.do("docker.update", {"enable_image_updates": False})
    name = await guide.do("docker.backup", "b1")
    await guide.do("docker.list_backups")
    await guide.do("docker.restore_backup", name)
    await guide.do("docker.delete_backup", name)


async def machines(guide: Guide) -> None:
    """Virtual machines and containers, whatever the release calls them."""
    vm = await guide.do("vm.create", {"name": "tour", "memory": 512})
    number = vm["id"]
    await guide.do("vm.update", number, {"description": "x"})
    device = await guide.do("vm.device.create", {"vm": number, "attributes": {"dtype": "NIC", "nic_attach": "eno1"}})
    await guide.do("vm.device.update", device["id"], {"attributes": {"type": "VIRTIO", "dtype": "NIC"}})
    await guide.do(
        "vm.device.create", {"vm": number, "attributes": {"dtype": "DISPLAY", "port": 5950, "web_port": 5951}}
    )
    for method in (
        "status",
        "get_memory_usage",
        "get_vm_memory_info",
        "get_console",
        "get_display_devices",
        "get_display_web_uri",
        "log_file_path",
    ):
        await guide.do(f"vm.{method}", number)
    await guide.do("vm.start", number)
    await guide.do("vm.suspend", number)
    await guide.do("vm.resume", number)
    await guide.do("vm.restart", number)
    await guide.do("vm.stop", number)
    await guide.do("vm.start", number)
    await guide.do("vm.poweroff", number)
    await guide.do("vm.clone", number, "copy")
    await guide.download("vm.log_file_download", number)
    await guide.do("vm.device.virtual_size", {"path": "/mnt/tank/t/dir"})
    await guide.do("vm.device.convert", {"source": "/mnt/tank/t/a.qcow2", "destination": "/dev/zvol/tank/t/v"})
    await guide.do("vm.device.delete", device["id"])
    await guide.do("vm.delete", number, {"zvols": True})
    await guide.do("virt.instance.create", {"name": "inst", "image": "alpine/3.20"})
    await guide.do("virt.instance.update", "inst", {"autostart": False})
    await guide.do(
        "virt.instance.device_add",
        "inst",
        {"dev_type": "DISK", "name": "d0", "source": "/mnt/tank", "destination": "/d"},
    )
    await guide.do(
        "virt.instance.device_update",
        "inst",
        {"dev_type": "DISK", "name": "d0", "source": "/mnt/tank", "destination": "/e"},
    )
    await guide.do("virt.instance.device_list", "inst")
    await guide.do("virt.instance.device_delete", "inst", "d0")
    for verb in ("stop", "start", "restart", "delete"):
        await guide.do(f"virt.instance.{verb}", "inst")
    volume = await guide.do("virt.volume.create", {"name": "vol"})
    if volume is not None:
        await guide.do("virt.volume.get_instance", volume["id"])
        await guide.do("virt.volume.update", volume["id"], {"size": 2048})
        await guide.do("virt.volume.delete", volume["id"])
    await guide.do("virt.global.update", {"bridge": None})
    if guide.has("container.create"):
        await containers(guide)


async def containers(guide: Guide) -> None:
    """Containers of 26."""
    image = (await guide.do("container.image.query_registry"))[0]
    made = await guide.do(
        "container.create",
        {"name": "box", "image": {"name": image["name"], "version": image["versions"][0]["version"]}},
    )
    await guide.do("container.update", made["id"], {"description": "x"})
    device = await guide.do(
        "container.device.create", {"container": made["id"], "attributes": {"dtype": "NIC", "nic_attach": "eno1"}}
    )
    await guide.do("container.device.get_instance", device["id"])
    await guide.do(
        "container.device.update",
        device["id"],
        {
            "attributes": {
                "dtype": "NIC",
                "type": "VIRTIO",
                "trust_guest_rx_filters": False,
                "nic_attach": None,
                "mac": None,
            }
        },
    )
    await guide.do("container.device.delete", device["id"])
    await guide.do("container.start", made["id"])
    await guide.do("container.stop", made["id"])
    await guide.do("container.delete", made["id"])
    await guide.do("container.migrate")
    await guide.do("lxc.update", {"v4_network": "10.9.0.0/24"})


async def graphs(guide: Guide) -> None:
    """Reporting."""
    for prefix in ("reporting.", "reporting.netdata_"):
        await guide.do(f"{prefix}get_data", [{"name": "cpu"}, {"name": "disk", "identifier": "sda"}], {"unit": "HOUR"})
        await guide.do(f"{prefix}graph", "interface", {"unit": "DAY", "aggregate": False})
    await guide.do("reporting.update", {"tier0_days": 5})
