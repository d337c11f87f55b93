"""Orders that were paid in several ways: which payment gets how much back, and what happens when
one part is paid and another is not."""

import itertools

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common import clock
from apps.common.errors import Refused
from apps.outbox.models import Job
from apps.payments import simulated
from apps.payments.models import SimulatedPayment
from apps.payments.types import GatewayOutcome, GatewayResult
from apps.refunds.models import Payout, PayoutAttempt, Refund
from apps.refunds.outcomes import tell_outcome
from apps.refunds.refundable import refundable_of
from apps.refunds.tenders import Tender, in_order, split
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor
from tests.support.wishes import by_api, transaction, wish

pytestmark = pytest.mark.django_db

WHOLE = 52224


def order(*transactions, **changes):
    return builders.order(transactions=list(transactions), **changes)


def mixed(gift_card: int = 20_000, **changes):
    card = transaction("CARD", WHOLE - gift_card, parent_identifier="AUTH")
    gift = transaction("GIFT", gift_card, gateway="Gift Card", type="SALE")
    return order(card, gift, **changes)


def parts() -> list[tuple[str, str, int, str]]:
    rows = Payout.objects.order_by("pk")
    return list(rows.values_list("transaction_identifier", "tender", "amount_cents", "status"))


def rooms(name: str = "ORD-1") -> dict[str, int]:
    from apps.orders.models import Order

    found = refundable_of(Order.objects.get(identifier=name))
    return {tender.identifier: tender.room_cents for tender in found.tenders}


def work(drain, minutes: int = 5) -> None:
    with time_machine.travel(clock.in_seconds(60 * minutes)):
        drain()


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.sampled_from(["card", "gift_card", "Store Credit"]))
    ),
    st.integers(1, 2000),
    st.sampled_from(["gift_card_first", "gift_card_last"]),
)
def test_the_parts_add_up_and_none_is_more_than_its_payment(told, amount, tender_order):
    tenders = [Tender(str(n), name, room) for n, (room, name) in enumerate(told)]
    total = sum(tender.room_cents for tender in tenders)
    if amount > total:
        with pytest.raises(Refused):
            split(amount, tenders, tender_order=tender_order, currency="USD")
        return
    portions = split(amount, tenders, tender_order=tender_order, currency="USD")
    assert sum(portion.amount_cents for portion in portions) == amount
    assert all(0 < p.amount_cents <= p.tender.room_cents for p in portions)
    used = {p.tender.identifier: p.amount_cents for p in portions}
    ordered = in_order(tenders, tender_order)
    gift_places = [n for n, tender in enumerate(ordered) if tender.is_gift_card]
    others = [n for n, tender in enumerate(ordered) if not tender.is_gift_card]
    if gift_places and others:
        first = tender_order == "gift_card_first"
        assert max(gift_places if first else others) < min(others if first else gift_places)
    for before, after in itertools.pairwise(ordered):
        if used.get(after.identifier):
            assert used.get(before.identifier, 0) == before.room_cents


def test_gift_cards_are_paid_back_first_by_default(send_order, drain, optoro):
    send_order(mixed())
    drain()
    by_api(wish(("1", 2)))
    drain()
    assert parts() == [
        ("GIFT", "Gift Card", 20_000, "paid"),
        ("CARD", "card", 6112, "paid"),
    ]
    refund = Refund.objects.get()
    assert (refund.status, refund.shopper_amount_cents) == ("paid", 26_112)
    told = Event.objects.get(kind="refund.paid").summary
    assert told.startswith("All $261.12 paid, the last part to ")
    by_api(wish(("1", 2)))
    drain()
    assert Event.objects.filter(kind="refund.paid").latest("pk").summary.startswith("$261.12 paid")
    assert parts()[2:] == [("CARD", "card", 26_112, "paid")]
    assert rooms() == {"GIFT": 0, "CARD": 0}
    assert SimulatedPayment.objects.count() == 3


def test_gift_cards_are_paid_back_last_where_the_policy_says_so(send_order, drain, change, optoro):
    change(tender_order="gift_card_last")
    send_order(mixed())
    drain()
    by_api(wish(("1", 3)))
    drain()
    assert parts() == [
        ("CARD", "card", 32_224, "paid"),
        ("GIFT", "Gift Card", 6944, "paid"),
    ]


def test_automation_splits_too(send_order, send_rma, drain, optoro):
    send_order(mixed(gift_card=100))
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert parts() == [("GIFT", "Gift Card", 100, "paid"), ("CARD", "card", WHOLE - 100, "paid")]


def test_what_went_back_outside_is_taken_off_its_payment(send_order, drain, optoro):
    back = transaction("R-1", 2000, type="REFUND", parent_identifier="AUTH")
    card = transaction("CARD", 32_224, parent_identifier="AUTH")
    gift = transaction("GIFT", 20_000, gateway="gift_card")
    send_order(order(card, gift, back))
    assert rooms() == {"GIFT": 20_000, "CARD": 30_224}
    unnamed = transaction("R-2", 3000, type="REFUND")
    send_order(order(card, gift, back, unnamed, updated_at="2026-01-24T00:00:00Z"))
    assert rooms() == {"GIFT": 17_000, "CARD": 30_224}


def test_more_than_all_payments_together_is_refused(send_order, drain, optoro):
    send_order(order(transaction("CARD", 10_000), transaction("GIFT", 500, gateway="gift_card")))
    drain()
    with pytest.raises(Refused, match=r"only \$105.00 of what was captured"):
        by_api(wish(("1", 1)))
    by_api(wish(("1", 1, 10_500)))
    drain()
    assert [(name, cents) for name, _, cents, _ in parts()] == [("GIFT", 500), ("CARD", 10_000)]


class Scripted(simulated.SimulatedGateway):
    """Answers by the payment it is asked to pay back to."""

    answers: dict[str, list[GatewayResult]] = {}

    def refund(self, request):
        told = self.answers.get(request.transaction_identifier)
        return told.pop(0) if told else super().refund(request)

    def find(self, request):
        if self.answers.get(request.transaction_identifier):
            return self.answers[request.transaction_identifier].pop(0)
        return super().find(request)


@pytest.fixture
def scripted(monkeypatch):
    from apps.payments import gateways

    monkeypatch.setitem(gateways._GATEWAYS, "simulated", Scripted)
    Scripted.answers = {}
    return Scripted.answers


DECLINED = GatewayResult(GatewayOutcome.DECLINED, reason="card expired")
UNKNOWN = GatewayResult(GatewayOutcome.UNKNOWN, reason="no answer in time")
PENDING = GatewayResult(GatewayOutcome.PENDING)


def open_items() -> list[str]:
    return sorted(Item.objects.filter(resolved_at=None).values_list("kind", flat=True))


def test_a_first_part_that_is_declined_stops_the_others(send_order, drain, scripted, optoro):
    scripted["GIFT"] = [DECLINED]
    send_order(mixed())
    drain()
    by_api(wish(("1", 4)))
    drain()
    assert [(name, status) for name, _, _, status in parts()] == [
        ("GIFT", "declined"),
        ("CARD", "canceled"),
    ]
    assert Refund.objects.get().status == "declined"
    assert SimulatedPayment.objects.count() == 0
    assert open_items() == ["refund_declined"]
    by_api(wish(("1", 4)))  # its units and amounts are free again
    drain()
    assert Refund.objects.latest("pk").status == "paid"


def test_what_is_declined_after_a_part_was_paid_is_paid_by_hand(
    send_order, drain, scripted, optoro
):
    scripted["CARD"] = [DECLINED]
    send_order(mixed())
    drain()
    by_api(wish(("1", 4)))
    drain()
    refund = Refund.objects.get()
    assert refund.status == "paying"
    assert parts() == [
        ("GIFT", "Gift Card", 20_000, "paid"),
        ("CARD", "card", 32_224, "declined"),
        ("CARD", "card", 32_224, "pending"),
    ]
    assert open_items() == ["payment_by_hand"]
    assert "$322.24 of refund" in Item.objects.get(resolved_at=None).detail
    rest = Payout.objects.latest("pk")
    assert rest.gateway == "manual"
    with pytest.raises(Refused, match="another part of this refund is paid, so the rest is owed"):
        tell_outcome(
            payout=rest,
            outcome=GatewayOutcome.DECLINED,
            reference="",
            note="account closed",
            actor=actor("fin", Role.FINANCE),
        )
    tell_outcome(
        payout=rest,
        outcome=GatewayOutcome.PAID,
        reference="bank-7",
        note="",
        actor=actor("fin", Role.FINANCE),
    )
    refund.refresh_from_db()
    assert refund.status == "paid"
    assert open_items() == []
    drain()
    refund.refresh_from_db()
    assert refund.reported_at is not None


def test_one_unknown_part_makes_the_refund_unknown_until_it_is_found(
    send_order, drain, scripted, optoro
):
    scripted["CARD"] = [UNKNOWN, UNKNOWN]
    send_order(mixed())
    drain()
    by_api(wish(("1", 4)))
    drain()
    assert Refund.objects.get().status == "unknown"
    assert [(name, status) for name, _, _, status in parts()] == [
        ("GIFT", "paid"),
        ("CARD", "unknown"),
    ]
    assert open_items() == ["payment_unknown"]
    with pytest.raises(Refused, match="only 0 of 4"):
        by_api(wish(("1", 1)))
    work(drain)
    assert Refund.objects.get().status == "unknown"
    work(drain, 30)
    assert Refund.objects.get().status == "paid"
    assert open_items() == []
    assert sorted(SimulatedPayment.objects.values_list("amount_cents", flat=True)) == [
        20_000,
        32_224,
    ]
    keys = PayoutAttempt.objects.values_list("payout", "idempotency_key").order_by().distinct()
    assert len(keys) == 2


def test_a_gateway_that_has_not_decided_is_asked_again(send_order, drain, scripted, optoro):
    scripted[""] = [PENDING, PENDING]
    send_order(builders.order())
    drain()
    by_api(wish(("1", 4)))
    drain()
    assert (Refund.objects.get().status, parts()[0][3]) == ("paying", "pending")
    assert open_items() == []
    assert Job.objects.get(topic="refund.pay").state == "waiting"
    work(drain)
    work(drain, 30)
    assert Refund.objects.get().status == "paid"
    assert SimulatedPayment.objects.count() == 1


def test_parts_are_planned_anew_when_a_payment_was_used_meanwhile(send_order, drain, store, optoro):
    from apps.refunds.models import ApprovalPolicy

    ApprovalPolicy.objects.create(
        store=store, goodwill_limit_cents=0, staff_hold_minutes=0, api_hold_minutes=60
    )
    extra = [builders.line(), builders.line("2", quantity=1)]
    gift = transaction("GIFT", 20_000, gateway="gift_card")
    card = transaction("CARD", 100_000)
    send_order(order(card, gift, lines=extra))
    drain()
    by_api(wish(("1", 4)))
    assert [(n, c) for n, _, c, _ in parts()] == [("GIFT", 20_000), ("CARD", 32_224)]
    back = transaction("R-1", 15_000, type="REFUND", parent_identifier="GIFT")
    send_order(order(card, gift, back, lines=extra, updated_at="2026-01-24T00:00:00Z"))
    work(drain, 61)
    assert [(n, c, status) for n, _, c, status in parts()] == [
        ("GIFT", 20_000, "canceled"),
        ("CARD", 32_224, "canceled"),
        ("GIFT", 5_000, "paid"),
        ("CARD", 47_224, "paid"),
    ]
    assert Refund.objects.get().status == "paid"
