"""Which paths the guarded raw GET lets through, and with what query."""

from __future__ import annotations

import pytest

from holdfast.appliances.proxmox.readpaths import ReadPath, checked, paths_of, release_of, segments_of
from holdfast.errors import InputError, UnsupportedError

CONTENT = ("nodes", "{node}", "storage", "{storage}", "content", "{volume}")


def path(text: str) -> tuple[str, ...]:
    return tuple(text.split("/"))


def test_a_path_matches_segment_by_segment() -> None:
    one = ReadPath(("nodes", "{node}", "qemu"), {})
    assert one.matches(path("nodes/pve1/qemu"))
    assert not one.matches(path("nodes/pve1/lxc"))
    assert not one.matches(path("cluster/pve1/qemu"))
    assert not one.matches(path("nodes/pve1"))
    assert not one.matches(path("nodes/pve1/qemu/101"))
    assert not ReadPath((), {}).matches(path("nodes"))
    assert ReadPath((), {}).matches(())


def test_a_value_that_takes_several_segments_stands_at_the_end_only() -> None:
    volume = ReadPath(CONTENT, {})
    assert volume.matches(path("nodes/pve1/storage/local/content/local:iso"))
    assert volume.matches(path("nodes/pve1/storage/local/content/local:iso/tiny.iso"))
    assert not volume.matches(path("nodes/pve1/storage/local/content"))
    assert not volume.matches(path("nodes/pve1/storage/local/status/local:iso/tiny.iso"))
    network = ReadPath(("ipset", "{name}", "{cidr}"), {})
    assert network.matches(path("ipset/office/10.0.0.0/8"))
    assert not ReadPath(("ipset", "{name}"), {}).matches(path("ipset/office/10.0.0.0"))


def test_paths_with_more_literal_parts_are_looked_at_first_and_each_release_has_its_own() -> None:
    for release in ("9.1", "8.4"):
        values = [sum(part.startswith("{") for part in one.parts) for one in paths_of(release)]
        assert values == sorted(values)
    newer, older = ({one.parts for one in paths_of(release)} for release in ("9.1", "8.4"))
    assert ("cluster", "ha", "rules") in newer - older
    assert checked("9.1", path("nodes/pve1/rrddata"), {"timeframe": "decade"}) == {"timeframe": "decade"}


@pytest.mark.parametrize(
    ("version", "release"),
    [("7.4-3", "8.4"), ("8.4.1", "8.4"), ("8", "8.4"), ("9.0", "9.1"), ("9.1.2", "9.1"), ("10.0", "9.1"), ("", "9.1")],
)
def test_versions_up_to_8_have_the_facts_of_8_4_and_all_others_those_of_9_1(version: str, release: str) -> None:
    assert release_of(version) == release
    assert release_of("beta.1") == "9.1"


@pytest.mark.parametrize("version", ["²", "².1", "٨.4", "³8.4", "8" * 5000])
def test_what_is_no_number_in_ascii_is_no_release_that_is_known(version: str) -> None:
    assert release_of(version) == "9.1"


def test_a_path_is_taken_apart_with_or_without_the_part_in_front() -> None:
    wanted = ("nodes", "pve1", "qemu")
    for text in ("/nodes/pve1/qemu", "nodes/pve1/qemu/", "/api2/json/nodes/pve1/qemu"):
        assert segments_of(text) == wanted
    assert segments_of("/".join("abcdefghijkl")) == tuple("abcdefghijkl")


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "nodes//qemu", "nodes/../access", "nodes/a..b", "nodes/.", "nodes/a b", "nodes/é"),
        *("a\n", "a?b", "a#b", "a/b/c/d/e/f/g/h/i/j/k/l/m"),
    ],
)
def test_a_path_that_could_leave_its_place_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Not a path of the API"):
        segments_of(text)


def test_a_path_that_is_not_in_the_schema_is_not_read() -> None:
    with pytest.raises(UnsupportedError, match=r"Release 9\.1 has no such path to read"):
        checked("9.1", path("access/ticket"), {})


def test_an_unknown_parameter_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="no parameter colour") as caught:
        checked("9.1", path("nodes/pve1/tasks/UPID:x/log"), {"colour": "red"})
    assert caught.value.next_step == "Parameters: download, limit, start."
    with pytest.raises(InputError, match="no parameter colour") as caught:
        checked("9.1", path("nodes/pve1/disks/smart"), {"colour": "red"})
    assert caught.value.next_step == "Parameters: disk, healthonly."
    with pytest.raises(InputError) as caught:
        checked("9.1", path("version"), {"x": "1"})
    assert caught.value.next_step == "Parameters: none."


def test_required_parameters_are_known_by_their_plain_name_and_told_when_missing() -> None:
    smart = path("nodes/pve1/disks/smart")
    assert checked("9.1", smart, {"disk": "/dev/sda"}) == {"disk": "/dev/sda"}
    with pytest.raises(InputError, match=r"Missing parameters: disk\."):
        checked("9.1", smart, {"healthonly": "1"})
    with pytest.raises(InputError, match=r"Missing parameters: action, id, service\."):
        checked("9.1", path("nodes/pve1/ceph/cmd-safety"), {})
    assert checked("9.1", path("nodes/pve1/ceph/log"), {}) == {}


@pytest.mark.parametrize(("given", "sent"), [("0", 0), ("1", 1), ("true", 1), ("TRUE", 1), ("False", 0), ("false", 0)])
def test_a_yes_or_no_is_sent_as_1_or_0(given: str, sent: int) -> None:
    assert checked("9.1", path("nodes/pve1/qemu"), {"full": given}) == {"full": sent}


@pytest.mark.parametrize("given", ["", "2", "yes", "-1"])
def test_what_is_neither_yes_nor_no_is_refused(given: str) -> None:
    with pytest.raises(InputError, match=r"full is 0 or 1\."):
        checked("9.1", path("nodes/pve1/qemu"), {"full": given})


@pytest.mark.parametrize(("given", "sent"), [("0", 0), ("50", 50), ("-1", -1)])
def test_a_whole_number_is_sent_as_one(given: str, sent: int) -> None:
    assert checked("9.1", path("nodes/pve1/ceph/log"), {"limit": given}) == {"limit": sent}


@pytest.mark.parametrize("given", ["", "-", "--5", "1-", "1.5", "x", "²", "٣", " 1", "9" * 5000])
def test_what_is_no_whole_number_is_refused(given: str) -> None:
    with pytest.raises(InputError, match=r"limit is a whole number\."):
        checked("9.1", path("nodes/pve1/ceph/log"), {"limit": given})


def test_a_choice_is_one_of_its_words_and_any_other_text_goes_as_it_is() -> None:
    data = path("nodes/pve1/qemu/101/rrddata")
    assert checked("9.1", data, {"timeframe": "day", "cf": "MAX"}) == {"timeframe": "day", "cf": "MAX"}
    with pytest.raises(InputError, match=r"timeframe is one of: hour, day, week, month, year\."):
        checked("9.1", data, {"timeframe": "hour|day"})
    content = path("nodes/pve1/storage/local/content")
    assert checked("9.1", content, {"content": "iso"}) == {"content": "iso"}
