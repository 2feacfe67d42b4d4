"""`holdfast demo`: a simulated rack, a real server, a real client; one appliance breaks and comes back."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path


def demo(*, as_json: bool, keep: bool, port: int) -> None:
    """Run the demonstration; exits 0 only if everything it claims was observed."""
    if keep:
        from holdfast.cli.demo.keep import keep_up

        asyncio.run(keep_up(port))
        return
    from holdfast.cli.demo.story import tell
    from holdfast.cli.demo.timeline import Timeline

    timeline = Timeline(quiet=as_json)
    with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as folder:
        asyncio.run(tell(timeline, Path(folder)))
    if as_json:
        print(json.dumps(timeline.as_json(), indent=2))
    else:
        timeline.summarise()
    sys.exit(0 if timeline.all_seen else 1)
