"""Read `holdfast.toml` into a `Config`, or say which line is wrong and what is allowed there."""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from holdfast.config.locate import line_of
from holdfast.config.secrets import Secret
from holdfast.config.settings import Config, ControlSettings, ServerSettings
from holdfast.config.targets import TargetSettings
from holdfast.errors import ConfigError

_log = logging.getLogger("holdfast.config")
_SECTIONS: Final = ("targets", "server", "control")
_MAX_BYTES: Final = 4 * 1024 * 1024
_Section = TypeVar("_Section", bound=BaseModel)

Kinds = Mapping[str, type[TargetSettings]]


def default_config_path() -> Path:
    """`$HOLDFAST_CONFIG`, else `holdfast.toml` here if it exists, else the one in the user's configuration folder."""
    if named := os.environ.get("HOLDFAST_CONFIG"):
        return Path(named)
    here = Path("holdfast.toml")
    if here.is_file():
        return here
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path("~/.config").expanduser()) / "holdfast" / "holdfast.toml"


def load_config(path: Path, kinds: Kinds) -> Config:
    """Read a configuration file.

    Args:
        path: The TOML file.
        kinds: Settings class of each kind of appliance.

    Raises:
        ConfigError: The file is missing, unreadable, not TOML, or says something impossible.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror or type(error).__name__}.",
            next_step="Name a file with --config, or write one; holdfast simulate --config-out FILE makes one to try.",
        ) from None
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than 4 MiB.", next_step="A configuration is a small TOML file.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8 text.", next_step="Save the file as UTF-8.") from None
    return parse_config(text, kinds, path=path)


def parse_config(text: str, kinds: Kinds, *, path: Path | None = None) -> Config:
    """Like `load_config`, from text; `path` names the file in messages and anchors relative paths."""
    shown = str(path) if path is not None else "the configuration"
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{shown}: not valid TOML: {_without_value(error)}.", next_step="Correct that line."
        ) from None
    reader = _Reader(text, shown, path.absolute().parent if path is not None else None)
    for section in document:
        if section not in _SECTIONS:
            raise reader.unknown((section,), _SECTIONS)
    targets = _targets(document.get("targets", {}), kinds, reader)
    config = Config(
        targets=targets,
        server=reader.section(ServerSettings, ("server",), document.get("server", {})),
        control=reader.section(ControlSettings, ("control",), document.get("control", {})),
        path=path,
    )
    _warn(config, shown)
    return config


def _without_value(error: tomllib.TOMLDecodeError) -> str:
    """The parser's message without anything it quotes from the file."""
    message = str(error)
    head, _, place = message.rpartition("(at ")
    what = head.split(":")[0].split("'")[0].strip() if head else message.split("'")[0].strip()
    return f"{what or 'syntax error'} (at {place}" if place and head else what


def _targets(table: object, kinds: Kinds, reader: _Reader) -> tuple[TargetSettings, ...]:
    found: list[TargetSettings] = []
    for kind, named in reader.table(("targets",), table).items():
        if kind not in kinds:
            raise reader.unknown(("targets", kind), kinds)
        for name, values in reader.table(("targets", kind), named).items():
            keys = ("targets", kind, name)
            given = {**reader.table(keys, values), "name": name}
            found.append(reader.section(kinds[kind], keys, given))
    return tuple(found)


class _Reader:
    """Validates sections and words errors: file, line, key, what is allowed; never a value."""

    def __init__(self, text: str, shown: str, base: Path | None) -> None:
        self._text = text
        self._shown = shown
        self._base = base

    def _place(self, keys: Sequence[str]) -> str:
        line = line_of(self._text, keys)
        return f"{self._shown}, line {line}" if line is not None else self._shown

    def unknown(self, keys: tuple[str, ...], allowed: Sequence[str] | Mapping[str, object]) -> ConfigError:
        close = get_close_matches(keys[-1], list(allowed), n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return ConfigError(
            f"{self._place(keys)}: {'.'.join(keys)}: unknown key.{hint}",
            next_step=f"Allowed here: {', '.join(sorted(allowed))}.",
        )

    def table(self, keys: tuple[str, ...], value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise ConfigError(
                f"{self._place(keys)}: {'.'.join(keys)}: must be a table.",
                next_step="Write [targets.KIND.NAME] and the keys below it.",
            )
        return value

    def section(self, model: type[_Section], keys: tuple[str, ...], value: object) -> _Section:
        given = self.table(keys, value)
        try:
            section = model.model_validate(given)
        except ValidationError as error:
            raise self._from_validation(error, model, keys) from None
        return self._anchored(section)

    def _from_validation(self, error: ValidationError, model: type[BaseModel], keys: tuple[str, ...]) -> ConfigError:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = keys + tuple(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            return self.unknown(where, _accepted_keys(model))
        if first["type"] == "missing":
            return ConfigError(
                f"{self._place(keys)}: {'.'.join(where)}: this key is required.",
                next_step=f"Add {where[-1]} to [{'.'.join(keys)}].",
            )
        rule = first["msg"].removeprefix("Value error, ")
        count = error.error_count()
        more = f" ({count - 1} more problem{'s' if count > 2 else ''} in this table.)" if count > 1 else ""
        return ConfigError(f"{self._place(where)}: {'.'.join(where)}: {rule}.{more}", next_step="Correct that key.")

    def _anchored(self, section: _Section) -> _Section:
        """Paths and `file:` references are relative to the configuration file."""
        base = self._base
        if base is None:
            return section
        moved: dict[str, object] = {}
        for name in type(section).model_fields:
            value: object = getattr(section, name)
            if isinstance(value, Path):
                moved[name] = base / value.expanduser()
            elif isinstance(value, Secret):
                moved[name] = value.relative_to(base)
            elif isinstance(value, dict):
                moved[name] = {
                    key: inner.relative_to(base) if isinstance(inner, Secret) else inner for key, inner in value.items()
                }
        return section.model_copy(update=moved) if moved else section


def _accepted_keys(model: type[BaseModel]) -> list[str]:
    return [name for name in model.model_fields if name != "name"]


def _warn(config: Config, shown: str) -> None:
    for target in config.targets:
        if any(secret.is_plain for secret in target.secrets()):
            _log.warning(
                "%s: target %s has a secret in plain text; env:NAME, file:PATH or keyring:SERVICE/USER keep it out",
                shown,
                target.label,
            )
        if not target.verify:
            _log.warning(
                "%s: target %s is not verified (verify = false): anyone on the path can read and alter",
                shown,
                target.label,
            )
