"""Just enough of compose files to know their services, images and published ports.

Text is read as block-style YAML (what people paste); the same structure may come as an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class ComposeError(ValueError):
    """Not a usable compose configuration."""


@dataclass
class Service:
    """One service: name, image, and published ports as (host, container)."""

    name: str
    image: str
    ports: list[tuple[int, int]] = field(default_factory=list)


def parse_compose(source: str | Mapping[str, object]) -> list[Service]:
    """The services of a compose configuration. ComposeError when it has none or one without image."""
    tree = _from_text(source) if isinstance(source, str) else source
    services = tree.get("services")
    if not isinstance(services, Mapping) or not services:
        raise ComposeError("services must be a mapping")
    found: list[Service] = []
    for name, body in services.items():
        if not isinstance(body, Mapping):
            raise ComposeError(f"service {name!r} must be a mapping")
        image = body.get("image")
        if not isinstance(image, str) and "build" not in body:
            raise ComposeError(f"service {name!r} has neither an image nor a build context")
        ports = body.get("ports")
        entries: Iterable[object] = ports if isinstance(ports, list) else []
        found.append(Service(str(name), str(image or "local"), [_port(entry) for entry in entries]))
    return found


def _port(entry: object) -> tuple[int, int]:
    if isinstance(entry, Mapping):
        return int(str(entry["published"])), int(str(entry["target"]))
    parts = str(entry).partition("/")[0].split(":")
    try:
        return int(parts[-2] if len(parts) > 1 else parts[-1]), int(parts[-1])
    except ValueError as error:
        raise ComposeError(f"invalid port {entry!r}") from error


def _from_text(text: str) -> Mapping[str, object]:
    lines: list[tuple[int, str]] = []
    for line in text.splitlines():
        bare = line.split(" #", 1)[0].rstrip()
        if bare.strip() and not bare.lstrip().startswith("#") and bare.strip() != "---":
            if "\t" in line[: len(line) - len(line.lstrip())]:
                raise ComposeError("tabs cannot indent YAML")
            lines.append((len(bare) - len(bare.lstrip()), bare.strip()))
    value, rest = _block(lines, 0, 0)
    if rest != len(lines) or not isinstance(value, Mapping):
        raise ComposeError("not a mapping")
    return value


def _block(lines: list[tuple[int, str]], start: int, indent: int) -> tuple[object, int]:
    """The mapping or list that begins at `start`, and where it ends."""
    if start >= len(lines):
        return {}, start
    indent = lines[start][0]
    items: list[object] = []
    mapping: dict[str, object] = {}
    index = start
    while index < len(lines) and lines[index][0] == indent:
        text = lines[index][1]
        if text.startswith("- ") or text == "-":
            items.append(_scalar(text[1:].strip()))
            index += 1
            while index < len(lines) and lines[index][0] > indent:
                index += 1
            continue
        key, colon, value = text.partition(":")
        if not colon:
            raise ComposeError(f"expected a key, found {text!r}")
        if value.strip():
            mapping[key.strip()] = _scalar(value.strip())
            index += 1
        elif (index + 1 < len(lines) and lines[index + 1][0] > indent) or (
            index + 1 < len(lines) and lines[index + 1][0] == indent and lines[index + 1][1].startswith("-")
        ):
            mapping[key.strip()], index = _block(lines, index + 1, indent)
        else:
            mapping[key.strip()] = None
            index += 1
    if index < len(lines) and lines[index][0] > indent:
        raise ComposeError(f"unexpected indentation at {lines[index][1]!r}")
    if items and mapping:
        raise ComposeError("a block is a list or a mapping, not both")
    return (items or mapping), index


def _scalar(text: str) -> object:
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    if text[:1] in ("'", '"'):
        if len(text) < 2 or text[-1] != text[0]:
            raise ComposeError(f"unterminated string {text!r}")
        return text[1:-1]
    return text
