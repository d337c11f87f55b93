"""A unit that a person excluded is not refunded, by nobody, until it is let in again."""

import pytest
import time_machine

from apps.accounts.models import Role
from apps.common import clock
from apps.common.errors import Refused
from apps.refunds.exclusions import exclude_unit, include_unit, why_not_excludable
from apps.refunds.models import Refund, RefundUnit
from apps.refunds.services import cancel_refund
from apps.rmas.models import RmaUnit
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor
from tests.support.wishes import by_api, by_staff, wish

pytestmark = pytest.mark.django_db


@pytest.fixture
def returned(send_order, send_rma, drain, optoro):
    """An order, and a return of two of its four units that is not scanned yet."""
    send_order(builders.order())
    send_rma(builders.rma(units=[builders.unit(), builders.unit()], tracking=None))
    drain()


def unit(ordinal: int) -> RmaUnit:
    return RmaUnit.objects.get(ordinal=ordinal)


def leave_out(ordinal=1, reason="the shopper keeps it"):
    return exclude_unit(
        unit=unit(ordinal), reason=reason, actor=actor("ana", Role.AGENT), excluder="ana"
    )


def let_in(ordinal=1):
    return include_unit(unit=unit(ordinal), actor=actor("ana", Role.AGENT))


def scan(send_rma):
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking="TRANSIT", minute=5))


def refunded() -> list[tuple[str, str, list[int]]]:
    """Each refund's source and status, and the ordinals of its units."""
    return [
        (
            refund.source,
            refund.status,
            sorted(
                RefundUnit.objects.filter(line__refund=refund).values_list(
                    "rma_unit__ordinal", flat=True
                )
            ),
        )
        for refund in Refund.objects.order_by("pk")
    ]


def test_only_the_other_unit_is_refunded_until_it_is_let_in(returned, send_rma, drain):
    leave_out()
    scan(send_rma)
    drain()
    assert refunded() == [("automatic", "paid", [2])]
    assert unit(1).exclusion_reason == "the shopper keeps it"
    let_in()
    drain()
    assert refunded() == [("automatic", "paid", [2]), ("automatic", "paid", [1])]
    events = Event.objects.filter(kind__startswith="unit.").order_by("pk")
    assert list(events.values_list("kind", "actor__username", "summary")) == [
        ("unit.excluded", "ana", "Excluded line 1, unit 1: the shopper keeps it"),
        ("unit.included", "ana", "Let line 1, unit 1 in again"),
    ]


def test_a_later_message_does_not_let_it_in(returned, send_rma, drain):
    leave_out(2)
    scan(send_rma)
    drain()
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking="DELIVERED", minute=9))
    drain()
    assert refunded() == [("automatic", "paid", [1])]
    assert unit(2).is_excluded


def test_people_and_machines_cannot_refund_it_either(returned):
    leave_out()
    with pytest.raises(Refused, match=r"only 1 of RMA RMA-1 are not refunded yet"):
        by_staff(wish(("1", 2), rma="RMA-1"))
    with pytest.raises(Refused, match=r"unit 1 of RMA RMA-1 is excluded \(the shopper keeps it\)"):
        by_staff(wish(("1", 1, None, (unit(1).pk,)), rma="RMA-1"))
    with pytest.raises(Refused, match=r"only 1 of RMA RMA-1 are not refunded yet"):
        by_api(wish(("1", 2), rma="RMA-1"))
    assert by_staff(wish(("1", 1), rma="RMA-1")).is_new
    assert refunded() == [("staff", "approved", [2])]


def test_nor_by_not_naming_the_return(returned):
    leave_out()
    with pytest.raises(Refused, match="on their way back"):
        by_staff(wish(("1", 3)))


def test_what_automation_decided_and_did_not_pay_is_withdrawn(returned, send_rma, drain, change):
    change(payment_delay_minutes=60)
    scan(send_rma)
    drain()
    assert refunded() == [("automatic", "approved", [1, 2])]
    leave_out()
    drain()
    with time_machine.travel(clock.in_seconds(2 * 3600)):
        drain()
    assert refunded() == [("automatic", "canceled", [1, 2]), ("automatic", "paid", [2])]


def test_what_a_person_decided_is_theirs_to_cancel(returned):
    refund = by_staff(wish(("1", 1, None, (unit(1).pk,)), rma="RMA-1")).refund
    with pytest.raises(Refused, match=f"in refund {refund.identifier}, which is approved: cancel"):
        leave_out()
    assert why_not_excludable(unit(2)) == ""
    assert not unit(1).is_excluded


def test_what_is_paid_cannot_be_excluded(returned, send_rma, drain):
    scan(send_rma)
    drain()
    name = Refund.objects.get().identifier
    with pytest.raises(Refused, match=f"line 1, unit 1 is in refund {name}, which is paid"):
        leave_out()


def test_one_that_a_person_canceled_does_not_take_its_neighbor_out_with_it(
    returned, send_rma, drain, change
):
    change(payment_delay_minutes=60)
    refund = by_staff(wish(("1", 1, None, (unit(1).pk,)), rma="RMA-1")).refund
    cancel_refund(refund=refund, actor=actor("lea"), reason="a mistake")
    leave_out()
    scan(send_rma)
    drain()
    with time_machine.travel(clock.in_seconds(2 * 3600)):
        drain()
    assert refunded() == [("staff", "canceled", [1]), ("automatic", "paid", [2])]


def test_refusals(returned):
    with pytest.raises(Refused, match="reason: write why"):
        leave_out(reason=" ")
    with pytest.raises(Refused, match="line 1, unit 1 of RMA RMA-1 is not excluded"):
        let_in()
    first = leave_out().excluded_at
    assert leave_out(reason="again").excluded_at == first
    assert unit(1).exclusion_reason == "the shopper keeps it"
    assert Event.objects.filter(kind="unit.excluded").count() == 1
