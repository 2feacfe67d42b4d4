"""What happened when, and whether each thing that the demonstration claims was observed."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.text import Text


@dataclass(frozen=True)
class Event:
    """One line of the timeline; `seen` is None for lines that claim nothing."""

    at_s: float
    act: str
    text: str
    seen: bool | None = None


class Timeline:
    """Collects and prints the events of one run."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.events: list[Event] = []
        self._started = time.monotonic()
        self._console = Console(quiet=quiet, highlight=False)
        self._act = ""

    def act(self, title: str) -> None:
        """Begin a part of the story."""
        self._act = title
        self._console.print(Text(f"\n{title}", style="bold"))

    def note(self, text: str) -> None:
        """Say something that is not a claim."""
        self._add(Event(self._now(), self._act, text))

    def claim(self, text: str, seen: bool) -> bool:
        """State something that must have been observed; tells whether it was."""
        self._add(Event(self._now(), self._act, text, seen))
        return seen

    def _now(self) -> float:
        return round(time.monotonic() - self._started, 1)

    def _add(self, event: Event) -> None:
        self.events.append(event)
        mark, style = {None: ("  ", ""), True: ("ok", "green"), False: ("NO", "bold red")}[event.seen]
        line = Text(f"{event.at_s:6.1f} s  ")
        line.append(f"{mark}  ", style=style)
        line.append(event.text)
        self._console.print(line, soft_wrap=True)

    @property
    def claims(self) -> list[Event]:
        """The lines that claim something."""
        return [event for event in self.events if event.seen is not None]

    @property
    def all_seen(self) -> bool:
        """Whether everything claimed was observed, and something was."""
        return bool(self.claims) and all(event.seen for event in self.claims)

    def summarise(self) -> None:
        """Print the verdict."""
        seen = sum(bool(event.seen) for event in self.claims)
        style = "bold green" if self.all_seen else "bold red"
        self._console.print(
            Text(f"\n{seen} of {len(self.claims)} claims observed in {self._now():.0f} s.", style=style)
        )
        if self.all_seen:
            self._console.print(
                "Try it yourself: holdfast demo --serve keeps the rack up and shows how to connect an assistant."
            )

    def as_json(self) -> dict[str, object]:
        """The run for programs."""
        return {
            "ok": self.all_seen,
            "seconds": self._now(),
            "claims": len(self.claims),
            "events": [asdict(event) for event in self.events],
        }
