"""Whatever a client sends, the simulator answers as the appliance would: it never fails itself."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.simulators.proxmox.facts import method_table
from holdfast.simulators.proxmox.formats import FormatError, check_format
from holdfast.simulators.proxmox.verify import parse_property_string
from tests.simulators.proxmox.bench import bench
from tests.simulators.proxmox.furnishing import furnish, value_for

_STATUSES = {200, 400, 401, 403, 500, 501, 506, 595, 596}


@pytest.mark.parametrize("filler", [None, "1", "pve2"])
async def test_every_method_survives_every_kind_of_parameter(filler: str | None) -> None:
    """All parameters at once set to the same text, or none at all, on a furnished cluster."""
    async with bench(checked=False) as one:
        await furnish(one)
        # Reads and changes first: what deletes leaves less to try.
        order = {"GET": 0, "PUT": 1, "POST": 2, "DELETE": 3}
        methods = sorted(method_table("9.1").methods.values(), key=lambda method: order[method.verb])
        for method in methods:
            if method.endpoint == "POST /nodes/{node}/status":
                continue

            def value(placeholder: re.Match[str], template: str = method.template) -> str:
                return quote(value_for(template, placeholder[1]) or filler or "x", safe=":@")

            path = re.sub(r"\{([^}]+)\}", value, method.template)
            names = [name.replace("[n]", "0") for name in method.schemas if f"{{{name}}}" not in method.template]
            form = dict.fromkeys(names, filler) if filler is not None else {}
            headers = await one.root()
            if method.verb in ("GET", "DELETE"):
                answer = await one.call(method.verb, path, query=form or None, headers=headers)
            else:
                answer = await one.call(method.verb, path, form, headers=headers)
            assert answer.status in _STATUSES, method.endpoint
            one.clock.advance(0.05)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(["net[n]", "scsi[n]", "agent", "numa[n]", "usb[n]", "machine"]), st.text(max_size=40))
def test_property_strings_are_taken_apart_or_refused(option: str, text: str) -> None:
    keys = method_table("9.1").methods["POST /nodes/{node}/qemu"].schemas[option]["keys"]
    assert isinstance(keys, dict)
    layout = {name: schema for name, schema in keys.items() if isinstance(schema, dict)}
    try:
        found = parse_property_string(layout, text)
    except FormatError:
        return
    assert set(found) <= set(layout)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        ["pve-node", "pve-vmid", "pve-storage-id", "pve-userid", "CIDR", "ip", "mac-addr", "prune-backups"]
    ),
    st.text(max_size=30),
)
def test_formats_accept_or_refuse_any_text(name: str, text: str) -> None:
    try:
        check_format(name, text)
    except FormatError:
        return
    assert text or name == "prune-backups"
