"""Certificates of a node (contract sections 14, 15.2, 15.15)."""

from __future__ import annotations

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.certificates import parse_certificate
from holdfast.simulators.proxmox.errors import ApiError, TaskError
from holdfast.simulators.proxmox.tasks import Pause, Work


@answers("GET /nodes/{node}/certificates/info")
def list_certificates(call: Call) -> Answer:
    """The cluster's CA, the node's own certificate and an uploaded one."""
    node, authority = call.member(), call.cluster.authority
    found = [authority.root, authority.of_node(node.name, node.fqdn, node.ip)]
    if node.custom_certificate is not None:
        found.append(node.custom_certificate)
    return [certificate.row() for certificate in found]


@answers("POST /nodes/{node}/certificates/custom")
def upload(call: Call) -> Answer:
    """Use an uploaded certificate."""
    node = call.member()
    if node.custom_certificate is not None and not call.params.flag("force"):
        raise ApiError("Custom certificate exists but 'force' is not set.")
    certificate = parse_certificate(call.params.text("certificates"), "pveproxy-ssl.pem")
    node.custom_certificate = certificate
    return certificate.row()


@answers("DELETE /nodes/{node}/certificates/custom")
def remove(call: Call) -> Answer:
    """Go back to the node's own certificate."""
    call.member().custom_certificate = None
    return None


@answers(
    "POST /nodes/{node}/certificates/acme/certificate",
    "PUT /nodes/{node}/certificates/acme/certificate",
    "DELETE /nodes/{node}/certificates/acme/certificate",
)
def order(call: Call) -> Answer:
    """Order, renew or revoke: the simulated rack has no way out to a certificate service."""
    node = call.member()
    if not any(name.startswith("acme") for name in node.options):
        raise ApiError("No domains configured for this node")
    kind = {"POST": "acmenewcert", "PUT": "acmerenew", "DELETE": "acmerevoke"}[call.method.verb]

    def work() -> Work:
        yield "Loading ACME account details"
        yield Pause()
        raise TaskError("unable to contact ACME directory: Can't connect (Connection timed out)")

    return call.fork(kind, "", work(), 0.5)
