"""Writes of which nobody knows what became of them: told as such, and settled by a person, by one more record."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import Any

import pytest

from holdfast.control.ledger import Ledger, LedgerReader, Outcome, export, reading
from holdfast.control.ledger.unknown import Unknowns, corrected_by
from holdfast.errors import LedgerError
from tests.control.ledgers import KEY, SECRET, intent, opened, reader, records, rewrite
from tests.control.test_ledger_walk import Chain

BY_HAND = Outcome("applied", verified=False, note="the guest is stopped", settled_by="carol")
FINAL = Outcome("unknown", note="nothing shows it", final=True)


async def left(ledger: Ledger, outcome: Outcome, number: int = 101) -> str:
    """A write with this outcome; its id."""
    async with ledger.attempt(intent(number)) as entry:
        entry.settle(outcome)
    return entry.id


@pytest.mark.parametrize("outcome", [Outcome("unknown", task="t-1"), FINAL])
@pytest.mark.parametrize("result", ["applied", "not_applied"])
async def test_a_person_settles_what_is_unknown_by_one_more_record(
    tmp_path: Path, outcome: Outcome, result: Any
) -> None:
    path = tmp_path / "l" / "ledger.jsonl"
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, outcome)
        other = await left(ledger, FINAL, 102)
    before = path.read_bytes()
    assert [write.id for write in reader(tmp_path / "l").unknown()] == [name, other]
    said = Outcome(result, verified=False, note=f"looked, {SECRET}", settled_by="carol")
    async with opened(tmp_path / "l") as ledger:
        found = await ledger.settle_by_hand(name, said)
        assert (found.id, found.intent.body["summary"], found.is_final) == (name, "Stop VM 101", outcome.final)
        assert name not in [write.id for write in await ledger.unsettled()]
    assert path.read_bytes().startswith(before)
    last = records(tmp_path / "l")[-1]
    assert last["kind"] == "outcome"
    assert last["body"] == {
        "id": name,
        "result": result,
        "verified": False,
        "note": "looked, [redacted]",
        "settled_by": "carol",
    }
    report = reader(tmp_path / "l").verify()
    assert (report.ok, report.unknown, report.by_hand) == (True, (other,), 1)
    assert [write.id for write in reader(tmp_path / "l").unknown()] == [other]


async def test_an_intent_whose_process_died_can_be_settled_by_the_process_that_finds_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
    async with opened(tmp_path / "l") as ledger:
        await ledger.settle_by_hand(entry.id, BY_HAND)
    assert [record["body"].get("result") for record in records(tmp_path / "l")[-2:]] == ["unknown", "applied"]
    assert reader(tmp_path / "l").verify().unknown == ()


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Outcome("applied"), "is known: applied. Nothing was recorded."),
        (Outcome("not_applied"), "is known: not_applied. Nothing was recorded."),
    ],
)
async def test_what_is_known_is_not_settled_by_hand(tmp_path: Path, outcome: Outcome, why: str) -> None:
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, outcome)
        await left(ledger, FINAL, 102)
        before = records(tmp_path / "l")
        with pytest.raises(LedgerError, match=why) as caught:
            await ledger.settle_by_hand(name, BY_HAND)
        assert caught.value.next_step == "holdfast audit unknown lists the writes whose outcome is unknown."
    assert records(tmp_path / "l") == before


async def test_what_was_settled_by_hand_is_not_settled_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, FINAL)
        await ledger.settle_by_hand(name, BY_HAND)
        before = records(tmp_path / "l")
        with pytest.raises(LedgerError, match=f"The outcome of {name} is known: applied") as caught:
            await ledger.settle_by_hand(name, Outcome("not_applied", settled_by="dave"))
        assert caught.value.next_step == "holdfast audit correct takes back what a person said of it."
        assert not await ledger.settle(name, Outcome("not_applied"))
    assert records(tmp_path / "l") == before


def said(result: Any, by: str = "dave", **more: Any) -> Outcome:
    return Outcome(result, verified=False, note="I was wrong", settled_by=by, **more)


async def test_what_a_person_said_is_taken_back_by_one_more_record_that_names_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "l" / "ledger.jsonl"
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, Outcome("unknown", task="t-1"))
        await ledger.settle_by_hand(name, BY_HAND)
        first = records(tmp_path / "l")[-1]["seq"]
        before = path.read_bytes()
        found = await ledger.correct_by_hand(name, said("not_applied"))
        assert (found.id, found.outcome.seq, found.outcome.body["result"]) == (name, first, "applied")
        assert path.read_bytes().startswith(before)
        last = records(tmp_path / "l")[-1]
        assert last["kind"] == "outcome"
        assert last["body"] == {
            "id": name,
            "result": "not_applied",
            "verified": False,
            "note": "I was wrong",
            "settled_by": "dave",
            "corrects": first,
        }
        again = await ledger.correct_by_hand(name, said("applied", "erin"))
        assert (again.outcome.seq, again.outcome.body["settled_by"]) == (last["seq"], "dave")
        assert records(tmp_path / "l")[-1]["body"]["corrects"] == last["seq"]
        assert await ledger.unsettled() == []
    report = reader(tmp_path / "l").verify()
    assert (report.ok, report.unknown, report.by_hand, report.corrected) == (True, (), 1, 2)


async def test_a_person_may_say_that_it_is_unknown_after_all_and_settle_it_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, Outcome("unknown"))
        await ledger.settle_by_hand(name, BY_HAND)
        assert ledger.reader.unknown() == []
        await ledger.correct_by_hand(name, said("unknown", final=True))
        taken_back = records(tmp_path / "l")[-1]["seq"]
        [write] = ledger.reader.unknown()
        assert (write.id, write.is_final, write.corrects) == (name, True, taken_back - 1)
        assert ledger.reader.verify().unknown == (name,)
        assert await ledger.unsettled() == []
        found = await ledger.settle_by_hand(name, said("applied"))
        assert found.corrects == taken_back - 1
        assert records(tmp_path / "l")[-1]["body"]["corrects"] == taken_back
        assert ledger.reader.unknown() == []
        await ledger.correct_by_hand(name, said("not_applied"))
    report = reader(tmp_path / "l").verify()
    assert (report.ok, report.unknown, report.by_hand, report.corrected) == (True, (), 1, 3)


@pytest.mark.parametrize(
    ("outcome", "why", "step"),
    [
        (FINAL, "Nobody has said yet what became of ID", "Say it with holdfast audit settle."),
        (
            Outcome("applied"),
            "The outcome of ID was not told by a person: applied",
            "Only what a person said with holdfast audit settle can be corrected.",
        ),
    ],
)
async def test_only_a_persons_word_can_be_taken_back(tmp_path: Path, outcome: Outcome, why: str, step: str) -> None:
    async with opened(tmp_path / "l") as ledger:
        name, other = await left(ledger, outcome), await left(ledger, FINAL, 102)
        await ledger.settle_by_hand(other, BY_HAND)
        before = records(tmp_path / "l")
        with pytest.raises(LedgerError) as caught:
            await ledger.correct_by_hand(name, said("not_applied"))
        assert str(caught.value) == f"{why.replace('ID', name)}. Nothing was recorded."
        assert caught.value.next_step == step
    assert records(tmp_path / "l") == before


async def test_a_write_under_way_or_none_at_all_has_no_word_to_be_taken_back(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        entry = await ledger.intent(intent())
        for name, why in ((entry.id, f"The write {entry.id} is under way"), ("abc", "There is no write abc")):
            with pytest.raises(LedgerError, match=why) as caught:
                await ledger.correct_by_hand(name, said("not_applied"))
            assert "Only what a person said" in str(caught.value.next_step)
        await ledger.outcome(entry, Outcome("applied"))


async def test_two_who_correct_at_once_do_not_take_back_the_same_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path / "l") as one, opened(tmp_path / "l") as other:
        name = await left(one, FINAL)
        await one.settle_by_hand(name, BY_HAND)
        await other.start()
        read, loop, first = LedgerReader.told_write, asyncio.get_running_loop(), [True]

        def meanwhile(self: LedgerReader, wanted: str) -> Any:
            found = read(self, wanted)
            if first.pop() if first else False:
                asyncio.run_coroutine_threadsafe(other.correct_by_hand(name, said("unknown")), loop).result(20)
            return found

        monkeypatch.setattr(LedgerReader, "told_write", meanwhile)
        with pytest.raises(LedgerError, match=f"Something was recorded about {name} meanwhile"):
            await one.correct_by_hand(name, said("not_applied"))
    assert records(tmp_path / "l")[-1]["body"]["result"] == "unknown"


async def test_a_word_whose_record_is_not_as_it_was_written_is_not_taken_back(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, FINAL)
        await ledger.settle_by_hand(name, BY_HAND)

        def edit(lines: list[bytes]) -> list[bytes]:
            return [*lines[:-1], lines[-1].replace(b"carol", b"CAROL")]

        rewrite(tmp_path / "l" / "ledger.jsonl", edit)
        with pytest.raises(LedgerError, match="not as it was written"):
            await ledger.correct_by_hand(name, said("not_applied"))


async def test_which_words_were_taken_back_and_by_which_record(tmp_path: Path) -> None:
    async with opened(tmp_path / "l", segment_bytes=900) as ledger:
        name, other = await left(ledger, FINAL), await left(ledger, FINAL, 102)
        assert ledger.reader.corrections() == {}
        for write in (name, other):
            await ledger.settle_by_hand(write, BY_HAND)
        await ledger.correct_by_hand(name, said("not_applied"))
        await ledger.correct_by_hand(name, said("applied"))
    every = {record.seq: record for record in reader(tmp_path / "l").records()}
    first, untouched, second, third = [seq for seq, record in every.items() if "settled_by" in record.body]
    one = reader(tmp_path / "l")
    assert one.corrections() == {first: second, second: third}
    assert one.corrections([every[first]]) == {first: second}
    assert one.corrections([every[first], every[second]]) == {first: second, second: third}
    assert one.corrections([every[second]]) == {second: third}
    assert one.corrections([every[untouched], every[third]]) == {}
    assert one.corrections([every[1], every[2]]) == one.corrections([]) == {}


async def test_a_write_that_a_living_server_has_under_way_is_left_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as server, opened(tmp_path / "l") as ledger:
        entry = await server.intent(intent())
        with pytest.raises(LedgerError, match=f"The write {entry.id} is under way"):
            await ledger.settle_by_hand(entry.id, BY_HAND)
        assert ledger.reader.unknown() == []


async def test_a_write_that_is_not_on_the_ledger_cannot_be_settled(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        await ledger.event("kill switch engaged", id="abc")
        for name in ("0123456789abcdef", ""):
            with pytest.raises(LedgerError, match=f"There is no write {name} on the ledger") as caught:
                await ledger.settle_by_hand(name, BY_HAND)
            assert caught.value.next_step is not None
            assert "holdfast audit unknown" in caught.value.next_step


async def test_an_outcome_that_is_recorded_while_the_ledger_is_read_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path / "l") as server, opened(tmp_path / "l") as ledger:
        name, other = await left(server, Outcome("unknown")), await left(server, FINAL, 102)
        await ledger.start()
        read, loop = LedgerReader.unknown_write, asyncio.get_running_loop()

        def meanwhile(self: LedgerReader, wanted: str) -> Any:
            found = read(self, wanted)
            asyncio.run_coroutine_threadsafe(server.settle(name, Outcome("not_applied")), loop).result(20)
            return found

        monkeypatch.setattr(LedgerReader, "unknown_write", meanwhile)
        with pytest.raises(LedgerError, match=f"Something was recorded about {name} meanwhile"):
            await ledger.settle_by_hand(name, BY_HAND)
        assert records(tmp_path / "l")[-1]["body"]["result"] == "not_applied"
        await ledger.settle_by_hand(other, BY_HAND)
    assert reader(tmp_path / "l").verify().unknown == ()


async def test_while_a_file_is_closed_under_the_reader_nothing_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader has listed the files; then the one written to gets its number, and another takes its place."""
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, FINAL)
        place = tmp_path / "l"
        await ledger.outcome(name, Outcome("applied"))
        (place / "ledger.jsonl").rename(place / "ledger-000000000001.jsonl")
        with monkeypatch.context() as patch:
            patch.setattr(reading, "segments", lambda directory: [place / "ledger.jsonl"])
            async with opened(place) as other:
                await other.event("goes on")
                before = records(place)
                with pytest.raises(LedgerError, match="was moved while it was read, or records are missing"):
                    await ledger.settle_by_hand(name, BY_HAND)
        assert records(place) == before
        with pytest.raises(LedgerError, match="is known"):
            await ledger.settle_by_hand(name, BY_HAND)


@pytest.mark.parametrize("line", [1, 2])
async def test_a_write_whose_records_are_not_as_they_were_written_is_not_settled(tmp_path: Path, line: int) -> None:
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, FINAL)

        def edit(lines: list[bytes]) -> list[bytes]:
            lines[line] = lines[line].replace(b"VM 101", b"VM 102").replace(b"nothing", b"Nothing")
            return lines

        rewrite(tmp_path / "l" / "ledger.jsonl", edit)
        with pytest.raises(LedgerError, match="not as it was written"):
            await ledger.settle_by_hand(name, BY_HAND)


async def test_what_a_person_has_settled_is_in_every_export(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, FINAL)
        await ledger.settle_by_hand(name, Outcome("applied", note="a=b", settled_by="carol=x"))
    jsonl, table, cef = (
        list(export(reader(tmp_path / "l").records(), form, version="1"))[-1] for form in ("jsonl", "csv", "cef")
    )
    assert '"settled_by":"carol=x"' in jsonl
    assert "a=b,carol=x" in table
    assert r"cs5=carol\=x cs5Label=settledBy cs6=a\=b cs6Label=note" in cef
    first = reader(tmp_path / "l").show(newest_first=False).records[0]
    assert "cs5" not in next(iter(export([first], "cef", version="1")))


async def test_every_export_tells_a_word_that_was_taken_back_and_the_one_that_counts(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        name = await left(ledger, FINAL)
        await ledger.settle_by_hand(name, BY_HAND)
        await ledger.correct_by_hand(name, said("not_applied"))
    one = reader(tmp_path / "l")
    corrections = one.corrections()
    [(first, second)] = corrections.items()
    jsonl, table, cef = (
        list(export(one.records(), form, version="1", corrections=corrections))[-2:] for form in ("jsonl", "csv", "cef")
    )
    assert [f'"corrects":{first}' in line for line in jsonl] == [False, True]
    rows = list(csv.DictReader(export(one.records(), "csv", version="1", corrections=corrections)))[-2:]
    assert [(row["corrects"], row["corrected_by"], row["result"]) for row in rows] == [
        ("", str(second), "applied"),
        (str(first), "", "not_applied"),
    ]
    assert len(table) == 2
    assert f"cn3={second} cn3Label=correctedBy" in cef[0]
    assert f"cn2={first} cn2Label=corrects" in cef[1]
    assert [("cn2" in line, "cn3" in line) for line in cef] == [(False, True), (True, False)]
    assert "cn3" not in list(export(one.records(), "cef", version="1"))[-2]


def test_only_intents_and_their_outcomes_make_a_write_unknown_or_known() -> None:
    chain, unknowns = Chain(), Unknowns()

    def take(kind: Any, **body: Any) -> list[str]:
        unknowns.take(chain.add(kind, **body))
        return list(unknowns.found)

    assert take("outcome", id="x", result="unknown") == []
    assert take("intent", id="x") == []
    assert take("event", id="x", result="unknown") == []
    assert take("intent", id=["y"]) == []
    assert take("outcome", id=["y"], result="unknown") == []
    assert take("outcome", id="x", result="unknown") == ["x"]
    assert [write.is_final for write in unknowns.found.values()] == [False]
    assert take("event", id="x", result="applied") == ["x"]
    assert take("outcome", id="x", result="unknown", final=True) == ["x"]
    assert [write.is_final for write in unknowns.found.values()] == [True]
    assert unknowns.found["x"].intent == chain.made[1]
    assert unknowns.found["x"].outcome == chain.made[-1]
    assert (unknowns.by_hand, unknowns.corrected, unknowns.told) == (0, 0, {})
    assert take("outcome", id="x", result="applied", settled_by="carol") == []
    word = chain.made[-1].seq
    assert list(unknowns.told) == ["x"]
    for names_nothing in ({}, {"corrects": word - 1}, {"corrects": str(word)}, {"corrects": None}):
        assert take("outcome", id="x", result="unknown", settled_by="carol", **names_nothing) == []
    assert take("event", id="x", result="unknown", settled_by="carol", corrects=word) == []
    assert unknowns.told["x"].outcome.seq == word
    assert (unknowns.by_hand, unknowns.corrected) == (1, 0)
    assert take("outcome", id="x", result="unknown", settled_by="dave", corrects=word) == ["x"]
    assert (unknowns.by_hand, unknowns.corrected) == (1, 1)
    assert unknowns.found["x"].corrects == word
    assert unknowns.told["x"].outcome == chain.made[-1]
    assert take("outcome", id="x", result="applied", settled_by="erin", corrects=chain.made[-1].seq) == []
    assert (unknowns.by_hand, unknowns.corrected) == (1, 2)
    assert take("intent", id="z") == []
    assert take("outcome", id="z", result="not_applied") == []
    assert take("outcome", id="z", result="unknown") == []
    assert list(unknowns.told) == ["x"]


def test_only_an_outcome_takes_a_record_back() -> None:
    chain = Chain()
    assert corrected_by(chain.add("outcome", id="x", corrects=3)) == 3
    assert corrected_by(chain.add("event", id="x", corrects=3)) is None
    assert corrected_by(chain.add("outcome", id="x", corrects="3")) is None
    assert corrected_by(chain.add("outcome", id="x")) is None


async def test_an_outcome_after_a_record_is_found_and_one_before_it_is_not(tmp_path: Path) -> None:
    async with opened(tmp_path / "l", segment_bytes=600) as ledger:
        name, other = await left(ledger, FINAL), await left(ledger, FINAL, 102)
        under_way = await ledger.intent(intent(103))
        assert not ledger.reader.has_outcome(under_way.id, after=0)
    [told] = [record["seq"] for record in records(tmp_path / "l") if record["kind"] == "outcome"][:1]
    one = reader(tmp_path / "l", KEY)
    assert one.has_outcome(name, after=told - 1)
    assert not one.has_outcome(name, after=told)
    assert one.has_outcome(other, after=told)
    assert not one.has_outcome("x", after=0)


async def test_writes_are_listed_in_the_order_in_which_they_were_sent(tmp_path: Path) -> None:
    async with opened(tmp_path / "l") as ledger:
        async with ledger.attempt(intent(1)) as first:
            second = await left(ledger, FINAL, 2)
            first.settle(Outcome("unknown"))
        assert [write.id for write in ledger.reader.unknown()] == [first.id, second]
        assert ledger.reader.unknown_write(second)[1] == records(tmp_path / "l")[-1]["seq"]
