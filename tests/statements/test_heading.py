"""What a bank writes above the names of the columns is left out, and shown."""

import pytest
from django.urls import reverse

from apps.accounts.models import Role
from apps.common.csv_reading import Place
from apps.common.errors import Refused
from apps.statements.files import first_rows, open_statement
from apps.statements.heading import find_heading
from apps.statements.models import Source, Statement
from apps.statements.services import begin, name_columns_in
from apps.statements.types import ColumnMapping
from tests.statements.conftest import HEAD, browser_of, content_of, form_of, line, standings

ABOVE = [
    "First Bank of Northfold",
    "Account number;DE12 3456;Owner;Northfold Goods",
    "",
    "Opening balance;1.250,00",
    '"Days";"2026-01-01";"2026-01-31"',
]
BANK = ["Buchungstag;Verwendungszweck;Betrag;Währung", "15.01.2026;re_1;-10,00;EUR"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_names_are_found_below_a_preamble(mark, end):
    content = mark + end.join([*ABOVE, *BANK]).encode()
    opened = open_statement(content)
    assert (opened.file.delimiter, opened.file.columns) == (";", tuple(BANK[0].split(";")))
    assert opened.head.line == 6
    assert content[opened.head.offset :].startswith(b"Buchungstag")
    [row] = first_rows(opened.file, 5)
    assert (row.line, row.cells[1]) == (7, "re_1")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        # In the first line, as ever: whatever stands below.
        ([HEAD, line(1)], 1),
        (["one,two,three", "a,-10.00,x"], 1),
        (["one,two", "amount,reference"], 2),
        # Unknown names below lines of one cell, or none.
        (["", "", "a,b", "1,2"], 3),
        (["Statement of January", "for,three,words", "a,b", "1,2"], 3),
        # Figures are no names.
        (["Statement", "Amount,10.00,Reference,x", "reference,amount", "r,1"], 3),
        (["Statement"] * 30 + ["reference,amount", "r,1"], 31),
    ],
)
def test_which_line_names_the_columns(lines, found):
    assert open_statement("\n".join(lines).encode()).head.line == found


def test_names_that_were_mapped_before_win():
    lines = ["Amount,Currency", "12,EUR", "one,two,three", "a,-10.00,x"]
    content = "\n".join(lines).encode()
    assert open_statement(content).head == Place()
    opened = open_statement(content, [["one", "two", "three"]])
    assert (opened.head.line, opened.file.columns) == (3, ("one", "two", "three"))


@pytest.mark.django_db(transaction=True)
def test_a_file_with_a_preamble_is_shown_read_and_remembered(pay, upload, finance, compared):
    payouts = [pay(1), pay(2)]
    content = ("First Bank\nAccount,12345\n\n" + content_of(line(1), line(2)).decode()).encode()
    upload(content)
    newest = Statement.objects.latest("pk")
    assert (newest.head_line, newest.rows_total) == (4, 2)
    page = finance.get(reverse("desk:statement-columns", args=[newest.pk])).content.decode()
    assert "The columns are named in line 4" in page
    assert "Account,12345" in page
    found = compared(content + b"\n")
    assert standings(found) == [(5, "matched", payouts[0].pk), (6, "matched", payouts[1].pk)]
    # Names that no one could guess, mapped once below a preamble of another length.
    compared(
        b"First Bank\n\none,two,three\na,-10.00,x\n",
        reference="2",
        amount="1",
        currency="EUR",
    )
    upload(b"First Bank\nAccount,12345\nto be continued,\n\none,two,three\nb,-11.00,y\n")
    newest = Statement.objects.latest("pk")
    assert (newest.head_line, newest.rows_total) == (5, 1)
    page = finance.get(reverse("desk:statement-columns", args=[newest.pk])).content.decode()
    assert "A file with these columns was here before" in page
    assert form_of(page)["reference"] == "2"
    plain = content_of(line(7))
    upload(plain)
    newest = Statement.objects.latest("pk")
    page = finance.get(reverse("desk:statement-columns", args=[newest.pk])).content.decode()
    assert (newest.head_line, "left out:" in page) == (1, False)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # The summary of the account has two known names, too.
        (
            "Account;DE12\nType;Amount\nPayouts;EUR 5.00\nRefunds;EUR 6.00\n\n"
            "Date;Transaction ID;Amount;Currency;Type\n2026-01-02;re_1;5.00;EUR;refund\n",
            6,
        ),
        # A row with a known name in it is a row.
        (
            "Datum;Text;Umsatz;Art\n2026-01-02;Amount;EUR 5,00;Refund\n"
            "2026-01-03;re_2;EUR 6,00;Refund\n",
            1,
        ),
        ('"Betrag\n(EUR)";Reference;Amount;Date\n"1,00";re_1;"1,00";2026-01-01\n', 1),
        ('Of 6" screens\nReference;Amount;Date\nre_1;1,00;2026-01-01\n', 2),
    ],
)
def test_the_line_with_most_known_names_is_the_heading(text, line):
    found = find_heading(text.encode(), "utf-8")
    assert found.place.line == line
    assert not any('"' in cell for cell in found.cells)


def test_a_row_that_was_taken_for_a_heading_once_is_none_below_other_rows():
    first = "re_1;refund;x\nre_2;refund;y\n"
    cells = find_heading(first.encode(), "utf-8").cells
    again = "re_9;new;z\nre_8;new;z\n" + first
    assert find_heading(again.encode(), "utf-8", [cells]).place.line == 1
    preamble = "Bank\n\n" + first
    assert find_heading(preamble.encode(), "utf-8", [cells]).place.line == 3


ODD = b"Amount,Reference\n5.00,of all\n\nprice,receipt\n-10.00,sim_1\n-11.00,sim_2\n"


def say_line(browser, statement, number):
    url = reverse("desk:statement-columns", args=[statement.pk])
    answer = browser.post(url, {"step": "heading", "heading_line": number}, follow=True)
    statement.refresh_from_db()
    return answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_person_says_which_line_names_the_columns(pay, upload, finance, store, drain):
    payouts = [pay(1), pay(2, 1100)]
    upload(ODD)
    found = Statement.objects.latest("pk")
    assert (found.head_line, found.rows_total) == (1, 4)
    page = say_line(finance, found, 4)
    # Names that say nothing: the amounts are told by what stands below, the reference is the rest.
    assert (form_of(page)["amount"], form_of(page)["reference"]) == ("0", "1")
    assert "The columns are named in line 4. What stands above it is left out:" in page
    assert (found.head_line, found.rows_total, found.columns) == (4, 2, ["price", "receipt"])
    for number, problem in [
        ("", "Not read anew. Write the number of the line"),
        ("x", "Not read anew. Write the number of a line, such as 3."),
        ("0", "Not read anew. Lines are counted from 1."),
        ("3", "Not done: line 3 names fewer than two columns: name another one."),
        ("6", "Not done: the file has a header and no rows below it."),
        ("99", "Not done: line 99 is not one of the first 31"),
    ]:
        assert problem in say_line(finance, found, number)
        assert (found.head_line, found.rows_total, found.columns) == (4, 2, ["price", "receipt"])
    agent = browser_of(store, Role.AGENT, "ann")
    url = reverse("desk:statement-columns", args=[found.pk])
    assert agent.post(url, {"step": "heading", "heading_line": 1}).status_code == 403
    said = {"source": "simulated", "reference": "1", "amount": "0", "currency": "USD"}
    form = form_of(finance.get(url).content.decode())
    assert form["heading_line"] == "4"
    for step in ("preview", "save"):
        # Typed and not read from there, or somebody else has named another line meanwhile.
        answer = finance.post(url, {**form, **said, "step": step, "heading_line": "1"})
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "The file is read below line 4 now. Have it read anew from line 1" in page
        assert form_of(page)["heading_line"] == "1"
        found.refresh_from_db()
        assert found.state == "uploaded"
    finance.post(url, {**form, **said, "step": "save"})
    drain()
    assert standings(found) == [(5, "matched", payouts[0].pk), (6, "matched", payouts[1].pk)]
    assert "The columns of this file are chosen already." in say_line(finance, found, 1)
    assert found.head_line == 4


@pytest.mark.django_db
def test_what_columns_mean_is_not_said_of_others(upload, finance, store):
    """Somebody names another line between the look at the columns and the press of the button."""
    upload(ODD)
    seen = Statement.objects.get()
    name_columns_in(statement=seen, line=4)
    mapping = ColumnMapping(reference=1, amount=0, currency="USD")
    with pytest.raises(Refused, match="named another line with the columns meanwhile"):
        begin(statement=seen, gateway="simulated", mapping=mapping, user_id=1)
    assert Statement.objects.get().state == "uploaded"
    assert not Source.objects.exclude(columns=[]).exists()
