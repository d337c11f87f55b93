"""What needs a person: one open item per cause, with what to do."""

import pytest

from apps.attention.models import Item, Kind
from apps.attention.queries import open_items
from apps.attention.rules import WHAT_TO_DO
from apps.attention.services import close_items, dismiss_item, open_item

pytestmark = pytest.mark.django_db


def opened(store, detail="first", subject="ORD-1"):
    open_item(store_id=store.pk, kind=Kind.SNAPSHOT_HELD, subject=subject, detail=detail)


def test_every_kind_says_what_to_do():
    assert set(WHAT_TO_DO) == set(Kind)
    assert all(text.endswith(".") for text in WHAT_TO_DO.values())


def test_one_open_item_per_cause_and_its_detail_is_renewed(store):
    opened(store)
    opened(store, detail="second")
    opened(store, subject="ORD-2")
    assert [(i.subject, i.detail) for i in open_items(store.pk)] == [
        ("ORD-1", "second"),
        ("ORD-2", "first"),
    ]


def test_a_cause_that_comes_back_opens_a_new_item(store):
    opened(store)
    close_items(store_id=store.pk, kind=Kind.SNAPSHOT_HELD, subject="ORD-1", resolution="mended")
    assert not open_items(store.pk).exists()
    opened(store)
    assert Item.objects.count() == 2
    assert open_items(store.pk).count() == 1


def test_closing_touches_only_its_own_kind_and_store(store):
    opened(store)
    close_items(store_id=store.pk, kind=Kind.CONTRACT_DRIFT, subject="ORD-1", resolution="no")
    close_items(store_id=store.pk + 1, kind=Kind.SNAPSHOT_HELD, subject="ORD-1", resolution="no")
    assert open_items(store.pk).count() == 1


def test_two_people_dismiss_an_item_once(store, django_user_model):
    opened(store)
    item = Item.objects.get()
    first, second = (django_user_model.objects.create_user(name) for name in ("ana", "ben"))
    assert dismiss_item(item=item, user_id=first.pk, note="talked to the shopper") is True
    assert dismiss_item(item=item, user_id=second.pk, note="me too") is False
    item.refresh_from_db()
    assert (item.owner, item.resolution) == (first, "talked to the shopper")
