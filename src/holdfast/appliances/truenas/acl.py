"""Access control lists as lines of text: one an entry, both kinds that TrueNAS has (contract 15.5).

NFS 4: `USER:bob:ALLOW:MODIFY:INHERIT`, `owner@:ALLOW:READ_DATA+EXECUTE:NOINHERIT`; permissions and flags are the name
of a basic set, names joined by +, or NONE. POSIX: `USER:bob:rwx`, `DEFAULT:GROUP_OBJ:r-x`. A number in place of a name
is an id.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from holdfast.control.grammar import Grammar
from holdfast.errors import ConflictError, InputError, ProtocolError
from holdfast.transport.values import JsonObject, JsonValue, as_objects

_NAME: Final = r"[A-Za-z0-9_.@\\$-]+"
AclLine: TypeAlias = Annotated[
    str,
    Grammar(
        "ACL entry",
        r"(?:DEFAULT:)?(?:owner@|group@|everyone@|USER_OBJ|GROUP_OBJ|OTHER|MASK|(?:USER|GROUP):" + _NAME + r")"
        r"(?::(?:ALLOW|DENY):[A-Z_+]+:[A-Z_+]+|:[r-][w-][x-])",
        400,
        "ACL entry: WHO:ALLOW|DENY:PERMISSIONS:FLAGS (NFS4), or WHO:rwx (POSIX)",
        ("USER:bob:ALLOW:MODIFY:INHERIT", "everyone@:ALLOW:TRAVERSE:NOINHERIT", "GROUP:crew:r-x", "DEFAULT:OTHER:---"),
    ),
]
_BASIC: Final = frozenset({"FULL_CONTROL", "MODIFY", "READ", "TRAVERSE", "INHERIT", "NOINHERIT"})
_POSIX: Final = (("r", "READ"), ("w", "WRITE"), ("x", "EXECUTE"))


def line_of(entry: JsonObject) -> str:
    """An entry of `filesystem.getacl` as a line."""
    tag = str(entry.get("tag"))
    who = entry.get("who") if entry.get("who") is not None else entry.get("id")
    name = f"{tag}:{who}" if tag in ("USER", "GROUP") else tag
    perms = entry.get("perms")
    held: JsonObject = perms if isinstance(perms, dict) else {}
    if "type" not in entry:
        bits = "".join(letter if held.get(word) else "-" for letter, word in _POSIX)
        return f"{'DEFAULT:' if entry.get('default') else ''}{name}:{bits}"
    return f"{name}:{entry['type']}:{_words(held)}:{_words(entry.get('flags'))}"


def _words(value: JsonValue) -> str:
    held: JsonObject = value if isinstance(value, dict) else {}
    basic = held.get("BASIC")
    if isinstance(basic, str):
        return basic
    return "+".join(sorted(name for name, on in held.items() if on)) or "NONE"


def entry_of(line: str, kind: str) -> JsonObject:
    """A line as `filesystem.setacl` takes it.

    Args:
        line: As `AclLine` has it.
        kind: ACL type of the path: NFS4 or POSIX1E.

    Raises:
        InputError: The line is for the other kind.
    """
    parts = line.split(":")
    default = parts[0] == "DEFAULT"
    if default:
        del parts[0]
    tag = parts.pop(0)
    entry: JsonObject = {"tag": tag}
    if tag in ("USER", "GROUP"):
        who = parts.pop(0)
        entry |= {"id": int(who)} if who.isascii() and who.isdigit() else {"who": who}
    nfs4 = len(parts) == 3
    if nfs4 != (kind == "NFS4") or (nfs4 and (default or (tag.isupper() and tag not in ("USER", "GROUP")))):
        raise InputError(f"{line} is no entry of a {kind} ACL.", next_step="truenas_get_permissions shows its form.")
    if nfs4:
        return {**entry, "type": parts[0], "perms": _set_of(parts[1]), "flags": _set_of(parts[2])}
    if "@" in tag:
        raise InputError(f"{line} is no entry of a {kind} ACL.", next_step="truenas_get_permissions shows its form.")
    perms: JsonObject = {word: bit != "-" for bit, (_, word) in zip(parts[0], _POSIX, strict=True)}
    return {**entry, "perms": perms, "default": default}


def _set_of(words: str) -> JsonObject:
    if words in _BASIC:
        return {"BASIC": words}
    return {} if words == "NONE" else {word: True for word in words.split("+") if word}


def lines_of(acl: JsonObject) -> list[str]:
    """All entries of an answer of `filesystem.getacl`; [] where ACLs are switched off.

    Raises:
        ProtocolError: It is none.
    """
    rows = acl.get("acl")
    return [line_of(entry) for entry in as_objects(rows, "acl")] if rows is not None else []


def holds(acl: JsonObject, wanted: list[str]) -> bool | None:
    """Whether an ACL has these entries: by name or by id, in any order, as TrueNAS puts them into its own. None where
    only entries are missing whose permissions it may tell by a basic set's name instead.
    """
    rows = acl.get("acl")
    entries = as_objects(rows, "acl") if rows is not None else []
    there = {_canonical(line_of(form)) for entry in entries for form in (entry, {**entry, "who": None})}
    missing = [line for line in wanted if _canonical(line) not in there]
    return None if missing and all("+" in line for line in missing) else not missing


def _canonical(line: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sorted(part.split("+"))) for part in line.split(":"))


def kind_of(acl: JsonObject) -> str:
    """NFS4 or POSIX1E.

    Raises:
        ConflictError: ACLs are switched off for this dataset.
    """
    kind = acl.get("acltype")
    if kind == "DISABLED":
        raise ConflictError("ACLs are switched off there.", next_step="Use truenas_set_permissions.")
    if not isinstance(kind, str):
        raise ProtocolError("TrueNAS did not tell the kind of the ACL.")
    return kind
