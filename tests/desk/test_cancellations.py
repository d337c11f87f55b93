"""Asking for a return's cancellation at the desk, and withdrawing that."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.rmas.models import Rma
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.conftest import World, deliver, work_off
from tests.support import builders

pytestmark = pytest.mark.django_db

CANCEL, WITHDRAW, PAGE = (
    "/returns/RMA-1/cancel/",
    "/returns/RMA-1/cancel/withdraw/",
    "/returns/RMA-1/",
)
WHY = {"reason": "The shopper keeps it"}


def text_of(answer: Any) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


def test_the_question_says_what_follows(world: World, lead: Client) -> None:
    assert f'href="{CANCEL}"' in lead.get(PAGE).content.decode()
    page = text_of(lead.get(CANCEL))
    assert "Automation stops: nothing of this return is decided or paid any more." in page
    assert f"Refunds canceled {world.refund.identifier} $261.12 Proposed" in page
    assert "Cancel it in Optoro’s portal. Optoro offers no call for it" in page
    refused = lead.post(CANCEL, {"reason": " "})
    assert refused.status_code == 422
    assert "Write why: the next person will want to know." in text_of(refused)
    assert Refund.objects.get().status == "proposed"


def test_it_waits_for_optoro_and_pays_nothing(world: World, lead: Client) -> None:
    page = text_of(lead.post(CANCEL, WHY, follow=True))
    assert "Now cancel the return in Optoro’s portal; Optoro offers no call for it." in page
    assert re.search(r"Cancellation asked for by ana .* \d+ s ago: “The shopper keeps it”\.", page)
    assert "It waits until Optoro says that the return is canceled" in page
    assert "Withdraw the request" in page
    assert Refund.objects.get().status == "canceled"
    work_off()
    assert not SimulatedPayment.objects.exists()
    again = text_of(lead.post(CANCEL, {"reason": "once more"}, follow=True))
    assert "Its cancellation is asked for already." in again
    assert Rma.objects.get(rma_identifier="RMA-1").cancellation_reason == "The shopper keeps it"
    assert Event.objects.filter(kind="rma.cancellation_requested").count() == 1
    units = [builders.unit(), builders.unit()]
    deliver(world.store, builders.rma(units=units, status="CANCELED", minute=9))
    work_off()
    ended = text_of(lead.get(PAGE))
    assert "Cancellation asked for by" not in ended
    assert "Withdraw the request" not in ended
    assert Item.objects.get(kind="cancellation_waits").resolved_at is not None


def test_a_withdrawn_request_lets_automation_go_on(world: World, lead: Client) -> None:
    lead.post(CANCEL, WHY)
    blank = text_of(lead.post(WITHDRAW, {"reason": ""}, follow=True))
    assert "Not withdrawn: write why, in up to 200 characters." in blank
    assert Rma.objects.get(rma_identifier="RMA-1").is_cancellation_requested
    page = text_of(lead.post(WITHDRAW, {"reason": "sent it after all"}, follow=True))
    assert "Withdrawn: automation decides on the return anew." in page
    work_off()
    assert list(Refund.objects.order_by("pk").values_list("status", flat=True)) == [
        "canceled",
        "proposed",
    ]
    again = text_of(lead.post(WITHDRAW, {"reason": "twice"}, follow=True))
    assert "No cancellation of RMA RMA-1 is asked for." in again
    assert lead.get(WITHDRAW).status_code == 405


def test_what_was_paid_is_not_canceled(world: World, lead: Client) -> None:
    lead.post(f"/refunds/{world.refund.identifier}/approve/")
    work_off()
    why = f"refund {world.refund.identifier} of $261.12 for RMA RMA-1 is paid"
    for answer in (lead.get(CANCEL), lead.post(CANCEL, WHY)):
        assert f"It cannot be canceled: {why}" in text_of(answer)
    page = lead.get(PAGE)
    assert CANCEL not in page.content.decode()
    assert f"Cannot be canceled: {why}" in text_of(page)
    assert not Rma.objects.get(rma_identifier="RMA-1").is_cancellation_requested


def test_another_stores_return_is_not_found(
    world: World, other_store: Store, person: Callable[..., Client]
) -> None:
    neighbor = person((other_store, Role.ADMINISTRATOR), name="cy")
    assert neighbor.post(CANCEL, WHY).status_code == 404
    assert neighbor.post(WITHDRAW, WHY).status_code == 404
    assert Refund.objects.get().status == "proposed"


@pytest.mark.parametrize("role", list(Role))
def test_who_may_ask_for_it(role: Role, world: World, person: Callable[..., Client]) -> None:
    browser = person((world.store, role), name="bo")
    is_given = role in (Role.AGENT, Role.LEAD, Role.ADMINISTRATOR)
    assert (f'href="{CANCEL}"' in browser.get(PAGE).content.decode()) is is_given
    assert browser.post(CANCEL, WHY).status_code == (302 if is_given else 403)
    assert Rma.objects.get(rma_identifier="RMA-1").is_cancellation_requested is is_given
    assert (WITHDRAW in browser.get(PAGE).content.decode()) is is_given
    assert browser.post(WITHDRAW, WHY).status_code == (302 if is_given else 403)
