"""Currencies with no decimals and with three: page, files and plain addition say the same."""

from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import time_machine

from apps.ledger.rules import CASH_OUTSIDE, SALES_RETURNS
from apps.ledger.services import book
from apps.ledger.types import Booking, Leg
from apps.reports.files import write_file
from apps.stores.models import Store
from tests.support.refunds import raw_refund, utc
from tests.support.reports import asked, in_file, rows_of, sums_of

pytestmark = pytest.mark.django_db
DAY = "since=2026-02-03&until=2026-02-03"
# What 1,234,567 of the smallest unit are.
SHOWN = [("JPY", "1234567"), ("USD", "12345.67"), ("BHD", "1234.567"), ("KWD", "1234.567")]
CENTS = 1_234_567


@pytest.fixture
def in_all_currencies(store: Store) -> None:
    """A refund, and an entry of the books, of CENTS in each currency on one day."""
    with time_machine.travel(utc(2026, 2, 3, 14), tick=False):
        make_all(store)


def make_all(store: Store) -> None:
    for number, (currency, _) in enumerate(SHOWN):
        raw_refund(
            store,
            number,
            [{"product": CENTS - 7, "tax": 7, "retained": 5}],
            currency=currency,
            paid_at=utc(2026, 2, 3),
        )
        book(
            Booking(
                store=store,
                key=currency,
                kind="refund.outside",
                currency=currency,
                debited=(Leg(SALES_RETURNS, CENTS),),
                credited=(Leg(CASH_OUTSIDE, CENTS),),
                happened_at=utc(2026, 2, 3, 13),
                memo="",
            )
        )


def test_the_tests_own_reading_of_amounts_is_right() -> None:
    assert [in_file(CENTS, currency) for currency, _ in SHOWN] == [shown for _, shown in SHOWN]
    assert [in_file(cents, "KWD") for cents in (0, 7, -7, 1000)] == [
        "0.000",
        "0.007",
        "-0.007",
        "1.000",
    ]
    assert [in_file(cents, "JPY") for cents in (0, -7)] == ["0", "-7"]


@pytest.mark.usefixtures("in_all_currencies")
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("refunds", "refunded_total"),
        ("people", "refunded_total"),
        ("journal", "amount"),
        ("journal-by-account", "debit"),
        ("entries", "amount"),
        ("trial-balance", "debit"),
    ],
)
def test_totals_of_the_page_are_those_of_the_file(name: str, key: str, store: Store) -> None:
    # That they are is compared on the way.
    rows = rows_of(name, store, DAY)
    assert {row["currency"] for row in rows} == {currency for currency, _ in SHOWN}
    sums = sums_of(name, store, DAY)
    assert {code: found[key] for code, found in sums.items()} == dict.fromkeys(
        (currency for currency, _ in SHOWN), CENTS
    )


@pytest.mark.usefixtures("in_all_currencies")
def test_each_amount_is_written_with_the_decimals_of_its_currency(
    store: Store, finance: Any, tmp_path: Path
) -> None:
    report, question = asked("refunds", store, DAY)
    write_file(report, question, extension="csv", path=tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text(encoding="utf-8-sig")
    for currency, shown in SHOWN:
        [row, total] = [line for line in text.splitlines() if f",{currency}," in line]
        assert f",{shown}," in row
        assert total.startswith("Total,")
        assert f",{shown}," in total
    write_file(report, question, extension="xlsx", path=tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(BytesIO((tmp_path / "a.xlsx").read_bytes()))
    sheet = book.worksheets[0]
    head = [cell.value for cell in sheet[1]]
    places = head.index("Refunded total"), head.index("Currency")
    written = {row[places[1]].value: row[places[0]] for row in sheet.iter_rows(min_row=2)}
    for currency, shown in SHOWN:
        assert written[currency].value == float(shown)
        decimals = len(shown.partition(".")[2])
        assert written[currency].number_format == "#,##0" + ("." + "0" * decimals) * bool(decimals)
    page = finance.get(f"/reports/refunds/?{DAY}").content.decode()
    for shown in ("¥1,234,567", "$12,345.67", "1,234.567"):
        assert shown in page
    assert "1,234,567.00" not in page


@pytest.mark.usefixtures("in_all_currencies")
def test_bounds_of_amounts_are_read_in_the_currency_that_is_named(store: Store) -> None:
    for currency, shown in SHOWN:
        bounds = f"currency={currency}&amount_of=amount_cents&amount_from={shown}&amount_to={shown}"
        [row] = rows_of("refunds", store, f"{DAY}&{bounds}")
        assert (row["currency"], row["refunded_total"], row["paid_at"].date()) == (
            currency,
            CENTS,
            date(2026, 2, 3),
        )
