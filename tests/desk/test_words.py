"""How the screens put Optoro's words, and the domain's, for people."""

import pytest
from django.test import Client

from apps.desk.timeline_words import plainly
from apps.desk.words import counted, in_words, word_for
from apps.timeline.models import Event
from tests.desk.conftest import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "value", "label", "original"),
    [
        ("rma", "REFUNDED", "Refunded", ""),
        ("rma", "CREATED", "Open", "CREATED"),
        ("tracking", "DELIVERED", "Delivered", ""),
        ("tracking", "PRE_TRANSIT", "Label made", "PRE_TRANSIT"),
        ("order", "Shipped", "Shipped", ""),
        ("receiving", "LOST", "Not in the contract", "LOST"),
    ],
)
def test_a_status_is_a_word_and_optoros_own_stands_beside_another(
    kind: str, value: str, label: str, original: str
) -> None:
    word = word_for(kind, value)
    assert (word.label, word.original) == (label, original)
    assert in_words(kind, value) == (value if value == "LOST" else label)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("RMA status: REFUNDED", "Return: refunded"),
        ("RMA package tracking status: PRE_TRANSIT, TRANSIT", "Parcel: label made, in transit"),
        ("RMA receiving status: NOT_RECEIVED", "At the warehouse: did not arrive"),
        ("Return started: 2 units, express-returns", "Return started: 2 units, express drop-off"),
        ("mail-back, TRANSIT", "mail-back, in transit"),
        ("Order SO-TRANSIT received", "Order SO-TRANSIT received"),
        ("Refund RD-1 approved", "Refund RD-1 approved"),
    ],
)
def test_what_the_desk_wrote_is_put_plainly(text: str, plain: str) -> None:
    assert plainly(text) == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 unit(s) to refund", "1 unit to refund"),
        ("its 4 shipped unit(s) cost $5.00", "its 4 shipped units cost $5.00"),
        ("1,000 unit(s) and 1 shipped unit(s)", "1,000 units and 1 shipped unit"),
        ("unit(s)", "unit(s)"),
    ],
)
def test_units_are_counted_as_one_says_it(text: str, said: str) -> None:
    assert counted(text) == said


def test_what_a_person_wrote_stays_as_it_was_written(world: World, lead: Client) -> None:
    told = Event.objects.filter(rma_identifier="RMA-1").first()
    Event.objects.filter(pk=told.pk).update(
        summary="RMA status: REFUNDED", kind="rma.message", changes=[], actor_kind="system"
    )
    assert "Return: refunded" in lead.get("/returns/RMA-1/").content.decode()
    Event.objects.filter(pk=told.pk).update(actor_kind="staff")
    page = lead.get("/returns/RMA-1/").content.decode()
    assert "RMA status: REFUNDED" in page
    assert "Return: refunded" not in page
