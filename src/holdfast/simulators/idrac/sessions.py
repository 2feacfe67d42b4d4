"""The pool of eight sessions, and the lock-out after three bad passwords (contract §4)."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass

from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.timeline import Timeline


@dataclass
class Session:
    """A login that lasts; `timeout_s` is what was configured when it was opened."""

    id: str
    token: str
    username: str
    client: str
    created: float
    last_used: float
    timeout_s: float
    kind: str = "Redfish"


class Sessions:
    """Open sessions of all kinds that share one pool."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._number = 40
        self.members: dict[str, Session] = {}
        self.opened = 0
        self.peak = 0
        self.full_status = 503
        """What a login is answered when the pool is full; old firmware says it with 400, 401 or 500."""

    def expire(self) -> None:
        """End what was idle too long."""
        now = self._timeline.now()
        for session in list(self.members.values()):
            if now - session.last_used > session.timeout_s:
                del self.members[session.id]

    def open(self, username: str, client: str, *, limit: int, timeout_s: float, kind: str = "Redfish") -> Session:
        """A new session; RAC0218 when the pool is full (contract §4.1, E1)."""
        self.expire()
        if len(self.members) >= limit:
            raise refuse(self.full_status, "RAC0218")
        self._number += 1
        now = self._timeline.now()
        session = Session(str(self._number), secrets.token_hex(16), username, client, now, now, timeout_s, kind)
        self.members[session.id] = session
        self.opened += 1
        self.peak = max(self.peak, len(self.members))
        return session

    def by_token(self, token: str) -> Session | None:
        """The session of a token, whose idle time starts anew."""
        self.expire()
        for session in self.members.values():
            if session.token == token:
                session.last_used = self._timeline.now()
                return session
        return None

    def close(self, session_id: str) -> Session | None:
        """End one session; None when there is none."""
        return self.members.pop(session_id, None)

    def close_all(self) -> None:
        """Forget all sessions, as a restart does."""
        self.members.clear()


class AddressGuard:
    """Blocks an address after repeated bad passwords: its connections are dropped for the penalty time."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._failures: dict[str, deque[float]] = {}
        self._blocked_until: dict[str, float] = {}

    def blocked(self, client: str) -> bool:
        """Whether connections of this address are dropped now."""
        until = self._blocked_until.get(client)
        if until is None:
            return False
        if self._timeline.now() >= until:
            del self._blocked_until[client]
            return False
        return True

    def block(self, client: str, seconds: float) -> None:
        """Drop this address for so long."""
        self._blocked_until[client] = self._timeline.now() + seconds

    def failed(self, client: str, *, count: int, window_s: float, penalty_s: float) -> bool:
        """Count a bad password; True when it was the one that blocks the address."""
        now = self._timeline.now()
        failures = self._failures.setdefault(client, deque())
        failures.append(now)
        while failures and now - failures[0] > window_s:
            failures.popleft()
        if len(failures) < count:
            return False
        failures.clear()
        self.block(client, penalty_s)
        return True

    def clear(self) -> None:
        """Forget failures and blocks, as a restart does."""
        self._failures.clear()
        self._blocked_until.clear()
