"""Settings of the system and of services."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson


class WebInterface(Row):
    """How the web interface and the API are reached."""

    addresses: Annotated[list[Untrusted] | None, From("ui_address")] = None
    v6_addresses: Annotated[list[Untrusted] | None, From("ui_v6address")] = None
    http_port: Annotated[int | None, From("ui_port")] = None
    https_port: Annotated[int | None, From("ui_httpsport")] = None
    https_redirect: Annotated[bool | None, From("ui_httpsredirect")] = None
    tls_versions: Annotated[list[Untrusted] | None, From("ui_httpsprotocols")] = None
    allowed_from: Annotated[list[Untrusted] | None, From("ui_allowlist")] = None
    certificate: Annotated[Untrusted | None, From("ui_certificate_name", "ui_certificate.name")] = None


class Advanced(Row):
    """Advanced settings. `boot_scrub_days`: days between scrubs of the boot pool."""

    boot_scrub_days: Annotated[int | None, From("boot_scrub")] = None
    serial_console: Annotated[bool | None, From("serialconsole")] = None
    console_menu: Annotated[bool | None, From("consolemenu")] = None
    debug_kernel: Annotated[bool | None, From("debugkernel")] = None
    kernel_options: Annotated[Untrusted | None, From("kernel_extra_options")] = None
    syslog_level: Annotated[Untrusted | None, From("sysloglevel")] = None
    syslog_servers: list[Untrusted] | None = None
    audit_to_syslog: Annotated[bool | None, From("syslog_audit")] = None
    login_banner: Untrusted | None = None
    isolated_gpus: Annotated[list[Untrusted] | None, From("isolated_gpu_pci_ids")] = None


class Settings(Answer):
    """Settings of the whole system."""

    timezone: Untrusted | None = None
    keyboard: Untrusted | None = None
    usage_collection: bool | None = None
    web: WebInterface
    advanced: Advanced
    fips: bool | None = None
    stig: bool | None = None
    two_factor: bool | None = None
    two_factor_for_ssh: bool | None = None


class ServiceConfig(Answer):
    """How a service is configured, field by field as TrueNAS names them. `hidden`: fields that hold secrets."""

    service: Untrusted
    config: UntrustedJson
    hidden: list[Untrusted] | None = None
