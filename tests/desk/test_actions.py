"""What people do at the desk happens once, and says what happened."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.attention.models import Item
from apps.inbox.models import DeliveryState
from apps.outbox.models import Job
from apps.payments.models import SimulatedPayment
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.conftest import World, work_off

pytestmark = pytest.mark.django_db


def approve_url(world: World) -> str:
    return reverse("desk:refund-approve", args=[world.refund.identifier])


def cancel_url(world: World) -> str:
    return reverse("desk:refund-cancel", args=[world.refund.identifier])


def test_the_question_spells_out_amount_recipient_and_payment(world: World, lead: Client) -> None:
    page = lead.get(approve_url(world)).content.decode()
    assert "Approve and pay $261.12" in page
    assert "ada@example.com" in page
    assert "the original payment of order ORD-1" in page
    assert world.refund.status == "proposed"


def test_approving_twice_pays_once(world: World, lead: Client) -> None:
    first = lead.post(approve_url(world), follow=True)
    second = lead.post(approve_url(world), follow=True)
    assert "Approved. $261.12 will be paid" in first.content.decode()
    assert second.status_code == 200
    assert "Already approved, not paid yet." in second.content.decode()
    work_off()
    third = lead.post(approve_url(world), follow=True).content.decode()
    assert "Already approved and paid." in third
    assert "cannot become" not in third
    assert SimulatedPayment.objects.get().amount_cents == 26112
    ana = User.objects.get(username="ana")
    assert Event.objects.get(kind="refund.approved").actor_id == ana.pk
    world.refund.refresh_from_db()
    assert world.refund.approver_id == ana.pk


def test_it_is_too_late_to_ask_once_it_is_paid(world: World, lead: Client) -> None:
    lead.post(approve_url(world))
    work_off()
    page = lead.get(approve_url(world), follow=True).content.decode()
    assert "Already approved and paid." in page
    for answer in (
        lead.get(cancel_url(world), follow=True),
        lead.post(cancel_url(world), {"reason": "oops"}, follow=True),
    ):
        assert "Too late to cancel: it is paid already." in answer.content.decode()


def test_canceling_needs_a_reason(world: World, lead: Client) -> None:
    answer = lead.post(cancel_url(world), {"reason": "  "})
    assert answer.status_code == 422
    assert "Write why" in answer.content.decode()
    world.refund.refresh_from_db()
    assert world.refund.status == "proposed"
    lead.post(cancel_url(world), {"reason": "The shopper keeps it"})
    world.refund.refresh_from_db()
    assert world.refund.status == "canceled"
    assert "The shopper keeps it" in Event.objects.get(kind="refund.canceled").summary
    again = lead.post(cancel_url(world), {"reason": "twice"}, follow=True).content.decode()
    assert "Already canceled." in again
    too_late = lead.post(approve_url(world), follow=True).content.decode()
    assert "Too late to approve: it is canceled." in too_late


def test_an_approved_refund_can_be_canceled_until_it_is_paid(world: World, lead: Client) -> None:
    lead.post(approve_url(world))
    page = lead.get(reverse("desk:refund", args=[world.refund.identifier])).content.decode()
    assert "Approved, not paid yet." in page
    lead.post(cancel_url(world), {"reason": "wrong unit"})
    work_off()
    assert not SimulatedPayment.objects.exists()


def test_dismissing_needs_a_note_and_happens_once(world: World, lead: Client) -> None:
    url = reverse("desk:attention-item", args=[world.item.pk])
    assert lead.post(url, {"note": ""}).status_code == 422
    page = lead.post(url, {"note": "Optoro sends it again"}, follow=True).content.decode()
    assert "Dismissed:" in page
    assert "Somebody was quicker" in lead.post(url, {"note": "x"}, follow=True).content.decode()
    item = Item.objects.get(pk=world.item.pk)
    assert item.resolution == "Optoro sends it again"
    assert item.owner == User.objects.get(username="ana")
    closed = lead.get("/attention/?state=closed").content.decode()
    assert "Optoro sends it again" in closed


def test_replaying_queues_the_message(world: World, lead: Client) -> None:
    page = lead.post(reverse("desk:delivery-replay", args=[world.delivery.pk]), follow=True)
    assert "Queued:" in page.content.decode()
    world.delivery.refresh_from_db()
    assert world.delivery.state == DeliveryState.RECEIVED


def test_resending_leads_to_the_job_that_waits(world: World, lead: Client) -> None:
    answer = lead.post(reverse("desk:job-resend", args=[world.job.pk]))
    waiting = Job.objects.get(state="waiting")
    assert answer["Location"] == reverse("desk:job", args=[waiting.pk])
    assert waiting.key == world.job.key


def test_the_job_page_shows_what_optoro_says(world: World, lead: Client) -> None:
    page = lead.get(reverse("desk:job", args=[world.job.pk])).content.decode()
    assert "items[0].sku" in page
    assert "missing_field" in page
    assert "HTTP 422" in page


def test_switching_the_store(
    world: World, other_store: Store, person: object, lead: Client
) -> None:
    user = User.objects.get(username="ana")
    user.memberships.create(store=other_store, role="agent")
    assert "ORD-1" in lead.get("/orders/").content.decode()
    lead.post("/store/", {"store": str(other_store.pk)})
    assert "ORD-1" not in lead.get("/orders/").content.decode()
    assert lead.get("/orders/ORD-1/").status_code == 404
    user.memberships.filter(store=other_store).delete()
    assert "ORD-1" in lead.get("/orders/").content.decode()


@pytest.mark.parametrize("chosen", ["", "x", "999999", "-1"])
def test_a_store_of_others_cannot_be_chosen(chosen: str, world: World, lead: Client) -> None:
    lead.post("/store/", {"store": chosen})
    assert "ORD-1" in lead.get("/orders/").content.decode()


def test_the_theme_is_remembered(world: World, lead: Client) -> None:
    assert 'data-theme="system"' in lead.get("/").content.decode()
    answer = lead.post("/preferences/", {"theme": "dark", "next": "/orders/?page=2"})
    assert answer["Location"] == "/orders/?page=2"
    assert 'data-theme="dark"' in lead.get("/").content.decode()
    lead.post("/preferences/", {"theme": "<b>"})
    assert 'data-theme="dark"' in lead.get("/").content.decode()
    lead.post("/preferences/", {"shortcuts": "off"})
    assert 'data-shortcuts="off"' in lead.get("/").content.decode()


@pytest.mark.parametrize("back", ["https://evil.test/", "//evil.test", "javascript:alert(1)", ""])
def test_preferences_never_lead_elsewhere(back: str, world: World, lead: Client) -> None:
    assert lead.post("/preferences/", {"theme": "dark", "next": back})["Location"] == "/"


def test_signing_in_and_out(world: World, lead: Client) -> None:
    user = User.objects.get(username="ana")
    user.set_password("correct horse battery")
    user.save()
    browser = Client()
    wrong = browser.post("/login/", {"username": "ana", "password": "no"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.content.decode()
    right = browser.post(
        "/login/", {"username": "ana", "password": "correct horse battery", "next": "/refunds/"}
    )
    assert right["Location"] == "/refunds/"
    assert browser.get("/logout/").status_code == 405
    assert browser.post("/logout/")["Location"] == "/login/"
    assert browser.get("/").status_code == 302


def test_a_live_update_without_a_session_moves_the_whole_page(world: World) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/returns/RMA-1/"}
    answer = Client().get("/returns/RMA-1/", headers=headers, follow=True)
    assert answer["HX-Redirect"] == "/login/?next=%2Freturns%2FRMA-1%2F"
