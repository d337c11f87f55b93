"""The journal, the entries and the trial balance: what was booked, on which day, known when."""

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
import time_machine
from django.http import QueryDict

from apps.ledger.periods import close_month
from apps.ledger.rules import OPTORO_PAYABLE, SALES_RETURNS, SALES_TAX, SHOPPER_PAYABLE, cash
from apps.ledger.services import book
from apps.ledger.types import Booking, Leg
from apps.refunds.models import Refund
from apps.reports.asking import question_of
from apps.reports.files import facts_of, file_name
from apps.reports.registry import report_named
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import person
from tests.support.refunds import utc
from tests.support.reports import bars_of, before_of, queries_of, rows_of, sums_of

pytestmark = pytest.mark.django_db
SIMULATED = cash("simulated")


def refund_on(refunded: Any, moment: Any, number: int = 1, **more: Any) -> Refund:
    with time_machine.travel(moment, tick=False):
        return refunded(number, **more)


def test_the_journal_has_a_row_for_each_pair_of_accounts_and_day(store: Store, refunded) -> None:
    refund_on(refunded, utc(2026, 2, 3, 12))
    rows = rows_of("journal", store, "since=2026-02-03&until=2026-02-03")
    seen = [(r["day"], r["debit_account"], r["credit_account"], r["amount"]) for r in rows]
    # 13056 is 12800 and a quarter of the line's tax of 1024.
    assert seen == [
        (date(2026, 2, 3), SALES_RETURNS, SHOPPER_PAYABLE, 12800),
        (date(2026, 2, 3), SALES_TAX, SHOPPER_PAYABLE, 256),
        (date(2026, 2, 3), SHOPPER_PAYABLE, SIMULATED, 13056),
    ]
    assert {r["figures"] for r in rows} == {"open"}
    assert sums_of("journal", store, "since=2026-02-03&until=2026-02-03") == {
        "USD": {"amount": 26112, "postings": 3}
    }
    accounts = rows_of("journal-by-account", store, "since=2026-02-03&until=2026-02-03")
    assert [(r["account"], r["debit"], r["credit"], r["net"]) for r in accounts] == [
        (SALES_RETURNS, 12800, 0, 12800),
        (SALES_TAX, 256, 0, 256),
        (SHOPPER_PAYABLE, 13056, 13056, 0),
        (SIMULATED, 0, 13056, -13056),
    ]


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        # Their days begin seven hours later, and nine earlier, than UTC's.
        ("America/Los_Angeles", utc(2026, 7, 1, 7), utc(2026, 8, 1, 6, 59, 59)),
        ("Asia/Tokyo", utc(2026, 6, 30, 15), utc(2026, 7, 31, 14, 59, 59)),
    ],
)
def test_both_ends_of_a_month_are_the_stores_own(
    store: Store, refunded, zone: str, first: Any, last: Any
) -> None:
    Store.objects.filter(pk=store.pk).update(time_zone=zone)
    store.refresh_from_db()
    second = utc(2026, 1, 1, 0, 0, 1) - utc(2026, 1, 1)
    for number, moment in enumerate((first - second, first, last, last + second)):
        refund_on(refunded, moment, number)
    july = "since=2026-07-01&until=2026-07-31"
    days = [row["day"] for row in rows_of("journal", store, july)]
    assert days == [date(2026, 7, 1)] * 3 + [date(2026, 7, 31)] * 3
    assert {row["order"] for row in rows_of("entries", store, july)} == {"ORD-1", "ORD-2"}
    assert sums_of("trial-balance", store, f"mode=period&{july}")["USD"]["debit"] == 52224
    # As of July's end what was booked in June is in the balance, too.
    assert sums_of("trial-balance", store, july)["USD"]["debit"] == 78336


def test_entries_say_what_they_are_about(store: Store, refunded, finance) -> None:
    refund = refund_on(refunded, utc(2026, 2, 3, 12))
    rows = rows_of("entries", store, "since=2026-02-03&until=2026-02-03")
    assert [(r["kind"], r["debit_account"], r["amount"]) for r in rows] == [
        ("refund.owed", SALES_RETURNS, 12800),
        ("refund.owed", SALES_TAX, 256),
        ("payout.paid", SHOPPER_PAYABLE, 13056),
    ]
    assert {(r["order"], r["rma"], r["refund"]) for r in rows} == {
        ("ORD-1", "RMA-1", refund.identifier)
    }
    assert refund.identifier in rows[0]["memo"]
    assert rows[0]["happened_at"] == rows[0]["recorded_at"] == utc(2026, 2, 3, 12)
    page = finance.get("/reports/entries/?since=2026-02-03&until=2026-02-03").content.decode()
    assert f'href="/refunds/{refund.identifier}/"' in page
    assert 'href="/orders/ORD-1/"' in page
    only_tax = rows_of("entries", store, f"since=2026-02-03&account={SALES_TAX}")
    assert [r["amount"] for r in only_tax] == [256]


def test_entries_of_an_account_add_up_to_what_the_trial_balance_says(
    store: Store, refunded, finance
) -> None:
    refunded(1)
    days = "period=all"
    balance = rows_of("trial-balance", store, f"{days}&mode=period")
    assert len(balance) > 2
    for row in balance:
        found = sums_of("entries", store, f"{days}&account={row['account']}")["USD"]
        assert (found["debited"], found["credited"]) == (row["debit"], row["credit"])
    rows_of("entries", store, f"{days}&account={SALES_TAX}")
    assert sums_of("entries", store, days)["USD"]["debited"] == 0
    of_all = finance.get(f"/reports/entries/?{days}").content.decode()
    of_one = finance.get(f"/reports/entries/?{days}&account={SALES_TAX}").content.decode()
    card = "<dt>Debited to the account</dt>"
    assert (card in of_all, card in of_one) == (False, True)


def test_entries_go_on_from_page_to_page_by_day(store: Store, refunded, finance) -> None:
    # 24 refunds of 3 postings are two pages.
    for number in range(24):
        refund_on(refunded, utc(2026, 2, 1 + number // 12, 12), number)
    first = finance.get("/reports/entries/?since=2026-02-01&until=2026-02-28").content.decode()
    assert "The first 50 of 72 rows" in first
    [behind] = re.findall(r'rel="next" href="([^"]*)"', first)
    second = finance.get(unescape(behind)).content.decode()
    assert "22 rows further on" in second
    [back] = re.findall(r'rel="prev" href="([^"]*)"', second)
    assert rows_at(finance, unescape(back)) == first.split("<tbody>")[1].split("</tbody>")[0]
    nonsense = finance.get("/reports/entries/?since=2026-02-01&until=2026-02-28&after=[1,2,3]")
    assert "The first 50" in nonsense.content.decode() or "72 rows" in nonsense.content.decode()


def pages_on(browser: Any, address: str, link: str) -> list[str]:
    """The addresses from a page on, as long as it has such a link."""
    found = [address]
    while True:
        page = browser.get(found[-1]).content.decode()
        links = re.findall(rf'rel="{link}" href="([^"]*)"', page)
        if not links:
            return found
        found.append(unescape(links[0]))


def rows_at(browser: Any, address: str) -> str:
    page = browser.get(address).content.decode()
    return str(page.split("<tbody>")[1].split("</tbody>")[0])


def test_pages_lead_back_the_way_one_came(store: Store, refunded, finance, monkeypatch) -> None:
    monkeypatch.setattr("apps.reports.reading.PAGE_ROWS", 2)
    monkeypatch.setattr("apps.desk.reads.reports._MOST_BACK", 3)
    for number in range(4):
        refund_on(refunded, utc(2026, 2, 1 + number, 12), number)
    forth = pages_on(finance, "/reports/entries/?since=2026-02-01&until=2026-02-28", "next")
    assert len(forth) == 6
    # As far back as the address remembers, page by page.
    back = pages_on(finance, forth[-1], "prev")
    assert [rows_at(finance, at) for at in back] == [rows_at(finance, at) for at in forth[:1:-1]]
    assert len(forth[-1]) < 400
    short = pages_on(finance, forth[2], "prev")
    assert short[-1].rstrip("?") == forth[0]
    assert [rows_at(finance, at) for at in short] == [rows_at(finance, at) for at in forth[2::-1]]
    for odd in ("back=[1,2,3]", "back=" + "x" * 300, "back=&back=nonsense"):
        assert finance.get(f"{forth[1]}&{odd}").status_code == 200
        [before, *_] = pages_on(finance, f"{forth[1]}&{odd}", "prev")[1:] or [forth[0]]
        assert finance.get(before).status_code == 200


def late_booking(store: Store, cents: int = 700) -> None:
    """What happened on February 3rd, and is only told now."""
    book(
        Booking(
            store=store,
            key=f"late:{cents}",
            kind="refund.outside",
            currency="USD",
            debited=(Leg(SALES_RETURNS, cents),),
            credited=(Leg(cash("outside"), cents),),
            happened_at=utc(2026, 2, 3, 13),
            memo="told late",
        )
    )


def test_as_of_a_day_that_is_over_the_figures_never_change(store: Store, refunded) -> None:
    refund_on(refunded, utc(2026, 2, 3, 12))
    of_february_3 = "until=2026-02-03"
    with time_machine.travel(utc(2026, 2, 10, 12), tick=False):
        before = rows_of("trial-balance", store, of_february_3)
        late_booking(store)
        assert rows_of("trial-balance", store, of_february_3) == before
        # The same booking is in what is known by now, and in a later balance.
        assert sums_of("trial-balance", store, "until=2026-02-10")["USD"]["debit"] == 26812
        in_days = "mode=period&since=2026-02-03&until=2026-02-03"
        assert sums_of("trial-balance", store, in_days)["USD"]["debit"] == 26812
        journal = "since=2026-02-03&until=2026-02-03"
        assert sums_of("journal", store, journal)["USD"]["amount"] == 26812
        assert sums_of("journal", store, f"{journal}&known=2026-02-09")["USD"]["amount"] == 26112
    assert {row["figures"] for row in before} == {"final"}
    assert [(r["account"], r["debit"], r["credit"], r["balance"]) for r in before] == [
        (SALES_RETURNS, 12800, 0, 12800),
        (SALES_TAX, 256, 0, 256),
        (SHOPPER_PAYABLE, 13056, 13056, 0),
        (SIMULATED, 0, 13056, -13056),
    ]
    assert {row["last_day"] for row in before} == {date(2026, 2, 3)}


def test_what_can_still_change_is_called_so(store: Store, refunded) -> None:
    refund_on(refunded, utc(2026, 2, 3, 12))
    with time_machine.travel(utc(2026, 2, 3, 13), tick=False):
        assert {r["figures"] for r in rows_of("trial-balance", store, "until=2026-02-03")} == {
            "open"
        }
    days = "since=2026-02-01&until=2026-02-28"
    with time_machine.travel(utc(2026, 3, 3, 13), tick=False):
        assert {r["figures"] for r in rows_of("journal", store, days)} == {"open"}
        user = person("closer")
        close_month(store=store, month=date(2026, 2, 1), user_id=user.pk)
        assert {r["figures"] for r in rows_of("journal", store, days)} == {"final"}
        in_days = rows_of("trial-balance", store, f"mode=period&{days}")
        assert {r["figures"] for r in in_days} == {"final"}
        # What is told now of a closed day is booked on the first open one.
        late_booking(store)
        assert sums_of("journal", store, days)["USD"]["amount"] == 26112
        assert sums_of("journal", store, "since=2026-03-01")["USD"]["amount"] == 700


def test_a_day_that_is_not_over_cannot_be_known(finance, store: Store) -> None:
    with time_machine.travel(utc(2026, 2, 10, 12)):
        page = finance.get("/reports/journal/?known=2026-02-10").content.decode()
        assert "2026-02-10 is not over yet: name a day before 2026-02-10" in page
        page = finance.get("/reports/journal/?known=2026-02-09").content.decode()
        assert "is not over yet" not in page


def test_currencies_and_stores_stay_apart(store: Store, refunded) -> None:
    refund_on(refunded, utc(2026, 2, 3, 12), 1)
    refund_on(refunded, utc(2026, 2, 3, 13), 2, order={"currency": "EUR"})
    day = "since=2026-02-03&until=2026-02-03"
    for name in ("journal", "entries"):
        assert {c: s["amount"] for c, s in sums_of(name, store, day).items()} == {
            "USD": 26112,
            "EUR": 26112,
        }
    assert len(rows_of("journal", store, f"{day}&currency=eur")) == 3
    balances = sums_of("trial-balance", store, "until=2026-02-03")
    assert balances == {
        code: {"debit": 26112, "credit": 26112, "balance": 0} for code in ("USD", "EUR")
    }
    other = Store.objects.create(identifier="store-two", name="Two")
    for name in ("journal", "journal-by-account", "entries", "trial-balance"):
        assert rows_of(name, other, day) == []
        assert bars_of(name, other, day) == {}


def test_the_period_before_stands_beside_it(store: Store, refunded) -> None:
    refund_on(refunded, utc(2026, 2, 3, 12), 1)
    refund_on(refunded, utc(2026, 2, 4, 12), 2)
    refund_on(refunded, utc(2026, 2, 4, 13), 3)
    day = "since=2026-02-04&until=2026-02-04"
    assert before_of("journal", store, day)["USD"]["amount"] == 26112
    assert sums_of("journal", store, day)["USD"]["amount"] == 52224
    assert before_of("trial-balance", store, day)["USD"]["debit"] == 26112
    assert bars_of("journal", store, "since=2026-02-03&until=2026-02-05") == {
        "2026-02-03": 26112,
        "2026-02-04": 52224,
        "2026-02-05": 0,
    }
    assert bars_of("trial-balance", store, "until=2026-02-04")["Cash (simulated)"] == 39168
    assert bars_of("trial-balance", store, "until=2026-02-04")["Owed to shoppers"] == 0


def test_rows_lead_to_the_entries_behind_them(store: Store, refunded, finance) -> None:
    refund_on(refunded, utc(2026, 2, 3, 12))
    page = finance.get("/reports/trial-balance/?until=2026-02-03").content.decode()
    leads = [unescape(part.split('"')[0]) for part in page.split('href="/reports/entries/?')[1:]]
    assert {
        "until": "2026-02-03",
        "known": "2026-02-03",
        "account": SALES_TAX,
        "currency": "USD",
    } in [QueryDict(lead).dict() for lead in leads]
    entries = rows_of(
        "entries", store, f"until=2026-02-03&known=2026-02-03&account={SALES_TAX}&currency=USD"
    )
    assert [row["amount"] for row in entries] == [256]


@pytest.mark.parametrize("name", ["journal", "journal-by-account", "entries", "trial-balance"])
def test_more_rows_take_no_more_queries(name: str, store: Store, refunded) -> None:
    query = "since=2026-02-01&until=2026-02-28"
    refund_on(refunded, utc(2026, 2, 3, 12), 1)
    # The first who asks as of a day settles it.
    queries_of(name, store, query)
    one = queries_of(name, store, query)
    refund_on(refunded, utc(2026, 2, 4, 12), 2)
    refund_on(refunded, utc(2026, 2, 5, 12), 3)
    assert queries_of(name, store, query) == one
    assert len(rows_of(name, store, query)) >= 4


def test_a_settled_exchange_is_owed_to_optoro(store: Store, refunded) -> None:
    settled = {"refund_type": "INSTANT_EXCHANGE", "is_exchange": True}
    figures = {
        "estimated_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 0,
        "optoro_refund_amount_cents": 13056,
    }
    units = [builders.unit("ORD-1", refund_financials=figures, **settled)]
    refund_on(refunded, utc(2026, 2, 3, 12), units=units)
    rows = rows_of("trial-balance", store, "until=2026-02-03")
    assert {r["account"]: r["balance"] for r in rows} == {
        SALES_RETURNS: 12800,
        SALES_TAX: 256,
        OPTORO_PAYABLE: -13056,
    }


def test_a_file_as_of_a_day_says_so_and_one_of_days_does_not(store: Store) -> None:
    report = report_named("trial-balance")
    assert report is not None
    told = {}
    for mode in ("", "period"):
        query = f"since=2026-03-01&until=2026-03-31&mode={mode}"
        question = question_of(report, store, query)
        facts = dict(facts_of(report, question, "finance"))
        days = {name: facts[name] for name in facts if name in ("As of the end of", "From", "To")}
        told[mode] = (file_name(report, question, "csv").rpartition(store.identifier)[2], days)
    assert told == {
        "": ("-as-of-2026-03-31.csv", {"As of the end of": "2026-03-31"}),
        "period": ("-2026-03-01-2026-03-31.csv", {"From": "2026-03-01", "To": "2026-03-31"}),
    }
