"""Event subscriptions and test events (contract §12.21). The stream is served by `sse`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import missing_resource, refuse, success
from holdfast.simulators.idrac.eventing import EVENT_TYPES, Subscription
from holdfast.simulators.idrac.messages import IDRAC
from holdfast.simulators.idrac.persona import ROOT, Persona
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_SERVICE = f"{ROOT}/EventService"
SUBSCRIPTIONS = f"{_SERVICE}/Subscriptions"
STREAM = f"{ROOT}/SSE"


def _service(bmc: Bmc, call: Call) -> Reply:
    persona = bmc.persona
    content = resource(bmc, _SERVICE, "EventService", "Event Service")
    types = EVENT_TYPES if persona.generation < 9 else ("Alert", "MetricReport", "Other")
    content |= {
        "DeliveryRetryAttempts": int(bmc.setting("RedfishEventing.1.DeliveryRetryAttempts")),
        "DeliveryRetryIntervalSeconds": int(bmc.setting("RedfishEventing.1.DeliveryRetryIntervalInSeconds")),
        "EventTypesForSubscription": list(types),
        "ServiceEnabled": True,
        "Status": status(),
        "Subscriptions": link(SUBSCRIPTIONS),
        "Actions": {
            "#EventService.SubmitTestEvent": action(f"{_SERVICE}/Actions/EventService.SubmitTestEvent", EventType=types)
        },
    }
    if persona.generation >= 9:
        content |= {
            "EventFormatTypes": ["Event", "MetricReport"],
            "RegistryPrefixes": ["Base", persona.idrac_prefix.split(".")[0]],
            "SMTP": {
                "Authentication": "None",
                "ConnectionProtocol": "StartTLS",
                "Port": 25,
                "ServerAddress": "0.0.0.0",
            },
            "SSEFilterPropertiesSupported": {
                "EventFormatType": True,
                "EventType": True,
                "MetricReportDefinition": True,
            },
            "ServerSentEventUri": STREAM,
        }
    return Reply(200, content)


def _list(bmc: Bmc, call: Call) -> Reply:
    paths = [f"{SUBSCRIPTIONS}/{name}" for name in bmc.events.subscriptions]
    return collection(bmc, SUBSCRIPTIONS, "EventDestination", paths)


def _view(bmc: Bmc, item: Subscription) -> Json:
    content = resource(bmc, f"{SUBSCRIPTIONS}/{item.id}", "EventDestination", "EventSubscription")
    content |= {
        "Context": item.context,
        "Destination": item.destination,
        "EventTypes": list(item.types),
        "Protocol": "Redfish",
    }
    if bmc.persona.generation >= 9:
        content |= {
            "DeliveryRetryPolicy": "RetryForever",
            "EventFormatType": item.format,
            "HttpHeaders": [],
            "MetricReportDefinitions": [],
            "OriginResources": [],
            "Status": status(),
            "SubscriptionType": item.kind,
        }
    return content


def _one(bmc: Bmc, call: Call) -> Reply:
    item = bmc.events.subscriptions.get(call.args[0])
    if item is None:
        raise missing_resource(call.path)
    return Reply(200, _view(bmc, item))


_CREATE = frozenset(
    {"Destination", "Protocol", "EventFormatType", "EventTypes", "Context", "SubscriptionType", "HttpHeaders"}
    | {"DeliveryRetryPolicy", "MetricReportDefinitions", "OriginResources", "RegistryPrefixes", "MessageIds"}
)


def _create(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, _CREATE)
    destination = body.text(call.body, "Destination")
    body.text(call.body, "Protocol", allowed=("Redfish", "SNMPv1", "SNMPv2c", "SNMPv3", "SMTP"))
    if not destination.startswith("https://"):
        raise body.invalid("Destination", destination)
    types = body.texts(call.body, "EventTypes", default=["Alert"])
    for kind in types:
        if kind not in (*EVENT_TYPES, "MetricReport", "Other"):
            raise body.not_listed("EventTypes", kind)
    item = bmc.events.subscribe(
        destination,
        tuple(types),
        body.text(call.body, "Context", default=""),
        form=body.text(call.body, "EventFormatType", allowed=("Event", "MetricReport"), default="Event"),
        kind=body.text(
            call.body, "SubscriptionType", allowed=("RedfishEvent", "SSE", "SNMPTrap"), default="RedfishEvent"
        ),
    )
    return Reply(201, _view(bmc, item), {"Location": f"{SUBSCRIPTIONS}/{item.id}"})


def _patch(bmc: Bmc, call: Call) -> Reply:
    item = bmc.events.subscriptions.get(call.args[0])
    if item is None:
        raise missing_resource(call.path)
    body.closed(call.body, {"Context", "HttpHeaders"})
    item.context = body.text(call.body, "Context", default=item.context)
    return success(bmc.persona)


def _delete(bmc: Bmc, call: Call) -> Reply:
    if bmc.events.subscriptions.pop(call.args[0], None) is None:
        raise missing_resource(call.path)
    return success(bmc.persona) if bmc.persona.generation < 10 else Reply(204)


def _test(bmc: Bmc, call: Call) -> Reply:
    if bmc.setting("IPMILan.1.AlertEnable") != "Enabled":
        raise refuse(400, "SYS418")
    if not bmc.events.subscriptions:
        raise refuse(400, "SYS423")
    message_id = body.text(call.body, "MessageId")
    short = message_id.rsplit(".", 1)[-1]
    if short not in IDRAC or (bmc.persona.generation >= 10 and short == message_id):
        # The newest firmware wants the full id with its registry (contract §12.21).
        raise body.invalid("MessageId", message_id)
    bmc.record(short, category="System Health")
    bmc.events.deliver_now()
    return Reply(204) if bmc.persona.generation >= 9 else success(bmc.persona)


def _not_a_resource(bmc: Bmc, call: Call) -> Reply:
    raise missing_resource(call.path)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the event service."""
    routes.get(_SERVICE, _service)
    routes.get(SUBSCRIPTIONS, _list)
    routes.get(f"{SUBSCRIPTIONS}/*", _one)
    for path in (SUBSCRIPTIONS, f"{SUBSCRIPTIONS}/Members"):
        routes.add("POST", path, _create)
    routes.add("PATCH", f"{SUBSCRIPTIONS}/*", _patch)
    routes.add("DELETE", f"{SUBSCRIPTIONS}/*", _delete)
    if persona.generation >= 9:
        routes.add("GET", STREAM, _not_a_resource, stream=True)
    routes.action(_SERVICE, "EventService.SubmitTestEvent", _test, locked=False)
