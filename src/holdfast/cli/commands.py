"""The commands other than `serve`, on typer. Each command's work is in a module of its own, imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from holdfast import __version__
from holdfast.errors import HoldfastError

app = typer.Typer(
    name="holdfast",
    help="Let an AI assistant operate pfSense, TrueNAS, Dell iDRAC and Proxmox VE, and keep your grip.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="holdfast.toml (default: $HOLDFAST_CONFIG, ./holdfast.toml, per user)"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    help="Serve appliances to an assistant over MCP (stdio or HTTP).",
)
def serve(ctx: typer.Context) -> None:
    """Serve; the arguments are those of `holdfast serve --help`."""
    from holdfast.cli.serve import main

    main(ctx.args)


@app.command()
def tools(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every tool and toolset, and what is listed with this configuration."""
    from holdfast.cli.tools import show

    show(config, as_json=as_json)


@app.command()
def demo(
    as_json: JsonOption = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep the rack and an HTTP server up, and show how to connect.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the HTTP server with --serve; 0 takes a free one.")] = 8700,
) -> None:
    """Start the simulated rack, break an appliance, and watch Holdfast keep its grip."""
    from holdfast.cli import demo as command

    command.demo(as_json=as_json, keep=serve, port=port)


def _add_simulate() -> None:
    from holdfast.cli.simulate import simulate

    app.command()(simulate)


def run() -> None:
    """Run the command line; errors end with one line and a next step, never with a traceback."""
    _add_simulate()
    try:
        app()
    except HoldfastError as error:
        print(f"holdfast: {error}", file=sys.stderr)
        if error.next_step:
            print(f"  {error.next_step}", file=sys.stderr)
        sys.exit(2)
