"""From a path to its handlers: one trie per persona, shared by all simulators of that persona."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.wire import Call, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

Handler = Callable[["Bmc", Call], Reply]


@dataclass(frozen=True)
class Rule:
    """What is needed to call one method of a resource."""

    handler: Handler
    privilege: str
    public: bool = False
    locked: bool = True
    """Refused while the system is locked down (§12.17)."""
    upload: bool = False
    """The body is read as multipart."""
    stream: bool = False
    """The answer is a stream of events."""


@dataclass
class Node:
    """One segment of the tree."""

    children: dict[str, Node] = field(default_factory=dict)
    wildcard: Node | None = None
    rules: dict[str, Rule] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """A resource found for a path, with what its wildcards stood for."""

    node: Node
    args: tuple[str, ...]


class Routes:
    """The resource tree of one persona."""

    def __init__(self) -> None:
        self._root = Node()

    def _at(self, path: str) -> Node:
        node = self._root
        for segment in path.strip("/").split("/"):
            if segment == "*":
                if node.wildcard is None:
                    node.wildcard = Node()
                node = node.wildcard
            else:
                node = node.children.setdefault(segment, Node())
        return node

    def add(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        privilege: str | None = None,
        public: bool = False,
        locked: bool = True,
        upload: bool = False,
        stream: bool = False,
    ) -> None:
        """Answer `method` at `path` (segments of `*` become arguments) with `handler`.

        Reading needs the Login privilege and writing ConfigureManager unless said otherwise.
        """
        if privilege is None:
            privilege = "Login" if method == "GET" else "ConfigureManager"
        self._at(path).rules[method] = Rule(handler, privilege, public, locked and method != "GET", upload, stream)

    def get(self, path: str, handler: Handler, *, public: bool = False, privilege: str = "Login") -> None:
        """Answer GET and HEAD."""
        self.add("GET", path, handler, public=public, privilege=privilege)

    def action(
        self,
        owner: str,
        name: str,
        handler: Handler,
        *,
        privilege: str = "ConfigureManager",
        locked: bool = True,
    ) -> None:
        """Answer POST at `<owner>/Actions/<name>`."""
        self.add("POST", f"{owner}/Actions/{name}", handler, privilege=privilege, locked=locked)

    def match(self, path: str) -> Match | None:
        """The resource at a path, or None; a literal segment goes before a wildcard."""
        return _match(self._root, path.strip("/").split("/"), ())


def _match(node: Node, segments: list[str], args: tuple[str, ...]) -> Match | None:
    if not segments:
        return Match(node, args) if node.rules else None
    head, rest = segments[0], segments[1:]
    child = node.children.get(head)
    if child is not None:
        found = _match(child, rest, args)
        if found is not None:
            return found
    if node.wildcard is None or not head:
        return None
    return _match(node.wildcard, rest, (*args, head))
