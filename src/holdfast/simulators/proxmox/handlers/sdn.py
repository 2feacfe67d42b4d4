"""Software defined network: staged, then applied to the whole cluster (contract section 15.12)."""

from __future__ import annotations

import ipaddress
from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.cluster import Cluster, Section
from holdfast.simulators.proxmox.errors import ApiError, bad_parameter
from holdfast.simulators.proxmox.sections import Sections, shown
from holdfast.simulators.proxmox.values import Row

_BASE: Final = "/cluster/sdn"
_ZONES: Final = Sections("sdn-zones", "zone", "sdn/zones.cfg", f"POST {_BASE}/zones", "sdn zone object")
_VNETS: Final = Sections("sdn-vnets", "vnet", "sdn/vnets.cfg", f"POST {_BASE}/vnets", "sdn vnet object")
_SUBNETS: Final = Sections(
    "sdn-subnets", "subnet", "sdn/subnets.cfg", f"POST {_BASE}/vnets/{{vnet}}/subnets", "sdn subnet object"
)
_CONTROLLERS: Final = Sections(
    "sdn-controllers", "controller", "sdn/controllers.cfg", f"POST {_BASE}/controllers", "sdn controller object"
)
_IPAMS: Final = Sections(
    "sdn-ipams", "ipam", "sdn/ipams.cfg", f"POST {_BASE}/ipams", "sdn ipam object", frozenset({"token"})
)
_DNS: Final = Sections("sdn-dns", "dns", "sdn/dns.cfg", f"POST {_BASE}/dns", "sdn dns object", frozenset({"key"}))
STAGED: Final = ("sdn-zones", "sdn-vnets", "sdn-subnets", "sdn-controllers", "sdn-fabrics", "sdn-fabric-nodes")
_REQUIRED: Final = {
    "vlan": ("bridge",),
    "qinq": ("bridge", "tag"),
    "vxlan": ("peers",),
    "evpn": ("controller", "vrf-vxlan"),
}


def running(cluster: Cluster, store: str) -> Section:
    """What was applied last."""
    return cluster.sections.setdefault(f"{store}.running", {})


def check_token(call: Call) -> None:
    """500 while somebody else holds the lock."""
    held = call.cluster.options_hidden.get("sdn-lock")
    if held is not None and call.params.maybe("lock-token") != held:
        raise ApiError("invalid lock token provided!")
    if held is None and "lock-token" in call.params:
        raise ApiError("invalid lock token provided!")


def staged_rows(call: Call, kind: Sections) -> list[Row]:
    """Sections as staged, as applied (`running`), or with what is pending."""
    schemas, wanted, live = kind.schemas(call), kind.all(call), running(call.cluster, kind.store)
    if call.params.flag("running"):
        return [{kind.key: name, **shown(schemas, section)} for name, section in live.items()]
    if not call.params.flag("pending"):
        return [kind.row(call, name) for name in wanted]
    rows: list[Row] = []
    for name in sorted({*wanted, *live}):
        old, new = live.get(name), wanted.get(name)
        row: Row = {kind.key: name, **shown(schemas, old or new or {})}
        if old != new:
            changed = {
                key: value for key, value in (new or {}).items() if key != "type" and (old or {}).get(key) != value
            }
            row["state"] = "deleted" if new is None else "new" if old is None else "changed"
            row["pending"] = shown(schemas, changed)
        rows.append(row)
    return rows


def one_row(call: Call, kind: Sections) -> Row:
    """One section, staged, applied or pending."""
    name = kind.ident(call)
    found = [row for row in staged_rows(call, kind) if row[kind.key] == name]
    if not found:
        raise ApiError(f"{kind.noun} ID '{name}' does not exist")
    return found[0]


def _find(call: Call, kind: Sections) -> dict[str, str]:
    section = kind.all(call).get(kind.ident(call))
    if section is None:
        raise ApiError(f"{kind.noun} ID '{kind.ident(call)}' does not exist")
    return section


def _add(call: Call, kind: Sections) -> dict[str, str]:
    check_token(call)
    if kind.ident(call) in kind.all(call):
        raise ApiError(f"create {kind.noun} failed: {kind.noun} ID '{kind.ident(call)}' already defined")
    return kind.add(call)


def _change(call: Call, kind: Sections) -> None:
    check_token(call)
    _find(call, kind)
    kind.change(call)


# -- zones ------------------------------------------------------------------------------------------------------------


def zone_visible(call: Call, zone: str) -> bool:
    """Whether the caller may know of a zone."""
    return call.allowed(f"/sdn/zones/{zone}", "SDN.Audit", "SDN.Allocate", any_of=True)


@answers(f"GET {_BASE}/zones")
def list_zones(call: Call) -> Answer:
    """Zones the caller may see."""
    kind = call.params.maybe("type")
    return [
        row
        for row in staged_rows(call, _ZONES)
        if zone_visible(call, str(row["zone"])) and kind in (None, row.get("type"))
    ]


@answers(f"GET {_BASE}/zones/{{zone}}")
def get_zone(call: Call) -> Answer:
    """One zone."""
    return one_row(call, _ZONES)


@answers(f"POST {_BASE}/zones")
def add_zone(call: Call) -> Answer:
    """A new zone."""
    for name in _REQUIRED.get(call.params.text("type"), ()):
        if name not in call.params:
            raise bad_parameter(name, f"missing value for required option '{name}'")
    _add(call, _ZONES)
    return None


@answers(f"PUT {_BASE}/zones/{{zone}}")
def change_zone(call: Call) -> Answer:
    """Change a zone."""
    _change(call, _ZONES)
    return None


@answers(f"DELETE {_BASE}/zones/{{zone}}")
def delete_zone(call: Call) -> Answer:
    """Delete a zone without vnets."""
    check_token(call)
    _find(call, _ZONES)
    zone = _ZONES.ident(call)
    for vnet, section in _VNETS.all(call).items():
        if section.get("zone") == zone:
            raise ApiError(f"delete sdn zone object failed: zone {zone} is used by vnet {vnet}")
    _ZONES.remove(call)
    return None


# -- vnets and subnets ------------------------------------------------------------------------------------------------


@answers(f"GET {_BASE}/vnets")
def list_vnets(call: Call) -> Answer:
    """Virtual networks of zones the caller may see."""
    return [
        {**row, "type": "vnet"} for row in staged_rows(call, _VNETS) if zone_visible(call, str(row.get("zone", "")))
    ]


@answers(f"GET {_BASE}/vnets/{{vnet}}")
def get_vnet(call: Call) -> Answer:
    """One virtual network."""
    return {**one_row(call, _VNETS), "type": "vnet"}


@answers(f"POST {_BASE}/vnets")
def add_vnet(call: Call) -> Answer:
    """A new virtual network."""
    zone = _ZONES.all(call).get(call.params.text("zone"))
    if zone is None:
        raise ApiError(f"create sdn vnet object failed: sdn zone '{call.params.text('zone')}' does not exist")
    if zone["type"] != "simple" and "tag" not in call.params:
        raise ApiError("create sdn vnet object failed: missing vlan tag")
    if zone["type"] == "simple" and "tag" in call.params:
        raise ApiError("create sdn vnet object failed: vlan tag is not allowed on simple zone")
    _add(call, _VNETS)["type"] = "vnet"
    return None


@answers(f"PUT {_BASE}/vnets/{{vnet}}")
def change_vnet(call: Call) -> Answer:
    """Change a virtual network."""
    if "zone" in call.params and call.params.text("zone") not in _ZONES.all(call):
        raise ApiError(f"sdn zone '{call.params.text('zone')}' does not exist")
    _change(call, _VNETS)
    return None


@answers(f"DELETE {_BASE}/vnets/{{vnet}}")
def delete_vnet(call: Call) -> Answer:
    """Delete a virtual network without subnets."""
    check_token(call)
    _find(call, _VNETS)
    vnet = _VNETS.ident(call)
    for ident, section in _SUBNETS.all(call).items():
        if section["vnet"] == vnet:
            raise ApiError(f"delete sdn vnet object failed: Can't delete vnet if subnet '{ident}' exists")
    _VNETS.remove(call)
    call.cluster.vnet_firewalls.pop(vnet, None)
    return None


def _subnet_id(call: Call) -> str:
    """The id made of zone and network: `zone-10.1.0.0-24`."""
    text = call.params.text("subnet")
    if "/" not in text:
        return text
    zone = _VNETS.all(call).get(call.params.text("vnet"), {}).get("zone", "")
    return f"{zone}-{text.replace('/', '-')}"


def _subnet_rows(call: Call) -> list[Row]:
    vnet = call.params.text("vnet")
    rows = [row for row in staged_rows(call, _SUBNETS) if row.get("vnet") == vnet]
    for row in rows:
        zone, network, length = str(row["subnet"]).split("-", 2)
        row |= {"id": row["subnet"], "zone": zone, "network": network, "mask": length, "cidr": f"{network}/{length}"}
        row["type"] = "subnet"
    return rows


@answers(f"GET {_BASE}/vnets/{{vnet}}/subnets")
def list_subnets(call: Call) -> Answer:
    """Subnets of a virtual network."""
    if call.params.text("vnet") not in _VNETS.all(call):
        raise ApiError(f"sdn vnet object ID '{call.params.text('vnet')}' does not exist")
    return _subnet_rows(call)


@answers(f"GET {_BASE}/vnets/{{vnet}}/subnets/{{subnet}}")
def get_subnet(call: Call) -> Answer:
    """One subnet."""
    found = [row for row in _subnet_rows(call) if row["subnet"] == _subnet_id(call)]
    if not found:
        raise ApiError(f"sdn subnet object ID '{_subnet_id(call)}' does not exist")
    return found[0]


@answers(f"POST {_BASE}/vnets/{{vnet}}/subnets")
def add_subnet(call: Call) -> Answer:
    """A new subnet."""
    check_token(call)
    vnet, text = call.params.text("vnet"), call.params.text("subnet")
    if vnet not in _VNETS.all(call):
        raise ApiError(f"sdn vnet object ID '{vnet}' does not exist")
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise bad_parameter("subnet", "value does not look like a valid CIDR network") from error
    gateway = call.params.maybe("gateway")
    if gateway is not None and ipaddress.ip_address(gateway) not in network:
        raise ApiError(f"create sdn subnet object failed: gateway {gateway} is not in subnet {text}")
    ident = _subnet_id(call)
    if ident in _SUBNETS.all(call):
        raise ApiError(f"create sdn subnet object failed: sdn subnet object ID '{ident}' already defined")
    call.cluster.require_writable("sdn/subnets.cfg")
    section = _SUBNETS.given(call, ("vnet",))
    section["vnet"] = vnet
    _SUBNETS.all(call)[ident] = section
    return None


def _staged_subnet(call: Call) -> tuple[str, dict[str, str]]:
    check_token(call)
    ident = _subnet_id(call)
    section = _SUBNETS.all(call).get(ident)
    if section is None or section["vnet"] != call.params.text("vnet"):
        raise ApiError(f"sdn subnet object ID '{ident}' does not exist")
    return ident, section


@answers(f"PUT {_BASE}/vnets/{{vnet}}/subnets/{{subnet}}")
def change_subnet(call: Call) -> Answer:
    """Change a subnet."""
    _, section = _staged_subnet(call)
    call.cluster.require_writable("sdn/subnets.cfg")
    for name in call.params.words("delete"):
        section.pop(name, None)
    section.update(_SUBNETS.given(call, ("vnet",)))
    return None


@answers(f"DELETE {_BASE}/vnets/{{vnet}}/subnets/{{subnet}}")
def delete_subnet(call: Call) -> Answer:
    """Delete a subnet."""
    ident, _ = _staged_subnet(call)
    call.cluster.require_writable("sdn/subnets.cfg")
    del _SUBNETS.all(call)[ident]
    return None


@answers(*(f"{verb} {_BASE}/vnets/{{vnet}}/ips" for verb in ("POST", "PUT", "DELETE")))
def set_address(call: Call) -> Answer:
    """An address in the built-in address management."""
    if call.params.text("vnet") not in _VNETS.all(call):
        raise ApiError(f"sdn vnet object ID '{call.params.text('vnet')}' does not exist")
    store = call.cluster.sections.setdefault("sdn-ips", {})
    key = f"{call.params.text('zone')}/{call.params.text('ip')}"
    if call.method.verb == "POST" and key in store:
        raise ApiError(f"IP '{call.params.text('ip')}' already exist")
    if call.method.verb != "POST" and key not in store:
        raise ApiError(f"cannot find IP '{call.params.text('ip')}'")
    if call.method.verb == "DELETE":
        del store[key]
    else:
        store[key] = {name: call.params.text(name) for name in ("zone", "vnet", "ip", "mac") if name in call.params}
    return None


# -- controllers, address management, DNS -----------------------------------------------------------------------------

_SIMPLE: Final = {"controllers": _CONTROLLERS, "ipams": _IPAMS, "dns": _DNS}


def _kind(call: Call) -> Sections:
    return _SIMPLE[call.method.template.split("/")[3]]


@answers(f"GET {_BASE}/controllers", f"GET {_BASE}/ipams", f"GET {_BASE}/dns")
def list_simple(call: Call) -> Answer:
    """Controllers, address managements or DNS plugins."""
    kind, wanted = _kind(call), call.params.maybe("type")
    rows = staged_rows(call, kind) if kind is _CONTROLLERS else kind.rows(call)
    return [row for row in rows if wanted in (None, row.get("type"))]


@answers(f"GET {_BASE}/controllers/{{controller}}", f"GET {_BASE}/ipams/{{ipam}}", f"GET {_BASE}/dns/{{dns}}")
def get_simple(call: Call) -> Answer:
    """One of them."""
    kind = _kind(call)
    if kind is _CONTROLLERS:
        return one_row(call, kind)
    _find(call, kind)
    return kind.row(call, kind.ident(call))


@answers(f"POST {_BASE}/controllers", f"POST {_BASE}/ipams", f"POST {_BASE}/dns")
def add_simple(call: Call) -> Answer:
    """A new one."""
    _add(call, _kind(call))
    return None


@answers(f"PUT {_BASE}/controllers/{{controller}}", f"PUT {_BASE}/ipams/{{ipam}}", f"PUT {_BASE}/dns/{{dns}}")
def change_simple(call: Call) -> Answer:
    """Change one."""
    _change(call, _kind(call))
    return None


@answers(f"DELETE {_BASE}/controllers/{{controller}}", f"DELETE {_BASE}/ipams/{{ipam}}", f"DELETE {_BASE}/dns/{{dns}}")
def delete_simple(call: Call) -> Answer:
    """Delete one that no zone uses."""
    check_token(call)
    kind = _kind(call)
    _find(call, kind)
    for zone, section in _ZONES.all(call).items():
        if section.get(kind.key) == kind.ident(call):
            raise ApiError(f"delete {kind.noun} failed: {kind.key} {kind.ident(call)} is used by zone {zone}")
    kind.remove(call)
    return None


@answers(f"GET {_BASE}/ipams/{{ipam}}/status")
def get_addresses(call: Call) -> Answer:
    """Addresses known to the address management."""
    if call.params.text("ipam") != "pve":
        raise ApiError("Only PVE is supported for now")
    rows: list[Row] = [dict(section) for section in call.cluster.sections.get("sdn-ips", {}).values()]
    return rows
