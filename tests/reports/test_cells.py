"""Whatever stands in a cell, no spreadsheet finds a formula or a link in it."""

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from apps.refunds.models import Refund
from apps.reports.csv_writing import CsvWriting
from apps.reports.filters import ReportFilters
from apps.reports.sources import Listed
from apps.reports.types import Report, Totals, amount, count, day, moment, share, text
from apps.reports.xlsx_writing import MOST_CHARACTERS, pack, write_workbook
from tests.support import builders
from tests.support.refunds import utc

NASTY = [
    '=HYPERLINK("https://evil.example","click")',
    "+1",
    "-1",
    "@SUM(A1)",
    "=1+1",
    "\t=1",
    "\r=1",
    "a\n=1",
    "a;=1",
    " =1",
    "  +cmd|' /C calc'!A0",
    "=cmd|' /C calc'!A0",
    "https://evil.example",
    "mailto:a@example.com",
    "00123",
    "1e5",
    '"quoted", with comma',
    "two\r\nlines",
    "_x0041_",
    "{=1}",
    "<b>&amp;</b>",
    "\x01bell",
    "ünï 😀",
]
STARTS = ("=", "+", "-", "@", "\t", "\r")
NEW_YORK = ZoneInfo("America/New_York")


def report(*columns: Any, title: str = "Cells") -> Report:
    return Report(
        name="cells",
        title=title,
        group="Money",
        intro="",
        columns=(*columns, text("currency", "Currency")),
        filters=ReportFilters,
        source=Listed(lambda question: []),
    )


def workbook(made: Report, rows: Any, tmp_path: Path, **more: Any) -> Any:
    path = tmp_path / "cells.xlsx"
    totals: list[Totals] = []
    write_workbook(
        str(path), made, [pack(made, NEW_YORK, rows)], lambda: totals, [("By", "=1+1")], **more
    )
    return openpyxl.load_workbook(path), path


def test_text_in_a_csv_is_never_taken_for_a_formula() -> None:
    made = report(text("first", "First"), text("second", "Second"))
    rows = [(nasty, nasty, "USD") for nasty in NASTY]
    got = CsvWriting(made, UTC).rows(rows).decode()
    read = list(csv.reader(io.StringIO(got, newline="")))
    assert len(read) == len(NASTY)
    for nasty, (first, second, _) in zip(NASTY, read, strict=True):
        assert first == second
        assert not first.startswith(STARTS), nasty
        # A spreadsheet that splits at semicolons or tabs finds none either.
        for delimiter in ";\t":
            for cells in csv.reader(io.StringIO(first, newline=""), delimiter=delimiter):
                assert not any(cell.lstrip(" ").startswith(STARTS) for cell in cells), nasty
        assert first.replace("'", "") == nasty.replace("'", "")


def test_text_in_a_workbook_stays_what_it_is(tmp_path: Path) -> None:
    made = report(text("first", "=First"), title="=1+[1]")
    book, path = workbook(made, [(nasty, "USD") for nasty in NASTY], tmp_path)
    rows = list(book.worksheets[0].rows)[1:]
    for nasty, row in zip(NASTY, rows, strict=True):
        cell = row[0]
        assert cell.data_type in ("s", "inlineStr"), nasty
        assert cell.hyperlink is None
        got = openpyxl.utils.escape.unescape(cell.value)
        assert got.replace("\r\n", "\n").replace("\r", "\n") == nasty.replace("\r\n", "\n").replace(
            "\r", "\n"
        )
    with ZipFile(path) as files:
        sheets = [name for name in files.namelist() if name.startswith("xl/worksheets/")]
        assert len([name for name in sheets if name.endswith(".xml")]) == 2
        for name in sheets:
            assert b"<f>" not in files.read(name)
            assert b"hyperlink" not in files.read(name)
    assert book["Totals"]["B3"].value == "=1+1"
    assert book["Totals"]["B3"].data_type in ("s", "inlineStr")


def test_numbers_and_dates_are_true_ones(tmp_path: Path) -> None:
    made = report(
        text("name", "Name"),
        amount("sum", "Sum"),
        count("units", "Units"),
        moment("paid_at", "Paid"),
        day("on", "On"),
        share("rate", "Rate"),
    )
    # One second to midnight in UTC is the afternoon in New York.
    paid = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    rows = [
        ("a", -1234, 3, paid, date(2024, 2, 29), 0.125, "USD"),
        ("b", 1234, 0, None, None, None, "JPY"),
        ("c", 1234, None, paid, date(1899, 12, 31), 1, "KWD"),
    ]
    book, _ = workbook(made, rows, tmp_path)
    got = [[(cell.value, cell.number_format) for cell in row] for row in book["Cells"].rows][1:]
    assert [cell[0] for cell in got[0]] == [
        "a",
        -12.34,
        3,
        datetime(2026, 1, 31, 18, 59, 59),
        datetime(2024, 2, 29),
        0.125,
        "USD",
    ]
    assert [cell[1] for cell in got[0][1:6]] == [
        "#,##0.00",
        "#,##0",
        "yyyy-mm-dd hh:mm:ss",
        "yyyy-mm-dd",
        "0.0%",
    ]
    assert got[1][1] == (1234, "#,##0")
    assert [cell[0] for cell in got[1][3:6]] == [None, None, None]
    assert got[2][1] == (1.234, "#,##0.000")
    assert got[2][4][0] == "1899-12-31"
    lines = CsvWriting(made, NEW_YORK).rows(rows).decode().splitlines()
    assert lines == [
        "a,-12.34,3,2026-01-31T18:59:59-05:00,2024-02-29,0.125000,USD",
        "b,1234,0,,,,JPY",
        "c,1.234,,2026-01-31T18:59:59-05:00,1899-12-31,1.000000,KWD",
    ]


def test_a_cell_that_is_full_says_so(tmp_path: Path) -> None:
    made = report(text("note", "Note"))
    texts = ["x" * MOST_CHARACTERS, "x" * (MOST_CHARACTERS + 1), "😀" * MOST_CHARACTERS]
    book, _ = workbook(made, [(one, "USD") for one in texts], tmp_path)
    whole, cut, wide = [row[0].value for row in list(book["Cells"].rows)[1:]]
    assert whole == texts[0]
    assert cut.endswith("… (cut: the cell is full)")
    assert len(cut) == MOST_CHARACTERS
    assert len(wide.encode("utf-16-le")) // 2 <= MOST_CHARACTERS
    assert wide.endswith("… (cut: the cell is full)")


def test_rows_above_what_a_sheet_holds_go_on_the_next_one(tmp_path: Path) -> None:
    made = report(text("name", "Name"))
    rows = [(f"row {n}", "USD") for n in range(5)]
    book, _ = workbook(made, rows, tmp_path, most_rows=2)
    assert book.sheetnames == ["Cells", "Cells 2", "Cells 3", "Totals"]
    names = [[row[0].value for row in book[name].rows] for name in book.sheetnames[:3]]
    assert names == [["Name", "row 0", "row 1"], ["Name", "row 2", "row 3"], ["Name", "row 4"]]


@pytest.mark.django_db
@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_the_command_writes_the_report_with_nasty_texts(
    refunded: Any, tmp_path: Path, extension: str
) -> None:
    formula = '=HYPERLINK("https://evil.example")'
    unit = builders.unit("ORD-1", cents=13056, return_reason=formula, sku="+1")
    order = {"lines": [builders.line(title="@x\ty\nz")], "currency": "EUR"}
    refund = refunded(1, units=[unit], order=order, paid=utc(2026, 2, 3, 12))
    Refund.objects.filter(pk=refund.pk).update(note="\t=1\r\n-2")
    path, out = tmp_path / f"refunds.{extension}", io.StringIO()
    days = ["--from", "2026-02-03", "--to", "2026-02-03"]
    call_command("export_refunds", *days, "--format", extension, "--output", str(path), stdout=out)
    assert f"1 rows, {path.stat().st_size:,} bytes" in out.getvalue()
    assert "EUR: 1 rows, €130.56 refunded" in out.getvalue()
    if extension == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            row, total = csv.DictReader(file)
        assert row["return_reason"] == f"'{formula}"
        assert row["sku"] == "'+1"
        assert row["title"] == "'@x\ty\nz"
        assert not row["note"].startswith(STARTS)
        assert (row["refunded_total"], total["refunded_total"]) == ("130.56", "130.56")
        assert total["currency"] == "EUR"
        return
    sheet = openpyxl.load_workbook(path)["Refunds"]
    head, values = ([cell.value for cell in row] for row in sheet.rows)
    got = dict(zip(head, values, strict=True))
    assert got["Return reason"] == formula
    assert got["SKU"] == "+1"
    assert got["Title"] == "@x\ty\nz"
    assert {cell.data_type for cell in sheet[2]} <= {"s", "n", "d", "inlineStr"}


@pytest.mark.django_db
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"--store": "nowhere"}, "--store nowhere: there is no such store"),
        ({"--filters": "amount_from=3"}, "amount_from: Choose which amount"),
        ({"--output": "/nonexistent/x.csv"}, "--output /nonexistent/x.csv: No such file"),
        ({"--to": "2026-02-02"}, "until: 2026-02-02 is before 2026-02-03"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, more: Any, said: str) -> None:
    given = {
        "--from": "2026-02-03",
        "--to": "2026-02-03",
        "--format": "csv",
        "--output": str(tmp_path / "x.csv"),
        **more,
    }
    with pytest.raises(CommandError, match=said):
        call_command("export_refunds", *[f"{name}={value}" for name, value in given.items()])
    assert list(tmp_path.iterdir()) == []
