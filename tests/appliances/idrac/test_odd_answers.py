"""Whatever the appliance answers, a tool tells it, or says by a typed error that it is not understood: no odd value at
any place of an answer, to a read or to a change that is planned, comes out as a failure of Holdfast itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.oddanswers import TRIALS, try_out
from tests.support.workingcalls import WORKING, WorkingCall

ELSEWHERE = {"idrac_show_profile", "idrac_fleet_read"}
"""What shows a saved profile asks no server, and what reads for many tells what other tools have kept."""
CALLS = [call for call in WORKING if call.kind == "idrac" and call.tool not in ELSEWHERE]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.tool)
async def test_odd_answers_to_a_read_or_a_plan_end_in_an_answer_or_a_typed_error(
    call: WorkingCall, tmp_path: Path
) -> None:
    async with call.ready(tmp_path) as (made, arguments):
        await try_out(made, call.tool, arguments, TRIALS, seed=call.tool)
