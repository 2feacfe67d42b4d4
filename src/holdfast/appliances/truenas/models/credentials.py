"""Credentials that tasks use, without their secrets."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Page, Row
from holdfast.control.cleaning import Untrusted


class Credential(Row):
    """A credential. kind: ssh (a connection), ssh_key (a key pair) or cloud; provider: of clouds."""

    kind: Untrusted
    id: int
    name: Untrusted
    provider: Untrusted | None = None
    host: Annotated[Untrusted | None, From("host", "endpoint")] = None
    port: int | None = None
    username: Untrusted | None = None


class CredentialPage(Page[Credential]):
    """Credentials."""


class Bucket(Row):
    """A bucket of a cloud account."""

    name: Annotated[Untrusted, From("Name")]
    enabled: Annotated[bool | None, From("Enabled")] = None


class BucketPage(Page[Bucket]):
    """Buckets."""
