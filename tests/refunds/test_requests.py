"""Refunds that people and machines ask for: what they may get, once per key."""

import pytest
import time_machine

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common import clock
from apps.common.errors import Refused
from apps.payments.models import SimulatedPayment
from apps.refunds.models import ApprovalPolicy, Refund, RefundRequest, RefundUnit, Source
from apps.refunds.refundable import refundable_of
from apps.refunds.requests import KeyReused, preview_refund
from apps.refunds.services import approve_refund, cancel_refund
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor
from tests.support.wishes import by_api, by_staff, transaction, wish

pytestmark = pytest.mark.django_db

UNIT = 13056


@pytest.fixture
def ordered(send_order, drain, optoro):
    """Four units shipped, at 128.00 + 2.56 each."""
    send_order(builders.order(customer={**builders.order()["customer"]}))
    drain()


@pytest.fixture
def returned(ordered, send_rma, drain):
    """Two of the four are on their way back, not scanned yet."""
    send_rma(builders.rma(units=[builders.unit(), builders.unit()], tracking=None))
    drain()


def later(drain, minutes: int = 11) -> None:
    with time_machine.travel(clock.in_seconds(60 * minutes)):
        drain()


def paid() -> list[tuple[int, str]]:
    return sorted(SimulatedPayment.objects.values_list("amount_cents", "destination"))


def refunds() -> list[tuple[str, str, int]]:
    rows = Refund.objects.order_by("pk")
    return list(rows.values_list("source", "status", "total_refund_amount_cents"))


def test_a_staff_refund_is_held_and_then_paid_once(ordered, drain):
    made = by_staff(wish(("1", 2)))
    assert (made.refund.status, made.refund.total_refund_amount_cents) == ("approved", 2 * UNIT)
    assert made.refund.approver is None
    held = made.refund.payment_due_at - made.refund.approved_at
    assert held.total_seconds() == 600
    drain()
    assert paid() == []
    later(drain)
    assert paid() == [(2 * UNIT, "original_payment")]
    assert refunds() == [("staff", "paid", 2 * UNIT)]
    line = Refund.objects.get().lines.get()
    assert (line.quantity, line.amount_cents, line.calculation) == (2, 2 * UNIT, None)


def test_its_author_takes_it_back_while_it_is_held(ordered, drain):
    made = by_staff(wish(("1", 4)))
    cancel_refund(refund=made.refund, actor=actor("ana", Role.AGENT), reason="taken back")
    later(drain)
    assert paid() == []
    assert refunds() == [("staff", "canceled", 4 * UNIT)]
    again = by_staff(wish(("1", 4)))
    later(drain)
    assert paid() == [(4 * UNIT, "original_payment")]
    assert again.refund.status == "approved"


def test_every_step_is_on_the_timeline_with_who_and_before_and_after(ordered, drain):
    made = by_staff(wish(("1", 1), reason="lost in the post"))
    later(drain)
    events = Event.objects.filter(refund_identifier=made.refund.identifier).order_by("pk")
    steps = [
        (e.kind, e.actor_kind, [(c["before"], c["after"]) for c in e.changes])
        for e in events
        if e.changes
    ]
    assert steps == [
        ("refund.proposed", "staff", [(None, "proposed")]),
        ("refund.approved", "staff", [("proposed", "approved")]),
        ("refund.paying", "system", [("approved", "paying")]),
        ("refund.paid", "gateway", [("paying", "paid")]),
    ]
    assert events[0].actor.username == "ana"
    assert "lost in the post" in events[0].summary


def test_an_api_refund_is_paid_at_once_and_names_its_key(ordered, drain):
    made = by_api(wish(("1", 1)))
    drain()
    assert paid() == [(UNIT, "original_payment")]
    event = Event.objects.get(kind="refund.proposed")
    assert (event.actor_kind, event.actor_name) == ("api", "oms")
    assert made.answer["status"] == "approved"


def test_the_same_key_makes_one_refund_and_gives_the_first_answer(ordered, drain):
    first = by_api(wish(("1", 1)), key="k")
    drain()
    again = by_api(wish(("1", 1)), key="k")
    assert (first.is_new, again.is_new) == (True, False)
    assert again.answer == first.answer == {**first.answer, "status": "approved"}
    assert again.refund.status == "paid"
    drain()
    assert paid() == [(UNIT, "original_payment")]
    by_api(wish(("1", 1)), key="another")
    drain()
    assert len(paid()) == 2


@pytest.mark.parametrize(
    "changed",
    [
        lambda: wish(("1", 2)),
        lambda: wish(("1", 1, 100)),
        lambda: wish(("1", 1), reason="another"),
        lambda: wish(("1", 1), note="another"),
        lambda: wish(("1", 1), destination="gift_card"),
        lambda: wish(goodwill=100),
    ],
)
def test_a_key_is_good_for_one_wish_only(ordered, changed):
    by_api(wish(("1", 1)), key="k")
    with pytest.raises(KeyReused, match="'k' was used before for another refund"):
        by_api(changed(), key="k")
    assert Refund.objects.count() == RefundRequest.objects.count() == 1


def test_keys_of_the_desk_and_of_machines_are_apart(ordered):
    by_api(wish(("1", 1)), key="k")
    by_staff(wish(("1", 1)), key="k")
    assert Refund.objects.count() == 2


def test_what_is_refused_leaves_its_key_free(ordered):
    with pytest.raises(Refused, match="5 unit"):
        by_api(wish(("1", 5)), key="k")
    assert not Refund.objects.exists()
    assert by_api(wish(("1", 4)), key="k").is_new


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: wish(("1", 0)), "quantity 0 of line 1"),
        (lambda: wish(("1", 1, 0)), "amount_cents 0 of line 1"),
        (lambda: wish(("1", 1, -5)), "amount_cents -5 of line 1"),
        (lambda: wish(("1", 1, UNIT + 1)), r"\$130.57 for 1 unit\(s\), but no more than \$130.56"),
        (lambda: wish(("2", 1)), "order ORD-1 has no item '2'"),
        (lambda: wish(("1", 1), ("1", 1)), "each order item once"),
        (lambda: wish(), "write one of the two"),
        (lambda: wish(("1", 1), goodwill=1), "write one of the two"),
        (lambda: wish(goodwill=0), "goodwill_amount_cents 0"),
        (lambda: wish(("1", 1), reason=" "), "reason: write why"),
        (lambda: wish(("1", 1), destination="store_credit"), "Store credit goes out with"),
        (lambda: wish(("1", 1), destination="cash"), "destination 'cash'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field(ordered, make, why):
    with pytest.raises(Refused, match=why):
        by_staff(make())
    assert not Refund.objects.exists()


def test_a_part_of_a_unit_can_be_refunded_once(ordered, drain):
    by_staff(wish(("1", 1, 5000)))
    later(drain)
    assert paid() == [(5000, "original_payment")]
    line = refundable_of(Refund.objects.get().order).lines[0]
    assert (line.unreturned_quantity, line.room.amount_cents) == (3, 4 * UNIT - 5000)
    with pytest.raises(Refused, match="4 unit"):
        by_staff(wish(("1", 4)))


def test_a_gift_card_goes_to_the_address_that_is_written_else_the_customers(ordered, drain):
    by_staff(wish(("1", 1), destination="gift_card"))
    by_staff(wish(("1", 1), destination="gift_card", recipient_email="b@example.com"))
    later(drain)
    rows = SimulatedPayment.objects.order_by("pk").values_list("destination", "recipient_email")
    assert list(rows) == [("gift_card", "ada@example.com"), ("gift_card", "b@example.com")]


# --- Returns ---


def test_units_on_their_way_back_are_refunded_only_by_naming_their_return(returned, drain):
    with pytest.raises(
        Refused, match="only 2 are neither refunded nor on their way back; 2 are in"
    ):
        by_staff(wish(("1", 3)))
    by_staff(wish(("1", 2)))
    by_staff(wish(("1", 2), rma="RMA-1"))
    later(drain)
    assert paid() == [(2 * UNIT, "original_payment")] * 2
    with pytest.raises(Refused, match="but only 0 of RMA RMA-1 are not refunded yet"):
        by_staff(wish(("1", 1), rma="RMA-1"))


def test_what_a_person_refunded_automation_does_not_refund_again(returned, send_rma, drain):
    by_staff(wish(("1", 1), rma="RMA-1"))
    later(drain)
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking="TRANSIT", minute=5))
    drain()
    assert refunds() == [("staff", "paid", UNIT), ("automatic", "paid", UNIT)]
    live = RefundUnit.objects.filter(is_live=True).values_list("rma_unit", flat=True)
    assert len(set(live)) == 2


def test_a_return_that_starts_later_than_a_refund_without_one_is_not_paid_twice(
    ordered, send_rma, drain
):
    by_staff(wish(("1", 4), reason="lost in the post"))
    later(drain)
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert paid() == [(4 * UNIT, "original_payment")]
    assert [item.kind for item in Item.objects.filter(resolved_at=None)] == [
        "refund_needs_decision"
    ]


def test_a_gift_is_never_paid_back_to_the_original_payment(ordered, send_rma, drain):
    gift = {"gift_refund_only": True, "giftee_email": "g@example.com"}
    send_rma(builders.rma(units=[builders.unit()], tracking=None, **gift))
    drain()
    with pytest.raises(Refused, match="never paid back to the original payment"):
        by_staff(wish(("1", 1), rma="RMA-1", destination="original_payment"))
    by_staff(wish(("1", 1), rma="RMA-1"))
    later(drain)
    assert paid() == [(UNIT, "gift_card")]


def test_a_canceled_return_takes_a_held_refund_with_it(returned, send_rma, drain):
    by_staff(wish(("1", 1), rma="RMA-1"))
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking=None, minute=9, status="CANCELED"))
    later(drain)
    assert paid() == []
    assert refunds() == [("staff", "canceled", UNIT)]
    with pytest.raises(Refused, match="RMA-1 is canceled"):
        by_staff(wish(("1", 1), rma="RMA-1"))


def test_what_is_refunded_outside_during_the_hold_withdraws_it_and_tells(
    ordered, send_order, drain
):
    made = by_staff(wish(("1", 4)))
    outside = {
        "identifier": "OMS-1",
        "total_refund_amount_cents": UNIT,
        "refund_line_items": [{"identifier": "x", "quantity": 1, "order_item_identifier": "1"}],
        "refund_transactions": [],
        "created_at": "2026-01-25T00:00:00Z",
    }
    send_order(builders.order(refunds=[outside], updated_at="2026-01-26T00:00:00Z"))
    later(drain)
    assert paid() == []
    made.refund.refresh_from_db()
    assert made.refund.status == "canceled"
    item = Item.objects.get(kind="refund_withdrawn")
    assert "line 1: 4 unit(s) to refund, but only 3 of 4 shipped" in item.detail


# --- Goodwill ---


def test_goodwill_has_a_limit_of_its_own_per_order(ordered, drain):
    by_staff(wish(goodwill=3000))
    with pytest.raises(Refused, match=r"\$20.01 of goodwill, but only \$20.00 of the \$50.00"):
        by_staff(wish(goodwill=2001))
    by_staff(wish(goodwill=2000))
    later(drain)
    assert paid() == [(2000, "original_payment"), (3000, "original_payment")]
    rows = Refund.objects.values_list("kind", "rma", "confirmed_at").distinct()
    assert list(rows) == [("goodwill", None, None)]


def test_goodwill_takes_nothing_from_the_goods_but_from_the_cash(ordered, send_rma, drain):
    by_staff(wish(goodwill=5000))
    later(drain)
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert paid() == [(5000, "original_payment")]
    item = Item.objects.get(kind="refund_needs_decision", resolved_at=None)
    assert "only $472.24 of what was captured on order ORD-1" in item.detail


def test_goodwill_is_reported_with_the_tag_that_leaves_returns_alone(ordered, drain, optoro):
    by_staff(wish(goodwill=1500))
    later(drain)
    told = optoro.last()["refunds"]
    assert [(r["total_refund_amount_cents"], r["refund_line_items"], r["tags"]) for r in told] == [
        (1500, [], ["ignore_refund"])
    ]


def test_a_refund_outside_that_says_to_ignore_it_is_goodwill(send_order, send_rma, drain, optoro):
    outside = {
        "identifier": "OMS-1",
        "total_refund_amount_cents": 1000,
        "refund_line_items": [{"identifier": "x", "quantity": 1, "order_item_identifier": "1"}],
        "refund_transactions": [],
        "created_at": "2026-01-25T00:00:00Z",
        "rma_identifier": "RMA-1",
        "tags": ["ignore_refund"],
    }
    captured = [transaction("T-1", 4 * UNIT + 1000)]
    send_order(builders.order(refunds=[outside], transactions=captured))
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert paid() == [(4 * UNIT, "original_payment")]
    kinds = Refund.objects.order_by("pk").values_list("source", "kind", "status")
    assert list(kinds) == [("external", "goodwill", "paid"), ("automatic", "goods", "paid")]


# --- Approvals ---


def limits(store, **changes):
    values = {
        "agent_limit_cents": 20_000,
        "lead_limit_cents": 60_000,
        "administrator_limit_cents": None,
        "api_limit_cents": 20_000,
        "automatic_limit_cents": None,
        "two_person_above_cents": 40_000,
        "goodwill_limit_cents": 5_000,
        "staff_hold_minutes": 10,
        **changes,
    }
    ApprovalPolicy.objects.create(store=store, **values)


def test_above_the_roles_limit_another_person_must_approve(ordered, store, drain):
    limits(store)
    made = by_staff(wish(("1", 2)))
    assert made.refund.status == "proposed"
    assert made.refund.approval_reason == ("$261.12 is above the limit of the role Agent, $200.00")
    later(drain)
    assert paid() == []
    with pytest.raises(Refused, match="nobody approves a refund that they made themselves"):
        approve_refund(refund=made.refund, actor=actor("ana", Role.AGENT))
    with pytest.raises(Refused, match=r"more than the role Agent decides on .*Lead \(up to \$600"):
        approve_refund(refund=made.refund, actor=actor("ben", Role.AGENT))
    approved = approve_refund(refund=made.refund, actor=actor("lea", Role.LEAD))
    assert approved.approver.username == "lea"
    drain()
    assert paid() == []
    later(drain)
    assert paid() == [(2 * UNIT, "original_payment")]


def test_above_the_second_limit_even_an_administrator_needs_somebody(ordered, store):
    limits(store)
    made = by_staff(wish(("1", 4)), name="adam", role=Role.ADMINISTRATOR)
    assert (made.refund.status, made.refund.approval_reason) == (
        "proposed",
        "above $400.00 a second person must approve",
    )
    with pytest.raises(Refused, match="made themselves"):
        approve_refund(refund=made.refund, actor=actor("adam", Role.ADMINISTRATOR))
    approve_refund(refund=made.refund, actor=actor("lea", Role.LEAD))


def test_automatic_and_api_refunds_have_limits_too(ordered, send_rma, store, drain):
    limits(store, automatic_limit_cents=UNIT, api_limit_cents=UNIT - 1)
    assert by_api(wish(("1", 1))).refund.status == "proposed"
    send_rma(builders.rma(units=[builders.unit()] * 2, tracking="TRANSIT"))
    send_rma(builders.rma("RMA-2", units=[builders.unit()], tracking="TRANSIT"))
    drain()
    assert refunds() == [
        ("api", "proposed", UNIT),
        ("automatic", "proposed", 2 * UNIT),
        ("automatic", "paid", UNIT),
    ]
    with pytest.raises(Refused, match="role Finance decides on"):
        approve_refund(refund=Refund.objects.get(source="api"), actor=actor("fin", Role.FINANCE))


def test_somebody_without_a_role_approves_nothing(ordered, store, django_user_model):
    from apps.timeline.types import staff

    limits(store, api_limit_cents=0)
    made = by_api(wish(("1", 1)))
    stranger = django_user_model.objects.create_user("stranger")
    with pytest.raises(Refused, match="role none"):
        approve_refund(refund=made.refund, actor=staff(stranger.pk))
    assert Refund.objects.get().status == "proposed"


# --- Previews ---


def test_a_preview_says_what_would_happen_and_does_nothing(ordered, store):
    seen = preview_refund(wish=wish(("1", 2)), source=Source.STAFF, role="agent")
    assert seen.proposal.total_refund_amount_cents == 2 * UNIT
    assert [(p.tender.identifier, p.amount_cents) for p in seen.portions] == [("", 2 * UNIT)]
    assert (seen.waits, seen.hold_minutes) == ("", 10)
    with pytest.raises(Refused, match="but only 4 of 4 shipped"):
        preview_refund(wish=wish(("1", 5)), source=Source.STAFF, role="agent")
    assert not Refund.objects.exists()


def test_a_unit_that_a_person_refunded_does_not_stand_in_for_another(returned, send_rma, drain):
    """The first unit is scanned while the second, refunded by a person, is still on its way."""
    from apps.rmas.models import RmaUnit

    second = RmaUnit.objects.get(ordinal=2).pk
    by_staff(wish(("1", 1, None, (second,)), rma="RMA-1"))
    later(drain)
    scanned = builders.unit(package_tracking_status="TRANSIT")
    waiting = builders.unit(package_tracking_status="PRE_TRANSIT")
    send_rma(builders.rma(units=[scanned, waiting], tracking=None, minute=5))
    drain()
    assert refunds() == [("staff", "paid", UNIT), ("automatic", "paid", UNIT)]
    send_rma(builders.rma(units=[scanned, scanned], tracking=None, minute=6))
    drain()
    assert len(refunds()) == 2
    assert not Item.objects.filter(resolved_at=None).exists()


@pytest.mark.parametrize(
    ("is_taken_back", "then"), [(True, [("automatic", "paid", 2 * UNIT)]), (False, [])]
)
def test_what_was_taken_back_automation_refunds_what_was_canceled_it_leaves_to_a_person(
    returned, send_rma, drain, is_taken_back, then
):
    made = by_staff(wish(("1", 2), rma="RMA-1"))
    cancel_refund(
        refund=made.refund,
        actor=actor("ana", Role.AGENT),
        reason="taken back",
        is_superseded=is_taken_back,
    )
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking="TRANSIT", minute=5))
    drain()
    assert refunds() == [("staff", "canceled", 2 * UNIT), *then]
    kinds = Item.objects.filter(resolved_at=None).values_list("kind", flat=True)
    assert list(kinds) == ([] if is_taken_back else ["refund_needs_decision"])


def test_goodwill_for_a_gift_goes_to_who_got_the_gift(ordered, send_rma, drain):
    gift = {"gift_refund_only": True, "giftee_email": "g@example.com"}
    send_rma(builders.rma(units=[builders.unit()], tracking=None, **gift))
    drain()
    by_staff(wish(goodwill=700, rma="RMA-1"))
    later(drain)
    rows = SimulatedPayment.objects.values_list("amount_cents", "destination", "recipient_email")
    assert list(rows) == [(700, "gift_card", "g@example.com")]


def test_an_rma_of_another_order_or_an_address_without_a_gift_card_is_refused(
    ordered, send_order, send_rma, drain
):
    send_order(builders.order("ORD-2"))
    send_rma(builders.rma("RMA-2", units=[builders.unit("ORD-2")], tracking=None))
    drain()
    with pytest.raises(Refused, match="RMA RMA-2 returns nothing of order ORD-1"):
        by_staff(wish(("1", 1), rma="RMA-2"))
    with pytest.raises(Refused, match="RMA RMA-2 returns nothing of order ORD-1"):
        by_staff(wish(goodwill=5, rma="RMA-2"))
    with pytest.raises(Refused, match="it is only for gift cards"):
        by_staff(wish(("1", 1), recipient_email="x@example.com"))


# --- What a review found ---


def test_a_gift_card_is_capped_by_what_was_captured_like_any_payment(send_order, drain, optoro):
    back = transaction("R-1", 4 * UNIT, type="REFUND", parent_identifier="CARD")
    send_order(builders.order(transactions=[transaction("CARD", 4 * UNIT), back]))
    drain()
    for destination in ("original_payment", "gift_card"):
        with pytest.raises(Refused, match=r"only \$0.00 of what was captured"):
            by_api(wish(("1", 1), destination=destination))


def test_what_went_out_on_a_gift_card_is_gone_from_the_payment(ordered, drain):
    by_api(wish(("1", 4), destination="gift_card"))
    drain()
    with pytest.raises(Refused, match=r"only \$0.00 of what was captured"):
        by_api(wish(goodwill=1))


@pytest.mark.parametrize(
    ("told", "room"),
    [
        ([transaction("S", 9000, type="SALE")], 9000),
        ([transaction("S", 9000), transaction("V", 9000, type="VOID", parent_identifier="S")], 0),
        (
            [
                transaction("S", 9000, parent_identifier="A"),
                transaction("V", 9000, type="VOID", parent_identifier="A"),
            ],
            9000,
        ),
        (
            [
                transaction("S", 9000),
                transaction("R", 4000, type="REFUND", status="PENDING", parent_identifier="S"),
            ],
            5000,
        ),
        (
            [
                transaction("S", 9000),
                transaction("R", 4000, type="REFUND", status="FAILURE", parent_identifier="S"),
            ],
            9000,
        ),
        ([transaction("A", 9000, type="AUTHORIZATION")], 0),
    ],
)
def test_what_can_go_back_is_what_was_captured_and_not_voided_nor_going_back(
    send_order, drain, optoro, told, room
):
    from apps.orders.models import Order

    send_order(builders.order(transactions=told))
    found = refundable_of(Order.objects.get())
    assert (found.cash_room_cents, sum(t.room_cents for t in found.tenders)) == (room, room)


def test_payments_that_are_no_longer_told_leave_nothing(send_order, drain, optoro):
    from apps.orders.models import Order

    send_order(builders.order(transactions=[transaction("CARD", 10_000)]))
    send_order(builders.order(transactions=[], updated_at="2026-01-26T00:00:00Z"))
    assert refundable_of(Order.objects.get()).cash_room_cents == 0


def test_a_held_refund_of_a_return_that_becomes_a_gift_is_withdrawn(returned, send_rma, drain):
    by_staff(wish(("1", 1), rma="RMA-1"))
    gift = {"gift_refund_only": True, "giftee_email": "g@example.com"}
    send_rma(builders.rma(units=[builders.unit()] * 2, tracking=None, minute=5, **gift))
    later(drain)
    assert paid() == []
    assert "is a gift now" in Item.objects.get(kind="refund_withdrawn").detail


def test_a_held_refund_of_a_unit_that_was_exchanged_meanwhile_is_withdrawn(
    returned, send_rma, drain
):
    by_staff(wish(("1", 2), rma="RMA-1"))
    by_staff(wish(("1", 1, 900), order="ORD-1", reason="scratched"))
    exchanged = builders.unit(
        refund_type="INSTANT_EXCHANGE",
        refund_financials={
            "estimated_refund_amount_cents": UNIT,
            "optoro_refund_amount_cents": UNIT,
            "shopper_refund_amount_cents": 0,
        },
    )
    send_rma(builders.rma(units=[builders.unit(), exchanged], tracking=None, minute=5))
    later(drain)
    assert paid() == [(900, "original_payment")]
    detail = Item.objects.get(kind="refund_withdrawn").detail
    assert "its units are no longer what they were" in detail


def test_a_machine_leaves_to_a_person_what_automation_would(returned, send_rma, drain):
    failed = builders.unit(package_tracking_status="FAILURE")
    send_rma(builders.rma(units=[failed, failed], tracking=None, minute=5))
    drain()
    made = by_api(wish(("1", 1), rma="RMA-1"))
    assert (made.refund.status, made.refund.approval_reason) == (
        "proposed",
        "the parcel failed",
    )
    drain()
    assert paid() == []
    approve_refund(refund=made.refund, actor=actor("lea", Role.LEAD))
    drain()
    assert paid() == [(UNIT, "original_payment")]


def test_return_shipping_is_kept_back_unless_an_amount_is_named(ordered, send_rma, drain, store):
    type(store).objects.filter(pk=store.pk).update(charges_return_shipping=True)
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking=None, return_shipping_cost_cents=500))
    drain()
    by_api(wish(("1", 1), rma="RMA-1"))
    by_api(wish(("1", 1, 1000), rma="RMA-1"))
    drain()
    parts = Refund.objects.order_by("pk").values_list(
        "total_refund_amount_cents", "shopper_amount_cents", "retained_amount_cents"
    )
    assert list(parts) == [(UNIT, UNIT - 500, 500), (1000, 1000, 0)]


def test_optoros_estimate_for_a_unit_is_no_more_than_a_unit_costs(ordered, send_rma, drain):
    dear = builders.unit(cents=4 * UNIT)
    send_rma(builders.rma(units=[dear], tracking=None))
    drain()
    with pytest.raises(Refused, match="no more than"):
        by_api(wish(("1", 1), rma="RMA-1"))


def test_many_small_refunds_are_one_large_one(ordered, store, drain):
    limits(store)
    assert by_staff(wish(("1", 1))).refund.status == "approved"
    second = by_staff(wish(("1", 1))).refund
    assert (second.status, second.approval_reason) == (
        "proposed",
        "$261.12 is above the limit of the role Agent, $200.00",
    )
    assert by_staff(wish(("1", 1)), name="ben").refund.status == "approved"
    approve_refund(refund=second, actor=actor("lea", Role.LEAD))
    later(drain)
    assert len(paid()) == 3
