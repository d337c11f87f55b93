"""The lists: combined filters, columns, CSV, neighbors, and how many queries they cost."""

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.cases.models import Case
from apps.cases.services import assign
from apps.common import clock
from apps.desk.lists import export
from apps.desk.lists.looks import Look
from apps.desk.lists.neighbors import neighbors_of
from apps.desk.seats import seat_of
from apps.inbox.models import Delivery
from apps.orders.models import Order, OrderLine
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit
from apps.stores.models import Store
from apps.timeline.types import staff
from tests.desk.conftest import deliver, take, work_off
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db

# Three are the session, the person and the memberships; pages add the banner, the menu's counts,
# the people to choose from and the saved views.
COUNTS = {
    "/orders/": 11,
    "/orders/?status=Shipped&assignee=nobody&columns=status,assignee,due": 11,
    "/returns/": 11,
    "/returns/?tracking=TRANSIT&kind=REFUND&in_transit_days=0&columns=status,skus,due": 11,
    "/exchanges/": 6,
    "/refunds/": 8,
    "/refunds/?status=proposed&source=automatic&amount_from=1&currency=usd": 8,
    "/attention/": 8,
    "/attention/?kind=message_quarantined&owner=nobody": 8,
    "/messages/": 7,
    "/messages/?state=quarantined&copies=more": 7,
    "/outbound/": 7,
    "/lists/orders/rows.csv": 8,
    "/lists/rmas/rows.csv": 8,
    "/lists/refunds/rows.csv": 5,
    "/lists/attention/rows.csv": 5,
    "/returns/?list=all": 11,
}


def fill(store: Store, number: int) -> None:
    """An order, its return in transit, and a message that cannot be used."""
    take(store, identifier=f"ORD-{number}", secondary_identifier=f"WEB-{number}")
    units = [builders.unit(f"ORD-{number}", "1", sku=f"SKU-{number}") for _ in range(2)]
    deliver(store, builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT"))
    for _ in range(2):
        deliver(store, f"not json {number}".encode())
    work_off()


@pytest.fixture
def three(store: Store, optoro: FakeOptoro) -> Store:
    """A store with three of everything, whose refunds wait for a person."""
    store.refund_trigger = "manual"
    store.save()
    for number in (1, 2, 3):
        fill(store, number)
    return store


def body(answer: object) -> bytes:
    """The whole body of an answer, streamed or not."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def shown(browser: Client, url: str, prefix: str) -> list[str]:
    """The names of the rows of a list, in its order."""
    answer = browser.get(url)
    assert answer.status_code == 200
    table = answer.content.decode().split('id="live"')[1].split("<footer")[0]
    return re.findall(rf'scope="row".*?>\s*<a [^>]*>({prefix}[^<]*)</a>', table)


def queries_of(browser: Client, url: str) -> int:
    """How many queries an answer costs, with all of its body, and with nothing remembered."""
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(url)
        assert answer.status_code == 200
        body(answer)
    return len(queries)


def test_lists_cost_the_same_with_one_row_and_with_three(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    store.refund_trigger = "manual"
    store.save()
    fill(store, 1)
    one = {url: queries_of(lead, url) for url in COUNTS}
    fill(store, 2)
    fill(store, 3)
    assert {url: queries_of(lead, url) for url in COUNTS} == one == COUNTS


def test_several_values_and_several_filters(three: Store, lead: Client) -> None:
    Rma.objects.filter(rma_identifier="RMA-2").update(status="CANCELED")
    Rma.objects.filter(rma_identifier="RMA-3").update(status="REFUNDED")
    both = "/returns/?status=CANCELED&status=REFUNDED&sort=identifier"
    assert shown(lead, both, "RMA-") == ["RMA-2", "RMA-3"]
    assert shown(lead, f"{both}&sku=SKU-3", "RMA-") == ["RMA-3"]
    assert shown(lead, "/returns/?order=ORD-1", "RMA-") == ["RMA-1"]
    assert shown(lead, "/returns/?order=WEB-2", "RMA-") == ["RMA-2"]
    assert shown(lead, "/returns/?order=ORD", "RMA-") == []
    assert shown(lead, "/orders/?sku=nothing", "ORD-") == []
    page = unescape(lead.get(both).content.decode())
    chips = re.findall(r'class="filter-chip" href="([^"]+)"', page)
    assert chips == [
        "/returns/?status=REFUNDED&sort=identifier",
        "/returns/?status=CANCELED&sort=identifier",
    ]
    assert shown(lead, chips[0], "RMA-") == ["RMA-3"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("returns/?tracking=TRANSIT", 2),
        ("returns/?tracking=DELIVERED", 1),
        ("returns/?tracking=TRANSIT&tracking=DELIVERED", 2),
        ("returns/?tracking=TRANSIT&tracking=DELIVERED&kind=REFUND&receiving=PENDING", 2),
        ("returns/?tracking=TRANSIT&sort=identifier&older=1h", 2),
        ("returns/?tracking=TRANSIT&status=CANCELED", 0),
        ("returns/?tracking=TRANSIT&since=nonsense", 2),
        ("returns/?receiving=PENDING&assignee=nobody", 2),
        ("returns/?kind=STANDARD_EXCHANGE", 0),
        ("returns/?sku=sku-2", 1),
        ("returns/?sku=SKU-2&tracking=DELIVERED", 1),
        # What is withdrawn shows no words any more, and is found by its SKU.
        ("returns/?sku=SKU-3", 1),
        ("returns/?sku=SKU-3&tracking=TRANSIT", 0),
        ("orders/?sku=GOODS", 3),
        ("orders/?sku=GOODS&status=Canceled", 1),
    ],
)
def test_what_is_counted_by_units_and_lines_is_what_is_shown(
    query: str, expected: int, three: Store, other_store: Store, lead: Client
) -> None:
    units = RmaUnit.objects.filter(rma__rma_identifier="RMA-2")
    RmaUnit.objects.filter(pk=units.latest("pk").pk).update(package_tracking_status="DELIVERED")
    RmaUnit.objects.filter(rma__rma_identifier="RMA-3").update(is_withdrawn=True)
    Rma.objects.update(remote_created_at=clock.in_seconds(-2 * 3600))
    Order.objects.filter(identifier="ORD-2").update(status="Canceled")
    fill(other_store, 4)
    OrderLine.objects.update(sku="goods")
    name = query.partition("/")[0]
    page = lead.get(f"/{query}").content.decode()
    rows = shown(lead, f"/{query}", "RMA-" if name == "returns" else "ORD-")
    said = re.findall(r"1–\d+ of (\d+)", page)
    assert (len(rows), said) == (expected, [str(expected)] if expected else [])


def test_parcels_on_their_way_and_delivered(three: Store, lead: Client) -> None:
    old = clock.in_seconds(-11 * 86400)
    Rma.objects.filter(rma_identifier="RMA-1").update(in_transit_since=old)
    Rma.objects.filter(rma_identifier="RMA-2").update(in_transit_since=None, delivered_since=old)
    assert shown(lead, "/returns/?in_transit_days=10", "RMA-") == ["RMA-1"]
    assert shown(lead, "/returns/?in_transit_days=12", "RMA-") == []
    assert shown(lead, "/returns/?delivered_days=3", "RMA-") == ["RMA-2"]
    assert shown(lead, "/returns/?delivered_days=12", "RMA-") == []
    Rma.objects.filter(rma_identifier="RMA-3").update(cancellation_requested_at=clock.now())
    assert shown(lead, "/returns/?asked=cancel", "RMA-") == ["RMA-3"]
    assert shown(lead, "/returns/?asked=convert", "RMA-") == []


def test_whose_it_is_flagged_and_overdue(three: Store, other_store: Store, lead: Client) -> None:
    ana = User.objects.get(username="ana")
    for kind, name in (("rma", "RMA-1"), ("order", "ORD-2")):
        assign(
            store_id=three.pk, subject_kind=kind, subject=name, assignee=ana, actor=staff(ana.pk)
        )
    Case.objects.filter(subject="RMA-1").update(
        due_at=clock.in_seconds(-60), flagged_at=clock.now(), flag_reason="fraud?"
    )
    Case.objects.create(
        store=other_store, subject_kind="rma", subject="RMA-3", assignee=ana, flag_reason="x"
    )
    assert shown(lead, "/returns/?assignee=me", "RMA-") == ["RMA-1"]
    assert shown(lead, f"/returns/?assignee={ana.pk}", "RMA-") == ["RMA-1"]
    assert sorted(shown(lead, "/returns/?assignee=nobody", "RMA-")) == ["RMA-2", "RMA-3"]
    assert shown(lead, "/returns/?flagged=yes", "RMA-") == ["RMA-1"]
    assert shown(lead, "/returns/?due=overdue", "RMA-") == ["RMA-1"]
    assert shown(lead, "/orders/?assignee=me", "ORD-") == ["ORD-2"]
    assert "fraud?" in lead.get("/returns/").content.decode()


def test_amounts_need_their_currency(three: Store, lead: Client) -> None:
    refund = Refund.objects.get(rma__rma_identifier="RMA-2")
    name = refund.identifier
    Refund.objects.filter(pk=refund.pk).update(
        total_refund_amount_cents=5000, shopper_amount_cents=5000, optoro_amount_cents=0
    )
    assert shown(lead, "/refunds/?amount_to=50&currency=usd", "") == [name]
    assert shown(lead, "/refunds/?amount_to=49.99&currency=USD", "") == []
    assert len(shown(lead, "/refunds/?amount_from=50&currency=USD", "")) == 3
    assert shown(lead, "/refunds/?amount_from=50&currency=EUR", "") == []
    page = lead.get("/refunds/?amount_to=50").content.decode()
    assert "Name the currency too, such as USD." in page
    assert len(shown(lead, "/refunds/?amount_to=50", "")) == 3


def test_messages_that_came_more_than_once(three: Store, lead: Client) -> None:
    Delivery.objects.filter(state="quarantined").exclude(body=b"not json 2").update(copies=1)
    pk = Delivery.objects.get(body=b"not json 2").pk
    assert shown(lead, "/messages/?copies=more", "") == [str(pk)]


def test_columns_are_chosen_in_the_address(three: Store, lead: Client) -> None:
    def heads(url: str) -> list[str]:
        table = lead.get(url).content.decode().split("<thead>")[1].split("</thead>")[0]
        return re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?([^<]+)', table)

    assert heads("/returns/?columns=skus,status") == ["Return", "Status", "SKUs"]
    assert heads("/returns/?columns=skus&columns=status") == ["Return", "Status", "SKUs"]
    assert heads("/returns/?columns=password") == heads("/returns/")
    assert "SKUs" not in heads("/returns/")
    row = lead.get("/returns/?columns=skus&order=ORD-1").content.decode()
    assert ">SKU-1</span>" in row


def read_csv(browser: Client, url: str) -> list[dict[str, str]]:
    """The rows of a CSV by their heads."""
    text = body(browser.get(url)).decode()
    assert text[0] == "\ufeff"
    return list(csv.DictReader(io.StringIO(text[1:])))


def test_the_file_has_what_is_shown(three: Store, lead: Client) -> None:
    refunds = Refund.objects.order_by("created_at", "pk")
    url = "/lists/refunds/rows.csv?status=proposed&sort=decided"
    answer = lead.get(url)
    assert re.fullmatch(
        rf'attachment; filename="refunds-{three.identifier}-\d{{4}}-\d\d-\d\d\.csv"',
        answer["Content-Disposition"],
    )
    rows = read_csv(lead, url)
    assert [row["refund"] if "refund" in row else row["identifier"] for row in rows] == [
        refund.identifier for refund in refunds
    ]
    assert [(row["total"], row["total_currency"]) for row in rows] == [
        (f"{refund.total_refund_amount_cents / 100:.2f}", "USD") for refund in refunds
    ]
    assert rows[0]["decided_at"] == clock.wire_time(refunds[0].created_at)
    assert read_csv(lead, "/lists/refunds/rows.csv?status=paid") == []
    assert list(read_csv(lead, f"{url}&columns=order")[0]) == ["identifier", "order"]


def test_the_file_keeps_to_the_stores_days(three: Store, lead: Client) -> None:
    three.time_zone = "America/New_York"
    three.save()
    late, early = datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 1, 1, 3, tzinfo=UTC)
    Order.objects.filter(identifier="ORD-1").update(remote_created_at=late)
    Order.objects.filter(identifier="ORD-2").update(remote_created_at=early)
    for query, names in (
        ("until=2026-01-01&sort=identifier", ["ORD-1", "ORD-2"]),
        ("since=2026-01-01&until=2026-01-01", ["ORD-1"]),
        ("until=2025-12-31", ["ORD-2"]),
    ):
        assert shown(lead, f"/orders/?{query}", "ORD-") == names
        rows = read_csv(lead, f"/lists/orders/rows.csv?{query}")
        assert [row["order"] for row in rows] == names


@pytest.mark.parametrize("day", ["until=9999-12-31", "since=0001-01-01", "until=1899-12-31"])
def test_a_day_out_of_all_reason_is_refused_beside_its_field(
    three: Store, lead: Client, day: str
) -> None:
    name, value = day.split("=")
    page = lead.get(f"/orders/?{day}")
    assert page.status_code == 200
    error = f"{value}: name a day from 1900-01-01 to 9000-12-31."
    assert f'<span class="field-error">{error}</span>' in page.content.decode()
    saved = {"name": "Odd", "query": day}
    assert lead.post("/lists/orders/views/", saved)["Location"] == f"/orders/?{day}"
    assert lead.get("/orders/").status_code == 200
    assert lead.get(f"/orders/ORD-1/?list={name}%3D{value}").status_code == 200
    asked = {"action": "assign", "scope": "all", "query": day}
    assert lead.post("/lists/orders/bulk/", asked).status_code == 422
    assert lead.get(f"/lists/orders/rows.csv?{day}").status_code == 422
    for kept in ("until=9000-12-31", "since=1900-01-01"):
        assert len(read_csv(lead, f"/lists/orders/rows.csv?{kept}")) == 3


def test_no_cell_is_a_formula(three: Store, lead: Client) -> None:
    hostile = ["=1+1", "+1", "-1", "@x", "\tx", "\rx"]
    for text in hostile:
        Order.objects.filter(identifier="ORD-1").update(customer_name=text)
        rows = read_csv(lead, "/lists/orders/rows.csv?sort=identifier&columns=customer,total")
        assert rows[0]["customer_name"] == f"'{text}"
    Order.objects.filter(identifier="ORD-1").update(total_amount_cents=-150)
    rows = read_csv(lead, "/lists/orders/rows.csv?sort=identifier&columns=total")
    assert rows[0]["total"] == "-1.50"


def test_a_file_that_is_cut_off_says_so(
    three: Store, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    lines = body(lead.get("/lists/orders/rows.csv")).decode().splitlines()
    assert len(lines) == 4
    assert lines[-1].strip('"') == "Only the first 2 rows: narrow the list for the rest."
    monkeypatch.setattr(export, "MOST_ROWS", 3)
    lines = body(lead.get("/lists/orders/rows.csv")).decode().splitlines()
    assert len(lines) == 4
    assert "Only" not in lines[-1]


SORTS = {
    "orders": ["ordered", "identifier", "total", "published"],
    "rmas": ["started", "updated", "identifier"],
    "refunds": ["decided", "total", "identifier", "paid"],
    "attention": ["opened", "due", "kind"],
    "deliveries": ["received"],
    "jobs": ["created", "next"],
}


EVERY_SORT = [
    (name, f"{sign}{sort}") for name, sorts in SORTS.items() for sort in sorts for sign in ("", "-")
]


def test_neighbors_are_those_of_the_list(three: Store, lead: Client) -> None:
    now = clock.now()
    Order.objects.filter(identifier="ORD-2").update(published_at=None)
    Rma.objects.filter(rma_identifier="RMA-2").update(
        remote_created_at=None, remote_updated_at=None
    )
    Refund.objects.filter(rma__rma_identifier="RMA-3").update(paid_at=now)
    for name, sort in EVERY_SORT:
        request = RequestFactory().get("/", {"list": f"sort={sort}"})
        request.user = User.objects.get(username="ana")
        request.session = {}
        request.seat = seat_of(request)
        look = Look(request, name, QueryDict(f"sort={sort}"))
        rows = list(look.rows)
        assert len(rows) >= 3
        urls = ["", *(f"{look.listing.url_of(row)}{look.tail}" for row in rows), ""]
        for place, row in enumerate(rows):
            found = neighbors_of(request, name, row)
            beside = (found.previous_url, found.next_url)
            assert beside == (urls[place], urls[place + 2]), (name, sort, place)


def test_a_page_opened_from_a_list_leads_on(three: Store, lead: Client) -> None:
    page = lead.get("/returns/?order=ORD-2&sort=identifier").content.decode()
    link = unescape(re.search(r'href="(/returns/RMA-2/\?list=[^"]+)"', page)[1])
    assert link == "/returns/RMA-2/?list=order%3DORD-2%26sort%3Didentifier"
    assert 'href="/returns/RMA-1/?list=all"' in lead.get("/returns/").content.decode()


def test_unknown_lists_are_not_found(three: Store, lead: Client) -> None:
    assert lead.get("/lists/passwords/rows.csv").status_code == 404
    assert lead.post("/lists/passwords/bulk/").status_code == 404
    assert lead.post("/lists/passwords/views/").status_code == 404
