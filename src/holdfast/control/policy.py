"""Who may do what: rules for principals, in a file that carries its own test cases.

Without a file everybody may do what the targets' modes allow. With a file nobody may do anything that no rule allows,
and a rule with `effect = "deny"` wins over every other. The file is refused as a whole when anything in it is unknown,
and when one of its tests does not come out as it says::

    [[rules]]
    principals = ["alice", "oncall-*"]
    targets = ["pve-*"]
    risks = ["read", "write"]
    toolsets = ["proxmox:*"]

    [[tests]]
    principal = "alice"
    target = "pve-1"
    kind = "proxmox"
    toolset = "guests"
    risk = "destructive"
    tool = "proxmox_delete_guest"
    expect = "deny"

A target and a toolset may be named with their kind in front: `proxmox.pve-1`, `proxmox:guests`. In patterns `*` stands
for any characters, `?` for one; nothing else is special. Upper and lower case differ.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from holdfast.control import statefiles
from holdfast.errors import ConfigError, PolicyError

_MAX_BYTES: Final = 1_048_576

RiskName = Literal["read", "write", "destructive"]
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@*?/+-]{1,128}$")]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=256)]
_ANY: Final = ("*",)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Closed):
    """Allows or denies. Every list that is given must match; a list that is left out matches everything."""

    principals: Patterns
    effect: Literal["allow", "deny"] = "allow"
    targets: Patterns = _ANY
    kinds: Patterns = _ANY
    risks: Annotated[tuple[RiskName, ...], Field(min_length=1)]
    toolsets: Patterns = _ANY
    tools: Patterns = _ANY
    note: str | None = None


class Case(_Closed):
    """A test of the rules: a call, and what must come out."""

    principal: str
    target: str | None = None
    kind: str
    toolset: str
    risk: RiskName
    tool: str
    expect: Literal["allow", "deny"]


class _File(_Closed):
    version: Literal[1] = 1
    rules: Annotated[tuple[Rule, ...], Field(max_length=1000)] = ()
    tests: Annotated[tuple[Case, ...], Field(max_length=10_000)] = ()


@dataclass(frozen=True)
class Decision:
    """What the policy says about a call, and why."""

    allowed: bool
    reason: str


class Policy:
    """The rules of an installation.

    Args:
        rules: In no order; None when there is no policy file.

    Attributes:
        cases: How many tests its file has.
    """

    def __init__(self, rules: tuple[Rule, ...] | None) -> None:
        self.rules = rules
        self.cases = 0

    @classmethod
    def open(cls) -> Policy:
        """The policy of an installation without a policy file."""
        return cls(None)

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Read a policy file and run its tests.

        Raises:
            ConfigError: The file is missing, open to others for writing, not TOML, not a policy, or a test of it fails.
        """
        try:
            data = statefiles.read(path, _MAX_BYTES)
        except OSError as error:
            raise ConfigError(
                f"The policy file {path} cannot be read: {error.strerror}.",
                next_step="Name the file itself, no symbolic link to it, and let the user of the server read it.",
            ) from error
        if data is None:
            raise ConfigError(f"There is no policy file {path}.")
        return cls.parse(data, str(path))

    @classmethod
    def parse(cls, data: bytes, name: str = "policy") -> Policy:
        """A policy from the text of its file, after running its tests.

        Raises:
            ConfigError: Not TOML, not a policy, or a test of it fails.
        """
        try:
            found = _File.model_validate(tomllib.loads(data.decode("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{name} is not TOML: {error}") from None
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise ConfigError(f"{name}: {where}: {problem['msg']}") from None
        policy = cls(found.rules)
        policy.cases = len(found.tests)
        if failed := policy.run(found.tests):
            raise ConfigError(f"{name}: {failed[0]}" + (f" ({len(failed)} tests fail)" if len(failed) > 1 else ""))
        return policy

    def run(self, cases: tuple[Case, ...]) -> list[str]:
        """Run test cases; what is returned says which failed and how."""
        failed: list[str] = []
        for number, case in enumerate(cases, 1):
            got = self.evaluate(case.principal, case.target, case.kind, case.toolset, case.risk, case.tool)
            if got.allowed != (case.expect == "allow"):
                failed.append(
                    f"test {number} ({case.principal}, {case.tool} on {case.target or 'no target'}) expects "
                    f"{case.expect}, but: {got.reason}"
                )
        return failed

    def evaluate(self, principal: str, target: str | None, kind: str, toolset: str, risk: str, tool: str) -> Decision:
        """Whether the principal may make this call.

        Args:
            principal: Who calls.
            target: Name of the target, with or without its kind in front (`proxmox.pve-1`); None for a call that
                concerns no single one. Such a call needs a rule for all targets (`*`), and any rule that denies it for
                some target denies it.
            kind: Kind of appliance, or "estate".
            toolset: Name of the toolset, with or without its kind in front (`proxmox:guests`).
            risk: "read", "write" or "destructive".
            tool: Name of the tool.
        """
        if self.rules is None:
            return Decision(True, "there is no policy file")
        toolset = toolset.removeprefix(f"{kind}:")
        allowed: int | None = None
        for number, rule in enumerate(self.rules, 1):
            if not (
                _matches(rule.principals, principal)
                and _matches_target(rule, target, kind)
                and _matches(rule.kinds, kind)
                and risk in rule.risks
                and _matches(rule.toolsets, toolset, f"{kind}:{toolset}")
                and _matches(rule.tools, tool)
            ):
                continue
            if rule.effect == "deny":
                return Decision(False, f"rule {number} denies it")
            allowed = allowed or number
        if allowed is None:
            return Decision(False, "no rule allows it")
        return Decision(True, f"rule {allowed} allows it")

    def require(self, principal: str, target: str | None, kind: str, toolset: str, risk: str, tool: str) -> None:
        """Refuse a call that the policy does not allow.

        Raises:
            PolicyError: Nothing was executed.
        """
        decision = self.evaluate(principal, target, kind, toolset, risk, tool)
        if not decision.allowed:
            raise PolicyError(
                f"The policy does not allow {tool} here: {decision.reason}. Nothing was executed.",
                next_step="Only the operator can change the policy.",
            )


def _matches(patterns: tuple[str, ...], *names: str) -> bool:
    # `Pattern` has no brackets, so that only * and ? are special here.
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _matches_target(rule: Rule, target: str | None, kind: str) -> bool:
    if target is None:
        return rule.effect == "deny" or "*" in rule.targets
    name = target.removeprefix(f"{kind}.")
    return _matches(rule.targets, name, f"{kind}.{name}")
