"""From the upload to the result: what matches, what differs, what is on one side only."""

import csv
import io
from datetime import UTC, date, datetime
from html import unescape

import pytest
from django.http import QueryDict
from django.urls import reverse

from apps.desk.reads.statements import statement_page
from apps.refunds.models import Payout
from apps.statements.models import Explanation, Statement, StatementRow
from apps.timeline.models import Event
from tests.statements.conftest import content_of, line, page_of, standings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mixed(pay, compared):
    """A file with something of everything."""
    payouts = {n: pay(n, 1000) for n in (1, 2, 3, 5, 6)}
    payouts[4] = pay(4, 1000, status="declined", gateway_reference="")
    found = compared(
        line(1),
        line(2, "-10.01"),
        line(3),
        line(3),
        line(4, source="x", key=str(payouts[4].idempotency_key)),
        line(9, "-7.00"),
        line(8, "25.00", type="charge"),
        line(5, "many"),
    )
    return found, payouts


def test_every_row_gets_its_standing(mixed):
    found, payouts = mixed
    assert standings(found) == [
        (2, "matched", payouts[1].pk),
        (3, "differs", payouts[2].pk),
        (4, "matched", payouts[3].pk),
        (5, "twice", payouts[3].pk),
        (6, "not_paid", payouts[4].pk),
        (7, "unmatched", None),
    ]
    assert (found.state, found.rows_total, found.rows_done) == ("done", 8, 8)
    assert (found.left_out, found.failed_count, found.open_count) == ({"charge": 1}, 1, 4)
    assert (found.first_day, found.last_day) == (date(2026, 1, 15), date(2026, 1, 15))
    assert found.source.gateway == "simulated"
    error = found.errors.get()
    assert (error.line, error.column, error.value, error.message) == (
        9,
        "amount",
        "many",
        "must be an amount such as 1,234.50 or -1234.50, without the currency",
    )


def test_the_page_adds_both_sides_up(mixed, finance):
    found, _ = mixed
    page = unescape(page_of(finance, found))
    # 10.00 + 10.01 + 10.00 + 10.00 + 10.00 + 7.00, and five payments of 10.00 that were made.
    assert "$57.01" in page
    assert "$50.00" in page
    assert "$7.01" in page
    assert 'aria-current="page">Paid twice' in page
    assert reverse("desk:refund", args=["REF-3"]) in page
    at_desk = page_of(finance, found, "at-desk")
    assert {name for name in ("REF-5", "REF-6") if name in at_desk} == {"REF-5", "REF-6"}
    assert "REF-1<" not in at_desk
    assert "Declined" in page_of(finance, found, "not-paid")
    assert "$10.01" in page_of(finance, found, "differs")
    assert "must be an amount" in page_of(finance, found, "unreadable")


@pytest.mark.parametrize(
    ("tab", "rows"),
    [
        ("matched", [("2", "REF-1"), ("4", "REF-3")]),
        ("differs", [("3", "REF-2")]),
        ("twice", [("5", "REF-3")]),
        ("not-paid", [("6", "REF-4")]),
        ("in-file", [("7", "")]),
        ("at-desk", [("", "REF-5"), ("", "REF-6")]),
        ("explained", []),
        ("repeated", []),
        ("nonsense", [("2", "REF-1"), ("4", "REF-3")]),
    ],
)
def test_each_tab_is_there_as_csv(mixed, finance, tab, rows):
    found, _ = mixed
    answer = finance.get(reverse("desk:statement-rows", args=[found.pk]), {"tab": tab})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    told = list(csv.DictReader(io.StringIO(text)))
    assert [(row["line"], row["refund"]) for row in told] == rows
    if tab == "differs":
        assert (told[0]["amount"], told[0]["desk_amount"], told[0]["currency"]) == (
            "10.01",
            "10.00",
            "USD",
        )


def test_the_same_file_again_is_offered_and_not_taken_in(mixed, finance, upload):
    found, _ = mixed
    content = bytes(Statement.objects.get(pk=found.pk).content)
    answer = upload(content, "other-name.csv")
    assert answer["Location"] == reverse("desk:statement", args=[found.pk])
    assert "uploaded before" in finance.get(answer["Location"]).content.decode()
    assert Statement.objects.count() == 1
    kept = finance.get(reverse("desk:statement-file", args=[found.pk]))
    assert kept.content == content


def test_set_aside_it_gives_its_payments_back(mixed, finance, upload, compared):
    found, payouts = mixed
    content = bytes(found.content)
    url = reverse("desk:statement-set-aside", args=[found.pk])
    assert "Write why" in finance.post(url, {"reason": " "}, follow=True).content.decode()
    assert Statement.objects.get(pk=found.pk).state == "done"
    page = finance.post(url, {"reason": "wrong columns"}, follow=True).content.decode()
    assert "wrong columns" in page
    again = compared(content)
    assert again.pk != found.pk
    assert standings(again)[0] == (2, "matched", payouts[1].pk)
    assert StatementRow.objects.filter(statement=found).count() == 6
    assert not StatementRow.objects.filter(statement=found, holds_payout=True).exists()


def test_files_that_overlap_repeat_and_do_not_pay_twice(pay, compared, finance):
    pay(1)
    pay(2, finished_at=datetime(2026, 1, 16, tzinfo=UTC))
    first = compared(line(1), line(7, "-3.00"))
    second = compared(line(1), line(7, "-3.00"), line(2, created="2026-01-16"))
    assert [row[1] for row in standings(first)] == ["matched", "unmatched"]
    assert [row[1] for row in standings(second)] == ["repeated", "repeated", "matched"]
    assert "without 2 rows of an earlier file" in page_of(finance, second)
    [total] = statement_page(second, QueryDict()).totals
    assert (total.count, total.file_cents, total.desk_cents) == (1, 1000, 1000)
    assert second.open_count == 0


def test_what_a_set_aside_file_told_first_is_found_by_the_other(pay, compared, finance, drain):
    payout = pay(1)
    first, second = compared(line(1)), compared(line(1), line(2))
    assert standings(second)[0] == (2, "repeated", payout.pk)
    finance.post(reverse("desk:statement-set-aside", args=[first.pk]), {"reason": "wrong"})
    drain()
    assert standings(second)[0] == (2, "matched", payout.pk)


@pytest.mark.parametrize(
    ("paid_at", "booked_on", "days"),
    [
        (datetime(2026, 1, 15, 23, 59, tzinfo=UTC), "2026-01-16 00:00:05", (15, 16)),
        (datetime(2026, 1, 15, 0, 1, tzinfo=UTC), "2026-01-14 23:59:55", (15, 14)),
        (datetime(2026, 1, 15, 23, 59, tzinfo=UTC), "2026-01-22 10:00:00", (15, 22)),
    ],
)
def test_a_payment_in_the_file_of_another_day_is_missed_no_more(
    pay, compared, finance, paid_at, booked_on, days
):
    pay(1)
    late = pay(2, finished_at=paid_at)
    first = compared(line(1))
    assert (first.first_day, first.last_day) == (date(2026, 1, 15), date(2026, 1, 15))
    assert (first.missed_count, first.differences) == (1, 1)
    assert "REF-2<" in page_of(finance, first, "at-desk")
    second = compared(line(2, created=booked_on))
    assert (first.first_day.day, second.first_day.day) == days
    assert standings(second) == [(2, "matched", late.pk)]
    first.refresh_from_db()
    assert (first.missed_count, first.differences, second.missed_count) == (0, 0, 0)
    assert "REF-2<" not in page_of(finance, first, "at-desk")
    finance.post(reverse("desk:statement-set-aside", args=[second.pk]), {"reason": "wrong"})
    first.refresh_from_db()
    assert first.missed_count == 1


def test_set_aside_it_hides_no_payment_that_was_explained_on_it(pay, compared, finance):
    pay(1)
    payout = pay(2)
    first, second = compared(line(1)), compared(line(7, "-3.00"))
    assert (first.missed_count, second.missed_count) == (1, 1)
    explain = reverse("desk:statement-payout-explain", args=[second.pk, payout.pk])
    finance.post(explain, {"reason": "booked in February"})
    first.refresh_from_db()
    assert first.missed_count == 0
    assert "REF-2<" not in page_of(finance, first, "at-desk")
    finance.post(reverse("desk:statement-set-aside", args=[second.pk]), {"reason": "wrong file"})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.missed_count, second.missed_count) == (1, 0)
    assert "REF-2<" in page_of(finance, first, "at-desk")
    said = Explanation.objects.get()
    assert (said.reason, said.undone_by.username) == ("booked in February", "fay")
    assert said.undone_at >= second.set_aside_at
    told = Event.objects.filter(kind="refund.statement").order_by("pk")
    assert list(told.values_list("summary", flat=True)) == [
        "Payment of $10.00: In no statement, explained: booked in February",
        "Payment of $10.00: Explanation taken back: booked in February",
    ]
    again = reverse("desk:statement-payout-explain", args=[first.pk, payout.pk])
    finance.post(again, {"reason": "booked in March"})
    first.refresh_from_db()
    assert first.missed_count == 0
    assert Explanation.objects.count() == 2


def test_comparing_again_takes_over_what_is_known_now(pay, compared, finance, drain):
    payout = pay(1, status="unknown", finished_at=None, gateway_reference="")
    found = compared(line(1, key=str(payout.idempotency_key)), line(2))
    assert standings(found) == [(2, "not_paid", payout.pk), (3, "unmatched", None)]
    Payout.objects.filter(pk=payout.pk).update(status="paid", finished_at=datetime.now(UTC))
    later = pay(2)
    finance.post(reverse("desk:statement-compare", args=[found.pk]))
    drain()
    found.refresh_from_db()
    assert standings(found) == [(2, "matched", payout.pk), (3, "matched", later.pk)]
    assert (found.state, found.open_count) == ("done", 0)


def test_only_payments_of_its_days_and_its_gateway_are_missed(pay, compared, finance):
    pay(1)
    pay(2, gateway="manual")
    pay(3, finished_at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    pay(4, finished_at=datetime(2026, 2, 1, tzinfo=UTC))
    pay(5, status="unknown")
    found = compared(line(9), first_day="2026-01-15", last_day="2026-01-31")
    page = page_of(finance, found, "at-desk")
    assert [n for n in range(1, 6) if f"REF-{n}<" in page] == [1, 3]


def test_days_begin_on_the_clock_of_the_store(store, pay, compared, finance):
    store.time_zone = "America/New_York"
    store.save()
    pay(1, finished_at=datetime(2026, 1, 15, 4, 59, tzinfo=UTC))
    pay(2, finished_at=datetime(2026, 1, 15, 5, 0, tzinfo=UTC))
    page = page_of(finance, compared(line(9)), "at-desk")
    assert [n for n in (1, 2) if f"REF-{n}<" in page] == [2]


def test_rows_that_are_no_refunds_tell_days_too(pay, compared, finance):
    pay(1)
    found = compared(
        line(9, created="2026-01-20"), line(8, "5", type="charge", created="2026-01-02")
    )
    assert (found.first_day, found.last_day) == (date(2026, 1, 2), date(2026, 1, 20))
    assert "REF-1<" in page_of(finance, found, "at-desk")


def test_a_file_without_days_covers_those_of_its_payments(pay, compared):
    pay(1)
    found = compared(line(1), date="")
    assert (found.first_day, found.last_day) == (date(2026, 1, 15), date(2026, 1, 15))


def test_currencies_are_counted_apart_by_their_own_precision(pay, compared, finance):
    pay(1, 1500, currency="JPY")
    pay(2, 1234, currency="EUR")
    found = compared(line(1, "-1500", currency="jpy"), line(2, "-12.34", currency="eur"))
    assert [row[1] for row in standings(found)] == ["matched", "matched"]
    page = page_of(finance, found)
    assert "¥1,500" in page
    assert "€12.34" in page


def test_a_store_sees_nothing_of_another(pay, compared, finance, store, django_user_model):
    from apps.accounts.models import Role
    from apps.stores.models import Store
    from tests.statements.conftest import browser_of, payer_of

    mine = pay(1)
    other = Store.objects.create(identifier="two", name="Two", payment_gateway="simulated")
    theirs = payer_of(other)(1, idempotency_key="00000000-0000-0000-0000-0000000000ff")
    found = compared(line(1), line(2, key=str(theirs.idempotency_key)))
    assert standings(found) == [(2, "matched", mine.pk), (3, "unmatched", None)]
    assert theirs.gateway_reference == mine.gateway_reference
    neighbor = browser_of(other, Role.FINANCE, "nina")
    row = found.rows.first()
    for name, args in (
        ("statement", [found.pk]),
        ("statement-columns", [found.pk]),
        ("statement-file", [found.pk]),
        ("statement-rows", [found.pk]),
        ("statement-row", [found.pk, row.pk]),
        ("statement-payout", [found.pk, mine.pk]),
    ):
        assert neighbor.get(reverse(f"desk:{name}", args=args)).status_code == 404
        assert finance.get(reverse(f"desk:{name}", args=args)).status_code in (200, 302)
    assert found.name not in neighbor.get(reverse("desk:statements")).content.decode()
    url = reverse("desk:statement-payout", args=[found.pk, theirs.pk])
    assert finance.get(url).status_code == 404


def test_a_long_tab_is_read_by_pages(compared, finance, monkeypatch):
    monkeypatch.setattr("apps.desk.keyset.PAGE_SIZE", 2)
    monkeypatch.setattr("apps.desk.keyset.keyset_page.__defaults__", (2,))
    found = compared(*(line(n) for n in range(1, 6)))
    url = reverse("desk:statement", args=[found.pk])

    def seen(query):
        page = finance.get(url, {"tab": "in-file", **query}).context["page"].page
        return [row.line for row in page.rows], page

    lines, first = seen({})
    assert (lines, first.before) == ([2, 3], None)
    lines, second = seen({"after": first.after})
    assert lines == [4, 5]
    lines, last = seen({"after": second.after})
    assert (lines, last.after) == ([6], None)
    assert seen({"before": last.before})[0] == [4, 5]
    lines, back = seen({"before": second.before})
    assert (lines, back.before) == ([2, 3], None)
    assert seen({"after": "x"})[0] == [2, 3]
    assert seen({"before": "1"})[0] == [2, 3]
    assert seen({"after": "9" * 30})[0] == [2, 3]


def test_reading_is_continued_where_it_stopped(compared, pay, monkeypatch):
    monkeypatch.setattr("apps.statements.imports.CHUNK_ROWS", 1)
    monkeypatch.setattr("apps.statements.imports.SECONDS_PER_RUN", -1.0)
    payouts = [pay(n) for n in range(1, 5)]
    found = compared(*(line(n) for n in range(1, 5)), line(1))
    assert [row[1:] for row in standings(found)] == [
        *(("matched", one.pk) for one in payouts),
        ("twice", payouts[0].pk),
    ]


def test_canceled_while_it_is_read_it_writes_nothing_more(upload, finance, monkeypatch, drain, pay):
    from apps.outbox.runner import run_next
    from tests.statements.conftest import form_of

    monkeypatch.setattr("apps.statements.imports.CHUNK_ROWS", 1)
    monkeypatch.setattr("apps.statements.imports.SECONDS_PER_RUN", -1.0)
    pay(1)
    upload(content_of(line(1), line(2), line(3)))
    found = Statement.objects.get()
    url = reverse("desk:statement-columns", args=[found.pk])
    finance.post(url, {**form_of(finance.get(url).content.decode()), "step": "save"})
    while found.state != "reading":
        assert run_next()
        found.refresh_from_db()
    assert "Waits" not in page_of(finance, found)
    assert "1 of 3 rows" in page_of(finance, found)
    finance.post(reverse("desk:statement-set-aside", args=[found.pk]), {"reason": "wrong file"})
    drain()
    found.refresh_from_db()
    assert (found.state, found.rows_done, found.rows.count()) == ("set_aside", 1, 1)


def test_lists_and_results_cost_the_same_for_one_and_three(
    pay, compared, finance, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost(url, query=None):
        finance.get(url, query)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert finance.get(url, query).status_code == 200
        return len(captured)

    tabs = ("in-file", "matched", "at-desk", "twice")
    listing = reverse("desk:statements")
    for n in (1, 2, 3, 4, 5, 6):
        pay(n)
    one = compared(line(1), line(1), line(9))
    few = [
        cost(listing),
        *(cost(reverse("desk:statement", args=[one.pk]), {"tab": t}) for t in tabs),
    ]
    three = compared(
        *(line(n) for n in (2, 3, 4)), *(line(n) for n in (2, 3, 4)), *(line(n) for n in (7, 8, 19))
    )
    compared(line(27))
    many = [
        cost(listing),
        *(cost(reverse("desk:statement", args=[three.pk]), {"tab": t}) for t in tabs),
    ]
    assert many == few
    assert max(few) <= 25
