"""What people say of rows and payments: confirmed, refused, explained, taken back, kept."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.accounts.models import Role
from apps.common.kept_rows import RowIsKept
from apps.statements.models import Explanation, Pairing, StatementRow
from apps.timeline.models import Event
from tests.statements.conftest import browser_of, line, page_of, standings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bare(pay, compared):
    """A row without a reference, and a payment that may be it."""
    payout = pay(1)
    pay(2, 999)
    pay(3, finished_at=datetime(2026, 1, 23, 1, tzinfo=UTC))
    pay(4, gateway="manual")
    pay(5, currency="EUR")
    found = compared(line(1, source=""))
    return found, found.rows.get(), payout


def say(browser, name, *args, **data):
    answer = browser.post(reverse(f"desk:{name}", args=args), data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_only_what_looks_alike_is_suggested(bare, finance):
    found, row, _ = bare
    assert standings(found) == [(2, "unmatched", None)]
    assert "1 payment may be it" in page_of(finance, found, "in-file")
    page = finance.get(reverse("desk:statement-row", args=[found.pk, row.pk])).content.decode()
    assert "REF-1<" in page
    assert not any(f"REF-{n}<" in page for n in (2, 3, 4, 5))


def test_a_confirmed_pair_is_matched_and_can_be_taken_back(bare, finance):
    found, row, payout = bare
    say(finance, "statement-row-pair", found.pk, row.pk, payout=payout.pk, answer="yes")
    row.refresh_from_db()
    found.refresh_from_db()
    assert (row.standing, row.way, row.payout, row.desk_amount_cents) == (
        "matched",
        "person",
        payout,
        1000,
    )
    assert found.open_count == 0
    assert "REF-1<" not in page_of(finance, found, "at-desk")
    said = Pairing.objects.get()
    assert (said.is_confirmed, said.author.username) == (True, "fay")
    page = say(finance, "statement-pair-undo", found.pk, said.pk)
    assert "taken back by" in page
    row.refresh_from_db()
    found.refresh_from_db()
    said.refresh_from_db()
    assert (row.standing, row.payout, row.holds_payout) == ("unmatched", None, False)
    assert (found.open_count, said.undone_by.username) == (1, "fay")
    assert "REF-1<" in page_of(finance, found, "at-desk")
    assert list(
        Event.objects.filter(kind="refund.statement")
        .order_by("pk")
        .values_list("summary", flat=True)
    ) == [
        "Payment of $10.00: Recognized in the statement payouts.csv, line 2",
        "Payment of $10.00: No longer recognized in the statement payouts.csv, line 2",
    ]
    assert "undone before" in say(finance, "statement-pair-undo", found.pk, said.pk)


def test_a_refused_pair_is_not_suggested_again_until_that_is_undone(bare, finance):
    found, row, payout = bare
    say(finance, "statement-row-pair", found.pk, row.pk, payout=payout.pk, answer="no")
    assert "Explain…" in page_of(finance, found, "in-file")
    page = say(finance, "statement-row-pair", found.pk, row.pk, payout=payout.pk)
    assert "said already that these two are not the same" in page
    assert standings(found) == [(2, "unmatched", None)]
    say(finance, "statement-pair-undo", found.pk, Pairing.objects.get().pk)
    say(finance, "statement-row-pair", found.pk, row.pk, payout=payout.pk)
    assert standings(found) == [(2, "matched", payout.pk)]


@pytest.mark.parametrize("number", [2, 3, 4, 5, 0])
def test_a_payment_that_cannot_be_it_is_refused(bare, finance, number):
    from apps.refunds.models import Payout

    found, row, _ = bare
    pk = Payout.objects.get(refund__identifier=f"REF-{number}").pk if number else "x"
    page = say(finance, "statement-row-pair", found.pk, row.pk, payout=pk)
    assert "other figures or another time" in page
    assert standings(found) == [(2, "unmatched", None)]


def test_a_payment_of_another_row_is_refused(pay, compared, finance):
    payout = pay(1)
    found = compared(line(1), line(2, source=""))
    row = found.rows.get(line=3)
    page = say(finance, "statement-row-pair", found.pk, row.pk, payout=payout.pk)
    assert "belongs to another row already" in page
    assert standings(found) == [(2, "matched", payout.pk), (3, "unmatched", None)]


def test_what_is_not_paid_here_can_be_recognized_too(pay, compared, finance):
    payout = pay(1, status="unknown", gateway_reference="", finished_at=None)
    type(payout).objects.update(created_at=datetime(2026, 1, 14, tzinfo=UTC))
    found = compared(line(1, source="other"))
    row = found.rows.get()
    say(finance, "statement-row-pair", found.pk, row.pk, payout=payout.pk)
    assert standings(found) == [(2, "not_paid", payout.pk)]
    found.refresh_from_db()
    assert found.open_count == 1


def test_a_row_is_explained_and_open_again(bare, finance):
    found, row, _ = bare
    page = say(finance, "statement-row-explain", found.pk, row.pk, reason="")
    assert "Write why" in page
    assert Explanation.objects.count() == 0
    say(finance, "statement-row-explain", found.pk, row.pk, reason="a refund of the old system")
    found.refresh_from_db()
    assert found.open_count == 0
    assert "a refund of the old system" in page_of(finance, found, "explained")
    assert "Nothing here" in page_of(finance, found, "in-file")
    again = say(finance, "statement-row-explain", found.pk, row.pk, reason="again")
    assert "nothing left to explain" in again
    said = Explanation.objects.get()
    say(finance, "statement-explanation-undo", found.pk, said.pk)
    found.refresh_from_db()
    said.refresh_from_db()
    assert (found.open_count, said.undone_by.username) == (1, "fay")
    assert "undone before" in say(finance, "statement-explanation-undo", found.pk, said.pk)


def test_a_payment_in_no_file_is_explained_and_open_again(pay, compared, finance):
    payout = pay(1)
    found = compared(line(9))
    assert "REF-1<" in page_of(finance, found, "at-desk")
    say(finance, "statement-payout-explain", found.pk, payout.pk, reason="booked in February")
    assert "REF-1<" not in page_of(finance, found, "at-desk")
    explained = page_of(finance, found, "explained")
    assert "REF-1<" in explained
    assert "booked in February" in explained
    again = say(finance, "statement-payout-explain", found.pk, payout.pk, reason="again")
    assert "nothing left to explain" in again
    say(finance, "statement-explanation-undo", found.pk, Explanation.objects.get().pk)
    assert "REF-1<" in page_of(finance, found, "at-desk")
    assert Event.objects.filter(kind="refund.statement").count() == 2


def test_a_matched_row_needs_no_explanation(pay, compared, finance):
    pay(1)
    found = compared(line(1))
    page = say(finance, "statement-row-explain", found.pk, found.rows.get().pk, reason="why")
    assert "nothing left to explain" in page
    assert Explanation.objects.count() == 0


def test_explained_rows_stay_explained_when_compared_again(pay, compared, finance, drain):
    found = compared(line(1))
    say(finance, "statement-row-explain", found.pk, found.rows.get().pk, reason="why")
    pay(1)
    finance.post(reverse("desk:statement-compare", args=[found.pk]))
    drain()
    assert standings(found) == [(2, "unmatched", None)]
    found.refresh_from_db()
    assert found.open_count == 0


def test_who_only_looks_sees_the_buttons_disabled_and_why(bare, store):
    found, row, payout = bare
    lead = browser_of(store, Role.LEAD, "lea")
    for url in (
        reverse("desk:statements"),
        reverse("desk:statement", args=[found.pk]),
        reverse("desk:statement-row", args=[found.pk, row.pk]),
        reverse("desk:statement-payout", args=[found.pk, payout.pk]),
    ):
        page = lead.get(url).content.decode()
        assert " disabled" in page
        assert "needs one of these roles: Finance, Administrator" in page
    url = reverse("desk:statement-row-pair", args=[found.pk, row.pk])
    assert lead.post(url, {"payout": payout.pk}).status_code == 403
    assert standings(found) == [(2, "unmatched", None)]


def test_the_menu_shows_statements_to_who_may_look(store, client):
    for role, is_shown in ((Role.AGENT, False), (Role.READ_ONLY, False), (Role.LEAD, True)):
        page = browser_of(store, role, f"p-{role}").get(reverse("desk:home")).content.decode()
        assert (reverse("desk:statements") in page) is is_shown


def test_rows_are_never_deleted_and_hold_one_payout_each(bare):
    found, row, payout = bare
    for thing in (found, row):
        with pytest.raises(RowIsKept):
            thing.delete()
    with pytest.raises(RowIsKept):
        StatementRow.objects.all().delete()
    StatementRow.objects.filter(pk=row.pk).update(
        payout=payout,
        holds_payout=True,
        standing="matched",
        desk_amount_cents=1000,
        desk_currency="USD",
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        StatementRow.objects.create(
            statement=found,
            source=found.source,
            line=99,
            offset=0,
            amount_cents=1,
            currency="USD",
            standing="differs",
            payout=payout,
            holds_payout=True,
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        StatementRow.objects.filter(pk=row.pk).update(desk_amount_cents=999)
