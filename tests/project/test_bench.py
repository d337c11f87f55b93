"""The benchmark measures every list and page there is, and its made-up books are books."""

import json
from datetime import UTC, datetime

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.inbox.models import Delivery
from apps.inbox.translate import rma_snapshot
from apps.optoro import rma_message
from apps.orders.models import Order
from apps.reconciliation.integrity import broken_books
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaMessage
from apps.rmas.types import RmaSnapshot
from apps.stores.models import Store
from tests.bench.database import RefusedError, Server
from tests.bench.filling import fill
from tests.bench.measuring import Figures, Group, Target, figures_of, measure, table
from tests.bench.statements import take_in_statement
from tests.bench.targets import NOT_MEASURED, targets
from tests.desk.test_permissions import TABLE

RMAS = 200
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def filled(db: None) -> Store:
    """A store with the benchmark's books and a payout file."""
    fill(RMAS, NOW, lambda text: None)
    store = Store.objects.get(identifier="store-one")
    taken, seconds = take_in_statement(store)
    assert seconds
    assert (taken.rows_done, taken.state) == (taken.rows_total, "done")
    return store


@pytest.fixture
def browsers(filled: Store) -> dict[str, Client]:
    """A browser for each role that measures."""
    found = {}
    for role in ("agent", "administrator"):
        found[role] = Client()
        found[role].force_login(User.objects.get(username=role))
    return found


def test_every_list_and_page_is_measured_and_answers(
    filled: Store, browsers: dict[str, Client]
) -> None:
    measured = list(targets(browsers["agent"], filled))
    named = {target.view for target in measured}
    pages = {
        name
        for name, addresses in TABLE.items()
        if any(a.method == "get" and a.expected == 200 and not a.is_public for a in addresses)
    }
    assert pages - named == set(NOT_MEASURED)
    seen: set[tuple[str, str]] = set()
    for target in measured:
        assert target.urls, f"{target.view}: {target.name} has no address"
        if target.group == Group.LIST and (target.view, "plain") in seen:
            continue  # one look at each list: tests of the lists look at their filters
        seen.add((target.view, target.name))
        figures = measure(browsers[target.role], target, repeats=1)
        assert not figures.is_wrong, f"{figures.url}: {figures.refused}"
        assert figures.queries > 0
        assert figures.runs == 1


def test_the_books_are_as_large_as_they_say_and_whole(filled: Store) -> None:
    assert Rma.objects.count() == RMAS
    own = Order.objects.exclude(identifier__endswith="-X")
    assert own.count() == RMAS - 1  # one return is of an order that nobody has told of
    assert Refund.objects.filter(status="paid").exists()
    assert broken_books(filled.pk) == []
    Refund.objects.filter(store=filled, status="paid").update(status="canceled")
    assert broken_books(filled.pk) != []


def test_only_an_empty_database_is_filled(filled: Store) -> None:
    with pytest.raises(ValueError, match="only an empty one is filled"):
        fill(RMAS, NOW, lambda text: None)


def test_the_messages_are_read_as_the_desk_reads_them(filled: Store) -> None:
    for message in RmaMessage.objects.all()[:50]:
        told = RmaSnapshot.from_content(message.content)
        body = Delivery.objects.get(pk=message.delivery_id).text
        parsed = rma_snapshot(rma_message.parse(json.loads(body)))
        assert parsed == told
        assert told.rma_identifier == message.rma.rma_identifier


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///desk.sqlite3", "needs PostgreSQL"),
        ("", "needs PostgreSQL"),
        ("postgres://me@127.0.0.1:5432/returnsdesk_bench", "name another database"),
    ],
)
def test_it_makes_its_database_nowhere_else(url: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        Server(url)
    bench = Server("postgres://me@127.0.0.1:5432/desk").bench_url
    assert bench == "postgres://me@127.0.0.1:5432/returnsdesk_bench"


def _figures(group: Group, milliseconds: float, status: int = 200) -> Figures:
    target = Target(group, "rmas", "plain", ("/returns/",))
    refused = () if status == 200 else (status,)
    seconds = milliseconds / 1000
    return figures_of(target, [seconds], [seconds], queries=7, bytes=1000, refused=refused)


def test_what_breaks_the_promise_is_marked() -> None:
    assert not _figures(Group.LIST, 100).is_too_slow
    assert _figures(Group.LIST, 100.1).is_too_slow
    assert _figures(Group.PAGE, 100.1).is_too_slow
    assert not _figures(Group.CSV, 5000).is_too_slow
    assert not _figures(Group.REPORT, 2000).is_too_slow
    assert _figures(Group.REPORT, 2000.1).is_too_slow
    assert "above its limit" in table([_figures(Group.LIST, 101)])
    assert _figures(Group.LIST, 1, status=403).is_wrong
    assert not _figures(Group.SEARCH, 1, status=302).is_wrong
    assert "answers 500" in table([_figures(Group.PAGE, 1, status=500)])


def test_median_and_95th_percentile_are_of_all_runs() -> None:
    target = Target(Group.PAGE, "order", "page", ("/orders/SO-1/",))
    times = [number / 1000 for number in range(1, 21)]
    figures = figures_of(target, times[::-1], times, queries=7, bytes=1000, refused=())
    assert (figures.median_ms, figures.p95_ms, figures.runs) == (10.5, 19.0, 20)
