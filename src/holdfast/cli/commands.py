"""The commands other than `serve`, on typer. Each command's work is in a module of its own, imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from holdfast import __version__
from holdfast.cli.options import ConfigOption, JsonOption
from holdfast.errors import HoldfastError

app = typer.Typer(
    name="holdfast",
    help="Let an AI assistant operate pfSense, TrueNAS, Dell iDRAC and Proxmox VE, and keep your grip.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


@app.command()
def trust(
    name: Annotated[str, typer.Argument(help="Target, as NAME or KIND.NAME.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the certificate of an appliance and the line that pins it."""
    from holdfast.cli.trust import trust as show

    show(config, name, as_json=as_json)


@app.command()
def doctor(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Targets, as NAME or KIND.NAME (default: all).")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask every target who it is; for those that do not answer, say why and what to do. Exits 1 if one fails."""
    from holdfast.cli.doctor import doctor as examine

    if not examine(config, names or [], as_json=as_json):
        raise typer.Exit(1)


@app.command()
def plans(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the plans that wait for a person's decision."""
    from holdfast.cli.approvals import show_plans

    show_plans(config, as_json=as_json)


KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="The approver's private key, where one is configured.")
]
PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="Id of the plan, from holdfast plans.")]


@app.command()
def approve(
    plan: PlanArgument,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask again.")] = False,
    key: KeyOption = None,
) -> None:
    """Confirm a plan, so that the assistant may apply it once."""
    from holdfast.cli.approvals import decide

    if not decide(config, plan, approve=True, reason=None, yes=yes, key=key):
        raise typer.Exit(1)


@app.command()
def deny(
    plan: PlanArgument,
    config: ConfigOption = None,
    reason: Annotated[str | None, typer.Option(help="Why; the assistant is told.")] = None,
    key: KeyOption = None,
) -> None:
    """Refuse a plan."""
    from holdfast.cli.approvals import decide

    decide(config, plan, approve=False, reason=reason, yes=True, key=key)


@app.command("approver-key")
def approver_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The private key; made, mode 0600, when missing.")],
) -> None:
    """Print the approver_key for [control] that belongs to a private key: run it as the user who will approve."""
    from holdfast.cli.approvals import show_key

    show_key(file)


@app.command()
def kill(
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="Why; shown to everybody whose write is refused.")] = "operator's command",
) -> None:
    """Stop all writes at once; reads go on."""
    from holdfast.cli.stopping import kill as stop

    stop(config, reason)


@app.command()
def release(config: ConfigOption = None) -> None:
    """Allow writes again after holdfast kill."""
    from holdfast.cli.stopping import release as allow

    allow(config)


policy_app = typer.Typer(help="The policy file: who may do what.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")


@policy_app.callback()
def _policy() -> None:
    pass


@policy_app.command("test")
def policy_test(file: Annotated[Path, typer.Argument(help="Policy file.")]) -> None:
    """Check a policy file and run the test cases in it; exits 2 when one fails."""
    from holdfast.appliances.kinds import KINDS
    from holdfast.control.inventory import ESTATE, load_catalogue
    from holdfast.control.policy import Policy
    from holdfast.control.policynames import require_names
    from holdfast.errors import ConfigError

    policy = Policy.load(file)
    require_names(policy, load_catalogue((*KINDS, ESTATE)).entries, file)
    if not policy.cases:
        raise ConfigError(
            f"{file}: the rules are well-formed, but there is no test case: nothing was tried.",
            next_step="Add [[tests]] tables: a principal, a target, kind, toolset, risk, tool, and what is expected.",
        )
    typer.echo(f"{file}: the rules are well-formed and {policy.cases} test cases come out as they say.")


def _add_others() -> None:
    from holdfast.cli.audit import app as audit
    from holdfast.cli.simulate import simulate

    app.command()(simulate)
    app.add_typer(audit, name="audit")


def run() -> None:
    """Run the command line; errors end with one line and a next step, never with a traceback."""
    _add_others()
    try:
        app()
    except HoldfastError as error:
        print(f"holdfast: {error}", file=sys.stderr)
        if error.next_step:
            print(f"  {error.next_step}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f": {error.filename}" if error.strerror and error.filename else ""
        print(f"holdfast: {error.strerror or error}{where}", file=sys.stderr)
        sys.exit(1)
