"""The few programs that the simulated guest system knows, for the guest agent's exec."""

from __future__ import annotations

import time

from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.guests import Guest, Outcome


def run(guest: Guest, command: list[str], given: str, moment: float) -> Outcome:
    """Run a program; 500 as the agent says it when there is no such program."""
    program, *arguments = command
    name = program.rpartition("/")[2]
    if name == "echo":
        return Outcome(out=" ".join(arguments) + "\n")
    if name == "hostname":
        return Outcome(out=f"{guest.name}\n")
    if name == "uname":
        full = f"Linux {guest.name} 6.12.48+deb13-amd64 #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux"
        return Outcome(out=f"{full if '-a' in arguments else 'Linux'}\n")
    if name in ("whoami", "id"):
        return Outcome(out="root\n" if name == "whoami" else "uid=0(root) gid=0(root) groups=0(root)\n")
    if name == "date":
        return Outcome(out=time.strftime("%a %b %d %H:%M:%S UTC %Y\n", time.gmtime(moment)))
    if name == "true":
        return Outcome()
    if name == "false":
        return Outcome(code=1)
    if name == "sleep":
        return Outcome(seconds=float(arguments[0]) if arguments else 0)
    if name == "cat":
        return _cat(guest, arguments, given)
    if name in ("sh", "bash") and arguments[:1] == ["-c"] and len(arguments) > 1:
        return run(guest, arguments[1].split() or ["true"], given, moment)
    raise ApiError(
        "Agent error: Guest agent command failed, error was 'Failed to execute child process"
        f" “{program}” (No such file or directory)'"
    )


def _cat(guest: Guest, paths: list[str], given: str) -> Outcome:
    if not paths:
        return Outcome(out=given)
    out = ""
    for path in paths:
        content = guest.files.get(path)
        if content is None:
            return Outcome(1, out, f"cat: {path}: No such file or directory\n")
        out += content.decode("utf-8", "replace")
    return Outcome(out=out)
