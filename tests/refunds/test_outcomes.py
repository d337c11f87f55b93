"""What became of a payment, by the word of a person or of the retailer's own systems."""

import pytest
import time_machine

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common import clock
from apps.common.errors import Refused
from apps.common.kept_rows import RowIsKept
from apps.payments.models import SimulatedPayment
from apps.payments.types import GatewayOutcome, GatewayResult
from apps.refunds import payouts
from apps.refunds.models import Payout, Refund, RefundUnit
from apps.refunds.outcomes import tell_outcome
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor
from tests.support.wishes import by_api, wish

pytestmark = pytest.mark.django_db

PAID, DECLINED = GatewayOutcome.PAID, GatewayOutcome.DECLINED


@pytest.fixture
def by_hand(store, send_order, drain, optoro):
    """A refund of the whole order that a person pays."""
    type(store).objects.filter(pk=store.pk).update(payment_gateway="manual")
    send_order(builders.order())
    drain()
    by_api(wish(("1", 4)))
    drain()
    return Payout.objects.get()


@pytest.fixture
def lost(send_order, drain, optoro):
    """A payment that never arrives, and nobody answers."""
    send_order(builders.order("ORD-LOST"))
    drain()
    by_api(wish(("1", 4), order="ORD-LOST"))
    drain()
    return Payout.objects.get()


def tell(payout, outcome, reference="", note=""):
    who = actor("fin", Role.FINANCE)
    return tell_outcome(payout=payout, outcome=outcome, reference=reference, note=note, actor=who)


def state() -> tuple[str, str]:
    return Refund.objects.get().status, Payout.objects.get().status


def open_kinds() -> list[str]:
    return sorted(Item.objects.filter(resolved_at=None).values_list("kind", flat=True))


def test_a_payment_by_hand_waits_for_somebody_and_says_so(by_hand, drain):
    assert state() == ("paying", "pending")
    assert open_kinds() == ["payment_by_hand"]
    item = Item.objects.get()
    assert item.detail == (
        f"$522.24 of refund {Refund.objects.get().identifier} to the payment of order ORD-1"
    )
    with time_machine.travel(clock.in_seconds(86_400)):
        drain()
    assert state() == ("paying", "pending")
    assert by_hand.attempts.count() == 1


def test_who_says_that_it_was_paid_gives_the_reference(by_hand, drain, optoro):
    with pytest.raises(Refused, match="write the one it has"):
        tell(by_hand, PAID, " ")
    told = tell(by_hand, PAID, " bank-1 ")
    assert (told.status, told.gateway_reference) == ("paid", "bank-1")
    assert state() == ("paid", "paid")
    assert open_kinds() == []
    event = Event.objects.get(kind="refund.paid")
    assert (event.actor_kind, event.actor.username) == ("staff", "fin")
    assert event.summary.endswith("reference bank-1")
    drain()
    assert [r["total_refund_amount_cents"] for r in optoro.last()["refunds"]] == [52_224]


def test_the_same_word_again_changes_nothing_and_another_is_refused(by_hand):
    tell(by_hand, PAID, "bank-1")
    events = Event.objects.count()
    assert tell(by_hand, PAID, "bank-1").status == "paid"
    assert Event.objects.count() == events
    with pytest.raises(Refused, match="it is paid already, with reference 'bank-1'"):
        tell(by_hand, PAID, "bank-2")
    with pytest.raises(Refused, match="paid already"):
        tell(by_hand, DECLINED)
    assert state() == ("paid", "paid")


def test_what_cannot_be_paid_by_hand_is_declined_and_free_again(by_hand, drain):
    tell(by_hand, DECLINED, note="account closed")
    assert state() == ("declined", "declined")
    assert open_kinds() == ["refund_declined"]
    assert "account closed" in Item.objects.get(kind="refund_declined").detail
    assert tell(by_hand, DECLINED).status == "declined"
    by_api(wish(("1", 4)))
    drain()
    assert Payout.objects.latest("pk").status == "pending"


def test_an_unknown_payment_can_be_settled_by_who_looked_it_up(lost):
    assert state() == ("unknown", "unknown")
    tell(lost, DECLINED, note="not in the gateway's list")
    assert state() == ("declined", "declined")
    assert open_kinds() == ["refund_declined"]


def test_a_gateway_that_paid_what_was_said_not_to_be_paid_is_shown(lost, drain):
    """Nobody may release money that went out without a person being told."""
    begun = payouts._begin(payout_id=lost.pk)
    with pytest.raises(Refused, match="being called at this moment"):
        tell(lost, DECLINED)
    Payout.objects.filter(pk=lost.pk).update(status="unknown")
    tell(lost, DECLINED)
    late = GatewayResult(PAID, reference="found-1")
    payouts._record(payout_id=lost.pk, attempt_id=begun.attempt_id, result=late)
    assert state() == ("declined", "declined")
    assert open_kinds() == ["payment_contradicted", "refund_declined"]
    assert "reference found-1" in Item.objects.get(kind="payment_contradicted").detail


def test_before_it_was_sent_nothing_can_be_said(send_order, drain, optoro):
    send_order(builders.order())
    drain()
    by_api(wish(("1", 1)))
    with pytest.raises(Refused, match="not been sent yet"):
        tell(Payout.objects.get(), PAID, "x")
    drain()
    assert state() == ("paid", "paid")


@pytest.mark.parametrize("outcome", [GatewayOutcome.UNKNOWN, GatewayOutcome.PENDING])
def test_only_paid_or_declined_can_be_said(by_hand, outcome):
    with pytest.raises(Refused, match="say `paid` or `declined`"):
        tell(by_hand, outcome, "x")


def test_an_unknown_payment_is_never_paid_with_another_key(lost, drain):
    with time_machine.travel(clock.now()) as moment:
        for _ in range(6):
            moment.shift(4000)
            drain()
    keys = set(lost.attempts.values_list("idempotency_key", flat=True))
    assert keys == {lost.idempotency_key}
    assert lost.attempts.count() == 7
    assert state() == ("unknown", "unknown")
    assert SimulatedPayment.objects.count() == 0


@pytest.mark.parametrize("model", [Refund, Payout, RefundUnit])
def test_rows_of_money_are_never_deleted(by_hand, model):
    with pytest.raises(RowIsKept):
        model.objects.all().delete()
    with pytest.raises(RowIsKept):
        Refund.objects.get().delete()
    assert Refund.objects.count() == 1


def test_a_payment_of_another_amount_under_our_key_is_unknown(lost, drain):
    """Somebody else's book-keeping error must not close ours."""
    from apps.payments.types import GatewayResult

    request = payouts._request(lost)
    for cents, outcome in [(52_224, "paid"), (None, "paid"), (5_222, "unknown")]:
        told = GatewayResult(PAID, reference="x", amount_cents=cents)
        assert payouts._of_this_amount(told, request).outcome == outcome


def test_a_payment_said_not_to_be_made_is_looked_for_once_more(lost, drain):
    """A call that was overtaken pays after the person looked, and its worker dies."""
    tell(lost, DECLINED, note="not in the list")
    with time_machine.travel(clock.in_seconds(1800)):
        drain()
    SimulatedPayment.objects.create(
        key=str(lost.idempotency_key),
        outcome="paid",
        reference="late-1",
        amount_cents=52_224,
        currency="USD",
        destination="original_payment",
        order_identifier="ORD-LOST",
        refund_identifier=lost.refund.identifier,
    )
    assert open_kinds() == ["refund_declined"]
    with time_machine.travel(clock.in_seconds(4000)):
        drain()
    assert open_kinds() == ["payment_contradicted", "refund_declined"]
    assert SimulatedPayment.objects.count() == 1
    assert state() == ("declined", "declined")


def test_paid_under_another_reference_or_declined_after_all_is_shown(lost, drain):
    begun = payouts._begin(payout_id=lost.pk)
    Payout.objects.filter(pk=lost.pk).update(status="unknown")
    tell(lost, PAID, "bank-1")
    same = GatewayResult(PAID, reference="bank-1")
    payouts._record(payout_id=lost.pk, attempt_id=begun.attempt_id, result=same)
    assert open_kinds() == []
    for result, words in [
        (GatewayResult(PAID, reference="gw-9"), "the gateway says it was paid, reference gw-9"),
        (GatewayResult(DECLINED, reason="no"), "the gateway says it was declined"),
    ]:
        payouts._record(payout_id=lost.pk, attempt_id=begun.attempt_id, result=result)
        assert open_kinds() == ["payment_contradicted"]
        assert words in Item.objects.get(kind="payment_contradicted").detail
    assert state() == ("paid", "paid")
