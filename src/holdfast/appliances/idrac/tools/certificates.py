"""The certificate of the iDRAC's web server."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac import certificates
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.configmodels import Certificate, CertificatePage
from holdfast.appliances.idrac.files import FileName
from holdfast.control.change import Change
from holdfast.control.identifiers import HostOrIp
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]


@tool(title="List certificates", toolset="certificates")
async def idrac_list_certificates(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> CertificatePage:
    """Certificates of the iDRAC's web server: names, validity, fingerprint."""
    rows = await certificates.read_certificates(ctx.client)
    return page(CertificatePage, rows, lambda row: Certificate.model_validate(certificates.facts(row)), limit, cursor)


@tool(title="Request certificate", toolset="certificates", risk=Risk.DESTRUCTIVE, idempotent=False)
async def idrac_create_csr(
    ctx: Ctx,
    *,
    common_name: Annotated[HostOrIp, Field(description="Name that clients use for this iDRAC.")],
    organization: Annotated[Name, Field(description="Organization.")],
    unit: Annotated[Name, Field(description="Organizational unit.")],
    city: Annotated[Name, Field(description="City.")],
    state: Annotated[Name, Field(description="State or province.")],
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="Two letters.")],
    alternative_names: Annotated[list[HostOrIp] | None, Field(max_length=16, description="Further names.")] = None,
) -> Change:
    """Have the iDRAC make a key and a signing request (PEM, in details); the certificate in use stays."""
    fields = {
        "CommonName": common_name,
        "Organization": organization,
        "OrganizationalUnit": unit,
        "City": city,
        "State": state,
        "Country": country,
    }
    return await certificates.plan_request(ctx, fields, alternative_names or [])


@tool(title="Replace certificate", toolset="certificates", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_replace_certificate(ctx: Ctx, *, file: FileName) -> Change:
    """Put a certificate (PEM file, made from the iDRAC's own request) in place of its web server's."""
    return await certificates.plan_replace(ctx, file)
