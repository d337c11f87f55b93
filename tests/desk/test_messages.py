"""The pages of a message that came in and of a job that goes out: what was understood, what came
before and after, what changed."""

import json
import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.common.http import Response
from apps.desk.reads import deliveries, jobs
from apps.inbox.models import Delivery
from apps.inbox.services import store_delivery
from apps.orders.models import Order
from apps.outbox.models import Job
from apps.stores.models import Store
from tests.desk.conftest import World, deliver, take, work_off
from tests.support import builders
from tests.support.exchange_requests import item, post, request
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(page)))


def page_of(browser: Client, delivery: Delivery, query: str = "") -> str:
    answer = browser.get(f"/messages/{delivery.pk}/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def section(page: str, heading: str) -> str:
    """A section by the id of its heading, as plain text."""
    return text(page.split(f'id="{heading}"')[1].split("</section>")[0])


def told(store: Store, at: str, *units: Any, **changes: Any) -> Delivery:
    """A message of RMA-1, updated at that time of one day."""
    message = builders.rma(units=list(units) or [builders.unit()], **changes)
    message["updated_at"] = f"2026-02-01T{at}:00Z"
    return deliver(store, message)


@pytest.fixture
def shop(store: Store, optoro: FakeOptoro) -> Store:
    store.refund_trigger = "manual"
    store.save()
    take(store, identifier="ORD-1")
    return store


# --- What came in -----------------------------------------------------------------------------


def test_what_was_understood_is_shown_in_plain_words(shop: Store, lead: Client) -> None:
    unit = builders.unit(tracking_number="1Z9", return_reason="too small")
    unknown = builders.unit("ORD-9", "4")
    found = told(shop, "10:00", unit, unknown, tracking="TRANSIT", return_shipping_cost_cents=500)
    work_off()
    page = page_of(lead, found)
    shown = section(page, "h-understood")
    assert "Return RMA-1 Status Open CREATED" in shown
    assert "Return shipping $5.00" in shown
    assert "ORD-1 line 1" in shown
    assert "too small" in shown
    assert "In transit TRANSIT" in shown
    assert "$130.56 $130.56 $0.00" in shown
    assert "ORD-9 Order not known yet line 4" in shown
    assert "¤130.56" in shown
    assert 'href="/orders/ORD-1/"' in page
    assert 'href="/orders/ORD-9/"' not in page


def test_values_that_the_contract_does_not_know_are_marked(shop: Store, lead: Client) -> None:
    unit = builders.unit(warehouse_receipt_condition="Q")
    found = told(shop, "10:00", unit, tracking="LOST")
    shown = section(page_of(lead, found), "h-understood")
    assert "package_tracking_status is LOST , warehouse_receipt_condition is Q ." in shown
    assert "They are kept as they came" in shown
    assert "Not in the contract LOST" in shown
    assert "condition Q: not in the contract" in shown
    calm = section(page_of(lead, told(shop, "11:00", tracking="TRANSIT")), "h-understood")
    assert "ot in the contract" not in calm


def test_the_messages_of_a_return_are_told_by_when_optoro_wrote_them(
    shop: Store, lead: Client
) -> None:
    second = told(shop, "12:00", tracking="TRANSIT")
    first = told(shop, "11:00", tracking="ACCEPTED")
    third = told(shop, "13:00", tracking="DELIVERED")
    work_off()
    page = page_of(lead, second)
    assert "Superseded" in page
    shown = section(page, "h-messages")
    assert f"Superseded by message {third.pk} . The newest is message {third.pk} ." in shown
    order = re.findall(r"Message (\d+) updated", shown)
    assert order == [str(first.pk), str(second.pk), str(third.pk)]
    assert f"Different from message {first.pk}" in shown
    assert "package_tracking_status ACCEPTED TRANSIT" in shown
    assert "updated_at 2026-02-01T11:00:00+00:00 2026-02-01T12:00:00+00:00" in shown
    newest = page_of(lead, third)
    assert "Newest of its return" in newest
    assert f"it supersedes message {second.pk}" in section(newest, "h-messages")
    oldest = section(page_of(lead, first), "h-messages")
    assert "Different from" not in oldest
    # Beside it stand those that came before and after it, whatever they say.
    assert f'rel="next" href="/messages/{first.pk}/"' in page
    assert 'rel="prev"' not in page
    assert f'rel="prev" href="/messages/{first.pk}/"' in newest


def test_units_of_a_line_that_changed_places_are_no_difference(shop: Store, lead: Client) -> None:
    near = builders.unit(tracking_number="A", package_tracking_status="DELIVERED")
    far = builders.unit(tracking_number="B", package_tracking_status="TRANSIT")
    told(shop, "10:00", near, far)
    later = told(shop, "11:00", {**far, "package_tracking_status": "DELIVERED"}, near)
    work_off()
    shown = section(page_of(lead, later), "h-messages")
    assert "[ORD-1 line 1, unit 2].package_tracking_status TRANSIT DELIVERED" in shown
    assert shown.count("package_tracking_status") == 1


def test_copies_are_counted_and_another_spelling_is_told(shop: Store, lead: Client) -> None:
    first = told(shop, "10:00")
    told(shop, "10:00")
    spaced = deliver(shop, json.dumps(json.loads(first.text), indent=1).encode())
    work_off()
    shown = text(page_of(lead, first))
    assert "Copies 2 times the same bytes, first" in shown
    again = section(page_of(lead, spaced), "h-messages")
    assert f"It says what message {first.pk} said before, in another spelling" in again
    assert "came once" in text(page_of(lead, spaced))


def test_the_body_is_shown_indented_and_exactly_as_it_came(shop: Store, lead: Client) -> None:
    body = b'{"rma_identifier" :  "RMA-7"}\n'
    found = deliver(shop, body)
    pretty = page_of(lead, found)
    assert "{\n  &quot;rma_identifier&quot;: &quot;RMA-7&quot;\n}" in pretty
    exact = page_of(lead, found, "?body=exact")
    assert "{&quot;rma_identifier&quot; :  &quot;RMA-7&quot;}\n</pre>" in exact
    raw = lead.get(f"/raw/delivery/{found.pk}/?body=exact").content.decode()
    assert "{&quot;rma_identifier&quot; :  &quot;RMA-7&quot;}\n</pre>" in raw
    assert lead.get(f"/raw/delivery/{found.pk}/?as=file").content == body


def test_what_cannot_be_used_names_its_fields_and_what_to_do(shop: Store, lead: Client) -> None:
    message = builders.rma()
    del message["items"][0]["order_identifier"]
    found = deliver(shop, message)
    garbage = deliver(shop, b"{not json")
    work_off()
    page = text(page_of(lead, found))
    assert "items[0].order_identifier is required" in page
    assert "Ask Optoro to send the return again with the fields below mended" in page
    assert "Nothing that can be used: see above what is wrong." in page
    page = text(page_of(lead, garbage))
    assert "the whole body not JSON" in page
    assert "These bytes can never be read, so replaying them does not help." in page


def test_a_message_for_no_store_is_mended_elsewhere(shop: Store, lead: Client) -> None:
    found = store_delivery(
        store=shop,
        topic="rma",
        body=builders.body(builders.rma()),
        headers={"X-Optiturn-Id": "nobody"},
        remote_address="",
        unknown_tenant="nobody",
    )
    page = text(page_of(lead, found))
    assert "'nobody' names no store" in page
    assert "Nothing is wrong with the message itself. Mend what the reason names" in page


def test_no_secret_is_on_the_page(shop: Store, lead: Client, client: Client) -> None:
    shop.webhook_username, shop.webhook_password = "optoro", "s3cret-word"
    shop.save()
    found = store_delivery(
        store=shop,
        topic="rma",
        body=builders.body(builders.rma()),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic b3B0b3JvOnMzY3JldC13b3Jk",
            "X-API-Key": "key-of-optoro",
            "Cookie": "session=cookie-value",
            "X-Request-ID": "request-7",
        },
        remote_address="203.0.113.9",
    )
    page = page_of(lead, found)
    assert section(page, "h-headers").startswith(
        ">Headers kept content-type application/json x-request-id request-7"
    )
    for secret in ("s3cret-word", "b3B0b3JvOnMzY3JldC13b3Jk", "key-of-optoro", "cookie-value"):
        assert secret not in page


def test_replaying_shows_what_became_of_it(shop: Store, lead: Client) -> None:
    message = builders.rma()
    found = deliver(shop, message)
    work_off()
    assert 'id="live"' not in page_of(lead, found)
    page = lead.post(f"/messages/{found.pk}/replay/", follow=True).content.decode()
    assert "waits for the next free worker" in page or "Received" in page
    assert 'id="live"' in page
    work_off()
    page = page_of(lead, found)
    assert "after it came" in page
    assert "Attempts 1" in text(page)


def test_a_large_message_is_not_read_again(
    shop: Store, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(shop, "10:00")
    work_off()
    assert "ORD-1" in section(page_of(lead, found), "h-understood")
    monkeypatch.setattr(deliveries, "READ_BYTES", 10)
    shown = section(page_of(lead, found), "h-understood")
    assert "larger than 1 MB" in shown


def test_an_exchange_request_is_understood_too(shop: Store, lead: Client) -> None:
    message = request(items=[item("sku-7", quantity=2)], note="ring twice")
    assert post({**message, "gift_wrap": "blue"}).status_code == 200
    found = Delivery.objects.get(topic="exchange_order")
    shown = section(page_of(lead, found), "h-understood")
    assert "For order ORD-1" in shown
    assert "Note ring twice" in shown
    assert "sku-7" in shown
    assert "2 $128.00" in shown
    assert "gift_wrap is blue ." in shown


# --- What goes out ----------------------------------------------------------------------------


def jobs_of(order: Order) -> list[Job]:
    return list(Job.objects.filter(topic="order.snapshot", key=str(order.pk)).order_by("pk"))


def test_a_snapshot_is_compared_with_the_one_accepted_before(
    shop: Store, lead: Client, optoro: FakeOptoro
) -> None:
    order = Order.objects.get(identifier="ORD-1")
    work_off()
    accepts = optoro.answer
    optoro.answer = lambda content: Response(422, json={"message": "no", "errors": []})
    lines = [builders.line("9", title="New"), builders.line(title="Refused")]
    take(shop, identifier="ORD-1", lines=lines, updated_at="2026-02-01T00:00:00Z")
    work_off()
    optoro.answer = accepts
    lines = [builders.line("9", title="New"), builders.line(title="Blue T-Shirt")]
    take(shop, identifier="ORD-1", lines=lines, updated_at="2026-02-02T00:00:00Z")
    work_off()
    first, refused, last = jobs_of(order)
    page = text(lead.get(f"/outbound/{first.pk}/").content.decode())
    assert "Optoro has accepted no snapshot of this order before: all of it is new." in page
    shown = section(lead.get(f"/outbound/{refused.pk}/").content.decode(), "h-changes")
    assert "items[1].title Black T-Shirt Refused" in shown
    page = lead.get(f"/outbound/{last.pk}/").content.decode()
    shown = section(page, "h-changes")
    assert f"in job {first.pk} . Items, refunds and transactions are matched" in shown
    assert "items[1].title Black T-Shirt Blue T-Shirt" in shown
    assert "total_amount_cents $522.24 $1,044.48" in shown
    assert "items (order)" in shown
    assert "items[1].quantity" not in shown
    assert re.search(r"Accepted with 20\d\.", text(page))


def test_what_would_be_sent_now_is_compared_with_the_last_sent(
    shop: Store, lead: Client, optoro: FakeOptoro
) -> None:
    order = Order.objects.get(identifier="ORD-1")
    work_off()
    [job] = jobs_of(order)
    shown = section(lead.get(f"/outbound/{job.pk}/?compare=now").content.decode(), "h-changes")
    assert "Nothing is different." in shown
    take(shop, identifier="ORD-1", note="hello", updated_at="2026-02-01T00:00:00Z")
    waiting = jobs_of(order)[-1]
    assert waiting.state == "waiting"
    sent = section(lead.get(f"/outbound/{waiting.pk}/").content.decode(), "h-changes")
    assert "This job has not sent anything yet." in sent
    shown = section(lead.get(f"/outbound/{waiting.pk}/?compare=now").content.decode(), "h-changes")
    assert "note — hello" in shown
    assert len(optoro.snapshots) == 1


def test_large_bodies_are_not_compared(
    shop: Store, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_off()
    [job] = jobs_of(Order.objects.get(identifier="ORD-1"))
    monkeypatch.setattr(jobs, "COMPARED_CHARACTERS", 10)
    page = text(lead.get(f"/outbound/{job.pk}/").content.decode())
    assert "Too large to be compared here." in page


def test_a_held_job_says_what_to_do_and_what_optoro_answered(world: World, lead: Client) -> None:
    page = text(lead.get(f"/outbound/{world.job.pk}/").content.decode())
    assert "What to do: Mend the fields that Optoro names in the order at its source" in page
    assert "Refused with 422: the same again would be refused again." in page
    assert 'Answer: {"message":' in page


def test_other_jobs_are_not_compared(world: World, lead: Client) -> None:
    job = Job.objects.filter(topic="rma.evaluate").latest("pk")
    page = lead.get(f"/outbound/{job.pk}/").content.decode()
    assert 'id="h-changes"' not in page
    assert "Worked." in page


def test_neither_page_costs_more_with_more_rows(
    shop: Store, lead: Client, optoro: FakeOptoro
) -> None:
    order = Order.objects.get(identifier="ORD-1")

    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert lead.get(url).status_code == 200
        return len(found)

    message = told(shop, "10:00")
    work_off()
    [job] = jobs_of(order)
    one = {f"/messages/{message.pk}/": 10, f"/outbound/{job.pk}/": 10}
    assert {url: queries(url) for url in one} == one
    for hour in ("11", "12"):
        units = [builders.unit("ORD-1", str(n)) for n in range(1, 4)]
        message = told(shop, f"{hour}:00", *units)
        take(shop, identifier="ORD-1", updated_at=f"2026-02-{hour}T00:00:00Z")
        work_off()
    three = {f"/messages/{message.pk}/": 10, f"/outbound/{jobs_of(order)[-1].pk}/": 10}
    assert len(jobs_of(order)) == 3
    assert {url: queries(url) for url in three} == three
