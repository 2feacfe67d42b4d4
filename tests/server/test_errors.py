"""Errors as a model reads them."""

from __future__ import annotations

import pytest

from holdfast.errors import ConflictError, Executed, HoldfastError, KillSwitchError, LostReplyError, NotSentError
from holdfast.server.errors import error_text


@pytest.mark.parametrize(
    ("executed", "said"),
    [
        (Executed.NO, "Nothing was executed."),
        (Executed.YES, "It was executed."),
        (Executed.UNKNOWN, "Whether it was executed is unknown; read the state back before repeating."),
    ],
)
def test_every_error_says_whether_it_was_executed_once(executed: Executed, said: str) -> None:
    text = error_text(ConflictError("The door is jammed.", executed=executed))
    assert text == f"The door is jammed. {said} [code=conflict executed={executed}]"
    again = error_text(ConflictError(f"The door is jammed. {said}", executed=executed))
    assert again == text


@pytest.mark.parametrize(("executed", "repeated"), [(Executed.NO, False), (Executed.UNKNOWN, True)])
def test_that_nothing_was_sent_says_enough_unless_it_may_have_been(executed: Executed, repeated: bool) -> None:
    text = error_text(LostReplyError("Nothing was sent to it.", executed=executed))
    assert ("Whether it was executed is unknown" in text) is repeated
    assert "Nothing was executed." not in text


def test_when_and_how_to_go_on_is_told_with_the_facts_a_program_wants() -> None:
    error = NotSentError(
        "No route.", retry_after_s=2.5, target="proxmox.lab", details={"port": 8006, "host": None, "status": 0}
    )
    assert error_text(error) == (
        "No route. Nothing was executed. Retry after 2.5 s. Next: Check that the appliance is up and reachable; the "
        "call is safe to repeat. [code=unreachable executed=no target=proxmox.lab port=8006 status=0]"
    )


@pytest.mark.parametrize("message", ["It failed", "It failed at 7", "It failed (again"])
def test_a_message_without_an_end_gets_one(message: str) -> None:
    assert error_text(HoldfastError(message)).startswith(f"{message}. Nothing was executed. [")


def test_what_is_not_known_is_not_mentioned() -> None:
    assert error_text(HoldfastError("It failed.")) == "It failed. Nothing was executed. [code=error executed=no]"
    assert "Retry after 0 s." in error_text(HoldfastError("It failed.", retry_after_s=0))


def test_a_kill_switch_says_who_can_release_it() -> None:
    text = error_text(KillSwitchError("The kill switch is engaged by ops: drill. Nothing was executed."))
    assert text.endswith(
        "Next: Only the operator can release the kill switch (holdfast release). [code=kill_switch executed=no]"
    )
    assert text.count("Nothing was executed.") == 1
