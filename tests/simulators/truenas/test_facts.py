"""The facts that ship with the simulator are the vendor's."""

from __future__ import annotations

from importlib.resources import files

from holdfast.simulators.truenas.compile_facts import RELEASES, compile_facts, entry_of, read_vendor
from holdfast.simulators.truenas.facts import vendor_facts
from holdfast.simulators.truenas.methods import vendor_names
from tests.support.schemas import schemas_dir


def test_the_shipped_file_is_what_the_vendors_files_compile_to() -> None:
    vendor = {release: read_vendor(schemas_dir(), release) for release in RELEASES}
    shipped = files("holdfast.simulators.truenas").joinpath("facts.jsonl").read_text(encoding="utf-8").splitlines()
    assert shipped == compile_facts(vendor, vendor_names())


def test_sharing_of_schemas_loses_nothing() -> None:
    book = vendor_facts()
    for release in RELEASES:
        vendor = read_vendor(schemas_dir(), release)
        for name, fact in book.releases[release].items():
            entry = entry_of(vendor[name])
            assert book.expand(fact.returns) == entry["returns"]
            expected = [[param, bool(required), schema] for param, required, schema in entry.get("params", [])]
            assert [[p.name, p.required, book.expand(p.schema)] for p in fact.params] == expected
            assert list(fact.roles) == vendor[name]["roles"]
            assert (fact.job is not None) is vendor[name]["job"]
