"""Secrets planted in what appliances answer: for tests of what may leave when an appliance tells them."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from aiohttp import web

from holdfast.simulators.rack.gate import Gate
from holdfast.simulators.truenas.session import Session
from tests.support.encodings import ENCODINGS

Where = Literal["nowhere", "free", "errors", "everywhere"]

_FREE: Final = re.compile(
    r"(?i)(desc|comment|note|message|detail|reason|title|model|text|log|line|summary|email|full_?name|vendor|product|"
    r"serial|error|subject|body|formatted|explanation|resolution|gecos|banner|hint|label|contact|location)"
)
"""Names of members that hold what people or programs wrote, and that nothing is looked up by."""


def is_free(name: str) -> bool:
    """Whether what stands under this name is free text."""
    return _FREE.search(name) is not None


class Planter:
    """Writes secrets into the answers of simulators, on their way to the wire.

    Args:
        secrets: What is planted, each in every encoding, a few at a time.
        placed: What is a secret by its place alone: it stands under a secret's name, and nothing else knows it.
        encodings: Names of those that are used.

    Attributes:
        turn: Which of the secrets are planted where; every number does it differently, the same number always the same.
        where: Into which texts: none ("nowhere"), those that are free ("free"), those of answers that are errors, as
            well ("errors"), or all but numbers and names of members ("everywhere").
        planted: How many texts were written into so far.
    """

    def __init__(self, secrets: Sequence[str], placed: str, encodings: Collection[str] = ENCODINGS) -> None:
        self.turn = 0
        self._placed = placed
        self._secrets = list(secrets)
        self._encodings = list(encodings)
        self.where: Where = "free"
        self.planted = 0
        self._hands = list(_hands(secrets, encodings))

    def encoded(self) -> list[str]:
        """Every secret in one of the encodings."""
        names = self._encodings
        return [ENCODINGS[names[(self.turn + at) % len(names)]](secret) for at, secret in enumerate(self._secrets)]

    def text(self, text: str) -> str:
        """The text with some of the secrets after it."""
        self.planted += 1
        hand = self._hands[(self.turn + zlib.crc32(text.encode("utf-8", "replace"))) % len(self._hands)]
        return f"{text} {hand} password={self._placed}"

    def value(self, value: Any, name: str = "", *, error: bool = False) -> Any:
        """The JSON value with secrets in its texts."""
        if self.where == "nowhere":
            return value
        if isinstance(value, dict):
            made = {key: self.value(item, key, error=error) for key, item in value.items()}
            return {**made, "canary_password": self._placed} if made else made
        if isinstance(value, list):
            return [self.value(item, name, error=error) for item in value]
        if not isinstance(value, str):
            return value
        free = is_free(name) or " " in value
        return self.text(value) if free or self.where == "everywhere" or error else value

    def frame(self, frame: dict[str, Any]) -> dict[str, Any]:
        """A message of JSON-RPC with secrets in its result, its error or its event."""
        return {
            key: self.value(item, key, error=key == "error" and self.where in ("errors", "everywhere"))
            if key in ("result", "error", "params")
            else item
            for key, item in frame.items()
        }

    def response(self, response: web.StreamResponse) -> None:
        """Write secrets into an answer over HTTP that is not sent yet."""
        if response.prepared or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return
        error = response.status >= 400 and self.where in ("errors", "everywhere")
        try:
            found = json.loads(response.body)
        except ValueError:
            if error or self.where == "everywhere":
                response.body = self.text(response.body.decode("utf-8", "replace")).encode()
            return
        response.body = json.dumps(self.value(found, error=error)).encode()


def _hands(secrets: Sequence[str], encodings: Collection[str]) -> Iterator[str]:
    """All secrets in each encoding, a few at a time, so that they are not all cut off a field that is short."""
    for encoding in encodings:
        for first in range(0, len(secrets), 3):
            yield " ".join(ENCODINGS[encoding](secret) for secret in secrets[first : first + 3])


@contextmanager
def planting(planter: Planter) -> Iterator[None]:
    """All simulators answer what the planter makes of their answers."""
    sent, send = Gate._sent, Session.send

    async def planted(gate: Gate, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        planter.response(response)
        return await sent(gate, request, response)

    def planted_frame(session: Session, frame: dict[str, Any]) -> None:
        send(session, planter.frame(frame))

    Gate._sent, Session.send = planted, planted_frame  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        Gate._sent, Session.send = sent, send  # type: ignore[method-assign]
