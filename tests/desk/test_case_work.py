"""Working on the case of an order or a return, and what people decide about its units."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Membership, Role, User
from apps.cases.models import Case, Mention, Note
from apps.common import clock
from apps.inbox.processing import process_due
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit
from apps.stores.models import Store
from tests.desk.conftest import World, deliver, exchange, take, work_off
from tests.support import builders
from tests.support.exchange_requests import item
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db

ORDER, RMA = "/orders/ORD-1/", "/returns/RMA-1/"


def text_of(answer: Any) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


@pytest.fixture
def bo(world: World, person: Callable[..., Client]) -> Client:
    """A second person of the store."""
    return person((world.store, Role.AGENT), name="bo")


# --- Notes ------------------------------------------------------------------------------------


def test_a_note_of_the_return_stands_on_its_order_and_back(world: World, lead: Client) -> None:
    said = text_of(lead.post(f"{RMA}case/note/", {"text": "two <b>boxes</b>\nsent"}, follow=True))
    assert "Note written." in said
    lead.post(f"{ORDER}case/note/", {"text": "called about it"})
    page = lead.get(RMA).content.decode()
    assert '<p class="note-text">two &lt;b&gt;boxes&lt;/b&gt;\nsent</p>' in page
    assert "On order ORD-1 called about it" in text_of(lead.get(RMA))
    assert "On return RMA-1 two <b>boxes</b> sent" in text_of(lead.get(ORDER))
    for url in (RMA, ORDER):
        notes = lead.get(f"{url}?show=notes")
        assert "called about it" in text_of(notes).split("Timeline")[1]
        assert "two <b>boxes</b> sent" in text_of(notes).split("Timeline")[1]


def test_a_note_that_is_wrong_keeps_what_was_typed(world: World, lead: Client) -> None:
    empty = lead.post(f"{RMA}case/note/", {"text": "  "})
    assert empty.status_code == 422
    assert text_of(empty).count("Write something: the note is empty.") == 2
    long = lead.post(f"{RMA}case/note/", {"text": "y" * 5001})
    assert "The note has 5001 characters, 5000 are the most: shorten it." in text_of(long)
    assert "y" * 5001 in long.content.decode()
    assert "hx-get" not in re.findall(r'<div id="live"[^>]*>', long.content.decode())[0]
    assert not Note.objects.exists()
    assert lead.post(f"{RMA}case/note/", {"text": "y" * 5000}).status_code == 302
    assert lead.post(f"{RMA}case/nonsense/").status_code == 404
    assert lead.get(f"{RMA}case/note/")["Location"] == RMA


def test_a_mention_is_seen_when_the_person_opens_the_page(
    world: World, lead: Client, bo: Client
) -> None:
    lead.post(f"{ORDER}case/note/", {"text": "@bo please look"})
    mention = Mention.objects.get()
    for headers in ({"HX-Request": "true"}, {"Sec-Purpose": "prefetch"}):
        assert "Names you" in text_of(bo.get(RMA, headers=headers))
    lead.get(RMA)
    bo.head(RMA)
    mention.refresh_from_db()
    assert mention.seen_at is None
    page = bo.get(RMA)
    assert "Names you" in text_of(page)
    assert '<strong class="mention">@bo</strong> please look' in page.content.decode()
    mention.refresh_from_db()
    assert mention.seen_at is not None
    assert "Names you" not in text_of(bo.get(RMA))


def test_a_name_that_is_nobodys_is_told_to_who_wrote_it(
    world: World, lead: Client, bo: Client
) -> None:
    text = {"text": "@le and @BO: see @nobodyhere, or mail a@b.example"}
    said = text_of(lead.post(f"{ORDER}case/note/", text, follow=True))
    assert (
        "Note written. Nobody was told by @le, @nobodyhere: no one in this store is called so."
        in said
    )
    assert Mention.objects.get().person.username == "bo"
    said = text_of(lead.post(f"{ORDER}case/note/", {"text": "@bo look"}, follow=True))
    assert "Nobody was told" not in said


def test_notes_are_cut_but_not_those_that_name_whoever_looks(
    world: World, lead: Client, bo: Client
) -> None:
    for number in range(12):
        text = "@bo: oldest" if number == 0 else f"note {number}"
        lead.post(f"{RMA}case/note/", {"text": text})
    assert lead.get(RMA).content.decode().count('class="note-entry') == 10
    assert "Show older notes" in text_of(lead.get(RMA))
    assert lead.get(f"{RMA}?notes=all").content.decode().count('class="note-entry') == 12
    page = bo.get(RMA).content.decode()
    assert page.count('class="note-entry') == 11
    assert page.count('class="note-entry is-new"') == 1


# --- Assignee and due date --------------------------------------------------------------------


def test_it_is_taken_given_and_given_back(world: World, lead: Client, bo: Client) -> None:
    assert "Take it" in text_of(lead.get(RMA))
    done = text_of(lead.post(f"{RMA}case/assign/", {"assignee": "ana", "seen": ""}, follow=True))
    assert "It is yours now." in done
    assert "Take it" not in done
    late = bo.post(f"{RMA}case/assign/", {"assignee": "bo", "seen": ""})
    assert late.status_code == 409
    said = "It was assigned to ana meanwhile: look again, then decide."
    assert text_of(late).count(said) == 2
    given = bo.post(f"{RMA}case/assign/", {"assignee": "bo", "seen": "ana"}, follow=True)
    assert "It is yours now." in text_of(given)
    back = bo.post(f"{RMA}case/assign/", {"assignee": "", "seen": "bo"}, follow=True)
    assert "Assigned to nobody." in text_of(back)


def test_nobody_of_another_store_can_be_chosen(
    world: World, other_store: Store, lead: Client
) -> None:
    stranger = User.objects.create_user("stranger")
    Membership.objects.create(user=stranger, store=other_store, role=Role.LEAD)
    assert "stranger" not in lead.get(RMA).content.decode()
    answer = lead.post(f"{RMA}case/assign/", {"assignee": "stranger", "seen": ""})
    assert answer.status_code == 422
    assert "stranger has no role in this store: choose somebody of the list." in text_of(answer)
    assert not Case.objects.exists()


def test_a_due_date_is_the_end_of_that_day_in_the_store(world: World, lead: Client) -> None:
    done = text_of(lead.post(f"{ORDER}case/due/", {"due_on": "2999-01-31"}, follow=True))
    assert "Due Jan 31, 2999, 23:59." in done
    assert Case.objects.get().due_at == datetime(2999, 2, 1, 4, 59, 59, tzinfo=UTC)
    assert 'value="2999-01-31"' in lead.get(ORDER).content.decode()
    past = lead.post(f"{ORDER}case/due/", {"due_on": "2020-01-31"})
    assert past.status_code == 422
    assert "2020-01-31 is in the past: choose today or a later day." in text_of(past)
    far = lead.post(f"{ORDER}case/due/", {"due_on": "9999-12-31"})
    assert far.status_code == 422
    assert "9999-12-31 is too far away: choose a day up to 2999." in text_of(far)
    assert "Write the day as in 2026-01-31." in text_of(
        lead.post(f"{ORDER}case/due/", {"due_on": "soon"})
    )
    assert "Overdue" not in text_of(lead.get(ORDER))
    Case.objects.update(due_at=clock.now() - timedelta(minutes=1))
    assert "Overdue" in text_of(lead.get(ORDER))
    lead.post(f"{ORDER}case/due/", {"due_on": ""})
    assert Case.objects.get().due_at is None


# --- The flag ---------------------------------------------------------------------------------


def test_a_flag_of_the_order_stands_on_its_return_until_it_ends(world: World, lead: Client) -> None:
    done = text_of(lead.post(f"{ORDER}case/flag/", {"reason": "fraud?"}, follow=True))
    assert "Automation is stopped. What it had decided and not paid is withdrawn." in done
    assert re.search(r"Automation is stopped by ana since .* ago: “fraud\?”\.", done)
    assert Refund.objects.get().status == "canceled"
    work_off()
    assert Refund.objects.count() == 1
    on_return = text_of(lead.get(RMA))
    assert re.search(r"Automation is stopped for order ORD-1 by ana since .* “fraud\?”", on_return)
    assert "It ends on the page of the order. Agent, Lead, Administrator can do this." in on_return
    assert "2 units A person decides: automation is stopped: fraud? (flagged by ana)." in on_return
    assert "Stop automation…" in on_return
    ended = text_of(lead.post(f"{ORDER}case/unflag/", follow=True))
    assert "Automation goes on: it decides anew, with what is known now." in ended
    work_off()
    assert Refund.objects.exclude(status="canceled").get().total_refund_amount_cents == 26112
    again = lead.post(f"{ORDER}case/unflag/")
    assert again.status_code == 409
    assert "Order ORD-1 is not flagged." in text_of(again)


def test_a_flag_stands_on_a_return_that_calls_the_order_by_its_second_name(
    store: Store, lead: Client
) -> None:
    take(store, secondary_identifier="SECOND-1")
    lead.post(f"{ORDER}case/flag/", {"reason": "fraud?"})
    deliver(store, builders.rma(units=[builders.unit("SECOND-1")], tracking="TRANSIT"))
    work_off()
    assert Refund.objects.count() == 0
    on_return = text_of(lead.get(RMA))
    assert "A person decides: automation is stopped: fraud? (flagged by ana)." in on_return
    lead.post(f"{ORDER}case/unflag/")
    work_off()
    assert Refund.objects.get().total_refund_amount_cents == 13056


def test_a_flag_needs_its_reason(world: World, lead: Client) -> None:
    answer = lead.post(f"{RMA}case/flag/", {"reason": " "})
    assert answer.status_code == 422
    assert text_of(answer).count("Write why: the next person will want to know.") == 2
    assert Refund.objects.get().status == "proposed"


def test_who_may_only_read_sees_what_is_agreed(
    world: World, lead: Client, person: Callable[..., Client]
) -> None:
    lead.post(f"{RMA}case/assign/", {"assignee": "ana", "seen": ""})
    lead.post(f"{RMA}case/flag/", {"reason": "fraud?"})
    reader = person((world.store, Role.READ_ONLY), name="rea")
    page = text_of(reader.get(RMA))
    assert "Assigned to ana Give" in page
    assert "Automation is stopped by ana" in page
    assert "Assigning, flagging, excluding units and deciding anew needs one of" in page
    assert "Writing notes needs one of" in page
    html = reader.get(RMA).content.decode()
    assert '<button type="submit" class="button" disabled>Let automation go on</button>' in html
    assert "Take it" not in html


# --- Units ------------------------------------------------------------------------------------


def unit_url(verb: str) -> str:
    unit = RmaUnit.objects.filter(rma__rma_identifier="RMA-1").order_by("ordinal")[0]
    return f"{RMA}units/{unit.pk}/{verb}/"


def test_a_unit_is_excluded_with_its_consequences_spelled_out_and_let_in_again(
    world: World, lead: Client
) -> None:
    asked = text_of(lead.get(unit_url("exclude")))
    assert "Exclude line 1, unit 1?" in asked
    assert f"Withdrawn {world.refund.identifier} $261.12 Proposed" in asked
    assert "its 1 other unit is decided on anew" in asked
    refused = lead.post(unit_url("exclude"), {"reason": ""})
    assert refused.status_code == 422
    done = text_of(lead.post(unit_url("exclude"), {"reason": "worn out"}, follow=True))
    assert "Excluded: line 1, unit 1 is not refunded." in done
    assert re.search(r"Excluded by ana .*: “worn out”\.", done)
    assert "Not refunded: ana excluded it: worn out." in done
    assert "excluded by ana" in done
    work_off()
    live = Refund.objects.exclude(status="canceled").get()
    assert live.total_refund_amount_cents == 13056
    again = text_of(lead.post(unit_url("exclude"), {"reason": "twice"}, follow=True))
    assert "Line 1, unit 1 is excluded already." in again
    back = text_of(lead.post(unit_url("include"), follow=True))
    assert "Let in again: automation decides on line 1, unit 1 anew" in back
    work_off()
    live = Refund.objects.exclude(status="canceled")
    assert sum(refund.total_refund_amount_cents for refund in live) == 26112
    twice = text_of(lead.post(unit_url("include"), follow=True))
    assert "Line 1, unit 1 of RMA RMA-1 is not excluded." in twice


def test_a_paid_unit_is_not_excluded_and_the_reason_stays_typed(world: World, lead: Client) -> None:
    lead.post(f"/refunds/{world.refund.identifier}/approve/")
    work_off()
    why = f"ine 1, unit 1 is in refund {world.refund.identifier}, which is paid"
    assert f"L{why}." in text_of(lead.get(RMA))
    assert unit_url("exclude") not in lead.get(RMA).content.decode()
    answer = lead.post(unit_url("exclude"), {"reason": "worn out"})
    assert answer.status_code == 409
    assert f"It cannot be excluded: l{why}." in text_of(answer)
    assert "worn out" in text_of(answer)
    assert not RmaUnit.objects.exclude(excluded_at=None).exists()


def test_a_unit_is_found_in_its_own_return_only(
    world: World, other_store: Store, lead: Client
) -> None:
    deliver(world.store, builders.rma("RMA-2", units=[builders.unit()]))
    work_off()
    elsewhere = unit_url("exclude").replace("RMA-1", "RMA-2")
    assert lead.get(elsewhere).status_code == 404
    assert lead.post(elsewhere, {"reason": "x"}).status_code == 404
    assert lead.get(unit_url("exclude")).status_code == 200


# --- Deciding anew, converting ----------------------------------------------------------------


def test_deciding_anew_says_at_once_what_came_of_it(world: World, lead: Client) -> None:
    asked = text_of(lead.get(f"{RMA}decide/"))
    assert f"2 units In a refund: {world.refund.identifier} Proposed" in asked
    assert "Nothing, as things are known now: nothing new would be refunded." in asked
    none = text_of(lead.post(f"{RMA}decide/", follow=True))
    assert "Decided anew: nothing more is refunded. Why not stands beside each unit." in none
    lead.post(f"/refunds/{world.refund.identifier}/cancel/", {"reason": "no"})
    lead.post(unit_url("exclude"), {"reason": "worn"})
    lead.post(unit_url("include"))
    again = text_of(lead.post(f"{RMA}decide/", follow=True))
    assert "Decided anew: nothing more is refunded." in again
    assert "2 units A person decides:" in again


def test_deciding_anew_refunds_what_is_due(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    work_off_inbox_only()
    asked = text_of(lead.get(f"{RMA}decide/"))
    assert "1 unit, for which Optoro estimates $130.56 to the shopper. It is refunded at" in asked
    done = text_of(lead.post(f"{RMA}decide/", follow=True))
    refund = Refund.objects.get()
    assert f"Decided anew: {refund.identifier} of $130.56 (approved)." in done


def work_off_inbox_only() -> None:
    """Takes messages in, and leaves every job waiting."""
    while process_due():
        pass


def test_a_waiting_exchange_is_asked_to_become_a_refund(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    take(store, identifier="ORD-1")
    units = [builders.unit(refund_type="STANDARD_EXCHANGE")]
    deliver(store, builders.rma(units=units, status="PENDING_EXCHANGE"))
    work_off()
    assert f'href="{RMA}convert/"' in lead.get(RMA).content.decode()
    asked = text_of(lead.get(f"{RMA}convert/"))
    assert "Turn the exchange into a refund in Optoro’s portal." in asked
    assert "1 unit comes as a refund" in asked
    assert lead.post(f"{RMA}convert/", {"reason": ""}).status_code == 422
    done = text_of(lead.post(f"{RMA}convert/", {"reason": "sold out"}, follow=True))
    assert re.search(r"Conversion into a refund asked for by ana .* “sold out”\.", done)
    assert "Under Attention" in done
    again = text_of(lead.post(f"{RMA}convert/", {"reason": "twice"}, follow=True))
    assert "Its conversion is asked for already." in again
    blank = text_of(lead.post(f"{RMA}convert/withdraw/", {"reason": ""}, follow=True))
    assert "Not withdrawn: write why, in up to 200 characters." in blank
    back = text_of(lead.post(f"{RMA}convert/withdraw/", {"reason": "in stock"}, follow=True))
    assert "Withdrawn: the exchange goes on." in back
    assert not Rma.objects.get().is_conversion_requested
    deliver(store, builders.rma(units=units, status="CREATED", minute=3))
    work_off()
    late = lead.post(f"{RMA}convert/", {"reason": "sold out"})
    assert late.status_code == 409
    assert "only a standard exchange whose order is not placed yet" in text_of(late)
    assert "You wrote: “sold out”" in text_of(late)


def test_a_cancellation_names_the_exchange_order_and_what_becomes_of_it(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    take(store, identifier="ORD-1")
    exchange(store, items=[item("sku-2")])
    unit = builders.unit(refund_type="INSTANT_EXCHANGE", exchange_order_identifier="ORD-1-X")
    deliver(store, builders.rma(units=[unit]))
    work_off()
    asked = text_of(lead.get(f"{RMA}cancel/"))
    assert "Exchange order ORD-1-X To be shipped" in asked
    assert "Canceling the return does not stop it. Cancel it in your order system" in asked
    take(store, identifier="ORD-1-X", status="Shipped")
    assert "It has shipped , and canceling the return does not bring it back" in text_of(
        lead.get(f"{RMA}cancel/")
    )


# --- The shopper ------------------------------------------------------------------------------


def test_the_shoppers_other_orders_stand_beside_with_what_was_refunded(
    store: Store, other_store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    for number in (1, 2):
        take(store, identifier=f"ORD-{number}", created_at=f"2026-01-2{number}T10:00:00Z")
        units = [builders.unit(f"ORD-{number}")]
        deliver(store, builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT"))
    stranger = {"identifier": "7", "email": "bo@example.com", "first_name": "Bo"}
    take(store, identifier="ORD-BO", customer=stranger)
    take(other_store, identifier="ORD-NEXT-DOOR")
    work_off()
    card = text_of(lead.get("/orders/ORD-1/")).split("Same shopper")[1].split("Timeline")[0]
    assert "Other orders 1 ORD-2 Shipped $522.24" in card
    assert card.count("$130.56 refunded") == 2
    assert "Other returns 1 RMA-2" in card
    assert "ORD-1" not in card
    assert "ORD-BO" not in card
    assert "ORD-NEXT-DOOR" not in card
    card = text_of(lead.get("/returns/RMA-1/")).split("Same shopper")[1].split("Timeline")[0]
    assert "Other orders 1 ORD-2" in card
    assert "Other returns 1 RMA-2" in card
    alone = text_of(lead.get("/orders/ORD-BO/"))
    assert "No other order or return with this e-mail." in alone


def test_returns_for_the_same_giftee_stand_beside(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    for number in (1, 2):
        who = {"identifier": str(number), "email": f"buyer{number}@example.com"}
        take(store, identifier=f"ORD-{number}", customer=who)
        gift = {"gift_refund_only": True, "giftee_email": "gi@example.com"}
        deliver(
            store, builders.rma(f"RMA-{number}", units=[builders.unit(f"ORD-{number}")], **gift)
        )
    work_off()
    card = text_of(lead.get("/returns/RMA-1/")).split("Same shopper")[1].split("Timeline")[0]
    assert "buyer1@example.com , gi@example.com" in card
    assert "Other returns 1 RMA-2" in card
    assert "ORD-2" not in card


# --- Money that ties out ----------------------------------------------------------------------


def test_the_settlement_is_the_sum_of_the_refund_pages(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    figures = {
        "estimated_refund_amount_cents": 13056,
        "optoro_refund_amount_cents": 3056,
        "shopper_refund_amount_cents": 10000,
    }
    take(store, identifier="ORD-1")
    units = [builders.unit(refund_financials=figures) for _ in range(3)]
    deliver(store, builders.rma(units=units, tracking="TRANSIT"))
    work_off()
    refund = Refund.objects.get()
    assert "Optoro settlement $91.68" in text_of(lead.get(f"/refunds/{refund.identifier}/"))
    assert "Settled with Optoro $91.68 nothing waits" in text_of(lead.get(RMA))
    assert "Paid to the shopper $300.00 in 1 refund" in text_of(lead.get(RMA))
    assert "Settled with Optoro $91.68 part of what is refunded" in text_of(lead.get(ORDER))
    assert "Refunded $391.68" in text_of(lead.get(ORDER))
    Refund.objects.filter(pk=refund.pk).update(status="approved")
    assert "Settled with Optoro $0.00 $91.68 waits" in text_of(lead.get(RMA))


# --- Queries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "most"), [(ORDER, 32), (RMA, 27)])
def test_more_notes_and_other_orders_cost_no_more_queries(
    url: str, most: int, world: World, lead: Client
) -> None:
    def add(number: int) -> None:
        for n in range(number):
            for page in (ORDER, RMA):
                lead.post(f"{page}case/note/", {"text": f"@ana note {number}.{n}"})
            take(world.store, identifier=f"ORD-{number}{n}")
            units = [builders.unit(f"ORD-{number}{n}")]
            deliver(world.store, builders.rma(f"RMA-{number}{n}", units=units, tracking="TRANSIT"))
        lead.post(f"{ORDER}case/flag/", {"reason": "look"})
        work_off()

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert lead.get(url).status_code == 200
        return len(queries)

    add(1)
    one = count()
    add(3)
    assert (one, count()) == (most, most)
