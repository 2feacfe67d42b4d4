"""Sessions: who is in, and putting others out (contract section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.credentials import Credential
from holdfast.simulators.truenas.errors import ENOENT, CallError, Json, Row
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call
    from holdfast.simulators.truenas.session import Session


def session_of(call: Call) -> Session:
    """The session that a call came by; one over HTTP has none, which is refused."""
    if call.session is None:
        raise CallError("This method needs a session")
    return call.session


class Sessions(Namespace):
    """Who is in."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.accounts = box.get(Accounts)
        self._attributes: dict[str, Row] = {}

    @method("auth.me")
    def me(self, call: Call) -> Row:
        """Who this session is and what it may do."""
        credential = session_of(call).credential
        if credential is None:
            raise CallError("Not authenticated", 207)
        return self.user_info(credential)

    def user_info(self, credential: Credential) -> Row:
        """What a login and `auth.me` tell of a user."""
        user = self.accounts.users.first(username=credential.username)
        if user is None:
            raise CallError(f"{credential.username}: user does not exist", ENOENT)
        everything = [{"method": "*", "resource": "*"}] if credential.full_admin else []
        shown = set(credential.roles) & {role for row in self.accounts.privileges for role in row["roles"]}
        return {
            **self.accounts.passwd_entry(user, groups=True),
            "attributes": self._attributes.get(credential.username, {}),
            "two_factor_config": {
                "provisioning_uri": None,
                "secret_configured": credential.username in self.accounts.otp_secrets,
                "interval": 30,
                "otp_digits": 6,
            },
            "privilege": {
                "roles": {"$set": sorted(shown or credential.roles)},
                "allowlist": everything,
                "web_shell": credential.web_shell,
                "webui_access": True,
            },
            "account_attributes": list(credential.attributes),
        }

    @method("auth.set_attribute")
    def set_attribute(self, call: Call, key: str, value: object) -> None:
        """Keep a value for this user (the web UI's preferences)."""
        if call.credential is not None:
            self._attributes.setdefault(call.credential.username, {})[key] = value

    def session_row(self, session: Session, current: Session | None) -> Row:
        """A row of `auth.sessions`."""
        credential = session.credential
        return {
            "id": session.id,
            "current": session is current,
            "internal": False,
            "origin": session.origin,
            "credentials": credential.kind if credential is not None else "LOGIN_PASSWORD",
            "credentials_data": credential.session_data() if credential is not None else {},
            "created_at": from_epoch(session.created),
            "secure_transport": session.secure,
        }

    @method("auth.sessions")
    def sessions(self, call: Call, filters: list[Any], options: Row) -> Json:
        """Logged-in sessions."""
        rows = [self.session_row(session, call.session) for session in self.box.sessions if session.credential]
        return call.query(rows, filters, options)

    @method("auth.terminate_session")
    async def terminate_session(self, call: Call, number: str) -> bool:
        """Close another session's socket in good order."""
        for session in list(self.box.sessions):
            if session.id == number:
                session.log_out()
                self.box.background(session.close(1000, ""))
                return True
        return False

    @method("auth.terminate_other_sessions")
    async def terminate_other_sessions(self, call: Call) -> bool:
        """Close every other session's socket."""
        for session in list(self.box.sessions):
            if session is not call.session:
                session.log_out()
                self.box.background(session.close(1000, ""))
        return True
