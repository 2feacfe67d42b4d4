"""Compose files, looked at before they are sent. The middleware itself judges them only while it installs.

What is looked for is what the Compose Specification (compose-spec.io) says of a file by itself: names that lead
nowhere, keys that do not exist, values that no engine takes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from holdfast.cutting import cut
from holdfast.transport.values import JsonObject, JsonValue

_MAX_SERVICES: Final = 100
_TOP: Final = frozenset(
    {"name", "version", "services", "networks", "volumes", "configs", "secrets", "include", "models"}
)
_SERVICE_KEYS: Final = """
annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count
cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy
develop device_cgroup_rules devices dns dns_opt dns_search domainname driver_opts entrypoint env_file environment expose
extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels links
logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks oom_kill_disable
oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles provider pull_policy read_only
restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs
tty ulimits use_api_socket user userns_mode uts volumes volumes_from working_dir
"""
_SERVICE: Final = frozenset(_SERVICE_KEYS.split())
_CONDITIONS: Final = ("service_started", "service_healthy", "service_completed_successfully")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_RESTART: Final = re.compile(r"no|always|unless-stopped|on-failure(:[0-9]{1,4})?")
_IMAGE: Final = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]{1,5})?/)?"  # a registry, with its port
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?"
    r"(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,})?"
)
_PORT: Final = re.compile(
    r"(?:(?:(?:\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(?P<host>[0-9]*(?:-[0-9]+)?):)?"
    r"(?P<container>[0-9]+(?:-[0-9]+)?)(?:/(?P<protocol>tcp|udp|sctp))?"
)
_MOST_PORTS: Final = 1000
"""Of one entry."""
_MOST_OF_A_FILE: Final = 5000
_LONGEST_RANGE: Final = len("65535-65535")
_LONGEST_NAME: Final = 60
_MOST_PROBLEMS: Final = 39
_MOST_HINTS: Final = 3
"""Unknown keys of a mapping that a name near them is looked for: that is dear."""


@dataclass(frozen=True)
class ComposeService:
    """A service of a compose file and the ports of the host that it wants."""

    name: str
    ports: tuple[int, ...]


def compose_problems(document: JsonObject) -> tuple[list[str], list[ComposeService]]:
    """What is wrong with a compose file, one sentence each, and the services in it."""
    services = document.get("services")
    if not isinstance(services, dict) or not services:
        return ["It has no services."], []
    if len(services) > _MAX_SERVICES:
        return [f"It has more than {_MAX_SERVICES} services."], []
    problems = list(islice(_unknown_keys(document, _TOP, "The file"), _MOST_PROBLEMS))
    found: list[ComposeService] = []
    wanted: dict[tuple[int, str], str] = {}
    for name, service in services.items():
        if len(problems) >= _MOST_PROBLEMS:
            return [*problems[:_MOST_PROBLEMS], "What comes after these was not looked at."], found
        if not _NAME.fullmatch(name):
            problems.append(f"{name!r} is no name of a service: letters, digits, dot, dash and underscore make one.")
        if not isinstance(service, dict):
            problems.append(f"{name} is not a mapping.")
            continue
        problems += islice(_service_problems(name, service, document), _MOST_PROBLEMS)
        ports, wrong = _ports(service.get("ports"))
        problems += [f"{name}: {text}" for text in wrong]
        twice = (port for port in ports if wanted.setdefault(port, name) != name)
        problems += [f"{name}: port {port[0]} is wanted by {wanted[port]} too." for port in islice(twice, 10)]
        found.append(ComposeService(name, tuple(dict.fromkeys(number for number, _ in ports))))
        if len(wanted) > _MOST_OF_A_FILE:
            return [*problems, f"It publishes more than {_MOST_OF_A_FILE} ports."], found
    problems += _circles(services)
    return problems, found


def _service_problems(name: str, service: JsonObject, document: JsonObject) -> Iterator[str]:
    yield from _unknown_keys(service, _SERVICE, name)
    image = service.get("image")
    if not isinstance(image, str) or not image:
        yield f"{name} has no image; TrueNAS does not build images."
    elif "$" not in image and not _IMAGE.fullmatch(image):
        yield f"{name}: {image!r} is no reference of an image (lower-case path, then :tag or @digest)."
    restart = service.get("restart")
    if restart is not None and not (isinstance(restart, str) and ("$" in restart or _RESTART.fullmatch(restart))):
        hint = ' (as text: "no")' if restart is False else ""
        yield f"{name}: restart is no, always, unless-stopped or on-failure[:tries], not {restart!r}{hint}."
    yield from _depends(name, service, document)
    for kind in ("networks", "secrets", "configs"):
        declared = _names(document.get(kind))
        for one in _referred(service.get(kind)):
            if one not in declared and not (kind == "networks" and one == "default"):
                yield f"{name} uses {one}, which {kind} at the top does not declare."
    declared = _names(document.get("volumes"))
    for one in _named_volumes(service.get("volumes")):
        if one not in declared:
            yield f"{name} uses the volume {one}, which volumes at the top does not declare."
    if service.get("network_mode") is not None and service.get("networks"):
        yield f"{name} has network_mode and networks, which exclude each other."


def _depends(name: str, service: JsonObject, document: JsonObject) -> Iterator[str]:
    services = _names(document.get("services"))
    depends = service.get("depends_on")
    if depends is not None and not isinstance(depends, (list, dict)):
        yield f"{name}: depends_on is a list of services, or a mapping."
    for other in _referred(depends):
        if other not in services:
            yield f"{name} depends on {other}, which is not there."
    for other, how in depends.items() if isinstance(depends, dict) else ():
        condition = how.get("condition") if isinstance(how, dict) else None
        if condition is not None and condition not in _CONDITIONS:
            yield f"{name} depends on {other} with the condition {condition!r}; there are {', '.join(_CONDITIONS)}."
    for key in ("network_mode", "pid", "ipc"):
        mode = service.get(key)
        shared = mode.removeprefix("service:") if isinstance(mode, str) and mode.startswith("service:") else None
        if shared is not None and shared not in services:
            yield f"{name}: {key} names the service {shared}, which is not there."


def _unknown_keys(mapping: JsonObject, known: frozenset[str], where: str) -> Iterator[str]:
    unknown = (key for key in mapping if key not in known and not key.startswith("x-"))
    for number, key in enumerate(unknown):
        near = difflib.get_close_matches(key[:_LONGEST_NAME], known, 1) if number < _MOST_HINTS else []
        yield f"{where} has the key {key!r}, which does not exist{f'; {near[0]} does' if near else ''}."


def _names(section: JsonValue) -> frozenset[str]:
    return frozenset(section) if isinstance(section, dict) else frozenset()


def _referred(value: JsonValue) -> list[str]:
    """Names in a list of names, of mappings with a `source`, or in a mapping by name."""
    if isinstance(value, dict):
        return list(value)
    items = value if isinstance(value, list) else []
    return [str(item.get("source")) if isinstance(item, dict) else str(item) for item in items]


def _named_volumes(value: JsonValue) -> Iterator[str]:
    """Volumes by name; folders of the host begin with a slash, a dot or a tilde."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            source = item.get("source") if item.get("type", "volume") == "volume" else None
        else:
            name, colon, _ = str(item).partition(":")
            source = name if colon else None
        if isinstance(source, str) and source and source[0] not in "/.~$":
            yield source


def _circles(services: Mapping[str, JsonValue]) -> list[str]:
    """Services that wait for each other, told once."""
    edges = {
        name: [other for other in _referred(service.get("depends_on")) if other in services]
        for name, service in services.items()
        if isinstance(service, dict)
    }
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        if circle := _circle_from(start, edges, path, done):
            return [f"Services depend on each other in a circle: {' -> '.join(circle)}."]
    return []


def _circle_from(name: str, edges: Mapping[str, list[str]], path: list[str], done: set[str]) -> list[str] | None:
    if name in path:
        return [*path[path.index(name) :], name]
    if name in done:
        return None
    path.append(name)
    for other in edges.get(name, ()):
        if circle := _circle_from(other, edges, path, done):
            return circle
    path.pop()
    done.add(name)
    return None


def _ports(value: JsonValue) -> tuple[list[tuple[int, str]], list[str]]:
    """Ports of the host in `ports`, each with its protocol, and what is wrong with others."""
    if value is None:
        return [], []
    if not isinstance(value, list):
        return [], ["ports is a list."]
    found: list[tuple[int, str]] = []
    wrong: list[str] = []
    for item in value:
        published, target, protocol = _mapping(item)
        hosts, targets = _range(published), _range(target)
        if targets is None or hosts is None or not targets:
            wrong.append(f"the port {_shown(item)} is not understood: it is [HOST:]CONTAINER[/tcp or udp], 1 to 65535.")
        elif hosts and len(targets) > 1 and len(hosts) != len(targets):
            wrong.append(f"the ports {_shown(item)} are not as many on both sides.")
        else:
            found += [(port, protocol) for port in hosts]
        if len(found) > _MOST_OF_A_FILE:
            wrong.append(f"it publishes more than {_MOST_OF_A_FILE} ports.")
        if len(wrong) >= _MOST_PROBLEMS or len(found) > _MOST_OF_A_FILE:
            break
    return found, wrong


def _mapping(item: JsonValue) -> tuple[str, str, str]:
    """Ports of the host and of the container in an item, and the protocol; "?" stands for what is not understood."""
    if isinstance(item, dict):
        published = item.get("published")
        return (
            "" if published is None else str(published),
            str(item.get("target", "?")),
            str(item.get("protocol", "tcp")),
        )
    found = None if isinstance(item, bool) else _PORT.fullmatch(str(item))
    return (found["host"] or "", found["container"], found["protocol"] or "tcp") if found else ("?", "?", "?")


def _range(text: str) -> list[int] | None:
    """The ports in "80" or "8000-8010"; None when it is neither."""
    if not text:
        return []
    first, dash, last = text.partition("-") if len(text) <= _LONGEST_RANGE else ("", "", "")
    if not (first.isascii() and first.isdigit()) or (dash and not (last.isascii() and last.isdigit())):
        return None
    low, high = int(first), int(last) if dash else int(first)
    return [*range(low, high + 1)] if 0 < low <= high < 65536 and high - low < _MOST_PORTS else None


def _shown(item: JsonValue) -> str:
    text: Iterable[str] = (f"{key}={value}" for key, value in item.items()) if isinstance(item, dict) else (str(item),)
    return cut(" ".join(text), 60)
