"""Paths and queries that cannot leave the place they are meant for.

`path` and `query_string` quote; `same_origin_path` accepts a link that came from an appliance; `Origin` is the fixed
scheme, host and port of one target. No network here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from holdfast.errors import ConfigError, InputError, ProtocolError

QueryScalar = str | int | float
QueryValue = QueryScalar | Sequence[QueryScalar]
Query = Mapping[str, QueryValue] | Sequence[tuple[str, QueryScalar]]

_MAX_SEGMENT = 1024
_MAX_TARGET = 16 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# RFC 3986 pchar, "/" and a query; everything else must arrive percent-encoded.
_TARGET = re.compile(r"/(?!/)[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@%/?\[\]]*)?\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_.~\-]+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[A-Za-z0-9._:%~\-]+\Z")
_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|\Z)")


def path(*segments: str | int) -> str:
    """Join segments into an absolute path, quoting each: ``path("a", "b/c") == "/a/b%2Fc"``.

    Raises:
        InputError: A segment is empty, ``.`` or ``..`` (also as part of it, or encoded), too long, or holds control
            characters or lone surrogates; or there is no segment at all.
    """
    if not segments:
        raise InputError("A path needs at least one segment.")
    joined = "".join("/" + _segment(part) for part in segments)
    if _has_dot_segment(joined):
        raise InputError("A path segment must not hold '.' or '..' between slashes, in any encoding.")
    return joined


def _segment(part: str | int) -> str:
    if isinstance(part, bool) or not isinstance(part, (str, int)):
        raise InputError(f"A path segment must be text or a whole number, not {type(part).__name__}.")
    text = str(part)
    if text in ("", ".", ".."):
        raise InputError("A path segment must not be empty, '.' or '..'.")
    if len(text) > _MAX_SEGMENT:
        raise InputError(f"A path segment must not be longer than {_MAX_SEGMENT} characters.")
    if _PLAIN.match(text):
        return text
    if _CONTROL.search(text):
        raise InputError("A path segment must not contain control characters.")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InputError("A path segment must be valid Unicode.") from None


def query_string(query: Query | None) -> str:
    """Encode a query; a list repeats its key. ``$`` in keys and ``$ ( ) * , : @ /`` and ``=`` in values stay readable.

    Blanks become ``%20``; ``+``, ``;``, ``&``, ``%`` and ``#`` are always encoded (Proxmox splits at ``;`` too:
    contract proxmox §4). Booleans are refused because each appliance spells them differently.

    Raises:
        InputError: A value is a boolean, None, or not valid Unicode.
    """
    if not query:
        return ""
    return "&".join(f"{_quote_key(key)}={_quote_value(key, value)}" for key, value in _pairs(query))


def _pairs(query: Query) -> Iterable[tuple[str, QueryScalar]]:
    if not isinstance(query, Mapping):
        yield from query
        return
    for key, value in query.items():
        if isinstance(value, (str, int, float)):
            yield key, value
        elif isinstance(value, Sequence):
            for item in value:
                yield key, item
        else:
            raise InputError(f"The parameter {key!r} must be text or a number, not {type(value).__name__}.")


def _quote_key(key: str) -> str:
    return _quoted(key, "$")


def _quote_value(key: str, value: QueryScalar) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(f"The parameter {key!r} must be text or a number, not {type(value).__name__}.")
    return _quoted(str(value), "$()*,:@/=")


def _quoted(text: str, safe: str) -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise InputError("A parameter must be valid Unicode.") from None


def check_target(target: str) -> str:
    """Return a request target (path and optional query) unchanged when it is safe to put on the request line.

    Raises:
        InputError: Not absolute, not percent-encoded, too long, or with a ``.`` or ``..`` segment in any encoding.
    """
    if len(target) > _MAX_TARGET:
        raise InputError(f"A request path must not be longer than {_MAX_TARGET} characters.")
    if not _TARGET.match(target) or _BAD_ESCAPE.search(target):
        raise InputError("A request path must be absolute and percent-encoded; build it with path().")
    if _has_dot_segment(target.partition("?")[0]):
        raise InputError("A request path must not contain '.' or '..' segments.")
    return target


def _has_dot_segment(url_path: str) -> bool:
    # Servers differ in how often they decode before they resolve dots, so every reading must be free of them.
    text = url_path
    if "/." not in text and "%" not in text:
        return False
    for _ in range(4):
        if _DOTS.search(text.replace("\\", "/")):
            return True
        decoded = unquote(text)
        if decoded == text:
            return False
        text = decoded
    return True


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of one target; `str(origin)` is its URL without a trailing slash."""

    scheme: str
    host: str
    port: int

    @property
    def tls(self) -> bool:
        """Whether connections to it are encrypted."""
        return self.scheme in ("https", "wss")

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a URL; the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @classmethod
    def parse(cls, url: str, schemes: Sequence[str] = ("https", "http")) -> tuple[Origin, str]:
        """Split a configured URL into its origin and the rest (path and query, "" when there is none).

        Raises:
            ConfigError: No host, another scheme, a user name or password in it, or an impossible port.
        """
        if _CONTROL.search(url) or " " in url:  # urlsplit would drop some of these without a word
            raise ConfigError("A target's URL must not contain blanks or control characters.", next_step=_URL_HELP)
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode("ascii")
        except ValueError:
            raise ConfigError("A target's URL cannot be read.", next_step=_URL_HELP) from None
        if parts.scheme not in schemes:
            raise ConfigError(f"A target's URL must start with {' or '.join(s + '://' for s in schemes)}.")
        if "@" in parts.netloc:
            raise ConfigError("A target's URL must not contain a user name or password.", next_step=_URL_HELP)
        if not _HOST.match(host) or port == 0:
            raise ConfigError("A target's URL needs a host name or address.", next_step=_URL_HELP)
        if parts.fragment:
            raise ConfigError("A target's URL must not contain a fragment.", next_step=_URL_HELP)
        rest = parts.path + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme]), rest


_URL_HELP = "Write it as https://HOST or https://HOST:PORT; credentials have settings of their own."


def same_origin_path(link: str, prefix: str, *, origin: Origin | None = None) -> str:
    """Accept a link returned by an appliance and give its path (with query), to be used in a `Request`.

    The link may be a path or, when `origin` is given, an absolute URL of that very origin. A fragment is dropped
    (Redfish points into documents with it). The result begins with `prefix` at a segment boundary.

    Raises:
        ProtocolError: Another origin, outside of the prefix, dot segments in any encoding, or characters that do
            not belong in a URL. The link itself is not repeated in the error.
    """
    text = link.partition("#")[0]
    if not text.startswith("/") and origin is not None:
        text = _strip_origin(text, origin)
    try:
        check_target(text)
    except InputError:
        raise _bad_link() from None
    base = prefix.rstrip("/")
    url_path = text.partition("?")[0]
    if url_path != base and not url_path.startswith(base + "/"):
        raise _bad_link()
    return text


def _strip_origin(text: str, origin: Origin) -> str:
    try:
        found, rest = Origin.parse(text, (origin.scheme,))
    except ConfigError:
        raise _bad_link() from None
    if (found.host.lower(), found.port) != (origin.host.lower(), origin.port):
        raise _bad_link()
    return rest


def _bad_link() -> ProtocolError:
    return ProtocolError(
        "The appliance returned a link that leaves its own address or API; it was not followed.",
        next_step="If a proxy rewrites links in front of the appliance, address the appliance directly.",
    )
