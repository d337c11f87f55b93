"""The home page: every queue counts exactly what its list shows. And the banner and the menu."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import Role, User
from apps.attention.models import Item, Kind
from apps.cases import services as cases
from apps.cases.models import Case
from apps.common import clock
from apps.desk.reads import notices, queues
from apps.desk.reads.queues import Queue, queues_of
from apps.inbox.models import Delivery
from apps.outbox.models import Job
from apps.refunds.models import Refund
from apps.rmas.models import Rma
from apps.stores.models import Store
from apps.timeline.types import staff
from tests.desk.conftest import World, deliver, take, work_off
from tests.support import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_figures_kept() -> None:
    """Figures that another test left in the cache are of another store."""
    cache.clear()


def all_queues(store: Store, user: User) -> dict[str, Queue]:
    found = queues_of(store.pk, user.pk)
    groups = (
        found.exceptions,
        found.others,
        found.parcels,
        found.refunds,
        found.messages,
        found.mine,
    )
    return {queue.name: queue for group in groups for queue in group}


def rows_listed(browser: Client, queue: Queue) -> int:
    url = reverse(queue.url_name) + (f"?{queue.query}" if queue.query else "")
    answer = browser.get(url)
    assert answer.status_code == 200, url
    return len(re.findall(r"<\w+[^>]*\sdata-row", answer.content.decode()))


def returns(store: Store, count: int, tracking: str, prefix: str, **unit: str) -> list[Rma]:
    for number in range(count):
        rma = f"{prefix}-{number}"
        take(store, identifier=f"O-{rma}")
        units = [builders.unit(f"O-{rma}", **unit) for _ in range(2)]
        deliver(store, builders.rma(rma, units=units, tracking=tracking))
    work_off()
    return list(Rma.objects.filter(store=store, rma_identifier__startswith=f"{prefix}-"))


def age(rmas: list[Rma], field: str, days: float) -> None:
    moment = clock.now() - timedelta(days=days)
    Rma.objects.filter(pk__in=[rma.pk for rma in rmas]).update(**{field: moment})


def fill(world: World, user: User) -> None:
    """Puts something into every queue."""
    store, actor = world.store, staff(user.pk)
    age(returns(store, 2, "TRANSIT", "T"), "in_transit_since", 11)
    age(returns(store, 1, "TRANSIT", "FRESH"), "in_transit_since", 9)
    age(returns(store, 3, "DELIVERED", "D"), "delivered_since", 4)
    for kind in Kind:
        for number in range(2):
            Item.objects.get_or_create(
                store=store, kind=kind, subject=f"S-{number}", defaults={"detail": "why"}
            )
    Item.objects.filter(kind=Kind.BOOKS_BROKEN).update(owner=user)
    Item.objects.filter(kind=Kind.ORDER_SHRANK).update(due_at=clock.in_seconds(-60))
    for rma in ("T-0", "T-1"):
        cases.set_flag(
            store_id=store.pk,
            subject_kind="rma",
            subject=rma,
            reason="fraud",
            flagger="bo",
            actor=actor,
        )
    for kind, subject in (("order", "ORD-1"), ("rma", "D-0"), ("rma", "D-1")):
        cases.assign(
            store_id=store.pk, subject_kind=kind, subject=subject, assignee=user, actor=actor
        )
    Case.objects.filter(subject="D-1").update(due_at=clock.in_seconds(-60))
    cases.write_note(
        store_id=store.pk,
        subject_kind="order",
        subject="ORD-1",
        text=f"@{user.username} look",
        author=User.objects.create_user("writer"),
        actor=actor,
    )
    Delivery.objects.filter(subject="T-0").update(state="failed")
    refunds = list(Refund.objects.order_by("pk").values_list("pk", flat=True))
    Refund.objects.filter(pk=refunds[-1]).update(status="unknown")
    Refund.objects.filter(pk=refunds[-2]).update(status="approved")
    Refund.objects.filter(pk=refunds[-3]).update(status="paid", paid_at=clock.now())


EXPECTED = {
    "decision": 2,
    "approval": 4,
    "payment": 6,
    "asked": 4,
    "collision": 2,
    "snapshot": 9,
    "transit": 2,
    "delivered": 3,
    "flagged-rma": 2,
    "flagged-order": 0,
    "quarantined": 1,
    "failed": 1,
    "mentions": 1,
    "mine": 2,
    "my-rmas": 2,
    "my-orders": 1,
    "kind-order_shrank": 2,
    "refunds-status=unknown": 1,
    "refunds-status=approved": 1,
    "refunds-missing=reported": 1,
    "refunds-missing=confirmed": 1,
}


def test_every_queue_counts_what_its_list_shows(world: World, lead: Client) -> None:
    user = User.objects.get(username="ana")
    fill(world, user)
    found = all_queues(world.store, user)
    assert {name: found[name].count for name in EXPECTED} == EXPECTED
    assert found["unassigned"].count == Item.objects.filter(owner=None).count()
    for queue in found.values():
        if queue.count <= 50:
            assert rows_listed(lead, queue) == queue.count, queue.name


def test_late_ones_stand_out_with_since_when_they_wait(world: World, lead: Client) -> None:
    user = User.objects.get(username="ana")
    fill(world, user)
    found = all_queues(world.store, user)
    assert found["transit"].late == 2
    assert found["transit"].oldest_at < clock.now() - timedelta(days=10)
    assert found["kind-order_shrank"].late == 2
    assert found["my-rmas"].late == 1
    assert found["decision"].late == 0
    page = lead.get("/").content.decode()
    row = re.search(
        r'<tr data-row class="is-late">\s*<th scope="row"><a id="queue-transit".*?</tr>', page, re.S
    )
    assert row
    assert re.search(r"late</span> · oldest <time[^>]*>11 d</time>", row[0])
    assert '<tr data-row class="is-zero">' in page


def test_nothing_of_a_queue_is_of_the_store_next_door(
    world: World, other_store: Store, person: Callable[..., Client]
) -> None:
    person((world.store, "lead"), name="bo")
    user = User.objects.get(username="bo")
    fill(world, user)
    assert all(queue.count == 0 for queue in all_queues(other_store, user).values())
    assert any(queue.count for queue in all_queues(world.store, user).values())


def test_a_return_waits_until_it_is_received_or_refunded(store: Store, optoro: object) -> None:
    store.refund_trigger = "manual"
    store.save()
    take(store, identifier="ORD-1")

    def told(minute: int, status: str = "CREATED", **unit: str) -> tuple[bool, bool]:
        units = [builders.unit(**unit), builders.unit()]
        deliver(store, builders.rma(units=units, minute=minute, status=status))
        work_off()
        rma = Rma.objects.get()
        return rma.in_transit_since is not None, rma.delivered_since is not None

    assert told(0) == (False, False)
    assert Rma.objects.get().scanned_at is None
    assert told(1, package_tracking_status="PRE_TRANSIT") == (False, False)
    assert told(2, package_tracking_status="ACCEPTED") == (True, False)
    scanned_at = Rma.objects.get().scanned_at
    assert f"{scanned_at:%H:%M}" == "10:02"
    since = Rma.objects.get().in_transit_since
    assert told(3, package_tracking_status="ACCEPTED") == (True, False)
    assert Rma.objects.get().in_transit_since == since
    assert told(4, package_tracking_status="DELIVERED") == (False, True)
    assert told(5, package_tracking_status="DELIVERED", receiving_status="RECEIVED") == (
        False,
        False,
    )
    assert Rma.objects.get().scanned_at == scanned_at


def test_a_canceled_return_waits_for_nothing(store: Store, optoro: object) -> None:
    take(store, identifier="ORD-1")
    store.refund_trigger = "manual"
    store.save()
    rma = returns(store, 1, "TRANSIT", "T")[0]
    assert rma.in_transit_since
    deliver(store, builders.rma("T-0", tracking="TRANSIT", status="CANCELED", minute=9))
    work_off()
    assert Rma.objects.get(pk=rma.pk).in_transit_since is None


def test_counting_stops_at_its_cap(
    world: World, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "CAP", 2)
    monkeypatch.setattr(notices, "CAP", 1)
    age(returns(world.store, 4, "TRANSIT", "T"), "in_transit_since", 11)
    found = all_queues(world.store, User.objects.get(username="ana"))["transit"]
    assert (found.count, found.shown) == (3, "2+")
    Item.objects.get_or_create(
        store=world.store, kind=Kind.JOB_FAILS, subject="S", defaults={"detail": "why"}
    )
    assert re.search(r'Attention <span class="badge">1\+<', lead.get("/").content.decode())


def test_the_home_page_costs_the_same_whatever_there_is(world: World, lead: Client) -> None:
    def count() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as asked:
            assert lead.get("/").status_code == 200
        return len(asked)

    before = count()
    fill(world, User.objects.get(username="ana"))
    assert count() == before == 33


def notice(browser: Client, url: str) -> str:
    page = browser.get(url).content.decode()
    part = re.search(r'<div id="notice".*?</div>', page, re.S)
    assert part, url
    return " ".join(re.sub(r"<[^>]+>", " ", part[0]).split())


def test_every_page_tells_what_stands_still(world: World, lead: Client) -> None:
    for url in ("/", "/orders/", "/orders/ORD-1/", "/search/", "/keys/", "/orders/none/"):
        said = notice(lead, url)
        assert "1 message in quarantine since" in said, url
        assert "1 outbound message held since" in said, url
        assert "silent" not in said, url
    page = lead.get("/orders/").content.decode()
    assert 'href="/messages/?state=quarantined"' in page
    assert 'href="/outbound/?state=held"' in page
    Delivery.objects.filter(state="quarantined").update(state="processed")
    Job.objects.filter(state="held").update(state="waiting", not_before=clock.in_seconds(-61))
    said = notice(lead, "/orders/")
    assert "The worker is silent, or far behind." in said
    assert "quarantine" not in said
    assert "held" not in said
    Job.objects.filter(state="waiting").update(not_before=clock.in_seconds(-50))
    assert notice(lead, "/orders/") == ""


def test_what_is_held_next_door_is_told_next_door(
    world: World, other_store: Store, person: Callable[..., Client]
) -> None:
    assert notice(person((other_store, "lead"), name="bo"), "/") == ""


def test_mentions_lead_to_what_they_are_about(world: World, lead: Client) -> None:
    assert "names you" in lead.get("/mentions/").content.decode()
    user = User.objects.get(username="ana")
    for subject in ("ORD-1", "<b>"):
        cases.write_note(
            store_id=world.store.pk,
            subject_kind="order",
            subject=subject,
            text="@ana <script>",
            author=User.objects.create_user(f"writer of {subject}"),
            actor=staff(user.pk),
        )
    page = lead.get("/mentions/").content.decode()
    assert 'href="/orders/ORD-1/"' in page
    assert "@ana &lt;script&gt;" in page
    assert "Order &lt;b&gt;" in page


def test_keys_are_told_and_lead_to_the_menus_pages(world: World, lead: Client) -> None:
    page = lead.get("/keys/").content.decode()
    assert "<kbd>g</kbd> <kbd>f</kbd></dt><dd>Refunds</dd>" in page
    assert 'href="/refunds/" data-go="f"' in page
    for key in ("[", "]", "x", ".", "n", "r"):
        assert f"<kbd>{key}</kbd>" in page


def test_each_page_of_the_menu_has_a_key_of_its_own(
    store: Store, person: Callable[..., Client]
) -> None:
    page = person((store, Role.FINANCE)).get("/keys/").content.decode()
    keys = re.findall(r'data-go="(.)"', page)
    assert len(keys) == len(set(keys)) == len(re.findall(r"<kbd>g</kbd> <kbd>.</kbd>", page)) == 14
