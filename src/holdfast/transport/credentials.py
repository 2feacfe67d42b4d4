"""A credential that was refused once is not sent again: appliances lock addresses and accounts after a few tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdfast.cutting import cut
from holdfast.errors import AuthenticationError, QuarantinedError


class CredentialLatch:
    """Guards the use of one credential against one appliance.

    Until the credential was accepted once, one caller at a time uses it, so that many concurrent first calls with a
    wrong credential make one attempt, not many. After a refusal every use ends at once, for as long as the process
    lives or until `reset` (the configuration changed).

    Args:
        what: The credential in words, for messages: "the API key".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._accepted = False
        self._refusal: str | None = None
        self._first = asyncio.Lock()

    @property
    def refused(self) -> bool:
        """Whether the credential was refused."""
        return self._refusal is not None

    def reset(self) -> None:
        """Forget what is known of the credential."""
        self._accepted = False
        self._refusal = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[None]:
        """Use the credential: an `AuthenticationError` leaving the block is its refusal, a normal end its acceptance.

        Raises:
            QuarantinedError: It was refused before; the block is not entered.
        """
        self._check()
        if self._accepted:
            async with self._watched():
                yield
            return
        async with self._first:
            self._check()
            async with self._watched():
                yield

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        try:
            yield
        except AuthenticationError as error:
            self._refusal = error.message
            raise
        self._accepted = True

    def _check(self) -> None:
        if self._refusal is not None:
            raise QuarantinedError(
                f"{self._what[:1].upper()}{self._what[1:]} was refused before and is not sent again. "
                "Nothing was executed.",
                details={"refusal": cut(self._refusal, 200)},
            )
