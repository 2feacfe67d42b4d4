"""The state table of the packet filter (contract §13.3)."""

from __future__ import annotations

from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.work import Obj, Work

RESET_DELAY_S = 5.0
_REMOTES = ("203.0.113.20", "203.0.113.21", "192.0.2.80", "192.0.2.81")
_KINDS = (("tcp", 443, "ESTABLISHED:ESTABLISHED"), ("udp", 53, "MULTIPLE:SINGLE"), ("tcp", 80, "FIN_WAIT_2:FIN_WAIT_2"))


def _pair(row: Stored) -> str:
    """What a kill goes by: the two addresses, without ports, so that it may take more than was matched (§13.3)."""
    return f"{str(row['source']).rpartition(':')[0]}>{str(row['destination']).rpartition(':')[0]}"


def _span(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@behaves("FirewallState")
class States(Behaviour):
    """States of the rack's running machines to the outside."""

    def source(self, work: Work) -> dict[Ident, Stored]:
        runtime, world = work.machine.runtime, work.machine.world
        if runtime.states_reset_at is not None and work.now >= runtime.states_reset_at:
            return {}
        inside = [guest.ip for guest in world.guests if guest.running and guest.ip]
        inside += [server.host_ip for server in world.servers if server.hostname not in world.offline_nodes]
        rows: list[Stored] = []
        for number, address in enumerate(inside):
            for index, remote in enumerate(_REMOTES):
                protocol, port, state = _KINDS[(number + index) % len(_KINDS)]
                age = int(work.now - runtime.booted_at) % 4000 + 61 * number + 7 * index
                packets = 40 + 13 * number + 5 * index
                rows.append(
                    {
                        "interface": "lan",
                        "protocol": protocol,
                        "direction": "in",
                        "source": f"{address}:{40000 + 97 * number + index}",
                        "destination": f"{remote}:{port}",
                        "state": state,
                        "age": _span(age),
                        "expires_in": _span(86400 - age % 86400 if protocol == "tcp" else 60),
                        "packets_total": packets * 2,
                        "packets_in": packets,
                        "packets_out": packets,
                        "bytes_total": packets * 1100,
                        "bytes_in": packets * 200,
                        "bytes_out": packets * 900,
                    }
                )
        return dict(enumerate(row for row in rows if _pair(row) not in runtime.killed_states))

    def before_delete_many(self, work: Work, objects: list[Obj], *, all_of_them: bool) -> None:
        if all_of_them:
            # the whole table goes five seconds later, the caller's own connection with it (contract §10.11)
            work.machine.runtime.states_reset_at = work.now + RESET_DELAY_S

    async def delete(self, work: Work, obj: Obj) -> bool:
        if work.machine.runtime.states_reset_at is None:
            work.machine.runtime.killed_states.add(_pair(obj.values))
        return True
