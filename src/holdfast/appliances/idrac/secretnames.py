"""Which attributes hold secrets, by their names (contract 12.13, 12.16)."""

from __future__ import annotations

import re
from typing import Final

from holdfast.transport.values import JsonValue

HIDDEN: Final = "(secret)"
_SECRET: Final = re.compile(
    r"passw|passphrase|community|encryptionkey|ipmikey|privatekey|sslkey|sha256|md5|v3key|hash|salt|secret|token|\bpin\b",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(r"^(?:Security|SecureDefaultPassword|PasswordPolicy)\.\d+[.#]", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether an attribute of this name holds a secret; rules about passwords do not."""
    return _SECRET.search(name) is not None and _HARMLESS.match(name) is None


def shown_value(name: str, value: JsonValue) -> str | None:
    """An attribute's value as text, hidden where it is a secret and there is one."""
    if value is None:
        return None
    return HIDDEN if is_secret(name) and value != "" else str(value)
