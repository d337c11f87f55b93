"""Money that a statement shows and the desk does not know of puts itself in front of finance."""

import pytest

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.refunds.models import Payout
from apps.statements import services, verdicts
from apps.statements.models import Explanation, StatementRow
from tests.statements.conftest import browser_of, line
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def alarms():
    return sorted(Item.objects.filter(resolved_at=None).values_list("kind", "subject"))


def item_of(kind):
    return Item.objects.get(kind=kind, resolved_at=None)


@pytest.fixture
def loud(pay, compared):
    """A file that pays twice, and pays what was declined here."""
    pay(1)
    declined = [pay(n, status="declined", gateway_reference="", finished_at=None) for n in (2, 3)]
    return compared(
        line(1),
        line(1, created="2026-01-15 12:30:00"),
        *(line(n, source=f"x{n}", key=str(one.idempotency_key)) for n, one in enumerate(declined)),
    )


def test_each_finding_opens_one_exception_per_statement(loud):
    subject = str(loud.pk)
    assert alarms() == [("statement_not_paid", subject), ("statement_twice", subject)]
    assert item_of("statement_not_paid").detail == (
        "“payouts.csv”: 2 rows of $20.00 paid by the file and not at the desk: "
        "line 4, $10.00, reference x0; line 5, $10.00, reference x1."
    )
    assert item_of("statement_twice").detail == (
        "“payouts.csv”: 1 row of $10.00 for a payment that another row tells of already: "
        "line 3, $10.00, reference sim_1."
    )


def test_a_statement_that_agrees_tells_nobody(pay, compared):
    pay(1)
    compared(line(1), line(9, "-7.00"))
    assert alarms() == []


def test_it_leads_to_the_tab_and_is_finances_work(loud, finance, store):
    for kind, tab in (("statement_not_paid", "not-paid"), ("statement_twice", "twice")):
        page = finance.get(f"/attention/{item_of(kind).pk}/").content.decode()
        link = f"/statements/{loud.pk}/?tab={tab}"
        assert f'href="{link}"' in page
        assert "cannot be dismissed" in page
        assert finance.get(link).status_code == 200
    agent = browser_of(store, Role.AGENT, "amy")
    item = item_of("statement_twice")
    assert agent.post(f"/attention/{item.pk}/take/").status_code == 403
    assert finance.post(f"/attention/{item.pk}/take/").status_code == 302


def test_it_closes_when_explained_and_opens_again_when_that_is_undone(loud):
    user_id = person("otto").pk
    first, second = StatementRow.objects.filter(standing="not_paid").order_by("line")
    said = {"statement": loud, "reason": "paid by hand", "user_id": user_id}
    verdicts.explain_row(row_pk=first.pk, **said)
    assert "1 row of $10.00 paid by the file" in item_of("statement_not_paid").detail
    verdicts.explain_row(row_pk=second.pk, **said)
    assert alarms() == [("statement_twice", str(loud.pk))]
    closed = Item.objects.get(kind="statement_not_paid")
    assert closed.resolution == "no such row of the statement is open any more"
    explanation = Explanation.objects.latest("pk")
    verdicts.undo_explanation(statement=loud, explanation_pk=explanation.pk, user_id=user_id)
    assert ("statement_not_paid", str(loud.pk)) in alarms()
    assert Item.objects.filter(kind="statement_not_paid").count() == 2


def test_it_closes_when_the_desk_learns_that_it_was_paid(loud, drain):
    Payout.objects.filter(status="declined").update(status="paid")
    services.compare_again(statement=loud)
    drain()
    assert alarms() == [("statement_twice", str(loud.pk))]
    services.compare_again(statement=loud)
    drain()
    assert Item.objects.count() == 2


def test_it_closes_when_the_statement_is_set_aside(loud):
    services.set_aside(statement=loud, reason="mapped wrongly", user_id=person("otto").pk)
    assert alarms() == []
