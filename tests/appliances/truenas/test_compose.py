"""Compose files are looked through before anything is installed: what leads nowhere, or no engine takes, is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.appliances.truenas.compose import compose_problems
from holdfast.transport.values import JsonObject, JsonValue
from tests.appliances.truenas.harness import calls_of, nas

GOOD: tuple[JsonObject, ...] = (
    {"services": {"web": {"image": "nginx"}}},
    {"services": {"web": {"image": "ghcr.io/own/some__app.x/y:1.2-rc@sha256:" + "a" * 64, "restart": "on-failure:3"}}},
    {"services": {"web": {"image": "localhost:5000/app:latest", "ports": [8080, "9000", "127.0.0.1:81:80/udp"]}}},
    {"services": {"web": {"image": "nginx", "ports": ["[::1]:82:80", "80-82:90-92", "300-305:80", "1.2.3.4::80"]}}},
    {"services": {"web": {"image": "${IMAGE:-nginx}", "restart": "${RESTART}", "x-note": 1}}, "x-more": {}},
    {
        "name": "stack",
        "services": {
            "a.b_c-1": {
                "image": "postgres:17",
                "volumes": [
                    "data:/var/lib",
                    "/mnt/tank/x:/x:ro",
                    "./y:/y",
                    "/anonymous",
                    {"type": "bind", "source": "/z"},
                ],
                "networks": {"back": {"aliases": ["db"]}, "default": None},
                "secrets": ["pw", {"source": "pw", "target": "p"}],
                "configs": ["c"],
            },
            "web": {
                "image": "nginx:1",
                "depends_on": {"a.b_c-1": {"condition": "service_healthy"}},
                "ports": [{"target": 53, "published": "5353", "protocol": "udp"}, {"target": 80}],
                "networks": ["back"],
            },
            "side": {"image": "nginx:1", "network_mode": "service:web", "depends_on": ["web"]},
            "dns": {"image": "dns", "ports": ["5353:53/tcp"]},
        },
        "volumes": {"data": None},
        "networks": {"back": {"driver": "bridge"}},
        "secrets": {"pw": {"file": "./pw"}},
        "configs": {"c": {"content": "x"}},
    },
)

SERVICE: tuple[tuple[str, JsonValue, str], ...] = (
    ("volumes", ["data:/x"], "the volume data"),
    ("volumes", [{"type": "volume", "source": "data", "target": "/x"}], "the volume data"),
    ("networks", ["back"], "back"),
    ("networks", {"back": None}, "back"),
    ("secrets", [{"source": "pw"}], "pw"),
    ("configs", ["c"], "uses c"),
    ("imagee", "nginx", "'imagee', which does not exist; image does"),
    ("restart", "sometimes", "'sometimes'"),
    ("restart", False, 'as text: "no"'),
    ("image", "UPPER CASE!!", "'UPPER CASE!!'"),
    ("image", "Nginx", "'Nginx'"),
    ("image", "nginx:", "'nginx:'"),
    ("image", 7, "no image"),
    ("depends_on", ["ghost"], "ghost"),
    ("depends_on", {"db": {"condition": "healthy"}}, "'healthy'"),
    ("depends_on", "web", "depends_on is a list"),
    ("depends_on", ["web"], "web -> web"),
    ("network_mode", "service:ghost", "ghost"),
    ("ports", ["80:"], "the port 80:"),
    ("ports", ["0:80"], "the port 0:80"),
    ("ports", ["80:70000"], "the port 80:70000"),
    ("ports", ["http:80"], "the port http:80"),
    ("ports", ["80:80/icmp"], "the port 80:80/icmp"),
    ("ports", ["8010-8000:80"], "the port 8010-8000:80"),
    ("ports", ["8000-8001:90-92"], "not as many"),
    ("ports", [True], "the port True"),
    ("ports", [{"published": 80}], "the port published=80"),
    ("ports", "80:80", "ports is a list"),
)


@pytest.mark.parametrize("document", GOOD)
def test_what_is_right_is_not_complained_of(document: JsonObject) -> None:
    assert compose_problems(document)[0] == []


@pytest.mark.parametrize(("key", "value", "said"), SERVICE)
def test_what_is_wrong_in_a_service_is_named(key: str, value: JsonValue, said: str) -> None:
    service: JsonObject = {"image": "nginx:1", key: value}
    problems, _ = compose_problems({"services": {"web": service, "db": {"image": "postgres"}}})
    assert len(problems) == 1, problems
    assert said in problems[0]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"services": {"Bad Name": {"image": "nginx"}}}, "'Bad Name'"),
        ({"services": {"web": []}}, "web is not a mapping"),
        ({"services": {"web": {"image": "nginx"}}, "volume": {}}, "'volume', which does not exist; volumes does"),
        ({"services": {"web": {"image": "x", "network_mode": "host", "networks": ["default"]}}}, "exclude each other"),
        (
            {"services": {"a": {"image": "x", "ports": ["80-82:80-82"]}, "b": {"image": "x", "ports": ["81:1"]}}},
            "b: port 81 is wanted by a too",
        ),
        (
            {
                "services": {
                    "a": {"image": "x", "depends_on": ["b"]},
                    "b": {"image": "x", "depends_on": {"c": {"condition": "service_started"}}},
                    "c": {"image": "x", "depends_on": ["a"]},
                }
            },
            "a -> b -> c -> a",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_named(document: JsonObject, said: str) -> None:
    problems, _ = compose_problems(document)
    assert len(problems) == 1, problems
    assert said in problems[0]


@pytest.mark.parametrize("digits", [6, 5000])
@pytest.mark.parametrize("form", ["{}", "{}:80", "80:{}", "1-{}", "{}-"])
def test_a_port_of_too_many_digits_is_not_understood(form: str, digits: int) -> None:
    text = form.format("1" * digits)
    ports: list[JsonValue] = [text, {"target": text}, {"target": 80, "published": text}]
    for port in ports:
        problems, _ = compose_problems({"services": {"web": {"image": "x", "ports": [port]}}})
        assert len(problems) == 1
        assert "is not understood" in problems[0]


def test_a_file_of_nothing_but_mistakes_is_told_in_part() -> None:
    services: JsonObject = {f"s{n}": {"image": "x", **{f"imgae{key}": 1 for key in range(48)}} for n in range(100)}
    problems, _ = compose_problems({"services": services})
    assert len(problems) == 40
    assert "image does" in problems[0]
    assert "What comes after these" in problems[-1]


@pytest.mark.parametrize("services", [1, 9], ids=["one", "together"])
def test_a_file_that_publishes_thousands_of_ports_is_refused(services: int) -> None:
    ranges = [f"{1000 * n + 1}-{1000 * n + 999}:{1000 * n + 1}-{1000 * n + 999}" for n in range(9)]
    each = len(ranges) // services
    document: JsonObject = {
        f"s{n}": {"image": "x", "ports": [*ranges[n * each : (n + 1) * each]]} for n in range(services)
    }
    problems, found = compose_problems({"services": document})
    assert any("more than 5000 ports" in problem for problem in problems)
    assert sum(len(one.ports) for one in found) < 7000


def test_a_chain_of_a_hundred_services_that_ends_is_no_circle() -> None:
    services: JsonObject = {
        f"s{n}": {"image": "x", "depends_on": [f"s{other}" for other in range(n + 1, min(n + 4, 100))]}
        for n in range(100)
    }
    assert compose_problems({"services": services})[0] == []


async def test_ports_of_the_web_interface_and_of_other_apps_are_not_given_away(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        said = await made.call(
            "truenas_check_compose", compose={"services": {"web": {"image": "nginx", "ports": ["443:80", "8443:443"]}}}
        )
        assert said["valid"] is False
        assert said["problems"] == ["web: port 443 is TrueNAS's own: its web interface and API listen there."]
        made.running.fault("call-fails", method="system.general.config", errno=13, reason="Not authorized", count=0)
        said = await made.call(
            "truenas_check_compose", compose={"services": {"web": {"image": "nginx", "ports": ["443:80"]}}}
        )
        assert said["valid"] is True
        assert "may not read" in str(said["notes"])


async def test_a_file_with_mistakes_is_neither_installed_nor_sent(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        compose = {"services": {"web": {"image": "nginx", "volumes": ["data:/x"], "restart": "sometimes"}}}
        error = await made.fails("truenas_install_app", app="mine", compose=compose)
        assert (error.code, error.executed) == ("invalid_argument", "no")
        assert "the volume data" in error.message
        assert "'sometimes'" in error.message
        assert calls_of(made, "app.create") == 0
