"""A verdict on the whole system."""

from __future__ import annotations

from typing import Literal, TypeAlias

from holdfast.control.answers import Answer, Row
from holdfast.control.cleaning import HouseText, Untrusted

Verdict: TypeAlias = Literal["ok", "unknown", "warning", "critical"]


class Part(Row):
    """A part of the verdict. `more`: further findings that are not shown."""

    part: HouseText
    verdict: Verdict
    evidence: list[Untrusted] | None = None
    more: int | None = None


class Health(Answer):
    """The worst of its parts."""

    verdict: Verdict
    parts: list[Part]
