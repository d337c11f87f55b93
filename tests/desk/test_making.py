"""Making a refund at the desk: the form, what the confirmation spells out, and one refund each."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role
from apps.common import clock
from apps.desk.reads.making import NotAnAmount, cents_from, written
from apps.orders.models import Order, OrderLine
from apps.outbox.models import Job
from apps.payments.models import SimulatedPayment
from apps.refunds import requests
from apps.refunds.models import ApprovalPolicy, Refund, RefundRequest
from apps.rmas.models import RmaUnit
from apps.stores.models import Store
from tests.desk.conftest import deliver, take, work_off
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db

NEW = "/refunds/new/ORD-1/"
QUERIES_OF_THE_FORM = 27
QUERIES_OF_UNITS = (31, 66)


def text_of(answer: Any) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


def sale(identifier: str, cents: int, gateway: str) -> dict[str, Any]:
    """A payment of an order."""
    return {
        "identifier": identifier,
        "parent_identifier": "",
        "amount_cents": cents,
        "status": "SUCCESS",
        "type": "SALE",
        "gateway": gateway,
        "is_online": True,
        "is_test": False,
        "created_at": "2026-01-22T11:24:21Z",
        "updated_at": "2026-01-22T11:24:21Z",
        "payment_details": {},
    }


def payments() -> list[dict[str, Any]]:
    """A gift card of $100.00 and a card."""
    return [sale("T-CARD", 42224, "credit_card"), sale("T-GIFT", 10000, "gift_card")]


@pytest.fixture
def order(store: Store, optoro: FakeOptoro) -> Any:
    """ORD-1: four shirts for $522.24, paid with a gift card of $100.00 and by card."""
    return take(store, identifier="ORD-1", transactions=payments())


def typed(order: Any, units: str = "", amount: str = "", **more: str) -> dict[str, str]:
    """The form as a person fills it in for the order's only line."""
    pk = order.lines.get().pk
    return {
        f"quantity_{pk}": units,
        f"amount_{pk}": amount,
        "goodwill": "",
        "destination": "original_payment",
        "recipient_email": "",
        "amount_reason": "agreed on the phone",
        "reason": "Arrived damaged",
        "note": "",
        **more,
    }


def chosen(*ordinals: int, amounts: dict[int, str] | None = None, **more: str) -> dict[str, str]:
    """The form as a person fills it in for units of RMA-1: these, as they came, or with other
    amounts."""
    units = {unit.ordinal: unit for unit in RmaUnit.objects.filter(rma__rma_identifier="RMA-1")}
    due = {n: written(unit.estimated_refund_amount_cents) for n, unit in units.items()}
    written_down = {**due, **(amounts or {})}
    return {
        **{f"unit_{units[n].pk}": "on" for n in ordinals},
        **{f"unit_amount_{unit.pk}": written_down[n] for n, unit in units.items()},
        "goodwill": "",
        "destination": "original_payment",
        "recipient_email": "",
        "amount_reason": "",
        "reason": "Arrived damaged",
        "note": "",
        **more,
    }


def hidden_in(answer: Any) -> dict[str, str]:
    """What the confirmation would send."""
    fields = re.findall(
        r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode()
    )
    return {name: unescape(value) for name, value in fields if name != "csrfmiddlewaretoken"}


def make(browser: Client, values: dict[str, str], url: str = NEW) -> Any:
    """Fills the form in, looks at the confirmation, and confirms."""
    shown = browser.post(url, {**values, "step": "preview"})
    assert shown.status_code == 200, text_of(shown)
    return browser.post(url, {**hidden_in(shown), "step": "make"}, follow=True)


def test_the_form_says_what_is_left_and_why_not_more(
    order: Any, store: Store, lead: Client
) -> None:
    deliver(store, builders.rma(units=[builders.unit()]))
    deliver(store, builders.rma("RMA-2", units=[builders.unit()], tracking="TRANSIT"))
    work_off()
    assert Refund.objects.get().rma_identifier == "RMA-2"
    page = text_of(lead.get(NEW))
    assert "2 of 4 left , worth $261.12 · 1 refunded or under way" in page
    assert "1 unit in return RMA-1: refund it instead" in page
    assert "Goods of the order shipped, not refunded $391.68" in page
    assert "Paid by gift card T-GIFT $0.00 Paid by credit card T-CARD $391.68" in page
    assert "Can go back to the payments $391.68" in page
    assert "$50.00 of the $50.00 allowed for an order is left" in page
    other = text_of(lead.get(f"{NEW}?rma=RMA-1"))
    assert "1 of 4 left , estimated at $130.56 · 1 refunded or under way" in other
    assert lead.get(f"{NEW}?rma=RMA-9").status_code == 404


def test_the_confirmation_spells_out_which_payment_gets_how_much(order: Any, lead: Client) -> None:
    shown = lead.post(NEW, {**typed(order, "2", note="a photo came"), "step": "preview"})
    page = text_of(shown)
    assert "To the shopper $261.12 Recipient Ada Example ada@example.com" in page
    assert (
        "Payments $100.00 back to gift card of order ORD-1 T-GIFT "
        "$161.12 back to credit card of order ORD-1 T-CARD"
    ) in page
    assert "Whole refund $261.12 reported to Optoro For 2 × Black T-Shirt line 1, $261.12" in page
    assert "Reason Arrived damaged a photo came" in page
    assert "Approval None needed: you decide on it alone." in page
    assert "When 10 minutes after you make it; until then you can take it back." in page
    assert "Refund $261.12 Change it Leave it" in page
    assert re.fullmatch(r"[0-9a-f-]{36}", hidden_in(shown)["key"])
    assert not Refund.objects.exists()


def test_a_second_click_makes_one_refund(order: Any, lead: Client) -> None:
    shown = hidden_in(lead.post(NEW, {**typed(order, "4"), "step": "preview"}))
    first = lead.post(NEW, {**shown, "step": "make"}, follow=True)
    refund = Refund.objects.get()
    assert first.redirect_chain == [(f"/refunds/{refund.identifier}/", 302)]
    assert "(10-minute hold); can be taken back until then." in text_of(first)
    second = lead.post(NEW, {**shown, "step": "make"}, follow=True)
    assert second.redirect_chain == [(f"/refunds/{refund.identifier}/", 302)]
    assert "This refund was made already: here it is. Nothing was made twice." in text_of(second)
    assert Refund.objects.get().total_refund_amount_cents == 52224
    request = RefundRequest.objects.get()
    assert (request.origin, request.key) == ("desk", shown["key"])
    assert (refund.source, refund.author.username, refund.reason) == (
        "staff",
        "ana",
        "Arrived damaged",
    )
    Refund.objects.update(payment_due_at=clock.now())
    Job.objects.update(not_before=clock.now())
    work_off()
    paid = {row.amount_cents for row in SimulatedPayment.objects.all()}
    assert (paid, SimulatedPayment.objects.count()) == ({10000, 42224}, 2)


def test_a_new_confirmation_makes_another_refund(order: Any, lead: Client) -> None:
    make(lead, typed(order, "1"))
    make(lead, typed(order, "1"))
    assert [r.total_refund_amount_cents for r in Refund.objects.all()] == [13056, 13056]


def test_an_amount_is_what_people_write(order: Any, lead: Client) -> None:
    make(lead, typed(order, "1", "12.50"))
    refund = Refund.objects.get()
    assert (refund.total_refund_amount_cents, refund.lines.get().quantity) == (1250, 1)
    page = text_of(lead.get(f"/refunds/{refund.identifier}/"))
    assert "the amount is what was paid, unless whoever made the refund named another one" in page
    assert "Confirmed no return to close" in page


def test_yen_have_no_decimals(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    order = take(store, identifier="ORD-1", currency="JPY")
    refused = lead.post(NEW, {**typed(order, "1", "12.50"), "step": "preview"})
    assert refused.status_code == 422
    assert "This currency has no decimals: write an amount such as 1234." in text_of(refused)
    make(lead, typed(order, "1", "1,250"))
    assert Refund.objects.get().total_refund_amount_cents == 1250


@pytest.mark.parametrize(
    ("text", "precision", "cents"),
    [
        ("12.50", 2, 1250),
        ("12.5", 2, 1250),
        (" 12 ", 2, 1200),
        ("1,234.05", 2, 123405),
        ("0.01", 2, 1),
        ("90071992547.41", 2, 9007199254741),
        ("1250", 0, 1250),
        ("1.234", 3, 1234),
    ],
)
def test_amounts_are_read_exactly(text: str, precision: int, cents: int) -> None:
    assert cents_from(text, precision) == cents
    assert cents_from(written(cents, precision), precision) == cents


@pytest.mark.parametrize(
    "text", ["", "12,50", "-1", "+1", "1e3", "$1", "1.005", "1.", ".5", "٣", "NaN", "1 000", "1,00"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(NotAnAmount):
        cents_from(text)


BAD = [
    ({}, "Choose units of a line, or write a goodwill amount."),
    ({"units": "1", "goodwill": "5"}, "Units or goodwill, not both: make two refunds."),
    ({"units": "1", "reason": " "}, "Write why it is refunded."),
    ({"units": "one"}, "Write how many units, such as 1."),
    ({"units": "-1"}, "The number of units of line 1 is -1: write 0 or more."),
    ({"amount": "5"}, "For how many units of line 1?"),
    ({"units": "1", "amount": "0"}, "Nothing to refund: write more, or leave it blank."),
    ({"units": "1", "amount": "12,50"}, "Write an amount such as 1234.50"),
    ({"units": "5"}, "Line 1: 5 units to refund, but only 4 of 4 shipped are not refunded yet."),
    (
        {"units": "1", "amount": "130.57"},
        "Line 1: $130.57 for 1 unit, but no more than $130.56 was paid for them.",
    ),
    (
        {"goodwill": "50.01"},
        "$50.01 of goodwill, but only $50.00 of the $50.00 allowed for order ORD-1 is left.",
    ),
    (
        {"units": "1", "destination": "gift_card", "recipient_email": "x"},
        "is no address: write one",
    ),
    (
        {"units": "1", "amount": "5", "amount_reason": ""},
        "Write why it is another amount (line 1: ",
    ),
    ({"reason": "r" * 256, "units": "1"}, "The reason has 256 characters: shorten it to 255."),
]


@pytest.mark.parametrize(("values", "sentence"), BAD)
def test_what_cannot_be_refunded_is_said_and_what_was_typed_is_kept(
    values: dict[str, str], sentence: str, order: Any, lead: Client
) -> None:
    answer = lead.post(NEW, {**typed(order, **{"note": "keep me", **values}), "step": "preview"})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert "keep me" in answer.content.decode()
    for value in values.values():
        assert value.strip() in answer.content.decode()
    assert not Refund.objects.exists()


def test_going_back_keeps_what_was_typed(order: Any, lead: Client) -> None:
    shown = lead.post(NEW, {**typed(order, "2", "99.90"), "step": "preview"})
    back = lead.post(NEW, {**hidden_in(shown), "step": "edit"})
    assert back.status_code == 200
    page = back.content.decode()
    assert 'value="99.90"' in page
    assert 'value="Arrived damaged"' in page
    assert "Not refunded." not in page


def test_goodwill_is_for_no_unit(order: Any, lead: Client) -> None:
    page = text_of(make(lead, typed(order, goodwill="20")))
    refund = Refund.objects.get()
    assert (refund.kind, refund.total_refund_amount_cents) == ("goodwill", 2000)
    assert "Goodwill $20.00 To the shopper $20.00" in page
    assert "Goodwill is for no unit: whoever made the refund named the amount." in page
    assert "Goodwill for no unit $20.00 = Refund reported to Optoro $20.00" in page
    assert "Confirmed goodwill closes no return" in page
    assert "The order system reported" not in page
    assert "$30.00 of the $50.00 allowed for an order is left" in text_of(lead.get(NEW))


def test_a_gift_card_goes_to_whom_is_named_or_known(order: Any, lead: Client) -> None:
    make(lead, typed(order, "1", destination="gift_card"))
    make(lead, typed(order, "1", destination="gift_card", recipient_email="bo@example.com"))
    known, named = Refund.objects.order_by("pk")
    assert (known.destination, known.recipient_email) == ("gift_card", "ada@example.com")
    assert named.recipient_email == "bo@example.com"
    page = text_of(lead.get(f"/refunds/{named.identifier}/"))
    assert "To a gift card for bo@example.com, as whoever made the refund chose." in page


def test_units_of_a_return_are_refunded_as_that_return(
    order: Any, store: Store, lead: Client
) -> None:
    deliver(store, builders.rma(units=[builders.unit(), builders.unit()]))
    work_off()
    refused = lead.post(NEW, {**typed(order, "3"), "step": "preview"})
    assert "2 are in RMA-1: name that return to refund them" in text_of(refused)
    page = text_of(make(lead, chosen(1, 2), f"{NEW}?rma=RMA-1"))
    refund = Refund.objects.get()
    assert (refund.rma_identifier, refund.total_refund_amount_cents) == ("RMA-1", 26112)
    assert "Confirmed not yet" in page
    assert "Optoro’s estimate is exactly what was paid." in page


def test_what_changed_since_the_confirmation_is_shown_again(
    order: Any, store: Store, lead: Client
) -> None:
    shown = hidden_in(lead.post(NEW, {**typed(order, "1"), "step": "preview"}))
    line = builders.line(unit_price_amount_cents=10000)
    changed = {"lines": [line], "transactions": payments()}
    take(store, identifier="ORD-1", **changed, updated_at="2026-02-01T00:00:00Z")
    answer = lead.post(NEW, {**shown, "step": "make"})
    assert answer.status_code == 409
    assert "Not refunded: something changed since you looked." in text_of(answer)
    assert "Refund $102.56" in text_of(answer)
    assert not Refund.objects.exists()
    lead.post(NEW, {**hidden_in(answer), "step": "make"})
    assert Refund.objects.get().total_refund_amount_cents == 10256


@pytest.mark.parametrize("key", ["", "x", "1' or 1"])
def test_without_its_key_a_confirmation_makes_nothing(key: str, order: Any, lead: Client) -> None:
    shown = hidden_in(lead.post(NEW, {**typed(order, "1"), "step": "preview"}))
    answer = lead.post(NEW, {**shown, "key": key, "step": "make"})
    assert "Make this refund?" in text_of(answer)
    assert not Refund.objects.exists()
    lead.post(NEW, {**hidden_in(answer), "step": "make"})
    assert Refund.objects.count() == 1


def test_a_key_makes_no_other_refund(order: Any, lead: Client) -> None:
    shown = hidden_in(lead.post(NEW, {**typed(order, "1"), "step": "preview"}))
    lead.post(NEW, {**shown, "step": "make"})
    other = {**shown, **typed(order, "2"), "step": "make"}
    answer = lead.post(NEW, other)
    assert answer.status_code == 422
    assert "This confirmation was used for another refund" in text_of(answer)
    assert Refund.objects.count() == 1


def test_what_is_above_a_limit_waits_and_says_so_before(
    order: Any, store: Store, person: Callable[..., Client]
) -> None:
    ApprovalPolicy.objects.create(
        store=store, agent_limit_cents=13055, goodwill_limit_cents=0, staff_hold_minutes=10
    )
    agent = person((store, Role.AGENT), name="bo")
    shown = agent.post(NEW, {**typed(order, "1"), "step": "preview"})
    why = "$130.56 is above the limit of the role Agent, $130.55"
    assert f"Approval Waits for another person: {why}." in text_of(shown)
    assert "When 10 minutes after the approval; until then you can take it back." in text_of(shown)
    page = text_of(agent.post(NEW, {**hidden_in(shown), "step": "make"}, follow=True))
    assert f"Made. It waits for another person’s approval: {why}." in page
    assert Refund.objects.get().status == "proposed"
    assert "You may not approve it: nobody approves a refund that they made themselves" in page


@pytest.mark.parametrize("role", list(Role))
def test_buttons_lead_here_for_those_who_may(
    role: Role, order: Any, store: Store, person: Callable[..., Client]
) -> None:
    deliver(store, builders.rma(units=[builders.unit()]))
    work_off()
    browser = person((store, role), name="bo")
    is_given = role in (Role.AGENT, Role.LEAD, Role.ADMINISTRATOR)
    for url, target in (("/orders/ORD-1/", NEW), ("/returns/RMA-1/", f"{NEW}?rma=RMA-1")):
        page = browser.get(url).content.decode()
        assert (f'href="{target}"' in page) is is_given
        assert ("Making refunds needs one of these roles" in page) is not is_given
    assert browser.get(NEW).status_code == (200 if is_given else 403)
    answer = browser.post(NEW, {**typed(order, "1"), "step": "preview"})
    assert answer.status_code == (200 if is_given else 403)


def test_a_declined_refund_leads_to_another_way(order: Any, lead: Client) -> None:
    make(lead, typed(order, "1"))
    refund = Refund.objects.get()
    Refund.objects.update(status="declined")
    page = lead.get(f"/refunds/{refund.identifier}/").content.decode()
    assert "Refund another way…" in page
    assert f'href="{NEW}"' in page


def test_identifiers_may_hold_slashes(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    order = take(store, identifier="2026/ORD/approve")
    url = "/refunds/new/2026/ORD/approve/"
    assert lead.get("/refunds/new/2026/ORD/approve")["Location"] == url
    make(lead, typed(order, "1"), url)
    assert Refund.objects.get().order_id == order.pk


def test_the_refund_page_says_how_a_payment_stands(order: Any, lead: Client) -> None:
    make(lead, typed(order, "4"))
    refund = Refund.objects.get()
    refund.payouts.filter(tender="gift_card").update(status="pending", gateway="manual")
    refund.payouts.filter(tender="credit_card").update(
        status="unknown", created_at=clock.in_seconds(-3 * 3600 - 5)
    )
    page = text_of(lead.get(f"/refunds/{refund.identifier}/"))
    assert "Payments To be paid by hand $100.00 to gift card through manual" in page
    assert "Unknown $422.24 to credit card through simulated" in page
    assert "Unknown for 3 hours ; the desk keeps asking with the same key." in page


def test_more_lines_cost_a_bounded_number_of_queries(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    """Neither the domain nor the page asks for each line by itself."""

    def count(number: int) -> int:
        lines = [builders.line(str(n + 1)) for n in range(number)]
        take(store, identifier=f"ORD-{number}", lines=lines)
        with CaptureQueriesContext(connection) as queries:
            assert lead.get(f"/refunds/new/ORD-{number}/").status_code == 200
        return len(queries)

    assert (count(1), count(3)) == (QUERIES_OF_THE_FORM, QUERIES_OF_THE_FORM)


def test_more_units_cost_no_more_queries(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    take(store, identifier="ORD-1")
    url = f"{NEW}?rma=RMA-1"

    def count(number: int, minute: int) -> tuple[int, int]:
        deliver(store, builders.rma(units=[builders.unit()] * number, minute=minute))
        work_off()
        with CaptureQueriesContext(connection) as form:
            assert lead.get(url).content.count(b'type="checkbox"') == number
        with CaptureQueriesContext(connection) as live:
            answer = lead.post(url, {**chosen(*range(1, number + 1)), "step": "live"})
            assert "Pay $" in text_of(answer)
        return len(form), len(live)

    assert count(1, 0) == count(3, 1) == QUERIES_OF_UNITS


def test_two_of_four_units_are_those_that_were_chosen(
    order: Any, store: Store, lead: Client
) -> None:
    deliver(store, builders.rma(units=[builders.unit()] * 4))
    work_off()
    make(lead, chosen(2, 4), f"{NEW}?rma=RMA-1")
    refund = Refund.objects.get()
    shares = refund.lines.get().units.order_by("rma_unit__ordinal")
    assert [(share.rma_unit.ordinal, share.amount_cents) for share in shares] == [
        (2, 13056),
        (4, 13056),
    ]
    page = lead.get(f"{NEW}?rma=RMA-1")
    assert page.content.count(b'type="checkbox"') == 2
    assert f"Not to refund: in refund {refund.identifier}" in text_of(page)
    again = lead.post(f"{NEW}?rma=RMA-1", {**chosen(1, 2), "step": "preview"})
    assert again.status_code == 200
    assert "1 × Black T-Shirt line 1, $130.56" in text_of(again)


def test_a_unit_with_another_amount_needs_a_reason(order: Any, store: Store, lead: Client) -> None:
    deliver(store, builders.rma(units=[builders.unit()] * 2))
    work_off()
    url, values = f"{NEW}?rma=RMA-1", chosen(1, 2, amounts={2: "100.00"})
    refused = lead.post(url, {**values, "step": "preview"})
    assert refused.status_code == 422
    why = "Write why it is another amount (line 1, unit 2: $100.00 instead of $130.56)."
    assert why in text_of(refused)
    assert 'href="#id_amount_reason"' in refused.content.decode()
    make(lead, {**values, "amount_reason": "a stain", "note": "seen on a photo"}, url)
    refund = Refund.objects.get()
    assert refund.total_refund_amount_cents == 23056
    assert refund.note == (
        "seen on a photo\nAmount set by hand: line 1, unit 2: $100.00 instead of $130.56. "
        "Why: a stain"
    )
    shares = refund.lines.get().units.order_by("rma_unit__ordinal")
    assert [share.amount_cents for share in shares] == [13056, 10000]


def test_everything_wrong_is_said_at_once_and_links_to_its_field(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    take(store, identifier="ORD-1", lines=[builders.line("1"), builders.line("2")])
    first, second = Order.objects.get().lines.order_by("position")
    values = {
        f"quantity_{first.pk}": "9",
        f"quantity_{second.pk}": "1",
        f"amount_{second.pk}": "999",
        "destination": "original_payment",
        "reason": "",
        "step": "preview",
    }
    answer = lead.post(NEW, values)
    assert answer.status_code == 422
    page = answer.content.decode()
    summary = page.partition("problems")[2].partition("</div>")[0]
    assert re.findall(r'href="#(\w+)"', summary) == [
        f"id_quantity_{first.pk}",
        f"id_amount_{second.pk}",
        "id_reason",
    ]
    assert 'role="alert" tabindex="-1" autofocus' in page
    assert f'id="id_quantity_{first.pk}_error"' in page
    assert not Refund.objects.exists()


def test_the_live_preview_says_what_would_happen_and_does_nothing(
    order: Any, store: Store, lead: Client
) -> None:
    shown = text_of(lead.post(NEW, {**typed(order, "1", reason=""), "step": "live"}))
    assert (
        "Pay $100.00 back to the gift card T-GIFT and $30.56 back to the credit card T-CARD of Ada "
        "Example, order ORD-1."
    ) in shown
    assert "Not refunded $391.68 of the order’s goods left after this" in shown
    assert "Optoro is told $130.56 refunded for 1 unit, in no return." in shown
    assert "Your limit $1,000.00 in a day from one payment; $869.44 left after this" in shown
    part = text_of(lead.post(NEW, {**typed(order, "1", "1.00"), "step": "live"}))
    assert "the whole unit counts as refunded" in part
    assert "Not refunded $391.68 of the order’s goods left after this" in part
    wrong = lead.post(NEW, {**typed(order, "5"), "step": "live"})
    assert (wrong.status_code, "Pay $" in text_of(wrong)) == (200, False)
    assert "but only 4 of 4 shipped are not refunded yet" in text_of(wrong)
    assert not Refund.objects.exists()
    make(lead, typed(order, "1"))
    used = text_of(lead.post(NEW, {**typed(order, "1"), "step": "live"}))
    assert "$1,000.00 in a day from one payment, $130.56 of it used; $738.88 left" in used


def test_what_was_confirmed_is_compared_under_the_locks(
    order: Any, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection commits between the click and the lock: here, right before it is got."""
    shown = hidden_in(lead.post(NEW, {**typed(order, "1"), "step": "preview"}))
    lock = requests.lock_orders
    calls = []

    def late(keys: Any) -> Any:
        calls.append(1)
        OrderLine.objects.update(unit_price_amount_cents=10000, product_amount_cents=40000)
        return lock(keys)

    monkeypatch.setattr(requests, "lock_orders", late)
    answer = lead.post(NEW, {**shown, "step": "make"})
    assert answer.status_code == 409
    assert "Refund $102.56" in text_of(answer)
    assert len(calls) == 2
    assert not Refund.objects.exists()
    lead.post(NEW, {**hidden_in(answer), "step": "make"})
    assert Refund.objects.get().total_refund_amount_cents == 10256
