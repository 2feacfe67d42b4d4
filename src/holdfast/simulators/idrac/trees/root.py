"""The service root and what is public beside it: versions, metadata, registries, schemas (contract §2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import missing_resource
from holdfast.simulators.idrac.messages import BASE, IDRAC, Message
from holdfast.simulators.idrac.persona import MGR, ROOT, SYS, Persona
from holdfast.simulators.idrac.trees.common import collection, resource
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_SCHEMA_NAME = re.compile(r"^([A-Za-z]+)(?:\.(v\d+_\d+_\d+))?(?:\.json)?$")
_METADATA = "http://docs.oasis-open.org/odata/ns"


def account_service(persona: Persona) -> str:
    """Where accounts are served: under the manager on iDRAC7/8 (§2.1)."""
    return f"{ROOT}/AccountService" if persona.new_sessions_uri else f"{MGR}/AccountService"


def sessions_path(persona: Persona) -> str:
    """The sessions collection that takes POST (§4.1)."""
    return f"{ROOT}/SessionService/Sessions" if persona.new_sessions_uri else f"{ROOT}/Sessions"


def _versions(bmc: Bmc, call: Call) -> Reply:
    return Reply(200, {"v1": f"{ROOT}/"})


def _root(bmc: Bmc, call: Call) -> Reply:
    persona = bmc.persona
    body = resource(bmc, ROOT, "ServiceRoot", "Root Service")
    body |= {
        "@odata.context": f"{ROOT}/$metadata#ServiceRoot.ServiceRoot",
        "Id": "RootService",
        "RedfishVersion": persona.redfish_version,
        "UUID": service_uuid(bmc),
        "Product": "Integrated Dell Remote Access Controller",
        "Systems": link(f"{ROOT}/Systems"),
        "Chassis": link(f"{ROOT}/Chassis"),
        "Managers": link(f"{ROOT}/Managers"),
        "AccountService": link(account_service(persona)),
        "SessionService": link(f"{ROOT}/SessionService"),
        "EventService": link(f"{ROOT}/EventService"),
        "UpdateService": link(f"{ROOT}/UpdateService"),
        "Tasks": link(f"{ROOT}/TaskService"),
        "Registries": link(f"{ROOT}/Registries"),
        "JsonSchemas": link(f"{ROOT}/JsonSchemas"),
        "Fabrics": link(f"{ROOT}/Fabrics"),
        "Links": {"Sessions": link(sessions_path(persona))},
        "ProtocolFeaturesSupported": {
            "ExcerptQuery": False,
            "ExpandQuery": {"ExpandAll": True, "Levels": True, "Links": True, "MaxLevels": 1, "NoLinks": True},
            "FilterQuery": True,
            "SelectQuery": True,
            "OnlyMemberQuery": persona.only_query,
        },
        "Oem": {
            "Dell": {
                "@odata.context": f"{ROOT}/$metadata#DellServiceRoot.DellServiceRoot",
                "@odata.type": "#DellServiceRoot.v1_0_0.DellServiceRoot",
                "IsBranded": 0,
                "ManagerMACAddress": bmc.server.bmc_mac,
                "ServiceTag": bmc.server.service_tag,
            }
        },
    }
    if persona.generation >= 9:
        body["Vendor"] = "Dell"
    if persona.job_service:
        body["JobService"] = link(f"{ROOT}/JobService")
    if persona.telemetry:
        body["TelemetryService"] = link(f"{ROOT}/TelemetryService")
    if persona.certificate_service:
        body["CertificateService"] = link(f"{ROOT}/CertificateService")
    if persona.licence_service:
        body["LicenseService"] = link(f"{ROOT}/LicenseService")
    return Reply(200, body)


def service_uuid(bmc: Bmc) -> str:
    """The UUID of the Redfish service, other than the system's."""
    tag = bmc.server.service_tag.encode().hex()[:12].ljust(12, "0")
    return f"32334d4f-c0b7-3480-3510-{tag}"


def _odata(bmc: Bmc, call: Call) -> Reply:
    root = _root(bmc, call).body or {}
    value = [
        {"name": name, "kind": "Singleton", "url": target["@odata.id"]}
        for name, target in root.items()
        if isinstance(target, dict) and "@odata.id" in target
    ]
    value.insert(0, {"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"})
    return Reply(200, {"@odata.context": f"{ROOT}/$metadata", "value": value})


def _metadata(bmc: Bmc, call: Call) -> Reply:
    includes = "".join(
        f'<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/{name}_v1.xml">'
        f'<edmx:Include Namespace="{name}"/><edmx:Include Namespace="{name}.{version}"/></edmx:Reference>'
        for name, version in bmc.persona.schemas.items()
    )
    version = bmc.persona.schemas["ServiceRoot"]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<edmx:Edmx xmlns:edmx="{_METADATA}/edmx" Version="4.0">{includes}'
        f'<edmx:DataServices><Schema xmlns="{_METADATA}/edm" Namespace="Service">'
        f'<EntityContainer Name="Service" Extends="ServiceRoot.{version}.ServiceContainer"/>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )
    return Reply(200, text=text, content_type="application/xml;charset=utf-8")


def _schemas(bmc: Bmc, call: Call) -> Reply:
    paths = [f"{ROOT}/JsonSchemas/{name}.{version}" for name, version in bmc.persona.schemas.items()]
    return collection(bmc, f"{ROOT}/JsonSchemas", "JsonSchemaFile", paths)


def _schema(bmc: Bmc, call: Call) -> Reply:
    found = _SCHEMA_NAME.match(call.args[0])
    if found is None:
        raise missing_resource(call.path)
    full = call.args[0].removesuffix(".json")
    public = f"http://redfish.dmtf.org/schemas/v1/{full}.json"
    if call.args[0].endswith(".json"):
        name = found.group(1)
        return Reply(
            200,
            {
                "$id": public,
                "$ref": f"{public}#/definitions/{name}",
                "$schema": "http://redfish.dmtf.org/schemas/v1/redfish-schema-v1.json",
                "title": f"#{full}.{name}" if found.group(2) else f"#{name}.{name}",
            },
        )
    body = resource(bmc, call.path, "JsonSchemaFile", f"{full} Schema File")
    body |= {
        "Languages": ["en"],
        "Schema": f"#{full}",
        "Location": [{"Language": "en", "Uri": f"{call.path}.json", "PublicationUri": public}],
    }
    return Reply(200, body)


_REGISTRIES = ("BaseMessages", "Messages", "PrivilegeRegistry", "ManagerAttributeRegistry", "BiosAttributeRegistry")


def _registry_document(bmc: Bmc, name: str) -> str:
    return {
        "BaseMessages": f"{ROOT}/Registries/BaseMessages/BaseRegistry",
        "Messages": f"{ROOT}/Registries/Messages/EEMIRegistry",
        "PrivilegeRegistry": f"{ROOT}/Registries/PrivilegeRegistry/PrivilegeRegistry",
        "ManagerAttributeRegistry": (
            f"{ROOT}/Registries/ManagerAttributeRegistry/ManagerAttributeRegistry.v1_0_0.json"
        ),
        "BiosAttributeRegistry": f"{SYS}/Bios/BiosRegistry",
    }[name]


def _registry_names(persona: Persona) -> list[str]:
    return [name for name in _REGISTRIES if name != "ManagerAttributeRegistry" or persona.dell_attributes]


def _registries(bmc: Bmc, call: Call) -> Reply:
    paths = [f"{ROOT}/Registries/{name}" for name in _registry_names(bmc.persona)]
    return collection(bmc, f"{ROOT}/Registries", "MessageRegistryFile", paths)


def _registry(bmc: Bmc, call: Call) -> Reply:
    name = call.args[0]
    if name not in _registry_names(bmc.persona):
        raise missing_resource(call.path)
    body = resource(bmc, call.path, "MessageRegistryFile", f"{name} Registry File")
    document = _registry_document(bmc, name)
    body |= {
        "Languages": ["en"],
        "Registry": f"{name}.1.0",
        "Location": [{"Language": "en", "Uri": document}],
    }
    return Reply(200, body)


def _messages(entries: dict[str, Message]) -> Json:
    return {
        name: {
            "Description": name,
            "Message": message.text,
            "NumberOfArgs": max((n for n in range(1, 10) if f"%{n}" in message.text), default=0),
            "Resolution": message.resolution,
            "Severity": message.severity,
        }
        for name, message in entries.items()
    }


def _base_registry(bmc: Bmc, call: Call) -> Reply:
    return _message_registry(bmc, call, "Base", BASE)


def _eemi_registry(bmc: Bmc, call: Call) -> Reply:
    return _message_registry(bmc, call, bmc.persona.idrac_prefix.split(".")[0], IDRAC)


def _message_registry(bmc: Bmc, call: Call, prefix: str, entries: dict[str, Message]) -> Reply:
    body = resource(bmc, call.path, "MessageRegistry", f"{prefix} Message Registry")
    body |= {
        "Language": "en",
        "OwningEntity": "DMTF" if prefix == "Base" else "Dell",
        "RegistryPrefix": prefix,
        "RegistryVersion": f"{bmc.persona.base_version}.0",
        "Messages": _messages(entries),
    }
    return Reply(200, body)


def _privileges(bmc: Bmc, call: Call) -> Reply:
    reading, managing = [{"Privilege": ["Login"]}], [{"Privilege": ["ConfigureManager"]}]
    users = [{"Privilege": ["ConfigureUsers"]}]
    components = [{"Privilege": ["ConfigureComponents"]}]

    def mapping(entity: str, writing: list[dict[str, list[str]]]) -> Json:
        methods = dict.fromkeys(("PATCH", "PUT", "DELETE", "POST"), writing)
        return {"Entity": entity, "OperationMap": {"GET": reading, "HEAD": reading, **methods}}

    own = [{"Privilege": ["ConfigureUsers"]}, {"Privilege": ["ConfigureSelf"]}]
    account = mapping("ManagerAccount", users)
    account["PropertyOverrides"] = [{"Targets": ["Password"], "OperationMap": {"PATCH": own}}]
    body = resource(bmc, call.path, "PrivilegeRegistry", "Privilege Registry")
    body |= {
        "PrivilegesUsed": ["Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"],
        "OEMPrivilegesUsed": [],
        "Mappings": [
            account,
            mapping("ManagerAccountCollection", users),
            mapping("Role", users),
            mapping("Manager", managing),
            mapping("ComputerSystem", components),
            mapping("Chassis", components),
            mapping("UpdateService", components),
            mapping("EventService", managing),
        ],
    }
    return Reply(200, body)


def _fabrics(bmc: Bmc, call: Call) -> Reply:
    return collection(bmc, f"{ROOT}/Fabrics", "Fabric", ())


def mount(routes: Routes, persona: Persona) -> None:
    """Add the root and its public kin."""
    routes.get("/redfish", _versions, public=True)
    routes.get(ROOT, _root, public=True)
    routes.get(f"{ROOT}/odata", _odata, public=True)
    routes.get(f"{ROOT}/$metadata", _metadata, public=True)
    routes.get(f"{ROOT}/JsonSchemas", _schemas, public=True)
    routes.get(f"{ROOT}/JsonSchemas/*", _schema, public=True)
    routes.get(f"{ROOT}/Registries", _registries, public=True)
    routes.get(f"{ROOT}/Registries/*", _registry, public=True)
    routes.get(f"{ROOT}/Registries/BaseMessages/BaseRegistry", _base_registry, public=True)
    routes.get(f"{ROOT}/Registries/Messages/EEMIRegistry", _eemi_registry, public=True)
    routes.get(f"{ROOT}/Registries/PrivilegeRegistry/PrivilegeRegistry", _privileges, public=True)
    routes.get(f"{ROOT}/Fabrics", _fabrics)
