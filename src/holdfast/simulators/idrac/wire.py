"""The shapes that pass between the HTTP front and the resource handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.simulators.idrac.accounts import Account

Json = dict[str, object]


@dataclass(frozen=True)
class Part:
    """One part of a multipart upload; `size` and `sha256` are of the whole part, `head` is only its beginning."""

    name: str
    filename: str | None
    content_type: str
    size: int
    sha256: str
    head: bytes


@dataclass
class Call:
    """One request after routing and authentication."""

    method: str
    path: str
    args: tuple[str, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    client: str = "127.0.0.1"
    account: Account | None = None
    session: str | None = None


@dataclass
class Listing:
    """What a collection holds, rendered only as far as a page asks for it.

    `link` is the member as it appears unexpanded, `full` the whole member. Log entries are always whole
    (contract, E5), which `expanded` says.
    """

    items: Sequence[object]
    link: Callable[[object], Json]
    full: Callable[[object], Json]
    expanded: bool = False
    some: Callable[[object, frozenset[str]], Json] | None = None
    """Only these properties of a member, where that is much less work than the whole; for filters."""


@dataclass
class Reply:
    """An answer before query options, entity tags and headers are applied."""

    status: int = 200
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)
    listing: Listing | None = None
    text: str | None = None
    """Anything that is not JSON (metadata, an exported profile); sent as `content_type`."""
    content_type: str = "application/json"
    raw: bytes | None = None
    volatile: frozenset[str] = frozenset()
    """Top-level properties that change by themselves and therefore stay out of the entity tag."""
    expandable: bool = True
    encoded: bytes | None = None
    """The body as bytes, when it was encoded already; whoever changes the body clears it."""


def link(path: str) -> Json:
    """A reference to another resource."""
    return {"@odata.id": path}


def links(paths: Sequence[str]) -> list[object]:
    """References to other resources."""
    return [link(path) for path in paths]
