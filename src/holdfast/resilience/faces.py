"""pybreaker's state classes as faces of a `Breaker`: names and types for listeners, no behaviour of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import pybreaker

from holdfast.resilience.circuit import CLOSED, HALF_OPEN, OPEN

T = TypeVar("T")


class ClosedFace(pybreaker.CircuitClosedState):
    """The breaker was closed when this was made."""

    def __init__(self, breaker: pybreaker.CircuitBreaker) -> None:
        super().__init__(breaker)
        self._owner = breaker

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - passed on untouched
        """As the breaker's own `call`."""
        return self._owner.call(func, *args, **kwargs)


class OpenFace(pybreaker.CircuitOpenState):
    """The breaker was open when this was made."""

    def __init__(self, breaker: pybreaker.CircuitBreaker) -> None:
        super().__init__(breaker)
        self._owner = breaker

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - passed on untouched
        """As the breaker's own `call`."""
        return self._owner.call(func, *args, **kwargs)


class HalfOpenFace(pybreaker.CircuitHalfOpenState):
    """The breaker was half-open when this was made."""

    def __init__(self, breaker: pybreaker.CircuitBreaker) -> None:
        super().__init__(breaker, None)
        self._owner = breaker

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - passed on untouched
        """As the breaker's own `call`."""
        return self._owner.call(func, *args, **kwargs)


Face = ClosedFace | OpenFace | HalfOpenFace
FACES: Final[dict[str, type[ClosedFace] | type[OpenFace] | type[HalfOpenFace]]] = {
    CLOSED: ClosedFace,
    OPEN: OpenFace,
    HALF_OPEN: HalfOpenFace,
}
