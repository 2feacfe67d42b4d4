"""The demonstration observes what it claims, and fails when nothing breaks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from holdfast.cli.demo.story import tell
from holdfast.cli.demo.timeline import Timeline


def test_the_demonstration_observes_every_claim_and_exits_0() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "holdfast", "demo", "--json"], capture_output=True, text=True, timeout=90, check=False
    )
    report = json.loads(run.stdout)
    unseen = [event["text"] for event in report["events"] if event["seen"] is False]
    assert unseen == []
    assert run.returncode == 0
    assert report["ok"] is True
    assert report["claims"] >= 12
    assert report["seconds"] <= 45


async def test_the_demonstration_fails_when_nothing_breaks(tmp_path: Path) -> None:
    timeline = Timeline(quiet=True)
    await tell(timeline, tmp_path, break_it=lambda rack: None)
    assert not timeline.all_seen
    unseen = [event.text for event in timeline.claims if not event.seen]
    assert any("retries" in text for text in unseen)
    assert any("circuit opens" in text for text in unseen)
