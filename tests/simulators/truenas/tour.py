"""Calls of every method, area by area, with arguments that work. Values that later steps need are read back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.updates import Updates
from tests.simulators.truenas.peer import RpcError

if TYPE_CHECKING:
    from tests.simulators.truenas.test_every_method import Guide

CRON = {"minute": "0", "hour": "3", "dom": "*", "month": "*", "dow": "*"}


async def reads(guide: Guide) -> None:
    """Everything that needs no arguments, and every query in its three forms."""
    stop = ("auth.", "core.", "system.general.ui_restart", "interface.", "pool.snapshottask.run", "privilege.become")
    facts = guide.stand.box.dispatcher.served(guide.stand.box.persona.name)
    for name, fact in facts.items():
        if fact.job is not None or name.startswith(stop) or name in ("config.upload", "vm.random_mac"):
            continue
        if name.endswith(".query") and fact.is_query:
            await guide.do(name)
            await guide.do(name, [], {"count": True})
            rows = await guide.do(name, [], {"limit": 1})
            if rows:
                assert (await guide.do(name, [], {"get": True})).keys() == rows[0].keys(), name
                key = rows[0].get("id", rows[0].get("name"))
                instance = name.replace(".query", ".get_instance")
                if guide.has(instance):
                    await guide.do(instance, rows[0].get("identifier", key))
        elif not any(param.required for param in fact.params) and fact.job is None:
            await guide.do(name)
    await guide.do("vm.random_mac")


async def sessions(guide: Guide) -> None:
    """Login, tokens, sessions, subscriptions."""
    stand = guide.stand
    other = await stand.connect()
    await other.call("auth.mechanism_choices")
    credentials = stand.simulator.credentials
    assert await other.call("auth.login_with_api_key", credentials["api_key"]) is True
    await other.call("auth.logout")
    assert await other.call("auth.login", "alice", "wrong") is False
    fresh = await stand.connect()
    token = await guide.do("auth.generate_token")
    assert await fresh.call("auth.login_with_token", token) is True
    once = await guide.do("auth.generate_onetime_password", {"username": "truenas_admin"})
    again = await stand.connect()
    login = {"mechanism": "PASSWORD_PLAIN", "username": "truenas_admin", "password": once}
    assert (await again.call("auth.login_ex", login))["response_type"] == "SUCCESS"
    await guide.do("auth.me")
    await guide.do("auth.set_attribute", "theme", "dark")
    rows = await guide.do("auth.sessions", [["current", "=", False]])
    assert await guide.do("auth.terminate_session", rows[0]["id"]) is True
    await guide.do("auth.terminate_other_sessions")
    await guide.do("auth.twofactor.update", {"enabled": True, "window": 1})
    await guide.do("user.renew_2fa_secret", "truenas_admin", {})
    second = await stand.connect()
    answer = await second.call("auth.login_ex", {**login, "password": "harbour-42"})
    assert answer == {"response_type": "OTP_REQUIRED", "username": "truenas_admin"}
    code = stand.box.get(Accounts).one_time_password("truenas_admin")
    answer = await second.call("auth.login_ex_continue", {"mechanism": "OTP_TOKEN", "otp_token": code})
    assert answer["response_type"] == "SUCCESS"
    await guide.do("user.unset_2fa_secret", "truenas_admin")
    await guide.do("auth.twofactor.update", {"enabled": False})
    await guide.do("auth.twofactor.config")


async def core(guide: Guide) -> None:
    """Jobs, subscriptions, discovery."""
    await guide.do("core.ping")
    await guide.do("core.set_options", {"legacy_jobs": True})
    number = await guide.do("core.subscribe", "core.get_jobs")
    await guide.do("core.unsubscribe", number)
    await guide.do("core.get_services")
    assert "pool.query" in await guide.do("core.get_methods", "pool")
    await guide.do("core.get_jobs")
    await guide.do("core.bulk", "core.ping_remote", [[{"hostname": "localhost"}], [{"hostname": "nowhere"}]])
    await guide.do("core.arp", {})
    await guide.do("core.ping_remote", {"hostname": guide.stand.box.world.firewall_lan_ip})
    job = await guide.peer.call("disk.wipe", "sdh", "FULL")
    await guide.do("core.job_abort", job)
    job = await guide.peer.call("disk.wipe", "sdh", "QUICK")
    await guide.do("core.job_wait", job)
    run = await guide.peer.call("cronjob.run", 1)
    await guide.peer.wait_job(run)
    path = await guide.do("core.job_download_logs", run, "log.txt")
    assert path.startswith("/_download/")
    await guide.download("config.save", {"secretseed": True})
    await guide.download("system.debug")
    await guide.download("audit.download_report", {"report_name": "report.json"})


async def alerts(guide: Guide) -> None:
    """Alerts and where they go."""
    row = (await guide.do("alert.list"))[0]
    await guide.do("alert.dismiss", row["uuid"])
    await guide.do("alert.restore", row["uuid"])
    service = {
        "name": "chat",
        "attributes": {"type": "Mail", "email": "a@example.com"},
        "level": "WARNING",
        "enabled": True,
    }
    if guide.release < (25, 10):
        service |= {"type": "Mail", "attributes": {"email": "a@example.com"}}
    made = await guide.do("alertservice.create", service)
    await guide.do("alertservice.get_instance", made["id"])
    await guide.do("alertservice.update", made["id"], service | {"level": "ERROR"})
    await guide.do("alertservice.test", service)
    await guide.do("alertservice.delete", made["id"])
    await guide.do("alertclasses.update", {"classes": {}})
    await guide.do("mail.update", {"fromname": "nas"})
    await guide.do("mail.send", {"subject": "hello", "text": "there"}, {})


async def accounts(guide: Guide) -> None:
    """Users, groups, privileges, keys."""
    group = await guide.do("group.create", {"name": "crew"})
    user = await guide.do(
        "user.create", {"username": "carol", "full_name": "Carol", "group_create": True, "random_password": True}
    )
    assert user["password"]
    await guide.do("group.update", group, {"users": [user["id"]]})
    await guide.do("user.update", user["id"], {"full_name": "Carol Example"})
    await guide.do("user.set_password", {"username": "carol", "new_password": "new-secret-1"})
    await guide.do("user.get_user_obj", {"username": "carol", "get_groups": True})
    await guide.do("group.get_group_obj", {"groupname": "crew"})
    await guide.do("group.has_password_enabled_user", [3100])
    gid = (await guide.do("group.get_instance", group))["gid"]
    privilege = {"name": "storage", "local_groups": [gid], "roles": ["POOL_READ"], "web_shell": False}
    made = await guide.do("privilege.create", privilege)
    await guide.do("privilege.update", made["id"], {"roles": ["POOL_READ", "DATASET_READ"]})
    key = await guide.do("api_key.create", {"name": "carol key", "username": "carol"})
    await guide.do("api_key.update", key["id"], {"reset": True})
    await guide.do("api_key.convert_raw_key", guide.stand.simulator.credentials["api_key"])
    await guide.do("api_key.delete", key["id"])
    await guide.do("privilege.delete", made["id"])
    await guide.do("user.delete", user["id"])
    await guide.do("group.delete", group)


async def pools(guide: Guide) -> None:
    """Pools from creation to export and back."""
    await guide.do("pool.validate_name", "fast")
    pool = await guide.do("pool.create", {"name": "fast", "topology": {"data": [{"type": "STRIPE", "disks": ["sdg"]}]}})
    number = pool["id"]
    await guide.do("pool.attach", number, {"target_vdev": pool["topology"]["data"][0]["guid"], "new_disk": "sdh"})
    pool = await guide.do("pool.get_instance", number)
    label = pool["topology"]["data"][0]["children"][1]["guid"]
    await guide.do("pool.offline", number, {"label": label})
    await guide.do("pool.online", number, {"label": label})
    await guide.do("pool.detach", number, {"label": label})
    await guide.do(
        "pool.update", number, {"topology": {"data": [{"type": "STRIPE", "disks": ["sdh"]}]}, "autotrim": "ON"}
    )
    pool = await guide.do("pool.get_instance", number)
    await guide.do("pool.remove", number, {"label": pool["topology"]["data"][1]["guid"]})
    await guide.do("pool.replace", number, {"label": pool["topology"]["data"][0]["guid"], "disk": "sdh"})
    await guide.do("pool.expand", number)
    await guide.do("pool.upgrade", number)
    await guide.do("pool.is_upgraded", number)
    await guide.do("pool.attachments", 1)
    await guide.do("pool.processes", 1)
    for method in ("pool.ddt_prefetch", "pool.prefetch"):
        await guide.do(method, "fast")
    await guide.do("pool.ddt_prune", {"pool_name": "fast", "percentage": 10})
    await guide.do("pool.scrub.scrub", "fast", "START")
    await guide.do("pool.scrub", number, "START")
    await guide.do("zpool.scrub.run", {"pool_name": "fast", "threshold": 0})
    await guide.do("pool.scrub.run", "fast", 35)
    schedule = (await guide.do("pool.scrub.query", [["pool", "=", number]]))[0]
    await guide.do("pool.scrub.update", schedule["id"], {"threshold": 7})
    await guide.do("pool.scrub.delete", schedule["id"])
    await guide.do("pool.scrub.create", {"pool": number})
    await guide.do("pool.resilver.update", {"enabled": False})
    await guide.do("pool.reimport", number)
    await guide.do("docker.backup_to_pool", "fast")
    await guide.do("pool.export", number)
    found = await guide.do("pool.import_find")
    await guide.do("pool.import_pool", {"guid": found[0]["guid"]})
    await guide.do("zpool.query", {"properties": ["size"], "topology": True, "scan": True})
    await guide.do("boot.set_scrub_interval", 14)
    await guide.do("boot.scrub")
    await guide.do("boot.attach", "sdg")
    await guide.do("boot.detach", "sdg")
    await guide.do("boot.replace", "nvme0n1p3", "sdg")
    await guide.do("boot.replace", "sdg1", "nvme0n1")
    await guide.do("pool.get_disks", number)


async def datasets(guide: Guide) -> None:
    """Datasets, quotas and keys."""
    await guide.do("pool.dataset.create", {"name": "tank/t", "comments": "tour", "quota": 2 * 1024**3})
    await guide.do("pool.dataset.create", {"name": "tank/t/v", "type": "VOLUME", "volsize": 1024**3, "sparse": True})
    await guide.do("pool.dataset.update", "tank/t", {"compression": "ZSTD", "quota": None})
    await guide.do("pool.dataset.set_quota", "tank/t", [{"quota_type": "USER", "id": "alice", "quota_value": 1024**3}])
    for kind in ("USER", "GROUP", "DATASET", "PROJECT"):
        await guide.do("pool.dataset.get_quota", "tank/t", kind)
    for method in ("attachments", "processes", "snapshot_count"):
        await guide.do(f"pool.dataset.{method}", "tank/t")
    await guide.do("pool.dataset.recommended_zvol_blocksize", "tank")
    secret = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "a-passphrase"}}
    await guide.do("pool.dataset.create", {"name": "tank/safe", **secret})
    await guide.do("pool.dataset.lock", "tank/safe")
    keys = {"datasets": [{"name": "tank/safe", "passphrase": "a-passphrase"}]}
    await guide.do("pool.dataset.encryption_summary", "tank/safe", keys)
    assert (await guide.do("pool.dataset.unlock", "tank/safe", keys))["unlocked"] == ["tank/safe"]
    await guide.do("pool.dataset.change_key", "tank/safe", {"generate_key": True})
    await guide.do("pool.dataset.export_key", "tank/safe")
    assert json.loads(await guide.download("pool.dataset.export_keys", "tank/safe")).keys() == {"tank/safe"}
    inner = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    await guide.do("pool.dataset.create", {"name": "tank/safe/inner", **inner})
    await guide.do("pool.dataset.inherit_parent_encryption_properties", "tank/safe/inner")
    await guide.do("pool.dataset.rename", "tank/safe/inner", {"new_name": "tank/safe/renamed", "force": True})
    await guide.do("pool.dataset.delete", "tank/safe", {"recursive": True})
    await guide.do("zfs.resource.query", {"paths": ["tank/t"], "get_children": True, "nest_results": True})


async def snapshots(guide: Guide) -> None:
    """Snapshots under whichever names the release has, and their tasks."""
    name = "pool.snapshot" if guide.has("pool.snapshot.query") else "zfs.snapshot"
    await guide.do(f"{name}.create", {"dataset": "tank/t", "name": "one", "recursive": True})
    await guide.do(f"{name}.get_instance", "tank/t@one", {"extra": {"holds": True, "retention": True}})
    extra = {"extra": {"holds": True, "retention": True, "properties": ["used"]}}
    await guide.do(f"{name}.query", [["dataset", "^", "tank"]], extra)
    await guide.do(f"{name}.update", "tank/t@one", {"user_properties_update": [{"key": "a:b", "value": "c"}]})
    await guide.do(f"{name}.hold", "tank/t@one")
    await guide.do(f"{name}.release", "tank/t@one")
    await guide.do(f"{name}.clone", {"snapshot": "tank/t@one", "dataset_dst": "tank/copy"})
    await guide.do("pool.dataset.promote", "tank/copy")
    await guide.do(f"{name}.create", {"dataset": "tank/copy", "name": "two"})
    await guide.do(f"{name}.rollback", "tank/copy@two")
    await guide.do(f"{name}.rename", "tank/copy@two", {"new_name": "tank/copy@three", "force": True})
    await guide.do(f"{name}.create", {"dataset": "tank/copy", "name": "last"})
    await guide.do(f"{name}.delete", "tank/copy@last")
    await guide.do("pool.dataset.destroy_snapshots", "tank/copy", {"snapshots": ["three"]})
    made = await guide.do("pool.snapshottask.create", {"dataset": "tank/t", "recursive": False, "lifetime_value": 1})
    await guide.do("pool.snapshottask.update", made["id"], {"lifetime_value": 2, "fixate_removal_date": True})
    await guide.do("pool.snapshottask.update_will_change_retention_for", 1, {"lifetime_value": 1})
    await guide.do("pool.snapshottask.delete_will_change_retention_for", 1)
    await guide.do("pool.snapshottask.run", made["id"])
    await guide.do("pool.snapshottask.delete", made["id"])
    new = "zfs.resource.snapshot"
    await guide.do(f"{new}.create", {"dataset": "tank/t", "name": "four"})
    await guide.do(f"{new}.query", {"paths": ["tank/t"], "get_holds": True, "get_source": True})
    await guide.do(f"{new}.count", {"paths": ["tank/t"]})
    await guide.do(f"{new}.hold", {"path": "tank/t@four", "tag": "mine"})
    await guide.do(f"{new}.holds", {"path": "tank/t@four"})
    await guide.do(f"{new}.release", {"path": "tank/t@four", "tag": "mine"})
    await guide.do(f"{new}.rollback", {"path": "tank/t@four"})
    await guide.do(f"{new}.clone", {"snapshot": "tank/t@four", "dataset": "tank/five"})
    if guide.has(f"{new}.clone"):
        await guide.do("pool.dataset.delete", "tank/five")
    await guide.do(f"{new}.rename", {"current_name": "tank/t@four", "new_name": "tank/t@six"})
    await guide.do(f"{new}.destroy", {"path": "tank/t@six"})


async def files(guide: Guide) -> None:
    """Directories, permissions, files, disks."""
    await guide.do("filesystem.mkdir", {"path": "/mnt/tank/t/dir"})
    for method in ("stat", "statfs", "getacl"):
        await guide.do(f"filesystem.{method}", "/mnt/tank/t/dir")
    await guide.do("filesystem.listdir", "/mnt/tank/t")
    await guide.do("filesystem.setperm", {"path": "/mnt/tank/t/dir", "mode": "770", "user": "alice"})
    await guide.do("filesystem.chown", {"path": "/mnt/tank/t/dir", "uid": 3001, "options": {"recursive": True}})
    entries = [
        {"tag": t, "perms": {"READ": True, "WRITE": True, "EXECUTE": True}, "default": False}
        for t in ("USER_OBJ", "GROUP_OBJ", "OTHER")
    ]
    await guide.do("filesystem.setacl", {"path": "/mnt/tank/t/dir", "dacl": entries})
    assert (await guide.upload("filesystem.put", ["/mnt/tank/t/new/file.txt"], b"one\ntwo\n"))["state"] == "SUCCESS"
    assert await guide.download("filesystem.get", "/mnt/tank/t/new/file.txt") == b"one\ntwo\n"
    await guide.do("disk.details", {"type": "UNUSED"})
    await guide.do("disk.temperatures", ["sda"], True)
    await guide.do("disk.temperature_agg", ["sda", "gone"])
    await guide.do("disk.temperature_alerts", ["sda"])
    row = (await guide.do("disk.query", [["name", "=", "sda"]], {"extra": {"pools": True, "passwords": True}}))[0]
    await guide.do("disk.update", row["identifier"], {"description": "front"})
    await guide.do("disk.temperature", "sda")
    await guide.do("disk.smart_attributes", "sda")
    await guide.do("disk.wipe", "sdg", "QUICK")
    for arguments in ({"type": "DISK"}, {"type": "DISK", "serials_only": True}, {"type": "GPU"}, {"type": "SERIAL"}):
        await guide.do("device.get_info", arguments)


async def shares(guide: Guide) -> None:
    """SMB, NFS and their services."""
    made = await guide.do("sharing.smb.create", {"name": "tour", "path": "/mnt/tank/t"})
    await guide.do("sharing.smb.update", made["id"], {"comment": "x"})
    await guide.do("sharing.smb.share_precheck", {"name": "other"})
    await guide.do("sharing.smb.getacl", {"share_name": "tour"})
    entry = {"ae_perm": "READ", "ae_type": "ALLOWED", "ae_who_sid": "S-1-1-0"}
    await guide.do("sharing.smb.setacl", {"share_name": "tour", "share_acl": [entry]})
    await guide.do("sharing.smb.delete", made["id"])
    made = await guide.do("sharing.nfs.create", {"path": "/mnt/tank/t", "maproot_user": "root"})
    await guide.do("sharing.nfs.update", made["id"], {"ro": True})
    await guide.do("sharing.nfs.delete", made["id"])
    await guide.do("smb.update", {"description": "tour"})
    await guide.do("nfs.update", {"servers": 4})
    await guide.do("smb.status", "SESSIONS")
    await guide.do("service.update", "ftp", {"enable": True})
    for verb in ("START", "RESTART", "RELOAD", "STOP"):
        await guide.do("service.control", verb, "ftp", {"silent": False})
        await guide.do(f"service.{verb.lower()}", "ftp")
    await guide.do("service.started", "ftp")
    await guide.do("service.started_or_enabled", "ftp")
    await guide.do("ssh.update", {"tcpport": 2222})
    await guide.do("ftp.update", {"clients": 6})
    await guide.do("snmp.update", {"location": "rack"})
    await guide.do("ups.update", {"description": "x"})


async def iscsi(guide: Guide) -> None:
    """iSCSI from portal to map, and back."""
    address = guide.stand.box.server.host_ip
    portal = await guide.do("iscsi.portal.create", {"listen": [{"ip": address}]})
    await guide.do("iscsi.portal.update", portal["id"], {"comment": "x"})
    initiator = await guide.do("iscsi.initiator.create", {"initiators": ["iqn.a"]})
    await guide.do("iscsi.initiator.update", initiator["id"], {"comment": "x"})
    auth = await guide.do("iscsi.auth.create", {"tag": 1, "user": "chap", "secret": "s" * 12})
    await guide.do("iscsi.auth.update", auth["id"], {"user": "chap2"})
    await guide.do("iscsi.auth.get_instance", auth["id"])
    groups = [{"portal": portal["id"], "initiator": initiator["id"], "authmethod": "CHAP", "auth": 1}]
    target = await guide.do("iscsi.target.create", {"name": "tour", "groups": groups})
    await guide.do("iscsi.target.update", target["id"], {"alias": "t"})
    await guide.do("iscsi.target.validate_name", "tour")
    extent = await guide.do("iscsi.extent.create", {"name": "tour", "type": "DISK", "disk": "zvol/tank/t/v"})
    await guide.do("iscsi.extent.update", extent["id"], {"comment": "x"})
    link = await guide.do("iscsi.targetextent.create", {"target": target["id"], "extent": extent["id"]})
    await guide.do("iscsi.targetextent.update", link["id"], {"lunid": 3})
    await guide.do("service.control", "START", "iscsitarget") or await guide.do("service.start", "iscsitarget")
    await guide.do("iscsi.global.sessions")
    await guide.do("iscsi.global.update", {"pool_avail_threshold": 80})
    await guide.do("iscsi.targetextent.delete", link["id"])
    await guide.do("iscsi.extent.delete", extent["id"])
    await guide.do("iscsi.target.delete", target["id"])
    await guide.do("iscsi.auth.delete", auth["id"])
    await guide.do("iscsi.initiator.delete", initiator["id"])
    await guide.do("iscsi.portal.delete", portal["id"])


async def network(guide: Guide) -> None:
    """Interfaces, staged and committed; routes."""
    for method in (
        "query",
        "has_pending_changes",
        "checkin_waiting",
        "choices",
        "ip_in_use",
        "websocket_local_ip",
        "websocket_interface",
    ):
        await guide.do(f"interface.{method}")
    for method in (
        "lag_ports_choices",
        "bridge_members_choices",
        "vlan_parent_interface_choices",
        "lacpdu_rate_choices",
        "xmit_hash_policy_choices",
    ):
        await guide.do(f"interface.{method}")
    await guide.do("interface.get_instance", "eno1")
    vlan = {
        "type": "VLAN",
        "vlan_parent_interface": "eno2",
        "vlan_tag": 40,
        "aliases": [{"address": "10.40.0.5", "netmask": 24}],
    }
    made = await guide.do("interface.create", vlan)
    await guide.do("interface.get_instance", made["id"])
    await guide.do("interface.update", made["id"], {"description": "guests"})
    bond = await guide.do("interface.create", {"type": "LINK_AGGREGATION", "lag_ports": ["eno2"]})
    await guide.do("interface.get_instance", bond["id"])
    await guide.do("interface.delete", bond["id"])
    for method in ("network_config_to_be_removed", "default_route_will_be_removed", "services_restarted_on_sync"):
        await guide.do(f"interface.{method}")
    gateway = guide.stand.box.world.firewall_lan_ip
    await guide.do("interface.save_network_config", {"ipv4gateway": gateway})
    await guide.do("interface.save_default_route", gateway)
    await guide.do("interface.commit", {"checkin_timeout": 30})
    assert 0 < await guide.do("interface.checkin_waiting") <= 30
    await guide.do("interface.checkin")
    await guide.do("interface.delete", made["id"])
    await guide.do("interface.commit")
    await guide.do("interface.cancel_rollback")
    await guide.do("interface.rollback")
    await guide.do("network.configuration.update", {"hostname": "nas1", "nameserver2": "9.9.9.9"})
    made = await guide.do("staticroute.create", {"destination": "10.99.0.0/16", "gateway": gateway})
    await guide.do("staticroute.update", made["id"], {"description": "x"})
    await guide.do("staticroute.get_instance", made["id"])
    await guide.do("staticroute.delete", made["id"])
    await guide.do("route.ipv4gw_reachable", gateway)


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


async def updates(guide: Guide) -> None:
    """Updates, boot environments, certificates."""
    await guide.do("update.download")
    await guide.do("update.set_train", guide.stand.box.persona.train)
    await guide.do("update.set_auto_download", True)
    environments = "boot.environment"
    if guide.release >= (25, 10):
        await guide.do("update.update", {"autocheck": False})
        await guide.do("update.run", {"resume": True})
    else:
        await guide.do("update.update", {})
    first = (await guide.do(f"{environments}.query", [["active", "=", True]]))[0]
    await guide.do(f"{environments}.activate", {"id": first["id"]})
    await guide.do(f"{environments}.clone", {"id": first["id"], "target": "spare"})
    await guide.do(f"{environments}.keep", {"id": "spare", "value": True})
    await guide.do(f"{environments}.destroy", {"id": "spare"})
    await guide.do("update.manual", "/mnt/tank/t/dir", {"dataset_name": "manual-1"})
    newer = guide.stand.box.get(Updates).newer
    await guide.do(f"{environments}.destroy", {"id": newer})
    assert (await guide.upload("update.file", [{}], b"image"))["state"] == "SUCCESS"
    request = {"name": "csr", "create_type": "CERTIFICATE_CREATE_CSR", "san": ["nas.rack.example"]}
    made = await guide.do("certificate.create", request)
    await guide.do("certificate.get_instance", made["id"])
    await guide.do("certificate.update", made["id"], {"name": "csr2"})
    await guide.do("certificate.delete", made["id"])


async def administration(guide: Guide) -> None:
    """Everything else that is settings."""
    await guide.do("system.general.update", {"timezone": "UTC"})
    await guide.do("system.general.update", {"ui_consolemsg": True, "ui_port": 8080, "rollback_timeout": 60})
    assert 0 < await guide.do("system.general.checkin_waiting") <= 60
    await guide.do("system.general.checkin")
    await guide.do("system.advanced.update", {"motd": "hello"})
    await guide.do("system.advanced.update_gpu_pci_ids", [])
    await guide.do("system.security.update", {"min_password_length": 10})
    await guide.do("system.feature_enabled", "DEDUP")
    await guide.do("system.release_notes_url")
    await guide.do("systemdataset.update", {"pool": "tank"})
    made = await guide.do("tunable.create", {"var": "vm.swappiness", "value": "1"})
    await guide.do("tunable.get_instance", made["id"])
    await guide.do("tunable.update", made["id"], {"value": "2"})
    await guide.do("tunable.delete", made["id"])
    made = await guide.do("system.ntpserver.create", {"address": "time.example.com"})
    await guide.do("system.ntpserver.update", made["id"], {"prefer": True})
    await guide.do("system.ntpserver.delete", made["id"])
    made = await guide.do("cronjob.create", {"command": "true", "user": "root"})
    await guide.do("cronjob.update", made["id"], {"enabled": False, "schedule": CRON})
    await guide.do("cronjob.run", made["id"])
    await guide.do("cronjob.delete", made["id"])
    made = await guide.do("initshutdownscript.create", {"type": "COMMAND", "command": "true", "when": "POSTINIT"})
    await guide.do("initshutdownscript.get_instance", made["id"])
    await guide.do("initshutdownscript.update", made["id"], {"enabled": False})
    await guide.do("initshutdownscript.delete", made["id"])
    await guide.do("audit.query", {"services": ["MIDDLEWARE"], "query-options": {"limit": 5}})
    await guide.do("audit.query", {"query-options": {"count": True}})
    await guide.do("audit.export", {})
    await guide.do("audit.update", {"retention": 14})
    await guide.do("config.reset", {"reboot": False})
    await guide.do("privilege.become_readonly")


async def endings(guide: Guide) -> None:
    """What makes the system go away; each time it comes back, except the last."""
    guide.stand.simulator.timing.job_step_s = 0.05
    guide.stand.simulator.timing.restart_s = 0.05
    database = await guide.download("config.save")
    assert (await guide.upload("config.upload", [], database))["state"] == "SUCCESS"
    await again(guide)
    await guide.do("system.reboot", "tour")
    await again(guide)
    await guide.do("system.general.ui_restart", 0)
    await again(guide)
    await guide.do("system.shutdown", "tour")


async def again(guide: Guide) -> None:
    """Wait until the socket is gone, and log in on a new one."""
    for _ in range(200):
        if guide.peer.socket.closed:
            break
        try:
            await guide.peer.frame()
        except ConnectionError:
            break
    for _ in range(200):
        try:
            guide.peer = await guide.stand.login()
            return
        except (OSError, RpcError, aiohttp.ClientError):
            await asyncio.sleep(0.02)
    raise AssertionError("the box did not come back")


TOURS: tuple[Any, ...] = (
    reads,
    sessions,
    core,
    alerts,
    accounts,
    pools,
    datasets,
    snapshots,
    files,
    shares,
    iscsi,
    network,
    protection,
    apps,
    machines,
    graphs,
    updates,
    administration,
    endings,
)
