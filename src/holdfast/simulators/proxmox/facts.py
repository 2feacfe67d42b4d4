"""What is known of every method of the API: parameters, permission rule, flags (data/methods.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TypeAlias, cast

Fact: TypeAlias = "bool | int | float | str | list[Fact] | dict[str, Fact] | None"
Schema: TypeAlias = Mapping[str, Fact]


@dataclass(frozen=True)
class Method:
    """One method of the API as one release has it.

    `proxied` calls run on the node named in the path, `protected` ones in the privileged daemon; `token` says whether
    an API token may call it, `open_ended` whether unknown parameters pass.
    """

    verb: str
    template: str
    schemas: Mapping[str, Schema]
    rule: Fact
    token: bool
    protected: bool
    proxied: bool
    download: bool
    open_ended: bool

    @property
    def endpoint(self) -> str:
        """Verb and path template in one string."""
        return f"{self.verb} {self.template}"


@dataclass
class _Branch:
    literals: dict[str, _Branch] = field(default_factory=dict)
    name: str | None = None
    child: _Branch | None = None
    methods: dict[str, Method] = field(default_factory=dict)


# These swallow the rest of the path: their values contain slashes.
_GREEDY = frozenset({"volume", "cidr"})


class MethodTable:
    """All methods of one release, found by path."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self.methods = methods
        self._root = _Branch()
        for method in methods.values():
            branch = self._root
            for part in method.template.strip("/").split("/"):
                if not part.startswith("{"):
                    branch = branch.literals.setdefault(part, _Branch())
                    continue
                if branch.child is None:
                    branch.name, branch.child = part[1:-1], _Branch()
                branch = branch.child
            branch.methods[method.verb] = method

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method behind a decoded path and the values of its placeholders; None when there is none."""
        parts = [part for part in path.split("/") if part]
        branch, values = self._root, dict[str, str]()
        for position, part in enumerate(parts):
            literal = branch.literals.get(part)
            if literal is not None:
                branch = literal
            elif branch.child is not None and branch.name is not None:
                name = branch.name
                branch = branch.child
                if name in _GREEDY and not branch.literals:
                    values[name] = "/".join(parts[position:])
                    break
                values[name] = part
            else:
                return None
        method = branch.methods.get(verb)
        if method is None:
            return None
        # Placeholders of one position may be named differently by different methods.
        names = [part[1:-1] for part in method.template.split("/") if part.startswith("{")]
        return method, dict(zip(names, values.values(), strict=True))


def _method(endpoint: str, fact: list[Fact], schemas: list[Schema], rules: list[Fact]) -> Method:
    verb, template = endpoint.split(" ")
    flags, rule, parameters = cast("str", fact[0]), cast("int", fact[1]), cast("dict[str, int]", fact[2])
    return Method(
        verb=verb,
        template=template,
        schemas={name: schemas[index] for name, index in parameters.items()},
        rule=rules[rule],
        token="t" in flags,
        protected="p" in flags,
        proxied="n" in flags,
        download="d" in flags,
        open_ended="o" in flags,
    )


@cache
def method_table(release: str) -> MethodTable:
    """The methods of release "9.1" or "8.4"; KeyError for another."""
    document = json.loads(files(__package__).joinpath("data", "methods.json").read_text(encoding="utf-8"))
    facts = dict(document["9.1"])
    if release != "9.1":
        facts.update(document[release])
    return MethodTable(
        {
            endpoint: _method(endpoint, fact, document["schemas"], document["rules"])
            for endpoint, fact in facts.items()
            if fact is not None
        }
    )
