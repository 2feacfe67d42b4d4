"""Secrets, and references to where they are kept.

A secret in `holdfast.toml` is one of::

    env:NAME               the environment variable NAME
    file:PATH              the content of PATH without its trailing newline (relative to the configuration file)
    keyring:SERVICE/USER   the operating system's key ring (needs the extra `holdfast[keyring]`)
    anything else          the secret itself, in plain text: it works, and a warning is logged

Text after a backslash (`\\env:not-a-reference`) is taken as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from holdfast.errors import ConfigError

_SCHEMES: Final = ("env", "file", "keyring")
_MAX_FILE_BYTES: Final = 64 * 1024


class Secret:
    """A secret that never shows itself: `repr`, `str`, formatting and serialisation give asterisks.

    `reveal()` returns the value, resolving the reference at the first call; later calls return the same value.
    """

    __slots__ = ("_base", "_raw", "_tell", "_value")

    def __init__(self, raw: str, *, base: Path | None = None) -> None:
        self._raw = raw
        self._base = base
        self._value: str | None = None
        self._tell: Callable[[str], object] | None = None

    @property
    def reference(self) -> str | None:
        """The reference (`env:NAME` …), or None when the secret is written out in plain text."""
        scheme, separator, _ = self._raw.partition(":")
        return self._raw if separator and scheme in _SCHEMES else None

    @property
    def is_plain(self) -> bool:
        """Whether the secret itself stands in the configuration."""
        return self.reference is None

    def relative_to(self, base: Path) -> Secret:
        """The same secret, with `file:` references read relative to `base`."""
        return Secret(self._raw, base=base)

    def reveal(self) -> str:
        """The secret's value.

        Raises:
            ConfigError: The reference leads nowhere, or to an empty value.
        """
        if self._value is None:
            self._value = self._resolve()
        if self._tell is not None:
            self._tell(self._value)
        return self._value

    def when_revealed(self, tell: Callable[[str], object]) -> None:
        """Tell somebody the value whenever it is revealed: of a secret that could not be had before."""
        self._tell = tell

    def _resolve(self) -> str:
        if self.reference is None:
            return self._raw.removeprefix("\\")
        scheme, _, name = self._raw.partition(":")
        value = {"env": self._from_environment, "file": self._from_file, "keyring": self._from_keyring}[scheme](name)
        if not value:
            raise ConfigError(f"The secret reference {scheme}:{name} is empty.", next_step="Set it to the credential.")
        return value

    def _from_environment(self, name: str) -> str:
        try:
            return os.environ[name]
        except KeyError:
            raise ConfigError(
                f"The environment variable {name} is not set, but a secret refers to it (env:{name}).",
                next_step=f"Set {name} in the environment of the server, or use file: or keyring:.",
            ) from None

    def _from_file(self, name: str) -> str:
        try:
            path = Path(name).expanduser()
            content = (path if self._base is None else self._base / path).read_bytes()
        except (OSError, RuntimeError, ValueError) as error:  # the home of nobody; a NUL in its name
            reason = getattr(error, "strerror", None) or "there can be no such file"
            raise ConfigError(
                f"The secret file {name} cannot be read: {reason}.",
                next_step="Create it with the credential as its only content, readable by the server (mode 0600).",
            ) from None
        if len(content) > _MAX_FILE_BYTES:
            raise ConfigError(f"The secret file {name} is larger than 64 KiB.", next_step="Point it at the credential.")
        try:
            return content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ConfigError(f"The secret file {name} is not UTF-8 text.") from None

    @staticmethod
    def _from_keyring(name: str) -> str:
        service, separator, user = name.partition("/")
        if not separator:
            raise ConfigError(
                f"keyring:{name} names no user.", next_step="Write keyring:SERVICE/USER, for example keyring:pve/root."
            )
        try:
            import keyring
            import keyring.errors
        except ImportError:
            raise ConfigError(
                f"keyring:{name} needs the keyring library.",
                next_step="Install holdfast[keyring], or use env: or file:.",
            ) from None
        value: str | None
        try:
            value = keyring.get_password(service, user)
        except keyring.errors.KeyringError as error:
            raise ConfigError(f"The key ring refused keyring:{name} ({type(error).__name__}).") from None
        if value is None:
            raise ConfigError(
                f"The key ring has no entry for keyring:{name}.", next_step=f"keyring set {service} {user}"
            )
        return value

    def __repr__(self) -> str:
        return "Secret('********')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self._raw, self._base) == (other._raw, other._base)

    def __hash__(self) -> int:
        return hash((self._raw, self._base))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Secret], handler: GetCoreSchemaHandler) -> CoreSchema:
        def build(value: object) -> Secret:
            if isinstance(value, Secret):
                return value
            if isinstance(value, str) and value:
                return cls(value)
            raise ValueError("a secret is a non-empty text: env:NAME, file:PATH, keyring:SERVICE/USER or the secret")

        return core_schema.no_info_plain_validator_function(
            build,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda secret: repr(secret)),
            metadata={"pydantic_js_functions": [lambda _schema, _handler: {"type": "string", "format": "password"}]},
        )
