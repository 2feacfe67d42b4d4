"""Licences, certificates, events, the event stream, telemetry, OS deployment, secrets."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography import x509
from yarl import URL

from tests.simulators.idrac.bench import MGR, MODERN, OEM_M, OEM_S, ROOT, SYS, Bench, bench
from tests.support.realtime import REAL_TIME

EVENTS = f"{ROOT}/EventService"
TELEMETRY = f"{ROOT}/TelemetryService"
ATTRIBUTES = f"{OEM_M}/DellAttributes/iDRAC.Embedded.1"
WANTED = {"Destination": "https://listener.example/events", "Protocol": "Redfish", "EventTypes": ["Alert"]}
ALERTS_ON = {"Attributes": {"IPMILan.1.AlertEnable": "Enabled"}}


@pytest.mark.parametrize("persona", MODERN)
async def test_the_licence_tells_its_tier(persona: str) -> None:
    async with bench(persona) as at:
        (licence,) = (await at.get(f"{ROOT}/LicenseService/Licenses?$expand=*($levels=1)")).members
        assert licence["Description"] == f"iDRAC{persona} Datacenter License"
        assert licence["ExpirationDate"] is None
        assert (await at.get(str(licence["DownloadURI"]))).status == 200
        at.fault("licence", tier="Enterprise")
        (licence,) = (await at.get(f"{ROOT}/LicenseService/Licenses?$expand=*($levels=1)")).members
        assert licence["Description"] == f"iDRAC{persona} Enterprise License"


async def test_a_licence_is_installed_deleted_and_refused_when_it_is_none() -> None:
    async with bench("9") as at:
        base = f"{ROOT}/LicenseService/Licenses"
        (licence,) = (await at.get(base)).members
        assert (await at.delete(str(licence["@odata.id"]))).status == 204
        assert (await at.get(base)).members == []
        assert (await at.get(f"{TELEMETRY}/MetricReports")).status == 403
        assert (await at.post(base, {"LicenseString": "!"})).ids == ["LIC212"]
        text = base64.b64encode(b"iDRAC Datacenter").decode()
        assert (await at.post(base, {"LicenseString": text})).status == 201
        assert (await at.get(f"{TELEMETRY}/MetricReports")).status == 200


async def test_an_older_idrac9_has_only_dells_licence_service() -> None:
    async with bench("9-14g") as at:
        assert (await at.get(f"{ROOT}/LicenseService")).status == 404
        (licence,) = (await at.get(f"{OEM_M}/DellLicenses?$expand=*($levels=1)")).members
        assert licence["LicenseDescription"] == ["iDRAC9 Enterprise License"]


async def test_a_certificate_is_requested_and_replaced() -> None:
    async with bench("9") as at:
        service = f"{ROOT}/CertificateService/Actions/CertificateService"
        where = {"@odata.id": f"{MGR}/NetworkProtocol/HTTPS/Certificates"}
        fields = {
            "CommonName": "bmc.rack.example",
            "Organization": "Rack",
            "OrganizationalUnit": "Sea",
            "City": "Kiel",
            "State": "SH",
            "Country": "DE",
        }
        made = await at.post(f"{service}.GenerateCSR", {"CertificateCollection": where, **fields})
        request = x509.load_pem_x509_csr(str(made.body["CSRString"]).encode())
        assert request.is_signature_valid
        one = f"{MGR}/NetworkProtocol/HTTPS/Certificates/SecurityCertificate.1"
        before = await at.get(one)
        assert before.at("Subject", "CommonName") == f"idrac-{at.simulator.bmc.server.service_tag}"
        replace = {
            "CertificateType": "PEM",
            "CertificateUri": {"@odata.id": one},
            "CertificateString": at.running.authority.ca_pem,
        }
        assert (await at.post(f"{service}.ReplaceCertificate", replace)).status == 200
        assert (await at.get(one)).body["CertificateString"] == at.running.authority.ca_pem
        assert (await at.post(f"{service}.ReplaceCertificate", {**replace, "CertificateString": "x"})).status == 400
        assert (await at.post(f"{service}.GenerateCSR", {"CertificateCollection": where})).status == 400


async def test_subscriptions_are_made_limited_and_removed() -> None:
    async with bench("9") as at:
        subscriptions = f"{EVENTS}/Subscriptions"
        made = [await at.post(subscriptions, WANTED) for _ in range(8)]
        assert {answer.status for answer in made} == {201}
        assert (await at.post(subscriptions, WANTED)).ids == ["SUB001"]
        assert (await at.delete(made[0].headers["Location"])).status == 200
        assert (await at.post(subscriptions, {**WANTED, "Destination": "http://plain.example"})).status == 400
        assert (await at.get(made[1].headers["Location"])).body["Destination"] == WANTED["Destination"]


async def test_a_test_event_needs_alerts_switched_on_and_reaches_a_subscription() -> None:
    async with bench("9") as at:
        submit = f"{EVENTS}/Actions/EventService.SubmitTestEvent"
        event = {**WANTED, "MessageId": "TMP0118", "Context": "x"}
        assert (await at.post(submit, event)).ids == ["SYS418"]
        await at.patch(ATTRIBUTES, ALERTS_ON)
        assert (await at.post(submit, event)).ids == ["SYS423"]
        await at.post(f"{EVENTS}/Subscriptions", WANTED)
        assert (await at.post(submit, event)).status == 204
        (item,) = at.simulator.bmc.events.subscriptions.values()
        sent = item.delivered[0]["Events"]
        assert isinstance(sent, list)
        assert sent[0]["MessageId"].endswith(".TMP0118")
        assert sent[0]["EventTimestamp"].endswith("-0600")
    async with bench("10") as at:
        await at.patch(ATTRIBUTES, ALERTS_ON)
        await at.post(f"{EVENTS}/Subscriptions", WANTED)
        assert (await at.post(submit, event)).status == 400
        assert (await at.post(submit, {**event, "MessageId": "IDRAC.2.10.TMP0118"})).status == 204


async def _first_event(at: Bench, query: str, cause: Any) -> dict[str, object]:
    assert at.credentials is not None
    who = base64.b64encode(":".join(at.credentials).encode()).decode()
    url = URL(f"{at.running.url}{ROOT}/SSE{query}", encoded=True)
    async with at.http.get(url, headers={"Authorization": f"Basic {who}"}) as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/event-stream"
        await reply.content.readuntil(b"\n\n")
        cause()
        block = await asyncio.wait_for(reply.content.readuntil(b"\n\n"), 5)
    data = next(line for line in block.decode().splitlines() if line.startswith("data: "))
    found = json.loads(data.removeprefix("data: "))
    assert isinstance(found, dict)
    return found


@REAL_TIME
async def test_the_event_stream_tells_what_is_logged() -> None:
    async with bench("9") as at:
        event = await _first_event(at, "", lambda: at.fault("component", id="PSU.Slot.1", health="Critical"))
        told = event["Events"]
        assert isinstance(told, list)
        assert told[0]["MessageId"].endswith("PSU0001")
        for _ in range(200):
            if not at.simulator.bmc.sessions.members:
                break
            at.fault("component", id="PSU.Slot.1", health="Critical")
            await asyncio.sleep(0.02)
        assert at.simulator.bmc.sessions.members == {}


async def test_the_event_stream_tells_metric_reports() -> None:
    async with bench("9") as at:
        on = {"Telemetry.1.EnableTelemetry": "Enabled", "TelemetryPowerMetrics.1.EnableTelemetry": "Enabled"}
        await at.patch(ATTRIBUTES, {"Attributes": on})
        query = "?$filter=EventFormatType%20eq%20MetricReport"
        report = await _first_event(at, query, lambda: at.wait(60))
        assert report["Id"] == "PowerMetrics"


async def test_the_newest_stream_wants_quotes() -> None:
    async with bench("10") as at:
        answer = await at.get(f"{ROOT}/SSE?$filter=EventFormatType%20eq%20MetricReport")
        assert (answer.status, answer.ids) == (400, ["SYS407"])


async def test_a_report_is_empty_until_telemetry_is_on_and_its_values_are_text() -> None:
    async with bench("9") as at:
        report, definition = (
            f"{TELEMETRY}/{kind}/PowerMetrics" for kind in ("MetricReports", "MetricReportDefinitions")
        )
        assert (await at.get(report)).body["MetricValues"] == []
        assert (await at.patch(definition, {"MetricReportDefinitionEnabled": True})).status == 200
        assert (await at.get(report)).body["MetricValues"] == []
        await at.patch(ATTRIBUTES, {"Attributes": {"Telemetry.1.EnableTelemetry": "Enabled"}})
        values = (await at.get(report)).body["MetricValues"]
        assert isinstance(values, list)
        assert {type(value["MetricValue"]) for value in values} == {str}
        assert values[0]["Oem"]["Dell"]["FQDD"] == "System.Embedded.1"
        assert len((await at.get(f"{TELEMETRY}/MetricReports")).members) == 24


async def test_an_image_is_attached_for_installing_an_operating_system() -> None:
    async with bench("9") as at:
        osd = f"{OEM_S}/DellOSDeploymentService/Actions/DellOSDeploymentService"
        image = {"ShareType": "NFS", "IPAddress": "nas1", "ShareName": "/iso", "ImageName": "a.iso"}
        assert (await at.post(f"{osd}.GetAttachStatus")).body["ISOAttachStatus"] == "NotAttached"
        assert (await at.post(f"{osd}.BootToNetworkISO", image)).status == 202
        at.wait(30)
        assert (await at.post(f"{osd}.GetAttachStatus")).body["ISOAttachStatus"] == "Attached"
        assert at.simulator.bmc.host.resets == 1
        assert (await at.post(f"{osd}.DetachISOImage")).status == 200
        assert (await at.post(f"{osd}.DetachISOImage")).ids == ["VRM0009"]
        systems = (await at.post(f"{osd}.GetDriverPackInfo")).body["OSList"]
        assert isinstance(systems, list)
        assert (await at.post(f"{osd}.UnpackAndAttach", {"OSName": systems[0]})).status == 202


async def test_a_console_session_gives_live_secrets_that_differ_each_time() -> None:
    async with bench("9") as at:
        target = f"{OEM_M}/DelliDRACCardService/Actions/DelliDRACCardService.GetKVMSession"
        first, second = [(await at.post(target, {"SessionTypeName": "x"})).body for _ in range(2)]
        assert str(first["TempUsername"]).startswith("canary")
        assert first["TempPassword"] != second["TempPassword"]


async def test_no_password_is_ever_shown_in_a_resource() -> None:
    async with bench("9") as at:
        for path in (ATTRIBUTES, f"{ROOT}/AccountService/Accounts/2", SYS, MGR, f"{ROOT}/SessionService/Sessions"):
            raw = (await at.get(path)).raw.decode()
            for account in at.simulator.bmc.accounts.members.values():
                assert not account.password or account.password not in raw
