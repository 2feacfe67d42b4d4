"""Users, boot, virtual media, attributes, lockdown, network, time."""

from __future__ import annotations

import pytest

from tests.simulators.idrac.bench import ALL, CHS, MGR, MODERN, OEM_M, ROOT, SYS, Bench, bench

ATTRIBUTES = f"{OEM_M}/DellAttributes/iDRAC.Embedded.1"
RESET = f"{SYS}/Actions/ComputerSystem.Reset"
LOCKED = {"Attributes": {"Lockdown.1.SystemLockdown": "Enabled"}}
NEW = {"UserName": "backup", "Password": "Tidal-zone-77", "RoleId": "ReadOnly", "Enabled": True}


def _accounts(at: Bench) -> str:
    return f"{ROOT}/AccountService/Accounts" if at.generation >= 9 else f"{MGR}/Accounts"


@pytest.mark.parametrize("persona", ["8", "9"])
async def test_users_up_to_idrac9_live_in_sixteen_slots(persona: str) -> None:
    async with bench(persona) as at:
        base = _accounts(at)
        slots = (await at.get(f"{base}?$expand=*($levels=1)")).members
        assert len(slots) == 16
        assert (slots[0]["UserName"], slots[1]["UserName"]) == ("", "root")
        assert (await at.post(base, NEW)).status == 405
        assert (await at.patch(f"{base}/5", NEW)).status == 200
        assert (await at.get(SYS, auth=("backup", "Tidal-zone-77"))).status == 200
        taken = await at.patch(f"{base}/6", NEW)
        assert (taken.status, taken.ids) == (400, ["SYS451"])
        assert (await at.delete(f"{base}/5")).status == 405
        assert (await at.patch(f"{base}/5", {"Enabled": False, "RoleId": "None"})).status == 200
        assert (await at.patch(f"{base}/5", {"UserName": ""})).status == 200
        assert (await at.get(SYS, auth=("backup", "Tidal-zone-77"))).status == 401
        assert (await at.patch(f"{base}/1", NEW)).status == 400


async def test_users_of_idrac10_are_made_and_deleted() -> None:
    async with bench("10") as at:
        base = _accounts(at)
        made = await at.post(base, NEW)
        assert made.status == 201
        place = made.headers["Location"]
        assert made.body["Password"] is None
        assert (await at.get(SYS, auth=("backup", "Tidal-zone-77"))).status == 200
        assert (await at.delete(place)).status == 204
        assert (await at.get(place)).status == 404
        last = await at.delete(f"{base}/2")
        assert (last.status, last.ids) == (400, ["SYS451"])
        role = {"RoleId": "Watcher", "AssignedPrivileges": ["Login"], "OemPrivileges": []}
        assert (await at.post(f"{ROOT}/AccountService/Roles", role)).status == 201
        assert (await at.post(base, {**NEW, "RoleId": "Watcher"})).status == 201


@pytest.mark.parametrize("persona", ALL)
@pytest.mark.parametrize(
    "change", [{"Password": "short"}, {"RoleId": "King"}, {"Enabled": "yes"}, {"UserName": "a/b"}, {"Shoe": 1}]
)
async def test_bad_changes_of_a_user_are_refused(persona: str, change: dict[str, object]) -> None:
    async with bench(persona) as at:
        assert (await at.patch(f"{_accounts(at)}/3", change)).status == 400


async def test_a_password_that_is_due_lets_its_user_do_nothing_else() -> None:
    async with bench("9") as at:
        own = f"{_accounts(at)}/3"
        who = ("monitor", "Watch-only-31")
        assert (await at.patch(own, {"PasswordChangeRequired": True})).status == 200
        refused = await at.get(SYS, auth=who)
        assert (refused.status, refused.ids) == (403, ["PasswordChangeRequired"])
        assert (await at.patch(own, {"Password": "Fresh-water-5"}, auth=who)).status == 200
        assert (await at.get(SYS, auth=("monitor", "Fresh-water-5"))).status == 200


async def test_ssh_keys_are_kept_with_their_user() -> None:
    async with bench("9") as at:
        keys = f"{_accounts(at)}/2/Keys"
        made = await at.post(keys, {"KeyType": "SSH", "KeyString": "ssh-ed25519 AAAA x"})
        assert made.status == 201
        assert (await at.post(keys, {"KeyType": "SSH", "KeyString": "nonsense"})).status == 400
        assert (await at.delete(made.headers["Location"])).status == 204


async def test_one_boot_from_the_network_is_used_up_by_booting() -> None:
    async with bench("9") as at:
        once = {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}
        assert (await at.patch(SYS, once)).status == 200
        assert (await at.get(SYS)).at("Boot", "BootSourceOverrideTarget") == "Pxe"
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        boot = (await at.get(SYS)).at("Boot")
        assert isinstance(boot, dict)
        assert (boot["BootSourceOverrideTarget"], boot["BootSourceOverrideEnabled"]) == ("None", "Disabled")
    async with bench("8") as at:
        await at.patch(SYS, once)
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        boot = (await at.get(SYS)).at("Boot")
        assert isinstance(boot, dict)
        # "Once" with the target "None" means inactive on old firmware.
        assert (boot["BootSourceOverrideTarget"], boot["BootSourceOverrideEnabled"]) == ("None", "Once")
        assert "UefiHttp" not in boot["BootSourceOverrideTarget@Redfish.AllowableValues"]


async def test_idrac10_changes_boot_at_the_settings_with_an_entity_tag() -> None:
    async with bench("10") as at:
        once = {"Boot": {"BootSourceOverrideTarget": "Cd", "BootSourceOverrideEnabled": "Once"}}
        assert (await at.patch(SYS, once)).status == 400
        boot = (await at.get(SYS)).at("Boot")
        assert isinstance(boot, dict)
        assert "BootSourceOverrideTarget@Redfish.AllowableValues" not in boot
        settings = await at.get(f"{SYS}/Settings")
        allowed = settings.at("Boot", "BootSourceOverrideTarget@Redfish.AllowableValues")
        assert isinstance(allowed, list)
        assert "Cd" in allowed
        assert (await at.patch(f"{SYS}/Settings", once)).status == 428
        tag = {"If-Match": settings.headers["ETag"]}
        assert (await at.patch(f"{SYS}/Settings", once, headers=tag)).status == 200
        assert (await at.get(SYS)).at("Boot", "BootSourceOverrideTarget") == "Cd"
        mode = {"Boot": {"BootSourceOverrideMode": "Legacy"}}
        tag = {"If-Match": (await at.get(f"{SYS}/Settings")).headers["ETag"]}
        assert (await at.patch(f"{SYS}/Settings", mode, headers=tag)).status == 400


async def test_a_new_boot_order_is_a_job() -> None:
    async with bench("9") as at:
        order = (await at.get(SYS)).at("Boot", "BootOrder")
        assert isinstance(order, list)
        wanted = list(reversed(order))
        assert (await at.patch(SYS, {"Boot": {"BootOrder": wanted[:1]}})).status == 400
        assert (await at.patch(SYS, {"Boot": {"BootOrder": wanted}})).status == 202
        assert (await at.get(SYS)).at("Boot", "BootOrder") == order
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        assert (await at.get(SYS)).at("Boot", "BootOrder") == wanted
        option = f"{SYS}/BootOptions/Boot0003"
        assert (await at.patch(option, {"BootOptionEnabled": False})).status == 202
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        assert (await at.get(option)).body["BootOptionEnabled"] is False


async def test_old_firmware_orders_boot_by_its_boot_sources() -> None:
    async with bench("8") as at:
        settings = f"{SYS}/BootSources/Settings"
        entry = "BIOS.Setup.1-1#UefiBootSeq#x#Boot0003"
        content = {"Attributes": {"UefiBootSeq": [{"Id": entry, "Index": 0, "Enabled": True}]}}
        assert (await at.patch(settings, content)).status == 200
        assert (await at.post(f"{MGR}/Jobs", {"TargetSettingsURI": settings})).status == 200
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        await at.get(SYS)
        assert at.simulator.bmc.boot.order[0] == "Boot0003"


@pytest.mark.parametrize(
    ("persona", "drive"),
    [
        ("8", f"{MGR}/VirtualMedia/CD"),
        ("9-14g", f"{MGR}/VirtualMedia/CD"),
        ("9", f"{SYS}/VirtualMedia/1"),
        ("10", f"{SYS}/VirtualMedia/1"),
    ],
)
async def test_media_are_inserted_and_ejected_where_the_generation_has_them(persona: str, drive: str) -> None:
    async with bench(persona) as at:
        insert, eject = (f"{drive}/Actions/VirtualMedia.{verb}Media" for verb in ("Insert", "Eject"))
        empty = await at.post(eject)
        assert (empty.status, empty.ids) == (500, ["VRM0009"])
        assert (await at.post(insert, {"Image": "https://files.example/debian.iso", "Password": "x"})).status == 204
        shown = (await at.get(drive)).body
        assert (shown["Inserted"], shown["ConnectedVia"], shown["ImageName"]) == (True, "URI", "debian.iso")
        assert shown["Password"] is None
        again = await at.post(insert, {"Image": "https://files.example/other.iso"})
        assert again.ids == ["VRM0012"]
        assert (await at.post(eject)).status == 204
        assert (await at.get(drive)).body["Inserted"] is False


@pytest.mark.parametrize("image", ["nowhere", "ftp://files.example/a.iso", "https://files.example/a.txt"])
async def test_images_that_cannot_be_are_refused(image: str) -> None:
    async with bench("9") as at:
        answer = await at.post(f"{SYS}/VirtualMedia/1/Actions/VirtualMedia.InsertMedia", {"Image": image})
        assert answer.status == 400


async def test_shares_in_nfs_and_cifs_spelling_are_taken() -> None:
    async with bench("9") as at:
        for slot, image in (("1", "nas1:/exports/a.iso"), ("2", "//nas1/share/b.img")):
            answer = await at.post(f"{SYS}/VirtualMedia/{slot}/Actions/VirtualMedia.InsertMedia", {"Image": image})
            assert answer.status == 204


async def test_media_can_be_stale_unreachable_or_unlicensed() -> None:
    async with bench("9") as at:
        drive = f"{SYS}/VirtualMedia/1"
        insert, eject = (f"{drive}/Actions/VirtualMedia.{verb}Media" for verb in ("Insert", "Eject"))
        image = {"Image": "https://files.example/debian.iso"}
        at.fault("media-unreachable", count=1)
        assert (await at.post(insert, image)).ids == ["VRM0021"]
        await at.post(insert, image)
        at.fault("stale-media", seconds=10.0, count=1)
        assert (await at.post(eject)).status == 204
        assert (await at.get(drive)).body["Inserted"] is True
        at.wait(11)
        assert (await at.get(drive)).body["Inserted"] is False
        at.fault("licence", tier="Express")
        assert (await at.post(insert, image)).status == 403
    async with bench("8") as at:
        at.fault("media-unreachable", count=1)
        drive = f"{MGR}/VirtualMedia/CD"
        # iDRAC8 says yes and connects nothing.
        assert (await at.post(f"{drive}/Actions/VirtualMedia.InsertMedia", image)).status == 204
        assert (await at.get(drive)).body["Inserted"] is False


@pytest.mark.parametrize("persona", MODERN)
async def test_attributes_are_many_and_set_one_by_one(persona: str) -> None:
    async with bench(persona) as at:
        before = (await at.get(ATTRIBUTES)).body["Attributes"]
        assert isinstance(before, dict)
        assert len(before) > 400
        assert before["Users.2.UserName"] == "root"
        assert before["Users.2.Password"] is None
        assert ("Users.2.Role" in before) is (persona == "10")
        assert (await at.patch(ATTRIBUTES, {"Attributes": {"NTPConfigGroup.1.NTPEnable": "Enabled"}})).status == 200
        mixed = {"Attributes": {"NTPConfigGroup.1.NTP1": "ntp.rack.example", "NTPConfigGroup.1.NTP9": "x"}}
        partly = await at.patch(ATTRIBUTES, mixed)
        assert (partly.status, partly.ids) == (200, ["SYS409"])
        assert "error" in partly.body
        assert partly.infos[0]["RelatedProperties"] == ["#/Attributes/NTPConfigGroup.1.NTP9"]
        after = (await at.get(ATTRIBUTES)).body["Attributes"]
        assert isinstance(after, dict)
        assert after["NTPConfigGroup.1.NTP1"] == "ntp.rack.example"
        none = await at.patch(ATTRIBUTES, {"Attributes": {"NoSuch.1.Thing": "x"}})
        assert none.status == 400


async def test_users_and_attributes_show_the_same() -> None:
    async with bench("9") as at:
        changes = {"Users.6.UserName": "late", "Users.6.Password": "Brown-algae-1", "Users.6.Enable": "Enabled"}
        assert (await at.patch(ATTRIBUTES, {"Attributes": {**changes, "Users.6.Privilege": 511}})).status == 200
        account = (await at.get(f"{_accounts(at)}/6")).body
        assert (account["UserName"], account["RoleId"]) == ("late", "Administrator")
        assert (await at.get(SYS, auth=("late", "Brown-algae-1"))).status == 200


async def test_idrac8_has_no_attributes_resource() -> None:
    async with bench("8") as at:
        assert (await at.get(ATTRIBUTES)).status == 400


@pytest.mark.parametrize("persona", MODERN)
async def test_lockdown_stops_changes_and_lets_power_light_and_logs_be(persona: str) -> None:
    async with bench(persona) as at:
        assert (await at.patch(ATTRIBUTES, LOCKED)).status == 200
        for path, content in (
            (f"{SYS}/Bios/Settings", {"Attributes": {"LogicalProc": "Disabled"}}),
            (ATTRIBUTES, {"Attributes": {"SSH.1.Enable": "Disabled"}}),
            (SYS, {"AssetTag": "A1"}),
            (f"{MGR}/NetworkProtocol", {"SSH": {"ProtocolEnabled": False}}),
        ):
            refused = await at.patch(path, content)
            assert (refused.status, refused.ids) == (403, ["SYS406"]), path
        update = f"{ROOT}/UpdateService/Actions/UpdateService.SimpleUpdate"
        assert (await at.post(update, {"ImageURI": "https://files.example/BIOS_X_9.9.9.EXE"})).ids == ["SYS406"]
        assert (await at.post(RESET, {"ResetType": "ForceRestart"})).status == 204
        assert (await at.patch(CHS, {"LocationIndicatorActive": True})).status == 200
        assert (await at.get(f"{MGR}/LogServices/Lclog/Entries")).status == 200
        off = {"Attributes": {"Lockdown.1.SystemLockdown": "Disabled"}}
        assert (await at.patch(ATTRIBUTES, off)).status == 200
        assert (await at.patch(SYS, {"AssetTag": "A1"})).status == 200


async def test_lockdown_needs_its_licence() -> None:
    async with bench("9") as at:
        at.fault("licence", tier="Express")
        assert (await at.patch(ATTRIBUTES, LOCKED)).ids == ["LIC501"]


async def test_the_idracs_own_network_is_read_and_written() -> None:
    async with bench("9") as at:
        nic = f"{MGR}/EthernetInterfaces/NIC.1"
        answer = await at.get(nic)
        shown = answer.body
        server = at.simulator.bmc.server
        assert (shown["MACAddress"], shown["FQDN"]) == (server.bmc_mac, f"idrac-{server.service_tag}.rack.example")
        assert answer.at("IPv4Addresses", 0, "Address") == server.bmc_ip
        change = {"IPv4Addresses": [{"Address": "10.20.9.77", "SubnetMask": "255.255.255.0", "Gateway": "10.20.9.1"}]}
        assert (await at.patch(nic, change)).status == 200
        assert (await at.get(ATTRIBUTES)).at("Attributes", "IPv4.1.Address") == "10.20.9.77"
        assert (await at.patch(nic, {"IPv4Addresses": [{"Address": "10.20.9"}]})).status == 400
        assert (await at.patch(f"{MGR}/NetworkProtocol", {"NTP": {"NTPServers": ["a", "b"]}})).status == 200
        assert (await at.get(f"{MGR}/NetworkProtocol")).at("NTP", "NTPServers") == ["a", "b"]


async def test_a_host_nic_is_changed_by_a_job() -> None:
    async with bench("9") as at:
        function = f"{CHS}/NetworkAdapters/NIC.Integrated.1/NetworkDeviceFunctions/NIC.Integrated.1-1-1"
        change = {
            "Ethernet": {"MACAddress": "02:00:00:00:00:07"},
            "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"},
        }
        assert (await at.patch(f"{function}/Settings", change)).status == 202
        await at.post(RESET, {"ResetType": "ForceRestart"})
        at.wait(60)
        ethernet = (await at.get(function)).at("Ethernet")
        assert isinstance(ethernet, dict)
        assert ethernet["MACAddress"] == "02:00:00:00:00:07"
        assert ethernet["PermanentMACAddress"] == at.simulator.bmc.server.host_macs[0].upper()


async def test_the_clock_is_read_set_and_can_be_wrong() -> None:
    async with bench("9") as at:
        manage = f"{OEM_M}/DellTimeService/Actions/DellTimeService.ManageTime"
        assert (await at.post(manage, {"GetRequest": True})).body["TimeData"] == "2026-11-23T02:00:00-06:00"
        setting = {"GetRequest": False, "TimeData": "2026-11-24T10:00:00-06:00"}
        assert (await at.post(manage, setting)).status == 200
        assert (await at.get(MGR)).body["DateTime"] == "2026-11-24T10:00:00-06:00"
        at.fault("clock-skew", seconds=3600.0)
        assert (await at.get(MGR)).body["DateTime"] == "2026-11-24T11:00:00-06:00"
