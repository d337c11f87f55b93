"""Actions on many rows: a preview, a confirmation, an outcome per row, and everything once."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Membership, Role, User
from apps.attention.models import Item
from apps.cases.models import Case
from apps.desk.lists import bulk, runs
from apps.desk.lists.bulk_types import Doer
from apps.desk.lists.looks import LISTS
from apps.desk.models import BulkRun
from apps.desk.seats import Seat
from apps.inbox.models import Delivery
from apps.orders.models import Order
from apps.outbox.models import Job
from apps.refunds.models import Payout, Refund
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.conftest import open_payout, take
from tests.desk.test_lists import fill, three  # noqa: F401
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db


def plain(answer: Any) -> str:
    """The words of a page."""
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def preview(browser: Client, name: str, action: str, **data: Any) -> Any:
    """Asks what would happen."""
    return browser.post(f"/lists/{name}/bulk/", {"action": action, **data})


def confirm(browser: Client, name: str, action: str, keys: list[int], **data: Any) -> Any:
    """Has it happen."""
    token = data.pop("token", str(uuid.uuid4()))
    sent = {"action": action, "row": keys, "confirmed": "yes", "token": token, **data}
    return browser.post(f"/lists/{name}/bulk/", sent)


def outcomes(answer: Any) -> list[tuple[str, str]]:
    """The result and text of each row, in order."""
    token = answer["Location"].strip("/").split("/")[-1]
    return list(BulkRun.objects.get(token=token).rows.values_list("result", "text"))


def test_a_preview_does_nothing_and_says_what_would_happen(three: Store, lead: Client) -> None:  # noqa: F811
    paid = Refund.objects.order_by("pk").first()
    Refund.objects.filter(pk=paid.pk).update(status="canceled")
    answer = preview(lead, "refunds", "approve", scope="all", query="sort=identifier")
    assert answer.status_code == 200
    text = plain(answer)
    assert "Nothing has happened yet. 2 refunds would be done" in text
    assert "3 were chosen" in text
    assert "Too late to approve: it is canceled." in text
    total = sum(r.shopper_amount_cents for r in Refund.objects.filter(status="proposed"))
    assert f"${total / 100:,.2f} to shoppers in all." in text
    assert set(Refund.objects.values_list("status", flat=True)) == {"canceled", "proposed"}
    assert not BulkRun.objects.exists()


def test_refunds_are_approved_once_each(three: Store, lead: Client) -> None:  # noqa: F811
    refunds = list(Refund.objects.order_by("pk"))
    Refund.objects.filter(pk=refunds[2].pk).update(status="canceled")
    keys = [refund.pk for refund in refunds]
    token = str(uuid.uuid4())
    answer = confirm(lead, "refunds", "approve", keys, token=token, query="sort=decided")
    assert answer.status_code == 302
    found = outcomes(answer)
    assert [result for result, _ in found] == ["done", "done", "refused"]
    assert found[0][1].startswith("Approved: $")
    assert confirm(lead, "refunds", "approve", keys, token=token)["Location"] == answer["Location"]
    assert outcomes(answer) == found
    assert BulkRun.objects.count() == 1
    approved = Event.objects.filter(kind="refund.approved")
    assert approved.count() == 2
    page = plain(lead.get(answer["Location"]))
    assert re.search(r"2 done ?, 1 refused", page)


def test_a_row_that_fails_leaves_the_others_alone(
    three: Store,  # noqa: F811
    lead: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, _ = Refund.objects.order_by("pk")
    honest = bulk.services.approve_refund

    def fail(*, refund: Refund, actor: object) -> Refund:
        done = honest(refund=refund, actor=actor)
        if refund.pk == first.pk:
            raise RuntimeError("boom")
        return done

    monkeypatch.setattr(bulk.services, "approve_refund", fail)
    answer = confirm(lead, "refunds", "approve", [first.pk, second.pk], query="sort=decided")
    assert [result for result, _ in outcomes(answer)] == ["failed", "done"]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("proposed", "approved")
    assert "boom" not in plain(lead.get(answer["Location"]))


def test_what_there_was_no_time_for_goes_on_later(
    three: Store,  # noqa: F811
    lead: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = list(Refund.objects.order_by("pk").values_list("pk", flat=True))
    monkeypatch.setattr(runs, "SECONDS_AT_ONCE", -1.0)
    answer = confirm(lead, "refunds", "cancel", keys, reason="stolen card")
    assert [result for result, _ in outcomes(answer)] == ["waiting"] * 3
    assert "3 refunds still wait" in plain(lead.get(answer["Location"]))
    assert not Refund.objects.filter(status="canceled").exists()
    monkeypatch.setattr(runs, "SECONDS_AT_ONCE", 8.0)
    assert lead.post(answer["Location"]).status_code == 302
    assert [result for result, _ in outcomes(answer)] == ["done"] * 3
    assert Refund.objects.filter(status="canceled").count() == 3


def waits(
    browser: Client,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    action: str,
    keys: list[int],
    **data: Any,
) -> BulkRun:
    """Confirms something for which there is no time yet."""
    with monkeypatch.context() as patched:
        patched.setattr(runs, "SECONDS_AT_ONCE", -1.0)
        answer = confirm(browser, name, action, keys, **data)
    assert {result for result, _ in outcomes(answer)} == {"waiting"}
    return BulkRun.objects.latest("pk")


USED = "This confirmation was used for something else. Start again."


def test_a_confirmation_is_for_what_was_confirmed(
    three: Store,  # noqa: F811
    lead: Client,
    person: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = list(Refund.objects.order_by("pk").values_list("pk", flat=True))
    run = waits(lead, monkeypatch, "refunds", "cancel", keys[:2], reason="stolen card")
    finance = person((three, Role.FINANCE), name="fin")
    colleague = person((three, Role.LEAD), name="zed")
    token = str(run.token)
    for browser, name, action, rows, data in (
        (finance, "refunds", "ask-gateway", keys[:2], {}),
        (colleague, "refunds", "cancel", keys[:2], {"reason": "stolen card"}),
        (lead, "refunds", "cancel", keys[:1], {"reason": "stolen card"}),
        (lead, "refunds", "cancel", keys, {"reason": "stolen card"}),
        (lead, "refunds", "cancel", keys[:2], {"reason": "other"}),
        (lead, "refunds", "approve", keys[:2], {}),
        (lead, "rmas", "evaluate", keys[:2], {}),
    ):
        answer = confirm(browser, name, action, rows, token=token, **data)
        assert (answer.status_code, USED in plain(answer)) == (409, True), (name, action, data)
    assert set(run.rows.values_list("result", flat=True)) == {"waiting"}
    assert set(Refund.objects.values_list("status", flat=True)) == {"proposed"}
    confirm(lead, "refunds", "cancel", keys[:2], token=token, reason="stolen card")
    assert Refund.objects.filter(status="canceled").count() == 2
    assert BulkRun.objects.count() == 1


def test_a_confirmation_of_another_store_is_used_otherwise(
    three: Store,  # noqa: F811
    other_store: Store,
    lead: Client,
    person: Callable[..., Client],
) -> None:
    token = str(uuid.uuid4())
    key = Refund.objects.order_by("pk")[0].pk
    confirm(lead, "refunds", "cancel", [key], token=token, reason="x")
    take(other_store, identifier="ORD-9")
    order = Order.objects.get(store=other_store)
    stranger = person((other_store, Role.LEAD), name="stranger")
    answer = confirm(stranger, "orders", "assign", [order.pk], token=token, person="")
    assert answer.status_code == 409
    assert USED in plain(answer)
    assert "refund" not in plain(answer).split("Nothing was done")[1]
    assert not Case.objects.filter(store=other_store).exists()


def test_rows_that_left_the_list_do_not_make_it_another_confirmation(
    three: Store,  # noqa: F811
    lead: Client,
) -> None:
    items = Item.objects.filter(kind="message_quarantined").order_by("pk")
    keys = list(items.values_list("pk", flat=True))
    token = str(uuid.uuid4())
    first = confirm(lead, "attention", "dismiss", keys, token=token, note="asked Optoro")
    assert [result for result, _ in outcomes(first)] == ["done"] * 3
    again = confirm(lead, "attention", "dismiss", keys, token=token, note="asked Optoro")
    assert again["Location"] == first["Location"]
    assert confirm(lead, "attention", "dismiss", keys, note="new")["Location"] == "/attention/"


def test_the_same_confirmation_twice_at_once_is_one_run(
    three: Store,  # noqa: F811
    lead: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, token = Refund.objects.order_by("pk")[0].pk, str(uuid.uuid4())
    first = confirm(lead, "refunds", "cancel", [key], token=token, reason="x")
    honest, asked = runs.known_run, []

    def too_early(*args: Any, **sent: Any) -> BulkRun | None:
        asked.append(token)
        return honest(*args, **sent) if len(asked) > 1 else None

    monkeypatch.setattr(runs, "known_run", too_early)
    again = confirm(lead, "refunds", "cancel", [key], token=token, reason="x")
    assert (again["Location"], len(asked)) == (first["Location"], 2)
    asked.clear()
    assert confirm(lead, "refunds", "cancel", [key], token=token, reason="y").status_code == 409


def test_only_whoever_confirmed_it_goes_on_with_it(
    three: Store,  # noqa: F811
    lead: Client,
    person: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = list(Refund.objects.order_by("pk").values_list("pk", flat=True))
    run = waits(lead, monkeypatch, "refunds", "cancel", keys, reason="stolen card")
    url, reason = f"/lists/runs/{run.token}/", "Only ana, who confirmed this, can go on with it."
    colleague = person((three, Role.LEAD), name="zed")
    shown = colleague.get(url)
    assert (shown.status_code, reason in plain(shown)) == (200, True)
    assert "Go on with them" not in plain(shown)
    refused = colleague.post(url)
    assert (refused.status_code, reason in plain(refused)) == (403, True)
    Membership.objects.filter(user__username="ana").update(role=Role.FINANCE)
    refused = lead.post(url)
    assert refused.status_code == 403
    assert "Deciding on refunds needs one of these roles" in plain(refused)
    assert set(run.rows.values_list("result", flat=True)) == {"waiting"}
    Membership.objects.filter(user__username="ana").update(role=Role.LEAD)
    assert "Go on with them" in plain(lead.get(url))
    assert lead.post(url).status_code == 302
    assert set(run.rows.values_list("result", flat=True)) == {"done"}


def test_going_on_asks_for_the_runs_own_list_and_right(
    three: Store,  # noqa: F811
    lead: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = list(Refund.objects.order_by("pk").values_list("pk", flat=True))
    run = waits(lead, monkeypatch, "refunds", "cancel", keys, reason="x")
    membership = Membership.objects.get(user__username="ana")
    with pytest.raises(Http404):
        runs.go_on(run, Doer(Seat(membership, ()), LISTS["rmas"], {}), request_id="r")
    membership.role = Role.FINANCE
    with pytest.raises(PermissionDenied):
        runs.go_on(run, Doer(Seat(membership, ()), LISTS["refunds"], {}), request_id="r")
    assert set(run.rows.values_list("result", flat=True)) == {"waiting"}


def test_the_money_told_is_what_goes_out(three: Store, lead: Client) -> None:  # noqa: F811
    credit, first, second = Refund.objects.order_by("pk")
    Refund.objects.filter(pk=credit.pk).update(destination="store_credit")
    cents = first.shopper_amount_cents + second.shopper_amount_cents
    total = f"${cents / 100:,.2f}"
    keys = [credit.pk, first.pk, second.pk]
    text = plain(preview(lead, "refunds", "approve", row=keys))
    assert f"{total} to shoppers in all." in text
    assert "Nothing is paid to the shopper." in text
    paid = f"${first.shopper_amount_cents / 100:,.2f} to the shopper: original payment."
    assert paid in text
    text = plain(preview(lead, "refunds", "cancel", row=keys))
    assert f"{total} not paid." in text
    assert "to shoppers" not in text
    assert "Nothing was to be paid; its units are left" in text
    Refund.objects.filter(pk=credit.pk).update(destination="original_payment")
    answer = confirm(lead, "refunds", "approve", [first.pk])
    assert outcomes(answer) == [("done", f"Approved: {paid}")]
    assert Payout.objects.get(refund=first).amount_cents == first.shopper_amount_cents
    open_payout(second)
    text = plain(preview(lead, "refunds", "ask-gateway", row=[second.pk]))
    assert "1 refund would be done" in text
    assert "in all" not in text
    assert "not paid." not in text


def test_a_reason_is_needed(three: Store, lead: Client) -> None:  # noqa: F811
    key = Refund.objects.first().pk
    answer = confirm(lead, "refunds", "cancel", [key], reason=" ")
    assert answer.status_code == 422
    assert "Reason: write why" in plain(answer)
    assert Refund.objects.get(pk=key).status == "proposed"


def test_nothing_selected_leads_back(three: Store, lead: Client) -> None:  # noqa: F811
    answer = preview(lead, "refunds", "approve", query="status=proposed")
    assert answer["Location"] == "/refunds/?status=proposed"
    assert "Nothing is selected" in plain(lead.get(answer["Location"]))


def test_at_most_so_many_at_once(
    three: Store,  # noqa: F811
    lead: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apps.desk.views.bulk.MOST_ROWS", 2)
    text = plain(preview(lead, "rmas", "evaluate", scope="all"))
    assert "More than 2 match: these are the first 2." in text
    assert "2 returns would be done" in text


@pytest.mark.parametrize(
    ("name", "action", "query", "label", "shown"),
    [
        ("refunds", "cancel", "status=proposed&status=gone", "Status", "proposed, gone"),
        ("refunds", "cancel", "since=29.11.2026&status=proposed", "Decided since", "29.11.2026"),
        ("rmas", "evaluate", "in_transit_days=many", "In transit for", "many"),
        ("orders", "assign", "assignee=nobody%20here", "Assignee", "nobody here"),
        ("attention", "take", "late=%3Cb%3E", "Late", "&lt;b&gt;"),
    ],
)
def test_all_that_match_an_unusable_filter_are_refused(
    three: Store,  # noqa: F811
    lead: Client,
    name: str,
    action: str,
    query: str,
    label: str,
    shown: str,
) -> None:
    answer = preview(lead, name, action, scope="all", query=query)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert f"<strong>{label}: {shown}</strong> – " in page
    assert "would be done" not in page
    exported = lead.get(f"/lists/{name}/rows.csv?{query}")
    assert exported.status_code == 422
    assert f"<strong>{label}: {shown}</strong> – " in exported.content.decode()


def test_rows_that_were_ticked_need_no_usable_filter(three: Store, lead: Client) -> None:  # noqa: F811
    key = Refund.objects.first().pk
    answer = preview(lead, "refunds", "cancel", row=[key], query="status=gone")
    assert "1 refund would be done" in plain(answer)
    all_of_them = preview(lead, "refunds", "cancel", scope="all", query="status=proposed")
    assert "3 refunds would be done" in plain(all_of_them)


def test_orders_and_returns_are_assigned_and_flagged(three: Store, lead: Client) -> None:  # noqa: F811
    ana = User.objects.get(username="ana")
    keys = list(Refund.objects.values_list("rma", flat=True))
    assert [r for r, _ in outcomes(confirm(lead, "rmas", "assign", keys, person=ana.pk))] == [
        "done"
    ] * 3
    assert Case.objects.filter(assignee=ana, subject_kind="rma").count() == 3
    confirm(lead, "rmas", "assign", keys[:1], person="")
    assert Case.objects.filter(assignee=ana).count() == 2
    assert confirm(lead, "rmas", "assign", keys, person="999").status_code == 422
    confirm(lead, "rmas", "flag", keys[:2], reason="fraud ring")
    assert Case.objects.filter(flag_reason="fraud ring", flagger="ana").count() == 2
    text = plain(preview(lead, "rmas", "unflag", scope="all"))
    assert "2 returns would be done" in text
    assert "It is not flagged." in text
    answer = confirm(lead, "rmas", "unflag", keys)
    assert sorted(result for result, _ in outcomes(answer)) == ["done", "done", "refused"]
    assert not Case.objects.filter(flagged_at__isnull=False).exists()


def test_items_messages_and_jobs(three: Store, lead: Client) -> None:  # noqa: F811
    open_payout(Refund.objects.first())
    items = list(
        Item.objects.filter(kind="message_quarantined").order_by("pk").values_list("pk", flat=True)
    )
    answer = confirm(lead, "attention", "take", items)
    assert {result for result, _ in outcomes(answer)} == {"done"}
    assert Item.objects.filter(owner__username="ana").count() == len(items) == 3
    confirm(lead, "attention", "give-back", items[:1])
    assert Item.objects.filter(owner__username="ana").count() == 2
    confirm(lead, "attention", "dismiss", items[1:], note="asked Optoro")
    assert Item.objects.filter(resolution="asked Optoro").count() == 2
    again = confirm(lead, "attention", "dismiss", items[1:2], note="late")
    assert again.status_code == 302
    assert Item.objects.filter(resolution="late").count() == 0
    bad = list(Delivery.objects.filter(state="quarantined").values_list("pk", flat=True))
    assert {r for r, _ in outcomes(confirm(lead, "deliveries", "replay", bad))} == {"done"}
    assert Delivery.objects.filter(state="received").count() == len(bad) == 3
    jobs = list(Job.objects.filter(topic="rma.evaluate", state="done").values_list("pk", flat=True))
    confirm(lead, "jobs", "resend", jobs[:1])
    assert Job.objects.filter(topic="rma.evaluate", state="waiting").count() == 1


def test_roles_and_stores_are_asked_for_every_action(
    three: Store,  # noqa: F811
    other_store: Store,
    person: Callable[..., Client],
) -> None:
    keys = list(Refund.objects.values_list("pk", flat=True))
    reader = person((three, Role.READ_ONLY), name="reader")
    assert confirm(reader, "refunds", "approve", keys).status_code == 403
    assert preview(reader, "refunds", "approve", scope="all").status_code == 403
    stranger = person((other_store, Role.ADMINISTRATOR), name="stranger")
    answer = confirm(stranger, "refunds", "approve", keys)
    assert answer["Location"] == "/refunds/"
    assert set(Refund.objects.values_list("status", flat=True)) == {"proposed"}
    assert preview(reader, "refunds", "assign").status_code == 404
    page = plain(reader.get("/refunds/"))
    assert "needs one of these roles" in page


def test_previews_cost_the_same_with_one_row_and_with_three(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    store.refund_trigger = "manual"
    store.save()

    def costs() -> dict[str, int]:
        found = {}
        for name, action in (
            ("refunds", "approve"),
            ("refunds", "cancel"),
            ("rmas", "assign"),
            ("rmas", "flag"),
            ("orders", "snapshot"),
            ("attention", "take"),
            ("deliveries", "replay"),
            ("jobs", "resend"),
        ):
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                assert preview(lead, name, action, scope="all").status_code == 200
            found[f"{name} {action}"] = len(queries)
        return found

    fill(store, 1)
    one = costs()
    fill(store, 2)
    fill(store, 3)
    assert costs() == one
    assert one == {
        "refunds approve": 8,
        "refunds cancel": 6,
        "rmas assign": 8,
        "rmas flag": 7,
        "orders snapshot": 6,
        "attention take": 6,
        "deliveries replay": 5,
        "jobs resend": 5,
    }
