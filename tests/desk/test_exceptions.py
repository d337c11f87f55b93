"""Exceptions that can be worked: whose they are, how late, and what is done about them."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import Role
from apps.attention.models import Item, Kind
from apps.attention.rules import ACTS, DONE_AT_ONCE, ENDS_WITH_ITS_CAUSE
from apps.attention.services import open_item
from apps.common import clock
from apps.outbox.models import Job
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Payout, Refund
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.conftest import World, deliver, take, work_off
from tests.desk.schedule_addresses import made as schedule_of
from tests.desk.statement_addresses import done as statement_of
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db


def open_kind(world: World, kind: Kind, subject: str = "", **names: str) -> Item:
    """Opens an item of `kind` about the world's refund, RMA and order."""
    names = {"order_identifier": "ORD-1", "rma_identifier": "RMA-1", **names}
    subject = subject or world.refund.identifier
    open_item(store_id=world.store.pk, kind=kind, subject=subject, detail="because", **names)
    return Item.objects.get(kind=kind, subject=subject)


def page_of(browser: Client, item: Item) -> str:
    return unescape(browser.get(reverse("desk:attention-item", args=[item.pk])).content.decode())


def do(browser: Client, item: Item, act: str) -> str:
    url = reverse("desk:attention-act", args=[item.pk, act])
    return unescape(browser.post(url, follow=True).content.decode())


def live(page: str) -> str:
    """What a list shows of its rows."""
    return page.split('id="live"')[-1].split("<footer")[0]


def test_an_item_is_taken_and_given_back(world: World, lead: Client) -> None:
    item = world.item
    page = page_of(lead, item)
    assert "Nobody yet" in page
    assert "Take it" in page
    assert "Give it back" not in page
    taken = lead.post(reverse("desk:attention-take", args=[item.pk]), follow=True)
    assert "You have it now: A message could not be used" in taken.content.decode()
    page = page_of(lead, item)
    assert "<dd>You</dd>" in page
    assert "Take it" not in page
    back = lead.post(reverse("desk:attention-give-back", args=[item.pk]), follow=True)
    assert "Given back, nobody has it now" in back.content.decode()
    item.refresh_from_db()
    assert item.owner is None


def test_leads_take_over_and_agents_do_not(
    world: World, lead: Client, person: Callable[..., Client]
) -> None:
    agent = person((world.store, Role.AGENT), name="ben")
    url = reverse("desk:attention-take", args=[world.item.pk])
    lead.post(url)
    page = unescape(agent.post(url, follow=True).content.decode())
    assert "It cannot be taken: ana has it; ask them, or a lead." in page
    assert "Take it" not in page_of(agent, world.item)
    agent_item = open_kind(world, Kind.SNAPSHOT_HELD)
    agent.post(reverse("desk:attention-take", args=[agent_item.pk]))
    assert "Take it over" in page_of(lead, agent_item)
    lead.post(reverse("desk:attention-take", args=[agent_item.pk]))
    agent_item.refresh_from_db()
    assert agent_item.owner is not None
    assert agent_item.owner.username == "ana"


def test_the_list_is_narrowed_by_owner_and_lateness(world: World, lead: Client) -> None:
    other = open_kind(world, Kind.REFUND_DECLINED)
    lead.post(reverse("desk:attention-take", args=[other.pk]))

    def shown(query: str) -> set[int]:
        page = live(lead.get(f"/attention/?{query}").content.decode())
        return {int(pk) for pk in re.findall(r'id="item-(\d+)"', page)}

    everything = set(Item.objects.filter(resolved_at=None).values_list("pk", flat=True))
    assert shown("") == everything
    assert shown("owner=mine") == {other.pk}
    assert shown("owner=nobody") == everything - {other.pk}
    assert shown("late=yes") == set()
    Item.objects.filter(pk=other.pk).update(
        opened_at=clock.now() - timedelta(hours=27), due_at=clock.now() - timedelta(hours=3)
    )
    assert shown("late=yes&owner=mine") == {other.pk}
    page = lead.get("/attention/?late=yes").content.decode()
    assert "Late by 3 hours" in page
    assert "27 hours" in page
    assert "Open for 27 hours" in page_of(lead, other)
    assert (
        "No results for this filter"
        in lead.get("/attention/?late=yes&owner=nobody").content.decode()
    )


def test_every_kind_has_its_actions_on_page_and_list(world: World, lead: Client) -> None:
    schedule, statement = schedule_of(world), statement_of(world)
    for kind in Kind:
        subjects = {
            Kind.MESSAGE_QUARANTINED: str(world.delivery.pk),
            Kind.EXCHANGE_NEEDS_LOOK: world.exchange.order_identifier,
            Kind.SETTLEMENT_UNMATCHED: world.exchange.order_identifier,
            Kind.REPORT_FAILED: str(schedule.pk),
            Kind.REPORT_EMPTY: str(schedule.pk),
            Kind.STATEMENT_NOT_PAID: str(statement.pk),
            Kind.STATEMENT_TWICE: str(statement.pk),
        }
        item = open_kind(world, kind, subjects.get(kind, ""))
        page = page_of(lead, item)
        section = page.split('id="h-act"')[1].split("</section>")[0]
        links = re.findall(r'<a class="button" href="(/[^"]+)"', section)
        posts = re.findall(r'action="/attention/\d+/do/([a-z-]+)/"', section)
        assert posts == [act.value for act in ACTS[kind] if act in DONE_AT_ONCE], kind
        assert len(links) + len(posts) == len(ACTS[kind]), kind
        for link in links:
            assert lead.get(link).status_code == 200, (kind, link)
        assert ("cannot be dismissed" in page) is (kind in ENDS_WITH_ITS_CAUSE)
    page = lead.get("/attention/").content.decode()
    assert page.count("/do/send-snapshot/") == 4
    assert page.count("/do/ask-gateway/") == 1


def test_the_gateway_is_asked_again_now(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    take(store, identifier="ORD-1-TIMEOUT")
    deliver(store, builders.rma(units=[builders.unit("ORD-1-TIMEOUT")] * 4, tracking="TRANSIT"))
    work_off()
    payout = Payout.objects.get()
    assert payout.status == "unknown"
    item = Item.objects.get(kind="payment_unknown")
    job = Job.objects.get(topic="refund.pay", state="waiting")
    assert job.not_before > clock.now()
    page = do(lead, item, "ask-gateway")
    assert f"The gateway is asked again now about refund {payout.refund.identifier}" in page
    work_off()
    payout.refresh_from_db()
    assert payout.status == "paid"
    assert SimulatedPayment.objects.count() == 1
    assert "Nothing to do: this was closed already." in do(lead, item, "ask-gateway")
    item.refresh_from_db()
    assert item.resolved_at


def test_an_unknown_payment_is_not_dismissed(world: World, lead: Client) -> None:
    item = open_kind(world, Kind.PAYMENT_UNKNOWN)
    url = reverse("desk:attention-item", args=[item.pk])
    page = unescape(lead.post(url, {"note": "enough"}, follow=True).content.decode())
    assert "cannot be dismissed: it closes by itself when its cause is gone" in page
    item.refresh_from_db()
    assert item.resolved_at is None
    contradicted = open_kind(world, Kind.PAYMENT_CONTRADICTED)
    lead.post(reverse("desk:attention-item", args=[contradicted.pk]), {"note": "seen"})
    contradicted.refresh_from_db()
    assert contradicted.is_dismissed


def test_a_snapshot_is_sent_again(world: World, lead: Client, optoro: FakeOptoro) -> None:
    optoro.answer = FakeOptoro().answer
    held = Item.objects.get(kind="snapshot_held", subject="ORD-HELD")
    assert "The snapshot of order ORD-HELD is sent again" in do(lead, held, "send-snapshot")
    work_off()
    held.refresh_from_db()
    assert held.resolution == "Optoro accepted a newer snapshot"
    assert optoro.snapshots[-1]["identifier"] == "ORD-HELD"


def test_an_agent_sends_no_snapshot(world: World, person: Callable[..., Client]) -> None:
    agent = person((world.store, Role.AGENT), name="ben")
    held = Item.objects.get(kind="snapshot_held", subject="ORD-HELD")
    page = page_of(agent, held)
    assert re.search(r'disabled title="[^"]+Lead, Administrator[^"]+">Send the snapshot', page)
    url = reverse("desk:attention-act", args=[held.pk, "send-snapshot"])
    assert agent.post(url).status_code == 403
    declined = open_kind(world, Kind.REFUND_DECLINED)
    assert "Return RMA-1 is looked at again" in do(agent, declined, "look-again")
    assert Job.objects.filter(topic="rma.evaluate", state="waiting").count() == 1


def test_a_stuck_payment_is_queued_again(world: World, lead: Client) -> None:
    item = open_kind(world, Kind.PAYMENT_STUCK)
    page = do(lead, item, "queue-payment")
    assert f"Nothing of refund {world.refund.identifier} is left to pay." in page
    lead.post(reverse("desk:refund-approve", args=[world.refund.identifier]))
    Job.objects.filter(topic="refund.pay").update(state="done")
    assert "is queued again, with the same key" in do(lead, item, "queue-payment")
    work_off()
    assert Refund.objects.get(pk=world.refund.pk).status == "paid"
    assert SimulatedPayment.objects.count() == 1


def test_an_action_of_another_kind_is_not_there(world: World, lead: Client) -> None:
    for name in ("ask-gateway", "see-message", "nonsense"):
        url = reverse("desk:attention-act", args=[world.item.pk, name])
        assert lead.post(url).status_code == 404, name
        assert lead.get(url).status_code == 405, name


def test_a_queue_is_worked_with_the_keyboard(world: World, lead: Client) -> None:
    """One after the other by the keys that the buttons carry, until there is none left."""
    items = [open_kind(world, Kind.SNAPSHOT_HELD, f"ORD-{n}") for n in (2, 3)]
    first = Item.objects.get(kind="snapshot_held", subject="ORD-HELD")
    page = page_of(lead, first)
    assert "2 more of this kind" in page
    for key in ("1", "2", "t", "d", "."):
        assert page.count(f'data-key="{key}"') == 1, key
    assert f'href="/attention/{items[0].pk}/" data-key="."' in page
    answer = lead.post(f"/attention/{first.pk}/take/")
    assert answer["Location"] == f"/attention/{first.pk}/"
    assert page_of(lead, first).count('data-key="b"') == 1
    answer = lead.post(f"/attention/{first.pk}/", {"note": "mended"})
    assert answer["Location"] == f"/attention/{items[0].pk}/"
    shown = unescape(lead.get(answer["Location"]).content.decode())
    assert "Optoro refused an order snapshot, ORD-HELD. 2 more of this kind." in shown
    answer = lead.post(f"/attention/{items[0].pk}/do/send-snapshot/")
    assert answer["Location"] == f"/attention/{items[1].pk}/"
    lead.get(answer["Location"])
    lead.post(f"/attention/{items[0].pk}/", {"note": "mended"})
    answer = lead.post(f"/attention/{items[1].pk}/", {"note": "mended"})
    assert answer["Location"] == "/attention/"
    assert "No more of this kind." in lead.get("/attention/").content.decode()


def test_what_others_have_does_not_open(
    world: World, lead: Client, person: Callable[..., Client]
) -> None:
    ben = person((world.store, Role.AGENT), name="ben")
    theirs = open_kind(world, Kind.REFUND_DECLINED, "RD-2")
    mine = open_kind(world, Kind.REFUND_DECLINED, "RD-3")
    ben.post(f"/attention/{theirs.pk}/take/")
    page = unescape(
        lead.post(f"/attention/{mine.pk}/", {"note": "x"}, follow=True).content.decode()
    )
    assert "Others have the 1 left of this kind." in page


def test_taking_and_dismissing_stand_on_the_timeline(world: World, lead: Client) -> None:
    item = open_kind(world, Kind.REFUND_DECLINED)
    for name in ("take", "take", "give-back"):
        lead.post(f"/attention/{item.pk}/{name}/")
    lead.post(f"/attention/{item.pk}/", {"note": "paid by hand, R-7"})
    lead.post(f"/attention/{item.pk}/", {"note": "again"})
    rows = Event.objects.filter(kind__startswith="attention.").order_by("pk")
    name = world.refund.identifier
    assert list(rows.values_list("kind", "refund_identifier", "actor__username")) == [
        ("attention.taken", name, "ana"),
        ("attention.given_back", name, "ana"),
        ("attention.dismissed", name, "ana"),
    ]
    said = "Dismissed: “The payment was declined”: paid by hand, R-7"
    assert rows[2].summary == said
    for url in ("/orders/ORD-1/", "/returns/RMA-1/"):
        assert said in unescape(lead.get(url).content.decode()), url
    nameless = open_kind(world, Kind.CONTRACT_DRIFT, "x=y", order_identifier="", rma_identifier="")
    lead.post(f"/attention/{nameless.pk}/", {"note": "asked"})
    assert rows.count() == 3


def test_finance_works_on_what_is_about_money(world: World, person: Callable[..., Client]) -> None:
    finance = person((world.store, Role.FINANCE), name="fin")
    money = open_kind(world, Kind.SETTLEMENT_UNMATCHED)
    page = page_of(finance, money)
    assert 'data-key="t"' in page
    assert finance.post(f"/attention/{money.pk}/take/").status_code == 302
    assert finance.post(f"/attention/{money.pk}/", {"note": "cleared"}).status_code == 302
    money.refresh_from_db()
    assert (money.is_dismissed, money.owner.username) == (True, "fin")
    page = page_of(finance, world.item)
    assert 'data-key="t"' not in page
    assert "Working on what needs attention needs one of these roles: Agent, Lead," in page
    for name in ("", "take/", "give-back/"):
        answer = finance.post(f"/attention/{world.item.pk}/{name}", {"note": "x"})
        assert answer.status_code == 403, name
    unknown = open_kind(world, Kind.PAYMENT_UNKNOWN)
    assert finance.post(f"/attention/{unknown.pk}/do/ask-gateway/").status_code == 302
    stuck = open_kind(world, Kind.PAYMENT_STUCK)
    assert finance.post(f"/attention/{stuck.pk}/do/queue-payment/").status_code == 403
    reader = person((world.store, Role.READ_ONLY), name="reader")
    assert reader.post(f"/attention/{unknown.pk}/take/").status_code == 403


def test_an_empty_note_is_told_on_top_and_beside_its_field(world: World, lead: Client) -> None:
    answer = lead.post(f"/attention/{world.item.pk}/", {"note": " "})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert page.count("Write what was found and done about it.") == 2
    assert 'role="alert" tabindex="-1" autofocus><p><strong>It was not dismissed.' in page


def test_the_page_of_an_item_costs_the_same_whatever_waits_beside_it(
    world: World, lead: Client
) -> None:
    def queries(item: Item) -> int:
        with CaptureQueriesContext(connection) as found:
            page_of(lead, item)
        return len(found)

    item = open_kind(world, Kind.PAYMENT_UNKNOWN)
    assert queries(item) == 8
    for n in (2, 3):
        open_kind(world, Kind.PAYMENT_UNKNOWN, f"RD-{n}")
    assert queries(item) == 8


def test_what_is_about_nothing_known_says_so(world: World, lead: Client) -> None:
    nameless = open_kind(world, Kind.REFUND_DECLINED, "RD-GONE", rma_identifier="")
    assert "Look at it again" not in page_of(lead, nameless)
    gone = open_kind(world, Kind.PAYMENT_UNKNOWN, "RD-NONE")
    assert "No payment of refund RD-NONE is open any more." in do(lead, gone, "ask-gateway")
    strange = open_kind(world, Kind.SNAPSHOT_HELD, "X", order_identifier="X")
    assert "Order 'X' is not known: there is nothing to send." in do(lead, strange, "send-snapshot")
    lost = open_kind(world, Kind.REFUND_DECLINED, "RD-LOST", rma_identifier="RMA-LOST")
    assert "Return 'RMA-LOST' is not known" in do(lead, lost, "look-again")


def test_the_note_on_other_pages_says_that_it_is_late(world: World, lead: Client) -> None:
    open_kind(world, Kind.PAYMENT_UNKNOWN)
    url = reverse("desk:refund", args=[world.refund.identifier])
    late = '<span class="pill bad">Late</span>'
    assert late not in lead.get(url).content.decode()
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=True):
        assert late in lead.get(url).content.decode()
