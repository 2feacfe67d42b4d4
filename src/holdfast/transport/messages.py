"""What is sent and what comes back: `Request`, `Reply`, `Headers`, `Part`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from holdfast.errors import Executed, InputError, LoginPageError, ProtocolError
from holdfast.transport.jsontext import decode_text, looks_like_html, parse_json
from holdfast.transport.limits import DEFAULT_LIMITS, Limits
from holdfast.transport.urls import Query, check_target
from holdfast.transport.values import JsonInput, JsonValue

SAFE_METHODS = frozenset({"GET", "HEAD"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+\Z")
# Visible ASCII, blanks and tabs: how a peer would read anything else is a guess.
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e]*\Z")
_OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te"})


class Headers(Mapping[str, str]):
    """Header fields of a reply: case-insensitive, immutable; repeated fields are kept (`get_all`)."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = items.items() if isinstance(items, Mapping) else items
        store: dict[str, list[str]] = {}
        for name, value in pairs:
            store.setdefault(name.lower(), []).append(value)
        self._items = store

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()][0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def get_all(self, name: str) -> list[str]:
        """Every value of a repeated field, in the order of arrival."""
        return list(self._items.get(name.lower(), ()))

    def __repr__(self) -> str:
        return f"Headers({sorted(self._items)})"  # names only: values may be credentials


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body: text, bytes, or a file that is streamed from disk.

    Attributes:
        name: Field name.
        content: Text, bytes, or the path of a file.
        filename: File name told to the appliance; for a path the file's own name when None.
        content_type: Media type of the part; none is sent when None and the part is text.
    """

    name: str
    content: str | bytes | Path
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    At most one of `json`, `form`, `multipart` and `content` is set; without any there is no body and no
    Content-Type. A Content-Length is always sent with a body (Proxmox refuses chunked bodies: contract proxmox §1).

    Attributes:
        method: GET, HEAD, POST, PUT, PATCH or DELETE.
        target: Absolute path, built with `path` or `same_origin_path`; may carry a query.
        query: Parameters, appended to the target.
        headers: Fields added to the transport's defaults; they win over these.
        json: JSON body; None means no body (for a literal null use `content`).
        form: Form body, encoded like `query`.
        multipart: Parts of a multipart/form-data body; files are streamed.
        content: Raw body: bytes, or a file that is streamed. Set Content-Type in `headers`.
        attempt_timeout_s: Absolute bound of this attempt in seconds, from the wait for a connection to the last byte.
        connect_timeout_s: Bound of name resolution, TCP and TLS together.
        fresh_connection: Use a new connection and close it afterwards: for writes, which must not meet a pooled
            connection that the appliance is just closing.
        limits: Caps for this answer; the transport's own when None.
    """

    method: str
    target: str
    _: KW_ONLY
    query: Query | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    json: JsonInput = None
    form: Query | None = None
    multipart: Sequence[Part] | None = None
    content: bytes | Path | None = None
    attempt_timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    fresh_connection: bool = False
    limits: Limits | None = None

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise InputError("The method must be GET, HEAD, POST, PUT, PATCH or DELETE.")
        check_target(self.target)
        check_headers(self.headers)
        bodies = [body for body in (self.json, self.form, self.multipart, self.content) if body is not None]
        if len(bodies) > 1:
            raise InputError("A request has one body: json, form, multipart or content.")
        if bodies and self.method in SAFE_METHODS and self.json is None:
            raise InputError("A GET or HEAD request has no body except json.")
        if self.attempt_timeout_s <= 0 or self.connect_timeout_s <= 0:
            raise InputError("Timeouts must be more than 0 seconds.")

    @property
    def safe(self) -> bool:
        """Whether HTTP defines this method as one that changes nothing."""
        return self.method in SAFE_METHODS

    @property
    def label(self) -> str:
        """Method and path without the query, for messages and logs: a query may hold a token."""
        return f"{self.method} {self.target.partition('?')[0]}"


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse header fields that could forge others or that the transport sets itself.

    Raises:
        InputError: A name is no token or one the transport owns, or a value holds a line break, another control
            character, or anything that is not ASCII. The value is not repeated in the error.
    """
    for name, value in headers.items():
        if not _TOKEN.match(name):
            raise InputError("A header name contains characters that are not allowed.")
        if name.lower() in _OWN_HEADERS:
            raise InputError(f"The header {name} is set by the transport.")
        if not _FIELD_VALUE.match(value):
            raise InputError(f"The value of the header {name} contains characters that are not allowed.")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer, whatever its status; `errors.py` of the appliance interprets it.

    Attributes:
        status: HTTP status; appliances use numbers outside of the standard too (Proxmox 595–599).
        reason: Reason phrase as sent: Proxmox puts its error text there.
        headers: Header fields.
        body: Decompressed body.
        method: Method of the request.
        sends: How often the request was put on a connection for this reply: 1, or 2 when a GET met a dead one.
        elapsed_s: Seconds from the call to the last byte.
        limits: Caps applied when the body is parsed.
    """

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    method: str = "GET"
    sends: int = 1
    elapsed_s: float = 0.0
    limits: Limits = field(default=DEFAULT_LIMITS, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters; "" when absent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether the body is a web page, by its Content-Type or its first bytes."""
        return looks_like_html(self.content_type, self.body)

    def text(self) -> str:
        """The body as text: UTF-8, else the declared charset, else Latin-1; never fails, a BOM is removed."""
        return decode_text(self.body, self.headers.get("content-type", ""))

    def json(self) -> JsonValue:
        """The body as JSON. Of duplicate keys the last wins, as in all four appliances' own clients.

        Raises:
            LoginPageError: The body is a web page.
            ProtocolError: Empty body, not JSON, or with NaN or infinite numbers.
            LimitError: Too deep, too many values, or a number with too many digits.
        """
        executed = Executed.NO if self.method in SAFE_METHODS else Executed.UNKNOWN
        if self.is_html:
            raise LoginPageError(
                f"The appliance answered with a web page instead of data (HTTP {self.status}).",
                next_step="Check the target's address and port, and that the API is enabled; log in again.",
                executed=executed,
                details={"status": self.status},
            )
        if not self.body.strip():
            raise ProtocolError(
                f"The appliance answered with an empty body where data was expected (HTTP {self.status}).",
                executed=executed,
                details={"status": self.status},
            )
        return parse_json(self.body, self.limits, content_type=self.headers.get("content-type", ""), executed=executed)

    def json_or_none(self) -> JsonValue:
        """Like `json`, but None for an empty body (204, and writes that answer nothing)."""
        return None if not self.body.strip() else self.json()

    def retry_after_s(self, now: datetime | None = None) -> float | None:
        """Seconds asked for by Retry-After (seconds or date), not negative; None when absent or unreadable.

        A date is compared with the reply's own Date field, so that a wrong clock on either side does not matter, and
        with `now` (the system's clock when None) only where that is missing.
        """
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
            return float(text)
        wanted = _http_date(text)
        if wanted is None:
            return None
        base = _http_date(self.headers.get("date", "")) or now or datetime.now(UTC)
        return max(0.0, (wanted - base).total_seconds())


def _http_date(text: str) -> datetime | None:
    if not 20 <= len(text) <= 40:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
