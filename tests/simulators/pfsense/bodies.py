"""Request bodies that the vendor's tables make valid: required fields filled in by what the tables say of them."""

from __future__ import annotations

import base64
import datetime
import hashlib
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.simulators.pfsense.vendormodels import vendor_models


def _pair() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begins = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    crt = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=730))
        .sign(key, hashes.SHA256())
    )
    pem = crt.public_bytes(serialization.Encoding.PEM).decode()
    form = serialization.PrivateFormat.PKCS8
    return pem, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


CERTIFICATE, PRIVATE_KEY = _pair()
WIREGUARD_KEY = base64.b64encode(hashlib.sha256(b"key").digest()).decode()
_WORDS = {
    "IPAddressValidator": "10.20.0.77",
    "SubnetValidator": "10.77.0.0/16",
    "HostnameValidator": "printer",
    "MACAddressValidator": "00:1b:21:0a:0b:0c",
    "EmailAddressValidator": "me@rack.example",
    "URLValidator": "https://rack.example/",
}
_BY_KIND = {"PortField": "8443", "FilterAddressField": "any", "InterfaceField": "lan", "SpecialNetworkField": "network"}
# What the tables cannot say: values that depend on the appliance, or on one another.
PARTICULAR: dict[str, dict[str, Any]] = {
    "ACMEAccountKey": {"name": "account", "acmeserver": "letsencrypt-staging-2"},
    "ACMECertificate": {
        "acmeaccount": "account",
        "a_domainlist": [{"name": "a.rack.example", "method": "standalone"}],
    },
    "ACMECertificateDomain": {"name": "www.rack.example", "method": "standalone"},
    "BINDAccessListEntry": {"value": "10.20.0.0/24"},
    "CertificateRevocationListRevokedCertificate": {"certref": "66f0a1b2c3d43", "reason": 1},
    "CertificateAuthorityGenerate": {"keytype": "ECDSA", "ecname": "prime256v1", "digest_alg": "sha256"},
    "CertificateGenerate": {"keytype": "ECDSA", "ecname": "prime256v1", "digest_alg": "sha256", "lifetime": 90},
    "CertificateSigningRequest": {"keytype": "ECDSA", "ecname": "prime256v1", "digest_alg": "sha256"},
    "Certificate": {"crt": CERTIFICATE, "prv": PRIVATE_KEY},
    "CertificateAuthority": {"crt": CERTIFICATE, "prv": PRIVATE_KEY},
    "CronJob": {"minute": "5", "hour": "*", "mday": "*", "month": "*", "wday": "*", "who": "root", "command": "true"},
    "DHCPServer": {"interface": "wan"},
    "DHCPServerAddressPool": {"range_from": "10.20.0.150", "range_to": "10.20.0.160"},
    "DNSResolverAccessListNetwork": {"network": "10.98.0.0", "mask": 16},
    "DNSResolverAccessList": {"networks": [{"network": "10.98.0.0", "mask": 16}]},
    "FirewallAlias": {"name": "printers", "type": "host", "address": ["10.20.0.60"], "detail": ["hall"]},
    "FirewallSchedule": {"name": "night", "timerange": [{"position": [6, 7], "hour": "0:00-6:00"}]},
    "FirewallScheduleTimeRange": {"position": [1], "hour": "20:00-21:45"},
    "FreeRADIUSInterface": {"addr": "10.20.0.1"},
    "HAProxyBackendErrorFile": {"errorfile": "name"},
    "HAProxyFrontendErrorFile": {"errorfile": "name"},
    "IPsecPhase1": {
        "mode": "main",
        "remote_gateway": "203.0.113.99",
        "authentication_method": "pre_shared_key",
        "myid_type": "myaddress",
        "peerid_type": "peeraddress",
        "pre_shared_key": "s3cret",
    },
    "IPsecPhase2": {
        "ikeid": 1,
        "localid_type": "lan",
        "remoteid_type": "network",
        "remoteid_address": "10.41.0.0",
        "remoteid_netbits": 24,
    },
    "IPsecPhase2Encryption": {"name": "aes", "keylen": 256},
    "InterfaceBridge": {"members": ["lan", "opt1"]},
    "InterfaceGroup": {"ifname": "EDGE", "members": ["wan"]},
    "InterfaceLAGG": {"members": ["igb2", "igb3"], "proto": "lacp"},
    "InterfaceVLAN": {"if": "igb1", "tag": 42},
    "InterfaceGRE": {"if": "wan", "remote_addr": "203.0.113.9", "tunnel_local_addr": "10.88.0.1"},
    "NetworkInterface": {"if": "igb2", "descr": "DMZ", "typev4": "static", "ipaddr": "10.21.0.1", "subnet": 24},
    "OneToOneNATMapping": {"interface": "wan", "external": "198.51.100.9", "source": "10.20.0.101"},
    "OpenVPNServer": {"certref": "66f0a1b2c3d42", "local_port": "1195", "dh_length": "2048"},
    "OpenVPNClient": {"server_addr": "vpn.other.example"},
    "OutboundNATMapping": {"interface": "wan", "target": "198.51.100.8", "target_subnet": 32},
    "PortForward": {"interface": "wan", "protocol": "tcp", "destination": "wan:ip", "target": "10.20.0.50"},
    "RoutingGateway": {"name": "OTHER_GW", "ipprotocol": "inet", "interface": "lan", "gateway": "10.20.0.253"},
    "RoutingGatewayGroup": {"name": "BOTH", "priorities": [{"gateway": "WANGW", "tier": 1}]},
    "RoutingGatewayGroupPriority": {"gateway": "LAB_GW", "tier": 2},
    "RESTAPIAccessListEntry": {"network": "127.0.0.0/8"},
    "ServiceWatchdog": {"name": "ntpd"},
    "StaticRoute": {"network": "10.77.0.0/16", "gateway": "LAB_GW"},
    "TrafficShaper": {"interface": "lan", "scheduler": "PRIQ", "bandwidthtype": "Mb", "bandwidth": 100},
    "TrafficShaperQueue": {"name": "qBulk", "priority": 3, "qlimit": 50},
    "TrafficShaperLimiter": {"name": "up", "bandwidth": [{"bw": 10, "bwscale": "Mb"}]},
    "User": {"name": "bob", "password": "hunter22", "priv": ["api-v2-system-version-get"]},
    "UserGroup": {"name": "auditors", "member": ["reader"]},
    "VirtualIP": {"mode": "ipalias", "interface": "lan", "subnet": "10.20.0.9", "subnet_bits": 32},
    "WireGuardTunnel": {"privatekey": WIREGUARD_KEY, "listenport": "51999"},
    "WireGuardTunnelAddress": {"address": "10.32.0.1", "mask": 24},
    "WireGuardPeer": {"publickey": WIREGUARD_KEY},
    "WireGuardPeerAllowedIP": {"address": "10.32.0.9", "mask": 32},
}


def _met(field: dict[str, Any], values: dict[str, Any], model: dict[str, Any]) -> bool:
    for target, wanted in field.get("conditions", {}).items():
        name = target.removeprefix("!")
        if name.startswith("parent__"):
            return False
        other = model["fields"][name]
        value = values.get(name, other.get("default", False if other["type"] == "boolean" else None))
        holds = value in wanted if isinstance(wanted, list) else value == wanted
        if holds == target.startswith("!"):
            return False
    return True


def _value(name: str, field: dict[str, Any]) -> Any:
    if "model_class" in field:
        return [body(field["model_class"].rsplit("\\", 1)[1])]
    if field.get("choices"):
        return field["choices"][0]
    for rule in field.get("validators", []):
        if rule["class"] in _WORDS:
            return _WORDS[rule["class"]]
    if field["class"] in _BY_KIND:
        return _BY_KIND[field["class"]]
    if field["class"] == "ForeignModelField" and field["type"] == "integer":
        return 1
    references = {
        "Certificate": "66f0a1b2c3d42",
        "CertificateAuthority": "66f0a1b2c3d40",
        "AuthServer": "Local Database",
    }
    if field["class"] == "ForeignModelField":
        return references.get(field["model_name"][0], "unknown")
    if "cipher" in name:
        return "AES-256-GCM"
    if name == "digest":
        return "SHA256"
    if field["type"] == "integer":
        return max(field.get("minimum", 1), 1)
    return {"boolean": True, "double": 1.0}.get(field["type"], name.replace("_", "")[:12])


def body(model_name: str, **given: Any) -> dict[str, Any]:
    """A valid body to create an object of a model."""
    model = vendor_models()[model_name]
    values = dict(PARTICULAR.get(model_name, {})) | given
    for name, field in model["fields"].items():
        if name in values or not field.get("required") or field.get("read_only") or not _met(field, values, model):
            continue
        value = _value(name, field)
        values[name] = [value] if field["many"] and not isinstance(value, list) else value
    return values
