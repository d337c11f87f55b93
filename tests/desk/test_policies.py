"""Refund policies through the front door: looked at first, then saved, then renewed."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import Role, User
from apps.common import clock
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund, RefundPolicy
from apps.rmas.models import RmaUnit
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.conftest import deliver, take, work_off
from tests.support import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

EDIT, RENEW, BRAND, LIST = (
    "/policies/brand/change/",
    "/policies/brand/renew/",
    "/policies/brand/",
    "/policies/",
)
EVERY = ["N", "TT", "R", "A", "B", "C", "X", "none"]


def form(**changes: object) -> dict[str, object]:
    """The form as it begins where no policy was set, with these changes."""
    return {
        "mail_back_trigger": "default",
        "express_returns_trigger": "default",
        "home_pickup_trigger": "default",
        "customer_keep_trigger": "default",
        "payment_delay": "0",
        "delay_unit": "minutes",
        "automatic_conditions": EVERY,
        "tolerance": "",
        "note": "because",
        **changes,
    }


def text_of(answer: object) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


def token_in(answer: object) -> str:
    found = re.search(r'name="token" value="([^"]+)"', answer.content.decode())
    return found[1] if found else ""


def look(browser: Client, url: str = EDIT, **changes: object) -> object:
    return browser.post(url, {**form(**changes), "step": "preview"})


def save(browser: Client, token: str, url: str = EDIT, **changes: object) -> object:
    return browser.post(url, {**form(**changes), "step": "save", "token": token}, follow=True)


def set_policy(browser: Client, url: str = EDIT, **changes: object) -> RefundPolicy:
    token = token_in(look(browser, url, **changes))
    assert save(browser, token, url, **changes).status_code == 200
    return RefundPolicy.objects.latest("pk")


@pytest.fixture
def returns(store: Store) -> None:
    """Two units of ORD-1 moving (and refunded for it), one only announced."""
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit(), builders.unit()], tracking="TRANSIT"))
    deliver(store, builders.rma("RMA-2", units=[builders.unit()]))
    work_off()
    assert Refund.objects.get().status == "paid"


def test_the_preview_shows_units_and_amounts_and_saves_nothing(returns: None, lead: Client) -> None:
    answer = look(lead, mail_back_trigger="receipt")
    assert answer.status_code == 200
    page = text_of(answer)
    assert "Mail-back: at the carrier’s first scan → , now: when the warehouse has received it" in (
        page
    )
    assert "2 units of 3 in 2 returns would have been treated differently" in page
    assert "Refunded automatically 2 $261.12 $261.12 0 $0.00 $0.00 2 fewer $261.12 less" in page
    assert "Waits 1 $130.56 $130.56 3 $391.68 $391.68 2 more $261.12 more" in page
    assert "Paid to shoppers once approved $261.12 $0.00 $261.12 less" in page
    assert (
        "RMA-1 line 1, unit 1 $130.56 Refunded automatically mail-back, in transit Waits waits for "
        "receipt at the warehouse"
    ) in page
    assert token_in(answer)
    assert not RefundPolicy.objects.exists()
    assert not Event.objects.filter(kind="policy.changed").exists()


def test_looking_needs_no_reason_and_saving_does(returns: None, lead: Client) -> None:
    answer = look(lead, mail_back_trigger="manual", note="")
    assert answer.status_code == 200
    refused = save(lead, token_in(answer), mail_back_trigger="manual", note=" ")
    assert refused.status_code == 422
    assert "it is kept with the version" in text_of(refused)
    assert "What it would have done" in text_of(refused)
    assert not RefundPolicy.objects.exists()


def test_what_was_not_shown_is_not_saved(returns: None, lead: Client) -> None:
    token = token_in(look(lead, mail_back_trigger="receipt"))
    for bad, values in (
        ("", {"mail_back_trigger": "receipt"}),
        (token[:-2], {"mail_back_trigger": "receipt"}),
        (token, {"mail_back_trigger": "manual"}),
        (token, {"mail_back_trigger": "receipt", "tolerance": "0.50"}),
        (token, {"mail_back_trigger": "receipt", "automatic_conditions": ["N"]}),
    ):
        answer = save(lead, bad, **values)
        assert answer.status_code == 422
        assert "look at what these values would have done first" in text_of(answer)
        assert token_in(answer)
    assert not RefundPolicy.objects.exists()
    assert save(lead, token, mail_back_trigger="receipt").status_code == 200
    assert RefundPolicy.objects.get().mail_back_trigger == "receipt"


def test_a_token_counts_for_one_brand_and_one_store(
    store: Store, other_store: Store, person: Callable[..., Client]
) -> None:
    take(store, identifier="ORD-N", concept="North")
    browser = person((store, Role.LEAD), (other_store, Role.LEAD))
    token = token_in(look(browser, mail_back_trigger="receipt"))
    answer = save(browser, token, f"{EDIT}?brand=North", mail_back_trigger="receipt")
    assert answer.status_code == 422
    browser.post("/store/", {"store": other_store.pk})
    assert save(browser, token, mail_back_trigger="receipt").status_code == 422
    assert not RefundPolicy.objects.exists()


def test_what_is_saved_is_what_the_form_said(store: Store, lead: Client) -> None:
    version = set_policy(
        lead,
        mail_back_trigger="receipt",
        express_returns_trigger="manual",
        customer_keep_trigger="manual",
        payment_delay="2",
        delay_unit="hours",
        automatic_conditions=["N", "A", "none"],
        charges_return_shipping="on",
        tolerance="0.5",
        note="too many worn shoes",
    )
    assert (version.store, version.concept, version.author.username) == (store, "", "ana")
    assert (version.mail_back_trigger, version.express_returns_trigger) == ("receipt", "manual")
    assert (version.home_pickup_trigger, version.customer_keep_trigger) == ("default", "manual")
    assert (version.payment_delay_minutes, version.tolerance_cents) == (120, 50)
    assert version.automatic_conditions == ["N", "A", ""]
    assert version.charges_return_shipping is True
    page = text_of(lead.get(BRAND))
    for sentence in (
        "Mail-back When the warehouse has received it.",
        "Express drop-off Proposed at the drop-off; a person approves each refund.",
        "Payment 2 hours after the decision.",
        "N, A and no condition told refunded automatically; a person decides on TT, R, B, C and X.",
        "Return shipping Its cost is kept back from the refund, once per return.",
        "Tolerance Up to 0.50 per unit between Optoro’s estimate and what was paid.",
        "by ana: “too many worn shoes”.",
        "Payment: at once after the decision → , now: 2 hours after the decision",
    ):
        assert sentence in page, sentence
    again = lead.get(EDIT).content.decode()
    assert re.search(r'name="payment_delay" value="2"', again)
    assert re.search(r'name="tolerance" value="0\.50"', again)
    assert again.count(" checked") == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"mail_back_trigger": "never"},
        {"customer_keep_trigger": "receipt"},
        {"payment_delay": "-1"},
        {"payment_delay": "721", "delay_unit": "hours"},
        {"payment_delay": "soon"},
        {"tolerance": "-0.01"},
        {"tolerance": "0.001"},
        {"tolerance": "NaN"},
        {"automatic_conditions": ["Q"]},
    ],
)
def test_values_that_cannot_be_used_are_named(
    changes: dict[str, object], store: Store, lead: Client
) -> None:
    answer = look(lead, **changes)
    assert answer.status_code == 422
    assert "Some values cannot be used" in text_of(answer)
    assert 'class="field-error"' in answer.content.decode()
    assert not token_in(answer)


def test_nothing_changed_is_nothing_saved(store: Store, lead: Client) -> None:
    answer = look(lead)
    assert "Nothing is changed." in text_of(answer)
    assert not token_in(answer)
    set_policy(lead, mail_back_trigger="receipt")
    assert "Nothing is changed." in text_of(look(lead, mail_back_trigger="receipt"))


def test_a_second_submit_saves_nothing_more(store: Store, lead: Client) -> None:
    token = token_in(look(lead, mail_back_trigger="receipt"))
    first = save(lead, token, mail_back_trigger="receipt")
    second = save(lead, token, mail_back_trigger="receipt")
    assert "In force from now on." in text_of(first)
    assert "this is what is in force already. Nothing was saved." in text_of(second)
    assert RefundPolicy.objects.count() == 1


def test_a_change_made_meanwhile_is_shown_and_not_overwritten(
    store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    token = token_in(look(lead, mail_back_trigger="receipt"))
    bo = person((store, Role.ADMINISTRATOR), name="bo")
    set_policy(bo, payment_delay="90", note="a moment to look")
    answer = save(lead, token, mail_back_trigger="receipt")
    assert answer.status_code == 409
    page = text_of(answer)
    assert "somebody changed the policy since you looked" in page
    assert "Payment: at once after the decision → , now: 90 minutes after the decision" in page
    assert "By bo," in page
    assert "“a moment to look”" in page
    assert RefundPolicy.objects.count() == 1
    fresh = token_in(answer)
    assert save(lead, fresh, mail_back_trigger="receipt").status_code == 200
    newest = RefundPolicy.objects.latest("pk")
    assert (newest.mail_back_trigger, newest.payment_delay_minutes) == ("receipt", 0)


def test_a_stricter_policy_leaves_what_was_decided(
    returns: None, store: Store, lead: Client
) -> None:
    set_policy(lead, mail_back_trigger="receipt")
    moving = builders.rma(units=[builders.unit(), builders.unit()], tracking="TRANSIT", minute=9)
    deliver(store, moving)
    deliver(store, builders.rma("RMA-2", units=[builders.unit()], tracking="TRANSIT", minute=9))
    work_off()
    assert list(Refund.objects.values_list("rma_identifier", "status")) == [("RMA-1", "paid")]


def test_a_more_generous_policy_pays_a_backlog_only_when_a_person_renews_it(
    store: Store, lead: Client
) -> None:
    set_policy(lead, mail_back_trigger="receipt")
    take(store, identifier="ORD-1")
    deliver(
        store,
        builders.rma(units=[builders.unit()], tracking="TRANSIT", return_shipping_cost_cents=700),
    )
    work_off()
    version = set_policy(lead, mail_back_trigger="default", charges_return_shipping="on")
    deliver(store, builders.rma("RMA-2", units=[builders.unit()], tracking="TRANSIT"))
    work_off()
    assert list(Refund.objects.values_list("rma_identifier", flat=True)) == ["RMA-2"]
    assert "1 open return under an older policy." in text_of(lead.get(LIST))
    for url in (BRAND, RENEW):
        page = text_of(lead.get(url))
        assert "1 return, 1 unit" in page
        assert "$123.56 to shoppers for 1 unit worth $130.56; $7.00 return shipping" in page
        assert "RMA-1 line 1, unit 1 $130.56 Waits waits for receipt at the warehouse" in page
    assert RmaUnit.objects.filter(policy_renewed_at=None).count() == 2
    for told in ("1 open return put under the newest policy", "nothing was done"):
        answer = lead.post(RENEW, {"version": version.pk}, follow=True)
        assert told in text_of(answer)
        work_off()
    [refund] = Refund.objects.filter(rma_identifier="RMA-1")
    assert (refund.status, refund.shopper_amount_cents) == ("paid", 12356)
    assert refund.policy == version
    assert SimulatedPayment.objects.count() == 2
    assert "No open return is under an older policy." in text_of(lead.get(LIST))


@pytest.mark.parametrize(
    ("triggers", "method", "told"),
    [
        ({}, "mail-back", ""),
        ({"mail_back_trigger": "receipt"}, "mail-back", "· the policy refunds on receipt"),
        ({"mail_back_trigger": "receipt"}, "home-pickup", ""),
        (
            {"home_pickup_trigger": "manual"},
            "home-pickup",
            "· under the policy a person approves each refund",
        ),
    ],
)
def test_a_return_tells_the_trigger_of_its_own_method(
    store: Store, lead: Client, triggers: dict[str, str], method: str, told: str
) -> None:
    if triggers:
        set_policy(lead, **triggers)
    deliver(store, builders.rma(units=[builders.unit()], return_method=method))
    work_off()
    page = text_of(lead.get("/returns/RMA-1/"))
    assert f"Units 1 {told}".strip() in page
    assert [words in page for words in ("refunds on receipt", "approves each")] == [
        "receipt" in told,
        "approves" in told,
    ]


def test_more_open_returns_cost_no_more_queries(store: Store, lead: Client) -> None:
    set_policy(lead, mail_back_trigger="receipt")
    take(store, identifier="ORD-1")

    def fill(*numbers: int) -> None:
        for number in numbers:
            deliver(store, builders.rma(f"RMA-{number}", units=[builders.unit()]))
        work_off()
        RefundPolicy.objects.update(effective_from=clock.now())

    def count(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert lead.get(url).status_code == 200
        return len(queries)

    fill(1)
    assert [count(url) for url in (LIST, BRAND, RENEW)] == [10, 18, 17]
    fill(2, 3, 4)
    assert [count(url) for url in (LIST, BRAND, RENEW)] == [10, 18, 17]


def test_a_renewal_of_other_amounts_than_shown_is_refused(store: Store, lead: Client) -> None:
    shown = set_policy(lead, mail_back_trigger="receipt")
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    work_off()
    set_policy(lead, mail_back_trigger="default")
    for stale in (shown.pk, "", "x", "²"):
        answer = lead.post(RENEW, {"version": stale}, follow=True)
        assert "changed meanwhile: look at the amounts again" in text_of(answer)
    work_off()
    assert not Refund.objects.exists()


def test_others_may_look_and_not_change(store: Store, person: Callable[..., Client]) -> None:
    for role in (Role.READ_ONLY, Role.AGENT, Role.FINANCE):
        browser = person((store, role), name=role.value)
        for url in (LIST, BRAND):
            page = browser.get(url).content.decode()
            assert "Changing refund policies needs one of these roles: Lead, Administrator" in page
            assert " disabled" in page
        assert look(browser, mail_back_trigger="receipt").status_code == 403
        assert save(browser, "x", mail_back_trigger="receipt").status_code == 403
        assert browser.post(RENEW, {"version": 1}).status_code == 403
    assert not RefundPolicy.objects.exists()


def test_brands_have_policies_of_their_own(store: Store, lead: Client) -> None:
    take(store, identifier="ORD-N", concept="North & <Co>")
    deliver(store, builders.rma(units=[builders.unit("ORD-N")], concept="South"))
    work_off()
    page = text_of(lead.get(LIST))
    assert page.index("Every brand") < page.index("North & <Co>") < page.index("South")
    assert page.count("no policy of its own") == 2
    url = f"{EDIT}?brand=North+%26+%3CCo%3E"
    version = set_policy(lead, url, mail_back_trigger="manual")
    assert version.concept == "North & <Co>"
    page = text_of(lead.get(LIST))
    assert "Every other brand" in page
    assert page.count("no policy of its own") == 1
    assert lead.get(f"{BRAND}?brand=Nowhere").status_code == 404
    assert "Proposed at the carrier’s first scan" in text_of(
        lead.get(f"{BRAND}?brand=North+%26+%3CCo%3E")
    )


def test_the_home_page_tells_of_a_change(store: Store, lead: Client) -> None:
    """Its event names no order, no return and no refund."""
    set_policy(lead, mail_back_trigger="receipt")
    page = lead.get("/").content.decode()
    assert f'href="{reverse("desk:policies")}">Refund policy changed for every brand' in page


def test_a_preview_draws_its_errors_in_place(store: Store, lead: Client) -> None:
    answer = lead.post(EDIT, form(payment_delay="x"), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "Some values cannot be used" in text_of(answer)
    assert User.objects.count() == 1


def test_which_payment_is_paid_back_first_is_saved(store: Store, lead: Client) -> None:
    version = set_policy(lead, tender_order="gift_card_last")
    assert version.tender_order == "gift_card_last"
    page = text_of(lead.get(BRAND))
    assert "Several payments Gift cards are paid back last, after the other payments." in page
    assert 'value="gift_card_last" selected' in lead.get(EDIT).content.decode()
    assert "Nothing is changed." in text_of(look(lead, tender_order="gift_card_last"))
