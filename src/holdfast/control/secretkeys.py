"""Which names of fields, headers and attributes stand for secrets.

The lists were checked against the vendors' descriptions: every field that the pfSense package marks sensitive, and the
passwords, keys and tokens of the TrueNAS, Proxmox and Redfish models. A name that only says what a secret is like (its
length, type, age) does not stand for the secret.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST_NAME: Final = 128


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Secret wherever it stands in the name written without separators.
_ANYWHERE: Final = (
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "secret",
    "apikey",
    "apitoken",
    "authdata",
    "authkey",
    "authtoken",
    "authorization",
    "accountkey",
    "accesskey",
    "privatekey",
    "privkey",
    "sharedkey",
    "encryptionkey",
    "sessionkey",
    "sessiontoken",
    "letoken",
    "bindpw",
    "unixhash",
    "smbhash",
    "nthash",
    "lmhash",
    "keyhash",
    "bearer",
)

# Secret as the last word of the name.
_LAST_WORD: Final = word_set(
    """pass pw pwd psk ipsecpsk token tokens key keys cred creds credential credentials cookie cookies pin otp totp prv
    ticket vncticket community proxypass keytab keyring jwt passcode"""
)

# Secret as the whole name, without separators.
_WHOLE: Final = word_set("hash bcrypthash sha512hash md5hash pem csrf")

# Last words that turn the name into one that only speaks about a secret.
_ABOUT: Final = word_set(
    """age algo algorithm algorithms at attributes bits change changed complexity configured count date days digits
    disabled domain domains enabled encryption endpoint env exists expires expiration expiry expired file format groups
    history id ids keydir last length len level life location locked loaded login logins max maxidle maxlife method
    methods min mode modified name names needed nopasswd path policy present protected protocol proto pub reference
    required requirements rule rules ruleset server servers size status strength time type types uri url usage user
    users valid validity version"""
)

# Ends of names of keys that are public, or that open nothing.
_OPEN_KEYS: Final = (
    "publickey",
    "publickeys",
    "pubkey",
    "pubkeys",
    "authorizedkeys",
    "sshkeys",
    "remotehostkey",
    "sortkey",
    "primarykey",
    "foreignkey",
    "naturalkey",
    "configkeys",
    "hotkey",
    "monkey",
    "turnkey",
)


@lru_cache(maxsize=4096)
def names_secret(name: str) -> bool:
    """Whether a field of this name holds a secret. `apiKey`, `X-API-Key`, `API_KEY` and `apikey` are one name."""
    words = [word.lower() for word in _WORD.findall(name[-_LONGEST_NAME:])]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    joined, last = "".join(words), words[-1]
    if joined.endswith(("secretid", "sessionid")):
        return True
    if last in _ABOUT or joined.endswith(_OPEN_KEYS):
        return False
    return joined in _WHOLE or last in _LAST_WORD or joined.endswith("key") or any(part in joined for part in _ANYWHERE)
