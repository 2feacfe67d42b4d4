"""A question asked immediately before a request that may change something leaves this machine.

Between the decision to send and the first byte lie locks, queues, logins and a new connection: seconds, in which an
operator may have stopped all writes. `asked_before_sending` sets what is asked for the requests of one piece of work
and of the tasks it starts; the transports ask it with a connection in hand and nothing written yet. Whatever the
question raises comes out of the request, and nothing of it was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_question: ContextVar[Callable[[], None] | None] = ContextVar("holdfast_before_sending", default=None)


@contextmanager
def asked_before_sending(question: Callable[[], None]) -> Iterator[None]:
    """Have `question` asked before every request of this context that may change something.

    HTTP requests other than GET and HEAD are, and calls of a JSON-RPC method that is not declared `safe`. What was to
    be asked before is asked before, too.
    """
    outer = _question.get()

    def both() -> None:
        if outer is not None:
            outer()
        question()

    token = _question.set(both)
    try:
        yield
    finally:
        _question.reset(token)


def ask_before_sending() -> None:
    """Ask, if there is anything to ask. For transports.

    Raises:
        HoldfastError: What the question raises. Nothing may be sent.
    """
    question = _question.get()
    if question is not None:
        question()
