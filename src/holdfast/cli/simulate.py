"""`holdfast simulate`: the four appliances on loopback, until stopped."""

from __future__ import annotations

import asyncio
import json
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.errors import ConfigError

if TYPE_CHECKING:
    from holdfast.simulators.rack import ControlEndpoint, Member, Rack, RackFiles


class SimulatedMode(StrEnum):
    """What the written configuration allows."""

    READ_ONLY = "read-only"
    OPERATE = "operate"


def simulate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND",
            help="What to simulate, as KIND[:PERSONA][*COUNT]: pfsense, truenas, idrac, proxmox (default: one of "
            "each). For example: proxmox idrac:10, or 'idrac*200'.",
            show_default=False,
        ),
    ] = None,
    config_out: Annotated[
        Path | None,
        typer.Option(
            "--config-out",
            metavar="FILE",
            help="Write a holdfast.toml for these simulators, and beside it the CA and a state file with the control "
            "endpoint's token. They are removed at the end.",
        ),
    ] = None,
    mode: Annotated[
        SimulatedMode, typer.Option(help="Whether the written configuration allows changes.")
    ] = SimulatedMode.READ_ONLY,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for programs.")] = False,
    port_base: Annotated[
        int,
        typer.Option(
            min=0,
            max=65_000,
            metavar="N",
            help="Put the control endpoint on port N and the simulators on the ports after it (default: free ports).",
        ),
    ] = 0,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="List the faults that can be switched on, and end.")
    ] = False,
) -> None:
    """Simulate appliances on 127.0.0.1, with real TLS and authentication, until stopped (Ctrl-C).

    Prints where each listens, its credentials, and the control endpoint where faults are switched on and off.
    """
    from holdfast.simulators.rack import KINDS, Member, RackFiles

    try:
        members = [member for name in names or KINDS for member in Member.parse(name)]
    except ValueError as error:
        raise ConfigError(f"{error}.", next_step="See holdfast simulate --help.") from None
    if list_faults:
        _print_faults(as_json=as_json)
        return
    files = None if config_out is None else RackFiles(config_out)
    asyncio.run(_run(members, files, mode=mode.value, as_json=as_json, port_base=port_base))


async def _run(members: list[Member], files: RackFiles | None, *, mode: str, as_json: bool, port_base: int) -> None:
    from holdfast.simulators.rack import ControlEndpoint, Rack

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    rack = Rack(*members, port_base=port_base + 1 if port_base else 0)
    control = ControlEndpoint(rack)
    try:
        try:
            if files is not None:
                files.check()
            await control.start(port_base)
            await rack.start()
            if files is not None:
                files.write(rack, control, mode)
        except ValueError as error:
            raise ConfigError(f"{error}.", next_step="See holdfast simulate --help.") from None
        except OSError as error:
            raise ConfigError(f"The simulators cannot start: {error}.") from None
        if as_json:
            print(json.dumps(_summary(rack, control, files)), flush=True)
        else:
            _print_table(rack, control, files)
        await stop.wait()
    finally:
        if files is not None:
            files.remove()
        await control.stop()
        await rack.stop()


def _summary(rack: Rack, control: ControlEndpoint, files: RackFiles | None) -> dict[str, object]:
    return {
        "simulators": [
            {
                "name": name,
                "kind": running.kind,
                "persona": running.simulator.persona,
                "url": running.url,
                "host": running.host,
                "port": running.port,
                "credentials": running.credentials,
            }
            for name, running in rack.items()
        ],
        "control": {"url": control.url, "token": control.token},
        "config": None if files is None else str(files.config),
        "ca_file": None if files is None else str(files.ca),
        "state_file": None if files is None else str(files.state),
        "ca_pem": rack.authority.ca_pem,
    }


def _print_table(rack: Rack, control: ControlEndpoint, files: RackFiles | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Values must be whole and copyable wherever the output goes: no wrapping of a line that a program reads.
    console = Console(soft_wrap=True, highlight=False)
    table = Table("name", "listens at", "credentials", title="Simulated rack", title_justify="left")
    for name, running in rack.items():
        credentials = "\n".join(f"{key} = {value}" for key, value in running.credentials.items())
        table.add_row(Text(name), Text(running.url), Text(credentials))
    Console(width=max(console.width, 120), highlight=False).print(table)
    console.print(Text(f"control endpoint  {control.url}\ntoken             {control.token}"))
    if files is not None:
        console.print(
            Text(f"configuration     {files.config}\nCA                {files.ca}\nstate             {files.state}")
        )
    console.print(Text("Stop with Ctrl-C."))


def _print_faults(*, as_json: bool) -> None:
    from holdfast.simulators.faultlist import CUT, CUT_SUMMARY, FAULTS
    from holdfast.simulators.rack.faults import option_names

    rows = [("any", fault.name, fault.summary, option_names(fault)) for fault in FAULTS.values()]
    rows.append(("any", CUT, CUT_SUMMARY, []))
    rows += [(kind, name, summary, []) for kind, name, summary in _own_faults()]
    if as_json:
        keys = ("appliance", "fault", "summary", "options")
        print(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("appliance", "fault", "what it does", "options")
    for appliance, name, summary, options in rows:
        table.add_row(appliance, name, Text(summary), ", ".join(options))
    Console(highlight=False).print(table)


def _own_faults() -> list[tuple[str, str, str]]:
    """Kind, name and summary of the faults that only one kind of appliance has."""
    from holdfast.simulators.rack import KINDS, make_simulator

    return [(kind, name, summary) for kind in KINDS for name, summary in make_simulator(kind).fault_names.items()]
