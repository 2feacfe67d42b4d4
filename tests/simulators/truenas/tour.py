"""Calls of every method, area by area, with arguments that work. Values that later steps need are read back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.updates import Updates
from tests.simulators.truenas.peer import RpcError
from tests.simulators.truenas.tour_storage import datasets, files, pools, snapshots
from tests.simulators.truenas.tour_workloads import apps, graphs, machines, protection

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
