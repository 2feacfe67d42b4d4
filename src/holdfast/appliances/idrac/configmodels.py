"""What the tools for the configuration of an iDRAC return. Times as the iDRAC tells them."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class Account(Row):
    """A user. `own` is the one that Holdfast logs in with; it is never changed by Holdfast."""

    id: Untrusted
    name: Untrusted
    role: Untrusted | None = None
    enabled: bool | None = None
    locked: bool | None = None
    own: bool = False


class AccountPage(Page[Account]):
    """Users. `free_slots` counts empty ones where slots are fixed (iDRAC 7 to 9)."""

    free_slots: int | None = None


class Role(Row):
    """A role with its privileges."""

    id: Untrusted
    privileges: list[Untrusted]
    predefined: bool | None = None


class RolePage(Page[Role]):
    """Roles."""


class Protocol(Row):
    """A network service of the iDRAC."""

    name: Untrusted
    enabled: bool | None = None
    port: int | None = None


class NetworkInfo(Answer):
    """The iDRAC's own network."""

    host_name: Untrusted | None = None
    fqdn: Untrusted | None = None
    mac_address: Untrusted | None = None
    dhcp: bool | None = None
    address: Untrusted | None = None
    netmask: Untrusted | None = None
    gateway: Untrusted | None = None
    dns: list[Untrusted] | None = None
    vlan: int | None = None
    ntp_enabled: bool | None = None
    ntp: list[Untrusted] | None = None
    clock: Untrusted | None = None
    clock_ahead_s: float | None = None
    protocols: list[Protocol] | None = None


class Setting(Row):
    """An attribute; secrets are shown as (secret)."""

    name: Untrusted
    value: Untrusted | None = None


class SettingPage(Page[Setting]):
    """Attributes."""


class Certificate(Row):
    """A certificate of the iDRAC's web server; `sha256` is what `pin_sha256` takes."""

    id: Untrusted
    subject: Untrusted | None = None
    issuer: Untrusted | None = None
    valid_from: Untrusted | None = None
    valid_until: Untrusted | None = None
    key_usage: list[Untrusted] | None = None
    sha256: Untrusted | None = None


class CertificatePage(Page[Certificate]):
    """Certificates."""


class Licence(Row):
    """A licence. `tier` is read from its description; without an end it does not expire."""

    id: Untrusted
    description: Untrusted | None = None
    tier: Untrusted | None = None
    type: Untrusted | None = None
    health: Untrusted | None = None
    expires: Untrusted | None = None
    removable: bool | None = None


class LicencePage(Page[Licence]):
    """Licences."""


class ProfileRow(Row):
    """A setting of a profile; secrets are shown as (secret)."""

    identified_by = ("component", "name")

    component: Untrusted
    name: Untrusted
    value: Untrusted | None = None
    imported: bool


class ProfilePage(Page[ProfileRow]):
    """Settings of a profile, and what server it was exported from."""

    model: Untrusted | None = None
    service_tag: Untrusted | None = None


class Difference(Row):
    """An attribute in which two servers differ."""

    name: Untrusted
    value: Untrusted | None = None
    other: Untrusted | None = None


class DifferencePage(Page[Difference]):
    """Differences between two servers."""


class Subscription(Row):
    """Somebody who is told of events; the destination without credentials and query."""

    id: Untrusted
    destination: Untrusted | None = None
    format: Untrusted | None = None
    types: list[Untrusted] | None = None
    kind: Untrusted | None = None
    context: Untrusted | None = None


class SubscriptionPage(Page[Subscription]):
    """Event subscriptions."""
