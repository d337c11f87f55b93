"""What holds for every page: no script or style inside, everything escaped, few queries."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.common import clock
from apps.inbox.models import Delivery
from apps.outbox.models import Job
from apps.stores.models import Store
from tests.desk.conftest import World, deliver, exchange, take, work_off
from tests.support import builders
from tests.support.exchange_requests import item
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db

LISTS = ["attention", "orders", "rmas", "exchanges", "refunds", "deliveries", "jobs"]


def addresses(world: World) -> list[str]:
    """Every page there is to look at."""
    return [
        *(reverse(f"desk:{name}") for name in ["home", "keys", "search", "mentions", *LISTS]),
        *(
            reverse(f"desk:{name}")
            for name in ["policies", "policy", "policy-edit", "policy-renew", "settlement"]
        ),
        "/search/?q=nothing",
        "/orders/?status=Canceled",
        "/nowhere/",
        reverse("desk:order", args=[world.order.identifier]),
        reverse("desk:rma", args=[world.rma.rma_identifier]),
        reverse("desk:exchange", args=[world.exchange.order_identifier]),
        reverse("desk:refund", args=[world.refund.identifier]),
        reverse("desk:refund-approve", args=[world.refund.identifier]),
        reverse("desk:refund-cancel", args=[world.refund.identifier]),
        reverse("desk:refund-receipt", args=[world.refund.identifier]),
        reverse("desk:delivery", args=[world.delivery.pk]),
        reverse("desk:job", args=[world.job.pk]),
        reverse("desk:attention-item", args=[world.item.pk]),
        reverse("desk:settlement") + "?state=different",
        reverse("desk:refund-new", args=[world.order.identifier]),
        reverse("desk:refund-new", args=[world.order.identifier]) + "?rma=RMA-1",
        reverse("desk:rma-cancel", args=[world.rma.rma_identifier]),
        reverse("desk:rma-convert", args=[world.rma.rma_identifier]),
        reverse("desk:rma-decide", args=[world.rma.rma_identifier]),
        reverse("desk:unit-exclude", args=["RMA-1", world.rma.units.order_by("pk")[0].pk]),
        reverse("desk:rma", args=[world.rma.rma_identifier]) + "?show=notes&notes=all",
        reverse("desk:order", args=[world.order.identifier]) + "?show=messages&timeline=all",
        *(reverse(f"desk:{name}") for name in ["approvals", "approval-policy"]),
        reverse("desk:approvals") + "?mine=yes",
        *(reverse(f"desk:{name}") for name in ["catalog", "catalog-missed", "catalog-imports"]),
        reverse("desk:catalog-product", args=["PRODUCT-1"]),
        reverse("desk:catalog-import", args=[world.variant_import.pk]),
        reverse("desk:raw", args=["delivery", world.delivery.pk]),
        reverse("desk:raw", args=["attempt", world.attempt.pk]),
    ]


def test_pages_obey_their_own_security_policy(world: World, lead: Client) -> None:
    for url in [*addresses(world), "/login/"]:
        answer = lead.get(url) if url != "/login/" else Client().get(url)
        page = answer.content.decode()
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), url
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), url
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page), url
        assert '"includeIndicatorStyles":false' in page
        assert '"allowEval":false' in page


def test_pages_have_their_landmarks(world: World, lead: Client) -> None:
    for url in addresses(world):
        page = lead.get(url).content.decode()
        assert page.count("<h1") == 1, url
        assert page.count("<main") == 1, url
        assert 'href="#main"' in page, url
        assert page.count("<header") >= 1, url
        assert "<th>" not in page, url
        for control in re.findall(r"<(?:input|select|textarea)[^>]*>", page):
            if 'type="hidden"' in control:
                continue
            identifier = re.search(r'id="([^"]+)"', control)
            assert identifier, (url, control)
            assert f'for="{identifier[1]}"' in page, (url, control)


def test_no_two_elements_share_an_id(world: World, lead: Client) -> None:
    for url in addresses(world):
        ids = re.findall(r'\sid="([^"]+)"', lead.get(url).content.decode())
        assert sorted(ids) == sorted(set(ids)), url


def test_pages_with_customers_data_are_not_kept_by_caches(world: World, lead: Client) -> None:
    for url in ("/", "/orders/ORD-1/", "/refunds/"):
        assert "no-store" in lead.get(url)["Cache-Control"]


HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'"


def test_hostile_values_are_only_text(store: Store, optoro: FakeOptoro, lead: Client) -> None:
    customer = {
        "identifier": "1",
        "email": f"a@b.c{HOSTILE}",
        "first_name": HOSTILE,
        "last_name": "y" * 200,
        "phone": "<b>1</b>",
    }
    line = builders.line(title=HOSTILE + "x" * 300, sku=HOSTILE, tags=[HOSTILE])
    take(
        store,
        identifier="ORD-X",
        secondary_identifier=HOSTILE,
        lines=[line],
        customer=customer,
        note=HOSTILE * 10,
        raw_status=HOSTILE,
        tags=[HOSTILE, "z" * 200],
        concept=HOSTILE,
    )
    take(
        store,
        identifier="ORD-X",
        lines=[{**line, "title": "calm"}],
        customer={**customer, "first_name": f"{HOSTILE}2"},
        updated_at="2026-02-01T00:00:00Z",
    )
    unit = builders.unit("ORD-X", return_reason=HOSTILE, sku=HOSTILE)
    deliver(
        store,
        builders.rma(HOSTILE, units=[unit], tracking=HOSTILE[:40], concept=HOSTILE),
    )
    bad = deliver(store, f'{{"rma_identifier": "{HOSTILE[:40]}", '.encode())
    work_off()
    urls = [
        *(reverse(f"desk:{name}") for name in ["home", *LISTS]),
        "/orders/ORD-X/",
        reverse("desk:rma", args=[HOSTILE]),
        reverse("desk:delivery", args=[bad.pk]),
        reverse("desk:search") + "?q=" + "ORD",
    ]
    for url in urls:
        answer = lead.get(url, follow=True)
        assert answer.status_code == 200, url
        page = answer.content.decode()
        assert "<script>alert" not in page, url
        assert "<img" not in page, url
        assert "<b>1</b>" not in page, url
    assert "&lt;script&gt;alert" in lead.get("/orders/ORD-X/").content.decode()


def test_a_body_that_is_not_text_is_shown(store: Store, lead: Client) -> None:
    delivery = deliver(store, b"\xff\xfe\x00<b>" + b"A" * 300_000)
    work_off()
    page = lead.get(f"/messages/{delivery.pk}/").content.decode()
    assert "\\xff\\xfe" in page
    assert "&lt;b&gt;" in page
    assert "the file has all of it" in page
    whole = lead.get(f"/raw/delivery/{delivery.pk}/?as=file")
    assert whole["Content-Type"].startswith("text/plain")
    assert whole["Content-Disposition"].startswith("attachment")
    assert len(whole.content) > 300_000


def test_a_raw_message_comes_as_a_page_or_as_a_part_of_one(world: World, lead: Client) -> None:
    url = reverse("desk:raw", args=["order_message", world.order_message.pk])
    page = lead.get(url)
    part = lead.get(url, headers={"HX-Request": "true"})
    assert b"<html" in page.content
    assert b"<html" not in part.content
    assert b"&quot;identifier&quot;: &quot;ORD-1&quot;" in part.content
    assert "HX-Request" in part["Vary"]
    assert lead.get("/raw/nonsense/1/").status_code == 404


def test_empty_lists_tell_nothing_yet_from_nothing_found(store: Store, lead: Client) -> None:
    for name, narrowed in (
        ("orders", "status=Canceled"),
        ("rmas", "status=CANCELED"),
        ("exchanges", "status=canceled"),
        ("refunds", "status=paid"),
        ("deliveries", "state=failed"),
        ("jobs", "state=trouble"),
        ("attention", "kind=contract_drift"),
    ):
        url = reverse(f"desk:{name}")
        assert "No results for this filter" not in lead.get(url).content.decode(), name
        assert "No results for this filter" in lead.get(f"{url}?{narrowed}").content.decode(), name


@pytest.mark.parametrize(
    "query",
    [
        "page=999",
        "page=x",
        "sort=password",
        "sort=-identifier&page=-1",
        "status=nonsense",
        "since=yesterday",
        "since=2026-01-01&until=2026-12-31",
        "kind=x&state=closed",
        "state=trouble",
        "tracking=TRANSIT",
        "returns=yes",
        "returns=no",
        "header=differs",
        "missing=reported",
        "paid=today&confirmed=today",
    ],
)
def test_any_address_of_a_list_works(query: str, world: World, lead: Client) -> None:
    for name in LISTS:
        assert lead.get(f"{reverse(f'desk:{name}')}?{query}").status_code == 200, name


def test_filters_narrow(world: World, lead: Client) -> None:
    def shows(url: str, text: str) -> bool:
        return text in lead.get(url).content.decode().split('id="live"')[-1].split("<footer")[0]

    assert shows("/orders/?returns=yes", "ORD-1")
    assert not shows("/orders/?returns=yes", "ORD-HELD")
    assert shows("/orders/?returns=no", "ORD-HELD")
    assert shows("/returns/?tracking=TRANSIT", "RMA-1")
    assert not shows("/returns/?tracking=DELIVERED", "RMA-1")
    assert shows("/orders/?since=2026-01-22&until=2026-01-22", "ORD-1")
    assert not shows("/orders/?since=2026-01-23", "ORD-1")
    assert shows("/outbound/?state=trouble", "ORD-HELD")
    assert not shows("/outbound/?state=trouble", "ORD-1<")
    assert shows("/refunds/?status=proposed", world.refund.identifier)
    assert not shows("/refunds/?status=paid", world.refund.identifier)


def test_the_home_page_counts(world: World, lead: Client) -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", lead.get("/").content.decode()))
    assert re.search(r"Awaiting approval above somebody’s limit oldest \d+ s 1", page)
    assert re.search(r"Messages quarantined came in, not usable oldest \d+ s 1", page)
    assert re.search(r"Snapshot held Optoro refused what it was sent oldest \d+ s 1", page)
    assert re.search(r"Outbound held or failing .* by itself oldest \d+ s 1", page)
    assert re.search(r"Refunds decided today 0", page)
    assert "The worker is silent" not in page


def test_the_home_page_tells_when_the_worker_is_silent(world: World, lead: Client) -> None:
    Job.objects.filter(pk=world.job.pk).update(state="waiting", not_before=clock.in_seconds(-61))
    assert "The worker is silent" in lead.get("/").content.decode()
    Job.objects.filter(pk=world.job.pk).update(not_before=clock.in_seconds(-50))
    assert "The worker is silent" not in lead.get("/").content.decode()
    Delivery.objects.filter(pk=world.delivery.pk).update(
        state="received", next_attempt_at=clock.in_seconds(-61)
    )
    assert "The worker is silent" in lead.get("/").content.decode()


# Two are the session and the person, one the memberships, one the menu's count.
QUERIES = {
    "/": 33,
    "/orders/": 11,
    "/returns/": 11,
    "/exchanges/": 10,
    "/settlement/": 8,
    "/refunds/": 8,
    "/messages/": 7,
    "/outbound/": 7,
    "/attention/": 8,
    "/policies/": 9,
    "/policies/brand/": 7,
    "/orders/ORD-1/": 33,
    "/returns/RMA-1/": 28,
    "/returns/RMA-1/cancel/": 17,
    "/returns/RMA-1/convert/": 11,
    "/returns/RMA-1/decide/": 12,
    "/policies/approvals/": 6,
    "/exchanges/ORD-1-X/": 14,
}


@pytest.mark.parametrize("url", list(QUERIES))
def test_more_rows_cost_no_more_queries(
    url: str, store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    def fill(number: int) -> None:
        order, rma = f"ORD-{number}", f"RMA-{number}"
        lines = [builders.line(str(n + 1)) for n in range(number)]
        take(store, identifier=order, lines=lines)
        units = [builders.unit(order, str(n + 1)) for n in range(number)]
        deliver(store, builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT"))
        deliver(store, f"not json {number}".encode())
        exchange(store, order, [item(f"sku-{n}") for n in range(number)], rma_identifier=rma)
        for n in range(number):
            exchange(store, order, [item(f"other-{n}")], rma_identifier=rma)
        take(store, identifier=f"{order}-X", lines=lines)
        work_off()

    def count() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert lead.get(url).status_code == 200
        return len(queries)

    # The shopper has another order and another return, beside those that are counted.
    take(store, identifier="ORD-0")
    deliver(store, builders.rma("RMA-0", units=[builders.unit("ORD-0")], tracking="TRANSIT"))
    fill(1)
    one = count()
    fill(2)
    fill(3)
    assert count() == one
    wide = url.replace("ORD-1", "ORD-3").replace("RMA-1", "RMA-3")
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert lead.get(wide).status_code == 200
    assert len(queries) == one == QUERIES[url]


def test_error_pages_carry_the_request_id(
    world: World, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"X-Request-ID": "quote-me-7"}
    assert "quote-me-7" in lead.get("/orders/none/", headers=headers).content.decode()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("apps.desk.views.cases.order_page", fail)
    lead.raise_request_exception = False
    answer = lead.get("/orders/ORD-1/", headers=headers)
    assert answer.status_code == 500
    assert "quote-me-7" in answer.content.decode()
    assert "boom" not in answer.content.decode()


def test_the_desk_stays_small() -> None:
    root = Path(settings.BASE_DIR)
    for path in (root / "apps" / "desk").rglob("*.py"):
        assert len(path.read_text().splitlines()) < 400, path


def test_a_person_of_two_stores_is_told_what_another_store_means(
    world: World, other_store: Store, person: Callable[..., Client]
) -> None:
    browser = person((other_store, "agent"), (world.store, "lead"), name="bo")
    answer = browser.get("/orders/ORD-1/")
    assert answer.status_code == 404
    assert "switch the store" in answer.content.decode()


def test_pages_update_themselves(world: World, lead: Client) -> None:
    """The region asks for its own address; what lies inside must not inherit how it does."""
    exchange = f"/exchanges/{world.exchange.order_identifier}/"
    for url in ("/", "/orders/?returns=yes", "/orders/ORD-1/", "/returns/RMA-1/", exchange):
        page = lead.get(url).content.decode()
        region = re.search(r'<div id="live"[^>]*>', page)
        assert region, url
        assert f'hx-get="{url}"' in region[0]
        assert 'hx-disinherit="*"' in region[0]
        assert 'hx-select="#live"' in region[0]


def test_missing_things_look_the_same_while_debugging(
    world: World, lead: Client, settings: object
) -> None:
    settings.DEBUG = True
    assert "There is no such page" in lead.get("/orders/none/").content.decode()
    assert "There is no such page" in lead.get("/outbound/99999/").content.decode()
