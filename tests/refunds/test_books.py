"""Refunds, payments and exchange orders in the ledger: each event once, to the cent."""

import importlib
from datetime import date

import pytest
from django.apps import apps as registry
from django.db import connection
from django.db.models import Sum

from apps.common import clock
from apps.exchanges.models import ExchangeOrder
from apps.ledger import queries
from apps.ledger.models import Entry, Posting
from apps.ledger.services import day_of
from apps.payments.models import SimulatedPayment
from apps.reconciliation.integrity import broken_books
from apps.reconciliation.ledger_checks import ledger_differs
from apps.refunds.models import Payout, Refund
from apps.refunds.services import cancel_refund
from tests.support import builders, exchange_requests, variants
from tests.support.people import actor

EMPTY = "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE ledger_posting, ledger_entry CASCADE"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]


def books(store):
    """Debits less credits by account; what is even is left out."""
    found = queries.balances(queries.postings_of(store.pk))
    return {row.account: row.balance_cents for row in found if row.balance_cents}


def forget_the_books():
    """As before there was a ledger. PostgreSQL deletes no row of it, so that it is emptied."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_posting" if connection.vendor == "sqlite" else EMPTY)
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM ledger_entry")


def kinds():
    return list(Entry.objects.order_by("pk").values_list("kind", flat=True))


def test_a_refund_is_owed_from_its_approval_and_paid_by_its_payout(
    send_order, send_rma, drain, store
):
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert kinds() == ["refund.owed", "payout.paid"]
    assert books(store) == {
        "sales_returns": 51200,
        "sales_tax": 1024,
        "cash:simulated": -SimulatedPayment.objects.aggregate(sum=Sum("amount_cents"))["sum"],
    }
    refund = Refund.objects.get()
    [owed, paid] = queries.entries_of(store.pk, refund.identifier)
    assert owed.memo == f"Refund {refund.identifier} of $522.24 for order ORD-1"
    assert (owed.order_identifier, owed.rma_identifier) == ("ORD-1", "RMA-1")
    assert paid.key == f"payout:{Payout.objects.get().pk}"
    drain()
    assert Entry.objects.count() == 2


def test_what_is_kept_back_is_income_and_gift_cards_are_a_liability(
    send_order, send_rma, drain, store
):
    type(store).objects.update(charges_return_shipping=True)
    send_order(builders.order())
    gift = {"gift_refund_only": True, "giftee_email": "g@example.com"}
    send_rma(
        builders.rma(
            units=[builders.unit()], tracking="TRANSIT", return_shipping_cost_cents=700, **gift
        )
    )
    drain()
    assert books(store) == {
        "sales_returns": 12800,
        "sales_tax": 256,
        "fee_income": -700,
        "gift_card_liability": -12356,
    }


def test_a_refund_that_ends_unpaid_leaves_the_books_even(send_order, send_rma, drain, store):
    send_order(builders.order("O-DECLINE"))
    send_rma(builders.rma(units=[builders.unit("O-DECLINE")], tracking="TRANSIT"))
    drain()
    assert Refund.objects.get().status == "declined"
    assert kinds() == ["refund.owed", "refund.owed.reversed"]
    assert books(store) == {}
    assert Posting.objects.count() == 4


def test_a_proposal_is_not_owed_yet(send_order, send_rma, drain, store):
    type(store).objects.update(refund_trigger="manual")
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert Refund.objects.get().status == "proposed"
    assert kinds() == []
    cancel_refund(refund=Refund.objects.get(), actor=actor(), reason="no")
    assert kinds() == []


def test_goodwill_has_an_account_of_its_own(send_order, api, drain, store):
    send_order(builders.order())
    body = {"order_identifier": "ORD-1", "goodwill_amount_cents": 500, "reason": "late"}
    answer = api.post(
        "/api/v1/refunds", body, content_type="application/json", headers={"Idempotency-Key": "1"}
    )
    assert answer.status_code == 201
    drain()
    assert books(store) == {"goodwill": 500, "cash:simulated": -500}


def test_refunds_made_outside_are_booked_on_their_own_day_once(send_order, drain, store):
    told = {
        "identifier": "OUT-1",
        "total_refund_amount_cents": 13056,
        "refund_line_items": [{"identifier": "a", "quantity": 1, "order_item_identifier": "1"}],
        "created_at": "2026-01-25T10:00:00Z",
    }
    for second in ("19", "20"):
        send_order(builders.order(refunds=[told], updated_at=f"2026-01-26T00:00:{second}Z"))
    drain()
    assert books(store) == {"sales_returns": 12800, "sales_tax": 256, "cash:outside": -13056}
    assert str(Entry.objects.get().booked_on) == "2026-01-25"


def test_an_even_exchange_nets_to_zero_with_optoro(send_order, send_rma, api, drain, store):
    variants.put(api, "96027", variants.variant(), variants.variant("TEE-M"))
    send_order(builders.order())
    answer = exchange_requests.post(exchange_requests.request())
    assert answer.status_code == 200
    total, tax = answer.json()["total_amount_cents"], answer.json()["tax_amount_cents"]
    assert books(store) == {
        "optoro_payable": total,
        "exchange_sales": -(total - tax),
        "sales_tax": -tax,
    }
    units = [
        builders.unit(
            refund_type="EVEN_EXCHANGE",
            is_exchange=True,
            exchange_order_identifier=answer.json()["order_identifier"],
            refund_financials={
                "estimated_refund_amount_cents": 13056,
                "optoro_refund_amount_cents": 13056,
                "shopper_refund_amount_cents": 0,
            },
        )
        for _ in range(4)
    ]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))
    drain()
    assert total == 4 * 13056
    assert books(store) == {"sales_returns": 51200, "exchange_sales": -51200}
    assert broken_books(store.pk) == []


def test_a_gift_card_with_bonus_is_a_liability_and_marketing_pays_the_bonus(
    send_order, api, drain, store
):
    send_order(builders.order())
    answer = exchange_requests.post(
        exchange_requests.request(items=[exchange_requests.gift_card()])
    )
    assert answer.status_code == 200, answer.content
    line = exchange_requests.gift_card()
    bonus = line["bonus_credit_amount_cents"]
    total = answer.json()["total_amount_cents"]
    assert bonus
    assert books(store) == {
        "optoro_payable": total - bonus,
        "marketing": bonus,
        "gift_card_liability": -total,
    }


def test_an_exchange_order_that_is_canceled_is_taken_back(send_order, api, drain, store):
    variants.put(api, "96027", variants.variant(), variants.variant("TEE-M"))
    send_order(builders.order())
    name = exchange_requests.post(exchange_requests.request()).json()["order_identifier"]
    lines = [builders.line(quantity=1)]
    send_order(builders.order(name, lines))
    assert books(store) != {}
    canceled = builders.order(name, lines, status="Canceled", updated_at="2026-02-01T00:00:00Z")
    send_order(canceled)
    assert books(store) == {}
    send_order({**canceled, "updated_at": "2026-02-02T00:00:00Z"})
    assert kinds() == ["exchange.placed", "exchange.placed.reversed"]
    assert broken_books(store.pk) == []


def test_an_exchange_order_that_comes_back_is_booked_again(send_order, api, drain, store):
    variants.put(api, "96027", variants.variant(), variants.variant("TEE-M"))
    send_order(builders.order())
    name = exchange_requests.post(exchange_requests.request()).json()["order_identifier"]
    placed = books(store)
    assert placed["optoro_payable"] == 52224

    def tell(day, status):
        lines = [builders.line(quantity=1)]
        updated_at = f"2026-02-0{day}T00:00:00Z"
        send_order(builders.order(name, lines, status=status, updated_at=updated_at))

    tell(1, "Canceled")
    assert books(store) == {}
    tell(2, "Shipped")
    assert books(store) == placed
    tell(3, "Shipped")
    assert books(store) == placed
    tell(4, "Canceled")
    assert books(store) == {}
    tell(5, "Shipped")
    assert books(store) == placed
    assert broken_books(store.pk) == []
    ExchangeOrder.objects.update(order_identifier="OTHER", own_order_status="")
    found = [(row.kind.value, row.explanation) for row in broken_books(store.pk)]
    assert found == [("not_booked", "exchange order OTHER of $522.24 is not in the ledger")]


def test_the_migration_knows_a_canceled_exchange_order_by_its_secondary_name(
    send_order, api, drain, store
):
    variants.put(api, "96027", variants.variant(), variants.variant("TEE-M"))
    send_order(builders.order())
    name = exchange_requests.post(exchange_requests.request()).json()["order_identifier"]
    lines = [builders.line(quantity=1)]
    send_order(builders.order("OMS-77", lines, secondary_identifier=name, status="Canceled"))
    assert books(store) == {}
    forget_the_books()
    importlib.import_module("apps.refunds.migrations.0013_books_of_before").book_history(
        registry, None
    )
    assert books(store) == {}
    assert broken_books(store.pk) == []


def test_paid_refunds_of_before_get_their_day_in_the_books(send_order, send_rma, drain, store):
    told = {
        "identifier": "OUT-1",
        "total_refund_amount_cents": 13056,
        "refund_line_items": [{"identifier": "a", "quantity": 1, "order_item_identifier": "1"}],
        "created_at": "2026-01-25T10:00:00Z",
    }
    send_order(builders.order(refunds=[told]))
    send_order(builders.order("ORD-2"))
    send_rma(builders.rma("RMA-2", units=[builders.unit("ORD-2")], tracking="TRANSIT"))
    figures = {
        "estimated_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 0,
        "optoro_refund_amount_cents": 13056,
    }
    send_order(builders.order("ORD-3"))
    unit = builders.unit(
        "ORD-3", refund_financials=figures, refund_type="INSTANT_EXCHANGE", is_exchange=True
    )
    send_rma(builders.rma("RMA-3", units=[unit], tracking="TRANSIT"))
    drain()
    days = dict(Refund.objects.values_list("identifier", "booked_on"))
    assert len(days) == 3
    assert str(days.pop("OUT-1")) == "2026-01-25"
    assert set(days.values()) == {day_of(store, clock.now())}
    assert broken_books(store.pk) == []
    Refund.objects.filter(order__identifier="ORD-2").update(booked_on=None)
    [found] = ledger_differs(store.pk)
    assert found.kind == "not_booked"
    assert "is paid but has no day in the books" in found.explanation
    before = dict(Refund.objects.values_list("identifier", "paid_at"))
    Refund.objects.update(booked_on=None)
    importlib.import_module("apps.refunds.migrations.0017_day_in_books").give_days(registry, None)
    assert days | {"OUT-1": date(2026, 1, 25)} == dict(
        Refund.objects.values_list("identifier", "booked_on")
    )
    assert dict(Refund.objects.values_list("identifier", "paid_at")) == before


def test_the_reconciler_finds_what_is_not_in_the_ledger(send_order, send_rma, drain, store):
    send_order(builders.order())
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    drain()
    assert broken_books(store.pk) == []
    Refund.objects.update(status="canceled")
    name = Refund.objects.get().identifier
    assert {(row.kind.value, row.explanation) for row in broken_books(store.pk)} >= {
        (
            "booked_though_ended",
            f"refund {name} is canceled, but the ledger still has it as owed",
        ),
    }


def test_the_reconciler_finds_what_the_ledger_lacks(send_order, send_rma, drain, store):
    type(store).objects.update(refund_trigger="manual")
    send_order(builders.order())
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    drain()
    assert broken_books(store.pk) == []
    refund = Refund.objects.get()
    Refund.objects.update(status="approved")
    Payout.objects.create(
        refund=refund,
        store=refund.store,
        gateway="simulated",
        amount_cents=56,
        currency="USD",
        status="paid",
    )
    key = Payout.objects.get().idempotency_key
    found = [
        (row.kind.value, row.explanation)
        for row in broken_books(store.pk)
        if row.kind.value in ("not_booked", "ledger_differs")
    ]
    assert found == [
        ("not_booked", f"refund {refund.identifier} of $130.56 is not in the ledger"),
        (
            "not_booked",
            f"the payment of $0.56 for refund {refund.identifier}, key {key}, is not in the ledger",
        ),
        ("ledger_differs", "the ledger owes shoppers $0.00, open refunds owe them $130.00"),
    ]


def test_more_refunds_cost_the_reconciler_no_more_queries(
    send_order, send_rma, drain, store, django_assert_num_queries
):
    for number in (1, 2, 3):
        send_order(builders.order(f"ORD-{number}"))
        units = [builders.unit(f"ORD-{number}")]
        send_rma(builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT"))
        drain()
        with django_assert_num_queries(8):
            assert ledger_differs(store.pk) == []


def test_the_migration_books_what_was_before_as_it_would_have_been(
    send_order, send_rma, api, drain, store
):
    type(store).objects.update(charges_return_shipping=True)
    variants.put(api, "96027", variants.variant(), variants.variant("TEE-M"))
    send_order(builders.order(), builders.order("ORD-2"), builders.order("O-DECLINE"))
    assert exchange_requests.post(exchange_requests.request()).status_code == 200
    gift = {"gift_refund_only": True, "giftee_email": "g@example.com"}
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    units = [builders.unit("ORD-2"), builders.unit("ORD-2")]
    send_rma(
        builders.rma("RMA-2", units, tracking="TRANSIT", return_shipping_cost_cents=500, **gift)
    )
    send_rma(builders.rma("RMA-3", [builders.unit("O-DECLINE")], tracking="TRANSIT"))
    drain()
    before, keys = books(store), set(Entry.objects.values_list("key", flat=True))
    assert before["gift_card_liability"] == -25612
    ended = {key for key in keys if key.endswith(":reversed")}
    assert len(ended) == 1
    keys -= ended | {key.removesuffix(":reversed") for key in ended}
    forget_the_books()
    importlib.import_module("apps.refunds.migrations.0013_books_of_before").book_history(
        registry, None
    )
    assert set(Entry.objects.values_list("key", flat=True)) == keys
    assert books(store) == before
    assert broken_books(store.pk) == []
    # What was known then is in the figures as of then.
    known = queries.balances(queries.as_of(store, Entry.objects.latest("recorded_at").booked_on))
    assert {row.account: row.balance_cents for row in known if row.balance_cents} == before
