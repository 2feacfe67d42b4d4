"""Method facts of every release: what the vendor's files say, and what is derived for releases they do not cover.

25.10 comes from its file. 25.04's file describes half of its methods; the others keep 25.10's models, minus what came
later (contract section 16). 26 is 25.10 with the renames, removals and additions of section 16, 27 is 26 with little
less.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache

from holdfast.simulators.truenas import facts_25_04, facts_26
from holdfast.simulators.truenas.facts import Fact, JobFacts, vendor_facts

# Still answer on versions before v27.
PRIVATE_IN_27 = ("auth.login", "auth.login_with_api_key")


def _without(facts: Mapping[str, Fact], patterns: tuple[str, ...]) -> dict[str, Fact]:
    return {name: fact for name, fact in facts.items() if not any(fnmatchcase(name, pattern) for pattern in patterns)}


@cache
def facts_of(release: str) -> Mapping[str, Fact]:
    """Facts by method name, of "25.04", "25.10", "26" or "27".

    LookupError for any other release.
    """
    vendor = vendor_facts().releases
    if release == "25.10":
        return vendor["25.10"]
    if release == "25.04":
        facts = {**_without(vendor["25.10"], facts_25_04.LATER), **vendor["25.04"]}
        for name, old in facts_25_04.SAME_AS.items():
            if old in vendor["25.10"]:
                facts[name] = dataclasses.replace(vendor["25.10"][old], name=name)
        return {**facts, **{fact.name: fact for fact in facts_25_04.own()}}
    if release == "26":
        facts = _without(vendor["25.10"], facts_26.GONE)
        for name, change in facts_26.changed().items():
            if name in facts:
                facts[name] = change(facts[name])
        return {**facts, **{fact.name: fact for fact in facts_26.own()}}
    if release == "27":
        facts = _without(facts_of("26"), PRIVATE_IN_27)
        run = facts["pool.snapshottask.run"]
        facts[run.name] = dataclasses.replace(run, job=JobFacts())
        facts["vm.reset"] = dataclasses.replace(facts["vm.resume"], name="vm.reset")
        return facts
    raise LookupError(release)


def release_for_api(version: str) -> str:
    """The release whose models an API version such as "v25.10.3" speaks."""
    return version.removeprefix("v").rsplit(".", 1)[0].removesuffix(".0")
