"""Holds every answer of a simulator against the vendor's own schemas while a test runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema

from holdfast.simulators.truenas import TrueNASSimulator, wire
from holdfast.simulators.truenas.jobs import Job
from holdfast.simulators.truenas.releases import facts_of
from tests.support.schemas import schema_lines

VENDOR_RELEASES = ("25.04", "25.10")


@cache
def vendor_rows(release: str) -> dict[str, dict[str, Any]]:
    """The vendor's rows of a release, by method."""
    return {row["method"]: row for row in schema_lines(f"truenas-{release}.jsonl")}


def plain(schema: Any) -> Any:
    """The vendor's notation as JSON schema: a list under `items` means that each item matches one of them."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: plain(value) for key, value in schema.items() if key not in ("discriminator", "default")}
    if isinstance(result.get("items"), list):
        result["items"] = {"anyOf": result["items"]} if len(result["items"]) > 1 else result["items"][0]
    if {} in result.get("oneOf", ()):  # written without its branches: anything
        result["anyOf"] = result.pop("oneOf")
    if "properties" in schema:
        result["properties"] = {name: plain(member) for name, member in schema["properties"].items()}
    return result


def on_the_wire(value: Any) -> Any:
    """The value as a client reads it, with times as text (the schemas call them date-time strings)."""

    def times(part: dict[str, Any]) -> Any:
        if set(part) == {"$date"}:
            return "2026-11-23T00:00:00Z"
        if set(part) == {"$set"}:
            return part["$set"]
        return part

    return json.loads(wire.dumps(value), object_hook=times)


class AnswerCheck:
    """Records what was answered and what of it the schemas refuse."""

    def __init__(self, simulator: TrueNASSimulator) -> None:
        self.seen: set[str] = set()
        self.problems: list[str] = []
        self._release = str(simulator.persona)
        self._facts = facts_of(self._release)
        self._expand: Callable[[Any], Any] = simulator.box.facts.expand
        self._validators: dict[str, jsonschema.Draft202012Validator] = {}
        simulator.box.on_answer = self._answered
        simulator.box.on_job = self._job_ended

    def _validator(self, method: str) -> jsonschema.Draft202012Validator:
        if method not in self._validators:
            vendor = vendor_rows(self._release).get(method) if self._release in VENDOR_RELEASES else None
            returns = vendor["returns"][0] if vendor is not None else self._expand(self._facts[method].returns)
            self._validators[method] = jsonschema.Draft202012Validator(plain(returns))
        return self._validators[method]

    def _check(self, method: str, result: Any) -> None:
        self.seen.add(method)
        for error in self._validator(method).iter_errors(on_the_wire(result)):
            self.problems.append(f"{method}: {'.'.join(map(str, error.path))}: {error.message[:300]}")

    def _answered(self, method: str, frame: dict[str, Any]) -> None:
        if "result" not in frame or method not in self._facts:
            return
        if self._facts[method].job is None:
            self._check(method, frame["result"])
        elif not isinstance(frame["result"], int):
            self.problems.append(f"{method}: a job must answer its id, not {frame['result']!r}")

    def _job_ended(self, job: Job) -> None:
        if job.state == "SUCCESS" and job.method in self._facts:
            self._check(job.method, job.result)
