"""The ledger: who changed what, append-only, chained, on disk before anything is sent."""

from holdfast.control.ledger.book import Ledger
from holdfast.control.ledger.entries import Entry, Intent, Outcome
from holdfast.control.ledger.export import Format, export
from holdfast.control.ledger.files import restart
from holdfast.control.ledger.reading import Filter, LedgerReader, RecordPage, Unsettled
from holdfast.control.ledger.records import Record, Result
from holdfast.control.ledger.unknown import Unknown
from holdfast.control.ledger.verifying import Break, Head, Report

__all__ = [
    "Break",
    "Entry",
    "Filter",
    "Format",
    "Head",
    "Intent",
    "Ledger",
    "LedgerReader",
    "Outcome",
    "Record",
    "RecordPage",
    "Report",
    "Result",
    "Unknown",
    "Unsettled",
    "export",
    "restart",
]
