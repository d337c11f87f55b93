"""Files of all kinds, as gateways, banks and enemies make them."""

import csv
import io
from contextlib import suppress

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import Refused
from apps.statements.amounts import read_amount, read_currency, read_day
from apps.statements.files import first_rows, open_statement
from apps.statements.guessing import guess
from apps.statements.models import Statement
from apps.statements.reading import mapping_problems, read_row
from apps.statements.types import AmountFormat, ColumnMapping, DateOrder, Sign
from tests.statements.conftest import HEAD, content_of, line, page_of, standings

pytestmark = pytest.mark.django_db(transaction=True)

POINT, COMMA, MINOR = AmountFormat.POINT, AmountFormat.COMMA, AmountFormat.MINOR


@pytest.mark.parametrize(
    ("text", "form", "currency", "cents"),
    [
        ("12", POINT, "USD", 1200),
        ("12.5", POINT, "USD", 1250),
        ("-1,234.50", POINT, "USD", -123450),
        ("−1 234.50", POINT, "USD", -123450),
        ("1'234.50", POINT, "CHF", 123450),
        ("(12.00)", POINT, "USD", -1200),
        ("12.00-", POINT, "USD", -1200),
        ("+12.00", POINT, "USD", 1200),
        ("12.500", POINT, "USD", 1250),
        ("12.345", POINT, "BHD", 12345),
        ("1500", POINT, "JPY", 1500),
        ("1500.00", POINT, "JPY", 1500),
        ("1.234,50", COMMA, "EUR", 123450),
        ("-0,01", COMMA, "EUR", -1),
        ("1234", COMMA, "EUR", 123400),
        ("-1250", MINOR, "USD", -1250),
        ("1500", MINOR, "JPY", 1500),
    ],
)
def test_amounts(text, form, currency, cents):
    assert read_amount(text, form, currency) == cents


@pytest.mark.parametrize(
    ("text", "form", "currency"),
    [
        ("", POINT, "USD"),
        ("$12", POINT, "USD"),
        ("12,50", POINT, "USD"),
        ("1,23.50", POINT, "USD"),
        ("12.345", POINT, "USD"),
        ("1500.5", POINT, "JPY"),
        ("12.50", COMMA, "EUR"),
        ("12.50", MINOR, "USD"),
        ("1e5", POINT, "USD"),
        ("--1", POINT, "USD"),
        ("1" * 16, POINT, "USD"),
        ("9" * 15, POINT, "USD"),
        ("١٢", POINT, "USD"),
        ("NaN", POINT, "USD"),
        ("=1+1", POINT, "USD"),
    ],
)
def test_what_is_no_amount(text, form, currency):
    with pytest.raises(ValueError, match=r"must be|more decimals|more than any"):
        read_amount(text, form, currency)


@given(st.integers(-(10**11), 10**11), st.sampled_from(["USD", "EUR", "JPY", "BHD"]))
def test_amounts_come_back_as_they_were_written(cents, currency):
    from babel.numbers import get_currency_precision

    precision = get_currency_precision(currency)
    whole, part = divmod(abs(cents), 10**precision)
    sign = "-" if cents < 0 else ""
    tail = f"{part:0{precision}d}" if precision else ""
    point = f"{sign}{whole:,}" + (f".{tail}" if tail else "")
    comma = f"{sign}{whole:,}".replace(",", ".") + (f",{tail}" if tail else "")
    assert read_amount(point, POINT, currency) == cents
    assert read_amount(comma, COMMA, currency) == cents
    assert read_amount(str(cents), MINOR, currency) == cents


@given(st.text(max_size=20), st.sampled_from(list(AmountFormat)))
def test_any_text_is_an_amount_or_told_why_not(text, form):
    with suppress(ValueError):
        assert isinstance(read_amount(text, form, "USD"), int)


@given(st.text(max_size=20), st.sampled_from(list(DateOrder)))
def test_any_text_is_a_day_or_told_why_not(text, order):
    with suppress(ValueError):
        assert 1990 <= read_day(text, order).year <= 2100


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2026-01-31", DateOrder.YEAR_FIRST),
        ("2026-01-31 13:22:01", DateOrder.YEAR_FIRST),
        ("2026-01-31T13:22:01Z", DateOrder.YEAR_FIRST),
        ("2026/1/31", DateOrder.YEAR_FIRST),
        ("20260131", DateOrder.DAY_FIRST),
        ("31.01.2026", DateOrder.DAY_FIRST),
        ("31.1.26", DateOrder.DAY_FIRST),
        ("31 Jan 2026", DateOrder.DAY_FIRST),
        ("01/31/2026", DateOrder.MONTH_FIRST),
        ("Jan 31, 2026", DateOrder.MONTH_FIRST),
    ],
)
def test_days(text, order):
    assert read_day(text, order).isoformat() == "2026-01-31"


@pytest.mark.parametrize(
    "text", ["", "x", "31.02.2026", "2026-13-01", "1.1.1", "31 Foo 2026", "0000-01-01"]
)
def test_what_is_no_day(text):
    with pytest.raises(ValueError, match=r"must be a day such as 31\.01\.2026"):
        read_day(text, DateOrder.DAY_FIRST)


def test_currencies():
    assert read_currency(" usd ") == "USD"
    for text in ("", "US", "XYZ", "EURO", "€"):
        with pytest.raises(ValueError, match="three letters"):
            read_currency(text)


STRIPE_BALANCE = (
    "id,Type,Source,Amount,Fee,Destination Platform Fee,Net,Currency,Created (UTC),"
    "Available On (UTC),Description",
    "txn_1,refund,re_1,-10.00,0.00,,-10.00,usd,2026-01-15 10:00,2026-01-15 10:00,REFUND",
    "txn_2,charge,ch_1,25.00,1.03,,23.97,usd,2026-01-15 10:00,2026-01-17 00:00,",
    "txn_3,refund_failure,re_0,5.00,0.00,,5.00,usd,2026-01-16 10:00,2026-01-16 10:00,",
)
STRIPE_PAYOUT = (
    "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created,"
    "available_on,currency,gross,fee,net,reporting_category,source_id,description",
    "po_1,2026-01-20,txn_1,2026-01-15 10:00:00,2026-01-15,usd,-10.00,0.00,-10.00,refund,re_1,x",
    "po_1,2026-01-20,txn_2,2026-01-15 10:00:00,2026-01-15,usd,25.00,1.00,24.00,charge,ch_1,x",
)
ADYEN = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,"
    "Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),"
    "Gross Credit (GC)",
    "Acme,AcmeShop,PSP1,ORD-1,visa,2026-01-15 10:00:00,CET,Refunded,re_1,EUR,10.00,",
    "Acme,AcmeShop,PSP2,ORD-2,visa,2026-01-15 10:00:00,CET,Settled,MOD,EUR,,25.00",
)
PAYPAL = (
    '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net",'
    '"Transaction ID","Reference Txn ID"',
    '"01/15/2026","10:00:00","PST","Ada","Payment Refund","Completed","USD","-1,010.00","0.30",'
    '"-1,009.70","re_1","PARENT"',
    '"01/15/2026","10:00:00","PST","Ada","Express Checkout Payment","Completed","USD","25.00",'
    '"-1.00","24.00","ch_1",""',
)
GERMAN_BANK = (
    "Buchungstag;Verwendungszweck;Betrag;Währung",
    "15.01.2026;re_1;-1.010,00;EUR",
    "16.01.2026;Miete;-12,5;EUR",
)


@pytest.mark.parametrize(
    ("lines", "encoding", "told"),
    [
        (STRIPE_BALANCE, "utf-8", [("re_1", 1000, "USD"), None, None]),
        (STRIPE_PAYOUT, "utf-8-sig", [("re_1", 1000, "USD"), None]),
        (ADYEN, "utf-8", [("re_1", 1000, "EUR"), None]),
        (PAYPAL, "utf-8", [("re_1", 101000, "USD"), None]),
        (GERMAN_BANK, "cp1252", [("re_1", 101000, "EUR"), ("Miete", 1250, "EUR")]),
    ],
)
def test_what_the_usual_files_mean_is_guessed(lines, encoding, told):
    file = open_statement("\r\n".join(lines).encode(encoding)).file
    rows = first_rows(file, 10)
    mapping = guess(file.columns, rows)
    assert mapping_problems(mapping, file.columns) == {}
    readings = [read_row(row, mapping, file.columns) for row in rows]
    assert [
        (one.reference, one.amount_cents, one.currency) if hasattr(one, "reference") else None
        for one in readings
    ] == told
    days = [one.paid_on.isoformat() for one in readings if hasattr(one, "paid_on")]
    assert days[0] == "2026-01-15"


def test_a_column_of_currencies_is_found_though_its_name_says_nothing():
    """Taking the usual currency beside it would make dollars of euros."""
    lines = ["Beleg;Betrag;Geld", "re_1;-10,00;EUR", "re_2;-11,00;USD"]
    file = open_statement("\n".join(lines).encode()).file
    rows = first_rows(file, 10)
    mapping = guess(file.columns, rows, "USD")
    assert (mapping.currency_column, mapping.currency) == (2, "")
    told = [read_row(row, mapping, file.columns) for row in rows]
    assert [(one.amount_cents, one.currency) for one in told] == [(1000, "EUR"), (1100, "USD")]
    plain = open_statement(b"Beleg;Betrag;Art\nre_1;-10,00;neu\n").file
    assert guess(plain.columns, first_rows(plain, 10), "USD").currency == "USD"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Choose the one with the payouts|empty"),
        (b"\xef\xbb\xbf  \n", "empty"),
        (b"one column\n1\n", "name the columns"),
        (b"\n" * 31 + b"a,b\n1,2\n", "or one of the 30 below it"),
        (f"{HEAD}\n".encode(), "no rows below"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"a,b\n\x81\xff,\x9d\n", "neither UTF-8 nor Windows-1252"),
        (b'a,b\n1,"2\n' + b"x" * 200_000, "cannot be read"),
        (b"a,b\n" + b"x" * 2_000_000 + b",2\n", "cannot be read"),
        (",".join(f"c{n}" for n in range(101)).encode() + b"\n1\n", "101 columns"),
    ],
)
def test_a_file_of_no_use_is_refused_with_the_remedy(upload, content, said):
    import re

    answer = upload(content)
    assert answer.status_code == 422
    assert re.search(said, answer.content.decode())
    assert Statement.objects.count() == 0


def test_too_large_a_file_is_refused(upload, monkeypatch):
    monkeypatch.setattr("apps.desk.statement_forms.MAX_BYTES", 10)
    assert "at most 10 fit" in upload(content_of(line())).content.decode()
    monkeypatch.undo()
    monkeypatch.setattr("apps.statements.files.MAX_BYTES", 10)
    with pytest.raises(Refused, match="at most 10 fit"):
        open_statement(content_of(line()))
    assert Statement.objects.count() == 0


def test_a_line_of_two_megabytes_in_many_cells_is_one_row_error(compared, pay):
    payout = pay(1)
    wide = line(2) + "," + "x," * 1_000_000
    found = compared(line(1), wide)
    assert standings(found) == [(2, "matched", payout.pk)]
    assert found.failed_count == 1
    assert "the header has 8" in found.errors.get().message


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_line_ends_and_marks(sign, start, end):
    lines = [HEAD, line(1), line(2)]
    file = open_statement(start + end.join(lines).replace(",", sign).encode()).file
    assert (file.delimiter, file.columns) == (sign, tuple(HEAD.split(",")))
    assert [row.cells[2] for row in first_rows(file, 5)] == ["sim_1", "sim_2"]


def test_hostile_cells_are_row_errors_or_plain_text(compared, pay, finance):
    payout = pay(1, gateway_reference='=HYPERLINK("x")')
    found = compared(
        '"txn\n1",refund,"=HYPERLINK(""x"")",-10.00,0,usd,2026-01-15,',
        "txn_2,refund,ref\x00two,-10.00,0,usd,2026-01-15,",
        f"txn_3,refund,{'r' * 300},-10.00,0,usd,2026-01-15,",
        "txn_4,refund",
        "txn_5,refund,r5,-10.00,0,usd,2026-01-15,,surplus",
        "txn_6,refund,r6,-10.005,0,usd,2026-01-15,",
        "txn_7,refund,r7,-10.00,x,zzz,2026-02-31,",
        "txn_8,refund,r8,,0,usd,,",
        "txn_9,refund,<script>alert(1)</script>,-9.00,,usd,,",
    )
    assert standings(found) == [(2, "matched", payout.pk), (11, "unmatched", None)]
    assert (found.failed_count, found.rows_done) == (7, 9)
    errors = [(e.line, e.column, e.value, e.message) for e in found.errors.all()]
    assert errors == [
        (4, "source", "ref\\x00two", "holds a NUL character: take it out"),
        (5, "source", "r" * 200, "is 300 characters long; at most 255 fit"),
        (6, "currency", "", "is empty: every payout needs it"),
        (
            7,
            "",
            "",
            "has 9 cells, the header has 8: put cells that hold the separator in double quotes",
        ),
        (8, "amount", "-10.005", "has more decimals than USD knows: write 2 decimals"),
        (9, "currency", "zzz", "must be the three letters of a currency, such as EUR"),
        (10, "amount", "", "is empty: every payout needs it"),
    ]
    answer = finance.get(reverse("desk:statement-errors", args=[found.pk]))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[5] == [
        "8",
        "amount",
        "'-10.005",
        "has more decimals than USD knows: write 2 decimals",
    ]
    answer = finance.get(reverse("desk:statement-rows", args=[found.pk]), {"tab": "matched"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(text)))["reference"] == '\'=HYPERLINK("x")'
    page = page_of(finance, found, "in-file")
    assert "<script>alert" not in page
    row = found.rows.get(line=11)
    page = finance.get(reverse("desk:statement-row", args=[found.pk, row.pk])).content.decode()
    assert "&lt;script&gt;alert(1)" in page


def test_signs_kinds_and_amounts_by_the_form(compared, pay):
    pay(1)
    head = "ref;betrag;art"
    plain = [
        "sim_1;1000;Erstattung",
        "sim_2;1000;Gutschrift",
        "sim_3;-10,00;x",
        "sim_4;0;Erstattung",
    ]
    found = compared(
        *plain,
        head=head,
        reference="0",
        amount="1",
        amount_format="minor",
        sign="by_kind",
        currency="USD",
        kind="2",
        kinds="ERSTATTUNG\r\nGutschrift",
    )
    assert [row[:2] for row in standings(found)] == [(2, "matched"), (3, "unmatched")]
    assert found.left_out == {"x": 1, "Erstattung": 1}


def test_a_mapping_that_cannot_be_is_shown_beside_its_field(upload, finance):
    from tests.statements.conftest import form_of

    upload(content_of(line()))
    found = Statement.objects.get()
    url = reverse("desk:statement-columns", args=[found.pk])
    said = form_of(finance.get(url).content.decode())
    for changes, message in (
        ({"amount": said["reference"]}, "cannot be the column of the reference"),
        ({"currency_column": "", "currency": "???"}, "three letters of a currency"),
        ({"sign": "by_kind", "kinds": ""}, "must name the values that mean a refund"),
        ({"kind": ""}, "must be chosen where values of it mean a refund"),
        ({"reference": "99"}, "the reference cannot be 99: choose one"),
        ({"source": "nobody"}, "the gateway cannot be nobody: choose one"),
        ({"first_day": "2026-01-01"}, "give both days"),
        ({"first_day": "2026-01-02", "last_day": "2026-01-01"}, "before the first day"),
        ({"first_day": "0001-01-01", "last_day": "9999-12-31"}, "name a day from"),
    ):
        answer = finance.post(url, {**said, **changes, "step": "save"})
        assert answer.status_code == 422, changes
        assert message in answer.content.decode().lower(), changes
    found.refresh_from_db()
    assert found.state == "uploaded"
    shown = finance.post(url, {**said, "step": "preview"})
    assert shown.status_code == 200
    assert "$10.00" in shown.content.decode()
    found.refresh_from_db()
    assert found.state == "uploaded"
    assert finance.post(url, {**said, "step": "save"}).status_code == 302
    assert finance.post(url, {**said, "step": "save"}).status_code == 302
    assert "chosen already" in finance.get(url, follow=True).content.decode()


def test_what_columns_meant_is_remembered(compared, upload, finance, pay):
    compared("a,-10.00,x", head="one,two,three", reference="2", amount="1", currency="EUR")
    upload(content_of("b,-11.00,y", head="one,two,three"))
    newest = Statement.objects.latest("pk")
    page = finance.get(reverse("desk:statement-columns", args=[newest.pk])).content.decode()
    assert "A file with these columns was here before" in page
    from tests.statements.conftest import form_of

    said = form_of(page)
    assert (said["reference"], said["amount"], said["currency"]) == ("2", "1", "EUR")
    upload(content_of("b,-11.00,y", head="one,two,other"))
    newest = Statement.objects.latest("pk")
    page = finance.get(reverse("desk:statement-columns", args=[newest.pk])).content.decode()
    assert "was here before" not in page


def test_a_sample_of_the_simulated_gateway_matches_the_desk(finance, store, pay, compared):
    from apps.payments.models import SimulatedPayment

    payouts = [pay(n, 1000 + n) for n in range(1, 8)]
    for payout in payouts:
        SimulatedPayment.objects.create(
            key=str(payout.idempotency_key),
            outcome="paid",
            reference=payout.gateway_reference,
            amount_cents=payout.amount_cents,
            currency="USD",
            destination="original_payment",
            order_identifier="ORD-1",
            refund_identifier=payout.refund.identifier,
        )
    SimulatedPayment.objects.create(
        key="of another store",
        outcome="paid",
        reference="sim_x",
        amount_cents=1,
        currency="USD",
        destination="x",
        order_identifier="x",
        refund_identifier="x",
    )
    url = reverse("desk:statement-sample")
    plain = b"".join(finance.get(url).streaming_content)
    found = compared(plain)
    assert [row[1:] for row in standings(found)] == [("matched", one.pk) for one in payouts]
    finance.post(reverse("desk:statement-set-aside", args=[found.pk]), {"reason": "next"})
    spoiled = b"".join(finance.get(url, {"differences": "1"}).streaming_content)
    found = compared(spoiled)
    assert [row[1] for row in standings(found)] == [
        "differs",
        "matched",
        "unmatched",
        "matched",
        "matched",
        "matched",
        "twice",
        "unmatched",
    ]
    page = finance.get(reverse("desk:statements")).content.decode()
    assert url in page
    store.payment_gateway = "stripe"
    store.save()
    assert url not in finance.get(reverse("desk:statements")).content.decode()


def test_mappings_survive_their_json():
    mapping = ColumnMapping(
        1, 2, COMMA, Sign.BY_KIND, None, "EUR", 3, DateOrder.DAY_FIRST, 4, 5, 6, ("a", "b")
    )
    assert ColumnMapping.from_json(mapping.to_json()) == mapping
