"""Opening and closing items; call these in the transaction that finds the cause."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.attention.models import Item, Kind
from apps.attention.rules import ENDS_WITH_ITS_CAUSE, due_at, with_one_more
from apps.common import clock
from apps.common.errors import Refused


@dataclass(frozen=True)
class Cause:
    """What an item is opened for."""

    kind: Kind
    subject: str
    detail: str
    order_identifier: str = ""
    rma_identifier: str = ""


def open_item(
    *,
    store_id: int,
    kind: Kind,
    subject: str,
    detail: str,
    order_identifier: str = "",
    rma_identifier: str = "",
) -> None:
    """Opens an item, or renews the detail of the one that is open for the same subject.

    From when it is opened counts by when it is due (`rules.DUE_WITHIN`); a new detail gives no more
    time.
    """
    open_items = Item.objects.filter(
        store_id=store_id, kind=kind, subject=subject[:255], resolved_at=None
    )
    if open_items.update(detail=detail):
        return
    cause = Cause(kind, subject, detail, order_identifier, rma_identifier)
    try:
        with transaction.atomic():
            _new_item(store_id, cause).save()
    except IntegrityError:
        open_items.update(detail=detail)


def open_or_add(*, store_id: int, cause: Cause) -> None:
    """Opens an item, or adds to the one of its kind that is open for the same order: what happens
    to one order again and again stays one thing to look at, which counts and names them.

    It is about the newest one (`subject`) from then on; by when it is due stays. Hold the order's
    lock.
    """
    rows = Item.objects.select_for_update().filter(
        store_id=store_id,
        kind=cause.kind,
        order_identifier=cause.order_identifier[:255],
        resolved_at=None,
    )
    item = rows.order_by("pk").first() if cause.order_identifier else None
    if item is None:
        detail = with_one_more("", cause.detail, subject=cause.subject)
        _new_item(store_id, replace(cause, detail=detail)).save()
        return
    item.detail = with_one_more(item.detail, cause.detail, subject=cause.subject)
    item.subject = cause.subject[:255]
    item.rma_identifier = cause.rma_identifier[:255]
    item.save(update_fields=["detail", "subject", "rma_identifier"])


def open_items_at_once(*, store_id: int, causes: Iterable[Cause]) -> int:
    """Opens an item for each cause whose subject has none open; returns for how many causes it
    tried. Where somebody else opens one meanwhile, theirs stays."""
    items = [_new_item(store_id, cause) for cause in causes]
    Item.objects.bulk_create(items, ignore_conflicts=True, batch_size=500)
    return len(items)


def _new_item(store_id: int, cause: Cause) -> Item:
    return Item(
        store_id=store_id,
        kind=cause.kind,
        subject=cause.subject[:255],
        detail=cause.detail,
        order_identifier=cause.order_identifier[:255],
        rma_identifier=cause.rma_identifier[:255],
        due_at=due_at(cause.kind, clock.now()),
    )


def close_items(*, store_id: int, kind: Kind, subject: str, resolution: str) -> None:
    """Closes the open item of this kind and subject, if there is one."""
    Item.objects.filter(
        store_id=store_id, kind=kind, subject=subject[:255], resolved_at=None
    ).update(resolved_at=clock.now(), resolution=resolution[:255])


def dismiss_item(*, item: Item, user_id: int, note: str) -> bool:
    """Closes `item` by a person's word; returns False when somebody was quicker.

    Raises Refused for kinds that end only with their cause (`rules.ENDS_WITH_ITS_CAUSE`).
    """
    if item.kind in ENDS_WITH_ITS_CAUSE:
        raise Refused(why_not_dismissed(item))
    return bool(
        Item.objects.filter(pk=item.pk, resolved_at=None).update(
            resolved_at=clock.now(), resolution=note[:255], owner_id=user_id, is_dismissed=True
        )
    )


def why_not_dismissed(item: Item) -> str:
    """Returns, in words, why an item cannot be dismissed, or ""."""
    if item.kind not in ENDS_WITH_ITS_CAUSE:
        return ""
    return (
        f"“{item.get_kind_display()}” cannot be dismissed: it closes by itself when its cause is "
        "gone, and until then the money would be forgotten"
    )


def take_item(*, item: Item, user_id: int, takes_over: bool) -> None:
    """Makes a person the owner of an open item. Raises Refused where it is closed, or somebody else
    has it and this person may not take it from them (`takes_over`)."""
    free = Q() if takes_over else Q(owner=None) | Q(owner_id=user_id)
    _change_owner(item, free, user_id, "taken")


def give_back_item(*, item: Item, user_id: int, takes_over: bool) -> None:
    """Leaves an open item without an owner. Raises Refused where it is closed, or somebody else
    has it and this person may not take it from them (`takes_over`)."""
    own = Q() if takes_over else Q(owner=None) | Q(owner_id=user_id)
    _change_owner(item, own, None, "given back")


def _change_owner(item: Item, allowed: Q, owner_id: int | None, done: str) -> None:
    open_item = Item.objects.filter(pk=item.pk, resolved_at=None)
    if open_item.filter(allowed).update(owner_id=owner_id):
        return
    found = Item.objects.select_related("owner").get(pk=item.pk)
    if found.resolved_at:
        raise Refused(f"it cannot be {done}: it is closed already")
    name = found.owner.get_full_name() or found.owner.get_username() if found.owner else "nobody"
    raise Refused(f"it cannot be {done}: {name} has it; ask them, or a lead")
