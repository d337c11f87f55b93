"""Refunds that wait for approval: who may, who may not and why, and the policy behind it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, User
from apps.common import clock
from apps.orders.models import Order
from apps.outbox.models import Job
from apps.payments.models import SimulatedPayment
from apps.refunds.models import ApprovalPolicy, Refund, Source
from apps.refunds.requests import make_refund
from apps.refunds.wanted import WantedLine, Wish
from apps.stores.models import Store
from apps.timeline.models import Event
from apps.timeline.types import machine, staff
from tests.desk.conftest import World, take, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

POLICY = "/policies/approvals/"


def text_of(answer: Any) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


def make(store: Store, by: str, cents: int, order: str = "ORD-1") -> Refund:
    """A refund that a person makes, or a machine where nobody is named."""
    found = Order.objects.get(store=store, identifier=order)
    user = User.objects.filter(username=by).first()
    return make_refund(
        wish=Wish(found, "Never arrived", lines=(WantedLine("1", 1, cents),)),
        key=f"{by}-{cents}-{Refund.objects.count()}",
        origin="desk" if user else "api",
        source=Source.STAFF if user else Source.API,
        actor=staff(user.pk) if user else machine("oms"),
    ).refund


def limits(store: Store, **values: Any) -> ApprovalPolicy:
    said = {"goodwill_limit_cents": 5000, "staff_hold_minutes": 10, **values}
    return ApprovalPolicy.objects.create(store=store, **said)


@pytest.fixture
def agent(store: Store, person: Callable[..., Client]) -> Client:
    return person((store, Role.AGENT), name="bo")


def test_all_that_waits_is_listed_with_why_and_whose_it_is(
    store: Store, lead: Client, agent: Client
) -> None:
    take(store, identifier="ORD-1")
    limits(store, agent_limit_cents=5000, two_person_above_cents=2000, api_limit_cents=1000)
    small, big = make(store, "ana", 3000), make(store, "ana", 6000)
    by_api = make(store, "", 1500)
    own = make(store, "bo", 2500)
    page = text_of(agent.get("/approvals/"))
    names = [small.identifier, big.identifier, by_api.identifier, own.identifier]
    assert re.findall(r"RD-\w{5}-\w{5} \$", page) == [f"{name} $" for name in names]
    page = re.sub(r"\d+ s ", "0 s ", page)
    history = "no other refund"
    assert (
        f"{small.identifier} $30.00 ORD-1 no return ana Never arrived Above $20.00 a second "
        f"person must approve. {history} 0 s Approve… {small.identifier}"
    ) in page
    assert (
        "$60.00 ORD-1 no return ana Never arrived Above $20.00 a second person must approve. "
        "no other refund 0 s Approve… $60.00 is more than the role Agent decides on ($50.00); "
        "these can: Lead (no limit), Administrator (no limit)."
    ) in page
    assert (
        "API key oms Never arrived $15.00 is above the limit of refunds by API, $10.00. "
        "no other refund 0 s"
    ) in page
    assert "Approve… Nobody approves a refund that they made themselves: another person" in page
    mine = text_of(agent.get("/approvals/?mine=yes"))
    assert re.findall(r"(RD-\w{5}-\w{5}) \$", mine) == [small.identifier, by_api.identifier]
    assert 'badge-calm">4<' in agent.get("/").content.decode()
    links = re.findall(
        r'href="/refunds/([^/]+)/approve/\?queue=yes"', lead.get("/approvals/").content.decode()
    )
    assert links == [by_api.identifier, own.identifier]


@pytest.mark.parametrize(("url", "queries"), [("/approvals/", 9), ("/approvals/?mine=yes", 11)])
def test_more_that_waits_costs_no_more_queries(
    url: str, queries: int, store: Store, agent: Client
) -> None:
    take(store, identifier="ORD-1")
    limits(store, api_limit_cents=0)

    def count() -> int:
        with CaptureQueriesContext(connection) as found:
            assert "Approve…" in text_of(agent.get(url))
        return len(found)

    make(store, "", 100)
    one = count()
    make(store, "", 200)
    make(store, "", 300)
    assert count() == one == queries


def test_the_queue_is_worked_with_the_keyboard(store: Store, agent: Client) -> None:
    """j, k and Enter open a row; a and d are what is decided; a decision opens the next one."""
    take(store, identifier="ORD-1")
    limits(store, api_limit_cents=0)
    first, second, third = (make(store, "", cents) for cents in (100, 200, 300))
    queue = agent.get("/approvals/").content.decode()
    row = queue.partition("<tr data-row>")[2].partition("</tr>")[0]
    assert re.findall(r'href="([^"]+)"', row)[0] == f"/refunds/{first.identifier}/?queue=yes"
    page = agent.get(f"/refunds/{first.identifier}/?queue=yes").content.decode()
    approve = f"/refunds/{first.identifier}/approve/?queue=yes"
    assert f'data-key="a" href="{approve}"' in page
    decline = f"/refunds/{first.identifier}/cancel/?reject=yes&amp;queue=yes"
    assert f'data-key="d" href="{decline}"' in page
    assert "autofocus" in agent.get(approve).content.decode().partition("<main")[2]
    after = agent.post(approve, follow=True)
    assert after.redirect_chain == [(f"/refunds/{second.identifier}/?queue=yes", 302)]
    assert f"Approved {first.identifier}. 2 more wait." in text_of(after)
    url = f"/refunds/{second.identifier}/cancel/?reject=yes&queue=yes"
    after = agent.post(url, {"reason": "no photo"}, follow=True)
    assert after.redirect_chain == [(f"/refunds/{third.identifier}/?queue=yes", 302)]
    assert f"Declined {second.identifier}. 1 more waits." in text_of(after)
    after = agent.post(f"/refunds/{third.identifier}/approve/?queue=yes", follow=True)
    assert after.redirect_chain == [("/approvals/", 302)]
    assert f"Approved {third.identifier}." in text_of(after)
    states = Refund.objects.order_by("pk").values_list("status", flat=True)
    assert list(states) == ["approved", "canceled", "approved"]


def test_the_shoppers_other_refunds_stand_beside_the_decision(store: Store, agent: Client) -> None:
    take(store, identifier="ORD-1")
    make(store, "bo", 1500)
    limits(store, api_limit_cents=0)
    refund = make(store, "", 200)
    for url in ("", "approve/"):
        page = text_of(agent.get(f"/refunds/{refund.identifier}/{url}"))
        assert "ada@example.com got 1 refund in the last 90 days: $15.00 ." in page, url
    page = text_of(agent.get(f"/refunds/{refund.identifier}/"))
    assert "Asked for by API key oms." in page
    assert "$0.00. 1 refund $15.00" in text_of(agent.get("/approvals/"))
    Refund.objects.exclude(pk=refund.pk).update(created_at=clock.in_seconds(-91 * 86400))
    assert "no other refund" in text_of(agent.get("/approvals/"))


def test_ticks_of_what_is_never_paid_say_so(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-1")
    refund = make(store, "ana", 3000)
    url = f"/refunds/{refund.identifier}/"
    Refund.objects.update(status="declined")
    page = text_of(lead.get(url))
    assert "Paid declined Reported nothing to report Confirmed nothing to report" in page
    assert "reported to Optoro" not in page
    Refund.objects.update(status="canceled")
    page = text_of(lead.get(url))
    assert "Decided canceled Paid nothing is paid Reported nothing to report" in page
    assert "hx-get" not in lead.get(url).content.decode().partition('id="live"')[2][:80]
    Refund.objects.update(status="proposed")
    page = lead.get(url)
    assert "Decided waits for approval Paid not yet" in text_of(page)
    assert "hx-get" in page.content.decode().partition('id="live"')[2][:80]


def test_nothing_waits(store: Store, lead: Client) -> None:
    assert "Nothing waits for approval." in text_of(lead.get("/approvals/"))
    assert "badge-calm" not in lead.get("/").content.decode()
    take(store, identifier="ORD-1")
    limits(store, two_person_above_cents=0)
    make(store, "ana", 100)
    assert "None that you may approve." in text_of(lead.get("/approvals/?mine=yes"))


def test_those_who_decide_nothing_are_told_who_does(
    world: World, person: Callable[..., Client]
) -> None:
    finance = person((world.store, Role.FINANCE), name="fin")
    page = text_of(finance.get("/approvals/"))
    assert f"{world.refund.identifier} $261.12 ORD-1 RMA-1 Automatic" in page
    assert "Deciding on refunds needs one of these roles: Agent, Lead, Administrator." in page
    assert "/approve/" not in finance.get("/approvals/").content.decode()
    mine = text_of(finance.get("/approvals/?mine=yes"))
    assert "None of them is yours to approve." in mine
    assert world.refund.identifier not in mine


def test_another_stores_refunds_are_not_listed(
    world: World, other_store: Store, person: Callable[..., Client]
) -> None:
    browser = person((other_store, Role.ADMINISTRATOR), name="cy")
    assert "Nothing waits for approval." in text_of(browser.get("/approvals/"))
    assert "badge-calm" not in browser.get("/").content.decode()


def test_nobody_approves_their_own(store: Store, lead: Client, agent: Client) -> None:
    take(store, identifier="ORD-1")
    limits(store, two_person_above_cents=2000)
    refund = make(store, "ana", 3000)
    url = f"/refunds/{refund.identifier}/approve/"
    asked = lead.get(url)
    assert "You may not approve it: nobody approves a refund that they made" in text_of(asked)
    assert re.search(r'class="button primary" disabled>Approve and pay', asked.content.decode())
    answer = text_of(lead.post(url, follow=True))
    assert "Nobody approves a refund that they made themselves: another person must." in answer
    assert Refund.objects.get().status == "proposed"
    told = text_of(agent.post(url, follow=True))
    assert "(10-minute hold); can be taken back until then." in told
    refund = Refund.objects.get()
    assert (refund.status, refund.approver.username) == ("approved", "bo")


def test_a_role_approves_no_more_than_it_decides_on(
    store: Store, lead: Client, agent: Client
) -> None:
    take(store, identifier="ORD-1")
    limits(store, agent_limit_cents=5000, lead_limit_cents=6000, api_limit_cents=0)
    refund = make(store, "", 6000)
    page = text_of(agent.get(f"/refunds/{refund.identifier}/"))
    assert "Why it waits: $60.00 is above the limit of refunds by API, $0.00." in page
    assert (
        "You may not approve it: $60.00 is more than the role Agent decides on ($50.00); these "
        "can: Lead (up to $60.00), Administrator (no limit)."
    ) in page
    url = f"/refunds/{refund.identifier}/approve/"
    assert "is more than the role Agent decides on" in text_of(agent.post(url, follow=True))
    assert Refund.objects.get().status == "proposed"
    lead.post(url)
    work_off()
    assert SimulatedPayment.objects.get().amount_cents == 6000


def test_the_author_takes_it_back_while_it_is_held(
    store: Store, lead: Client, agent: Client
) -> None:
    take(store, identifier="ORD-1")
    refund = make(store, "ana", 3000)
    url = f"/refunds/{refund.identifier}/"
    page = lead.get(url)
    assert re.search(
        r"Will be paid [^()]*\d\d:\d\d \(10-minute hold\); can be taken back", text_of(page)
    )
    assert f'action="{url}take-back/"' in page.content.decode()
    assert "take-back" not in agent.get(url).content.decode()
    refused = text_of(agent.post(f"{url}take-back/", follow=True))
    assert "Only whoever made a refund can take it back; cancel it instead" in refused
    assert Refund.objects.get().status == "approved"
    told = text_of(lead.post(f"{url}take-back/", follow=True))
    assert "Taken back: nothing is paid." in told
    assert Refund.objects.get().status == "canceled"
    summary = "Refund of $30.00 canceled: taken back by its author"
    assert Event.objects.get(kind="refund.canceled").summary == summary
    assert "Already canceled." in text_of(lead.post(f"{url}take-back/", follow=True))
    assert Event.objects.filter(kind="refund.canceled").count() == 1
    Job.objects.update(not_before=clock.now())
    work_off()
    assert not SimulatedPayment.objects.exists()


def test_nothing_is_taken_back_after_its_hold(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-1")
    url = f"/refunds/{make(store, 'ana', 3000).identifier}/"
    Refund.objects.update(payment_due_at=clock.in_seconds(-1), approved_at=clock.in_seconds(-601))
    assert "take-back" not in lead.get(url).content.decode()
    late = text_of(lead.post(f"{url}take-back/", follow=True))
    assert "Too late to take it back: its 10-minute hold is over." in late
    assert Refund.objects.get().status == "approved"
    Job.objects.update(not_before=clock.now())
    work_off()
    assert SimulatedPayment.objects.get().amount_cents == 3000
    paid = text_of(lead.post(f"{url}take-back/", follow=True))
    assert "Too late to cancel: it is paid already." in paid
    assert lead.get(f"{url}take-back/").status_code == 405


# --- The policy -----------------------------------------------------------------------------------


def form(**changes: object) -> dict[str, object]:
    """The form as it begins, with the defaults, and these changes."""
    return {
        "agent_limit_cents": "1000.00",
        "lead_limit_cents": "10000.00",
        "administrator_limit_cents": "",
        "api_limit_cents": "1000.00",
        "automatic_limit_cents": "",
        "two_person_above_cents": "1000.00",
        "goodwill_limit_cents": "50.00",
        "staff_hold_minutes": "10",
        "api_hold_minutes": "0",
        "note": "a busy season",
        "version": "",
        **changes,
    }


def test_what_is_saved_counts_from_then_on(store: Store, admin: Client, lead: Client) -> None:
    page = admin.get(POLICY).content.decode()
    for name, value in form(note="").items():
        if value:
            assert re.search(rf'name="{name}" value="{value}"', page), name
    changes = {
        "agent_limit_cents": "99.5",
        "automatic_limit_cents": "2,500",
        "two_person_above_cents": "",
        "staff_hold_minutes": "1",
    }
    answer = admin.post(POLICY, form(**changes), follow=True)
    told = text_of(answer)
    assert (
        "counts for every approval from now on; refunds that are held already keep their time."
        in told
    )
    version = ApprovalPolicy.objects.get()
    assert (version.agent_limit_cents, version.lead_limit_cents) == (9950, 1000000)
    assert (version.administrator_limit_cents, version.api_limit_cents) == (None, 100000)
    assert (version.automatic_limit_cents, version.two_person_above_cents) == (250000, None)
    assert (version.goodwill_limit_cents, version.staff_hold_minutes) == (5000, 1)
    assert (version.author.username, version.note) == ("admin", "a busy season")
    for sentence in (
        "Agent decides on Up to 99.50.",
        "Administrator decides on Any amount.",
        "Automatic Above 2,500.00 a person approves it.",
        "Agent decides on: up to 1,000.00 → , now: up to 99.50",
        "Hold, made by people: 10 minutes in which it can be taken back → , now: 1 minute in",
    ):
        assert sentence in told, sentence
    assert Event.objects.get(kind="approvals.changed").actor.username == "admin"
    take(store, identifier="ORD-1")
    assert make(store, "ana", 13056).status == "approved"


def test_a_second_submit_saves_nothing_more(store: Store, admin: Client) -> None:
    changed = form(agent_limit_cents="5")
    admin.post(POLICY, changed)
    again = text_of(admin.post(POLICY, changed, follow=True))
    assert "Nothing is changed: this is what is in force already. Nothing was saved." in again
    assert ApprovalPolicy.objects.count() == 1


def test_a_change_made_meanwhile_is_not_overwritten(
    store: Store, admin: Client, person: Callable[..., Client]
) -> None:
    person((store, Role.ADMINISTRATOR), name="cy").post(POLICY, form(agent_limit_cents="7"))
    answer = admin.post(POLICY, form(lead_limit_cents="8"))
    assert answer.status_code == 409
    page = text_of(answer)
    assert "Not saved: somebody changed it since you looked." in page
    assert "Agent decides on: up to 7.00 → , now: up to 1,000.00" in page
    assert "Changed by cy," in page
    assert ApprovalPolicy.objects.count() == 1
    kept = re.search(r'name="version" value="(\d+)"', answer.content.decode())
    assert kept
    admin.post(POLICY, form(agent_limit_cents="7", lead_limit_cents="8", version=kept[1]))
    newest = ApprovalPolicy.objects.latest("pk")
    assert (newest.agent_limit_cents, newest.lead_limit_cents) == (700, 800)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"note": " "}, "Write why: it is kept with the version."),
        ({"agent_limit_cents": "lots"}, "Write an amount such as 1234.50"),
        ({"api_limit_cents": "-1"}, "without a sign"),
        ({"goodwill_limit_cents": ""}, "Write an amount; 0 for no goodwill."),
        (
            {"staff_hold_minutes": "-1"},
            "The hold of refunds made by people is -1: write 0 or more.",
        ),
        (
            {"api_hold_minutes": "10081"},
            "The hold of refunds made by API is 10081: write 10080 or less.",
        ),
    ],
)
def test_values_that_cannot_be_used_are_named(
    changes: dict[str, str], sentence: str, store: Store, admin: Client
) -> None:
    answer = admin.post(POLICY, form(**changes))
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert not ApprovalPolicy.objects.exists()


def test_everybody_sees_the_policy_and_few_change_it(
    store: Store, person: Callable[..., Client]
) -> None:
    agent = person((store, Role.AGENT), name="bo")
    page = agent.get(POLICY)
    assert "Changing who may decide on how much needs the role Administrator" in text_of(page)
    assert "<fieldset disabled>" in page.content.decode()
    assert agent.post(POLICY, form(agent_limit_cents="7")).status_code == 403
    assert not ApprovalPolicy.objects.exists()
    assert f'href="{POLICY}"' in agent.get("/policies/").content.decode()
