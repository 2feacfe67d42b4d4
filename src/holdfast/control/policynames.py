"""Whether the names in a policy are names of anything: a deny rule for a misspelt tool denies nothing."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from holdfast.control.inventory import Entry
from holdfast.control.policy import Policy
from holdfast.errors import ConfigError


def misnamed(policy: Policy, entries: Iterable[Entry]) -> list[str]:
    """One sentence for each pattern of a rule that matches no kind, toolset or tool that there is.

    Principals and targets are not looked at: they may come later.

    Args:
        policy: The rules.
        entries: Every tool that there is, of whatever kind, listed or not.
    """
    kinds: set[str] = set()
    toolsets: set[str] = set()
    tools: set[str] = set()
    for entry in entries:
        kinds.add(entry.kind)
        toolsets |= {entry.toolset, f"{entry.kind}:{entry.toolset}"}
        tools.add(entry.name)
    found: list[str] = []
    for number, rule in enumerate(policy.rules or (), 1):
        for what, patterns, names in (
            ("kind", rule.kinds, kinds),
            ("toolset", rule.toolsets, toolsets),
            ("tool", rule.tools, tools),
        ):
            found += [
                f"rule {number} names the {what} {pattern}, and there is none"
                for pattern in patterns
                if not any(fnmatchcase(name, pattern) for name in names)
            ]
    return found


def require_names(policy: Policy, entries: Iterable[Entry], file: object) -> None:
    """Refuse a policy with names of nothing.

    Raises:
        ConfigError: It names what there is not.
    """
    problems = misnamed(policy, entries)
    if problems:
        raise ConfigError(
            f"{file}: {'; '.join(problems[:5])}.",
            next_step="Correct the name: a rule about it has no effect. holdfast tools lists all names.",
        )
