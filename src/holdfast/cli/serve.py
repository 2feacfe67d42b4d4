"""`holdfast serve`, and one console script for each appliance.

The arguments are read with argparse, because a host waits for this process to start and argparse is there already.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from holdfast.errors import ConfigError, HoldfastError

if TYPE_CHECKING:
    from holdfast.config import Config

KINDS = ("pfsense", "truenas", "idrac", "proxmox")
EXIT_CONFIG = 2


def parser(program: str, *, single: bool) -> argparse.ArgumentParser:
    """The command line of `holdfast serve` (or of a single appliance's script)."""
    made = argparse.ArgumentParser(
        prog=program,
        description="Serve appliances to an assistant over the Model Context Protocol.",
        epilog="Without a configuration yet: holdfast simulate --config-out FILE makes a simulated rack to try.",
    )
    made.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="holdfast.toml (default: $HOLDFAST_CONFIG, ./holdfast.toml, per user)",
    )
    if not single:
        made.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="KIND",
            choices=KINDS,
            help="serve only this kind; repeatable",
        )
    made.add_argument("--transport", choices=("stdio", "http"), default="stdio", help="how clients connect")
    made.add_argument("--host", help="address to listen on (http); default 127.0.0.1")
    made.add_argument("--port", type=int, help="port to listen on (http); 0 takes a free one")
    made.add_argument(
        "--toolsets",
        default="",
        metavar="A,B",
        help="toolsets beside the default ones; all for every one; see: holdfast tools",
    )
    for word, help_text in (("allow", "list only these tools"), ("deny", "never list these tools")):
        made.add_argument(
            f"--{word}-tools", default="", metavar="A,B", help=f"{help_text}: names or globs; see: holdfast tools"
        )
    made.add_argument("--read-only", action="store_true", help="list no writes, whatever the targets' mode says")
    made.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
    made.add_argument("--log-format", choices=("auto", "json", "console"), default="auto")
    return made


def main(arguments: Sequence[str], *, kind: str | None = None) -> NoReturn:
    """Serve until the client goes, or a signal comes; exits the process."""
    program = f"{kind}-mcp" if kind else "holdfast serve"
    options = parser(program, single=kind is not None).parse_args(arguments)
    try:
        _serve(options, kind)
    except HoldfastError as error:
        print(f"{program}: {error}", file=sys.stderr)
        if error.next_step:
            print(f"  {error.next_step}", file=sys.stderr)
        sys.exit(EXIT_CONFIG if isinstance(error, ConfigError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _serve(options: argparse.Namespace, kind: str | None) -> None:
    from holdfast.cli.logs import set_up_logs

    set_up_logs(options.log_level, options.log_format)
    from holdfast.appliances.kinds import settings_classes
    from holdfast.config import default_config_path, load_config
    from holdfast.server.application import Application, Serving

    config = load_config(options.config or default_config_path(), settings_classes())
    changes = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    if changes:
        config = with_server(config, changes)
    serving = Serving(
        kinds=(kind,) if kind else tuple(options.only),
        toolsets=_listed(options.toolsets),
        allow_tools=_listed(options.allow_tools),
        deny_tools=_listed(options.deny_tools),
        read_only=options.read_only,
    )
    application = Application(config, serving)
    set_up_logs(options.log_level, options.log_format, application.room.log_filter)
    application.room.redact_crashes()
    _no_core_files()
    from holdfast.server import run

    run.run(application, options.transport)


def _no_core_files() -> None:
    """A process that crashes leaves no image of its memory: every secret stands in it as it is."""
    try:
        import resource
    except ImportError:  # not a Unix
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def with_server(config: Config, changes: dict[str, object]) -> Config:
    """The configuration with some keys of [server] replaced by what the command line says.

    Raises:
        ConfigError: A value is impossible.
    """
    from dataclasses import replace

    from pydantic import ValidationError

    server = config.server
    given = {name: getattr(server, name) for name in type(server).model_fields}
    try:
        return replace(config, server=type(server).model_validate({**given, **changes}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ConfigError(f"--{first['loc'][0]}: {first['msg']}.") from None


def pfsense() -> NoReturn:
    """Entry point of `pfsense-mcp`."""
    main(sys.argv[1:], kind="pfsense")


def truenas() -> NoReturn:
    """Entry point of `truenas-mcp`."""
    main(sys.argv[1:], kind="truenas")


def idrac() -> NoReturn:
    """Entry point of `idrac-mcp`."""
    main(sys.argv[1:], kind="idrac")


def proxmox() -> NoReturn:
    """Entry point of `proxmox-mcp`."""
    main(sys.argv[1:], kind="proxmox")
