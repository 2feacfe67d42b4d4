"""Who uses shares now, and how the services that serve them are set."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class LiveSession(Row):
    """A client that uses the system now. `open_files` of NFS 4 only."""

    identified_by = ("kind", "client", "user", "shares", "protocol")

    kind: Untrusted
    client: Untrusted
    user: Untrusted | None = None
    shares: list[Untrusted] | None = None
    protocol: Untrusted | None = None
    encryption: Untrusted | None = None
    open_files: int | None = None


class LiveSessionPage(Page[LiveSession]):
    """Clients that use the system now."""


class SmbService(Row):
    """Settings of the SMB service."""

    netbios_name: Annotated[Untrusted | None, From("netbiosname")] = None
    aliases: Annotated[list[Untrusted] | None, From("netbiosalias")] = None
    workgroup: Untrusted | None = None
    description: Untrusted | None = None
    smb1: Annotated[bool | None, From("enable_smb1")] = None
    minimum_protocol: Untrusted | None = None
    encryption: Untrusted | None = None
    multichannel: bool | None = None
    apple_extensions: Annotated[bool | None, From("aapl_extensions")] = None
    guest: Untrusted | None = None
    listen: Annotated[list[Untrusted] | None, From("bindip")] = None


class NfsService(Row):
    """Settings of the NFS service."""

    protocols: list[Untrusted] | None = None
    servers: int | None = None
    kerberos: Annotated[bool | None, From("v4_krb")] = None
    domain: Annotated[Untrusted | None, From("v4_domain")] = None
    allow_nonroot: bool | None = None
    listen: Annotated[list[Untrusted] | None, From("bindip")] = None
    mountd_port: int | None = None
    statd_port: Annotated[int | None, From("rpcstatd_port")] = None
    lockd_port: Annotated[int | None, From("rpclockd_port")] = None


class IscsiService(Row):
    """Settings of the iSCSI service."""

    basename: Untrusted | None = None
    port: Annotated[int | None, From("listen_port")] = None
    isns_servers: list[Untrusted] | None = None
    alua: bool | None = None


class ShareServices(Answer):
    """Settings of the services that serve shares; clients: how many use each now."""

    smb: SmbService | None = None
    nfs: NfsService | None = None
    iscsi: IscsiService | None = None
    nfs_clients: int | None = None
    iscsi_clients: int | None = None
