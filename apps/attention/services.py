"""Opening and closing items; call these in the transaction that finds the cause."""

from django.db import IntegrityError, transaction

from apps.attention.models import Item, Kind
from apps.common import clock


def open_item(
    *,
    store_id: int,
    kind: Kind,
    subject: str,
    detail: str,
    order_identifier: str = "",
    rma_identifier: str = "",
) -> None:
    """Opens an item, or renews the detail of the one that is open for the same subject."""
    open_items = Item.objects.filter(
        store_id=store_id, kind=kind, subject=subject[:255], resolved_at=None
    )
    if open_items.update(detail=detail):
        return
    try:
        with transaction.atomic():
            Item.objects.create(
                store_id=store_id,
                kind=kind,
                subject=subject[:255],
                detail=detail,
                order_identifier=order_identifier,
                rma_identifier=rma_identifier,
            )
    except IntegrityError:
        open_items.update(detail=detail)


def close_items(*, store_id: int, kind: Kind, subject: str, resolution: str) -> None:
    """Closes the open item of this kind and subject, if there is one."""
    Item.objects.filter(
        store_id=store_id, kind=kind, subject=subject[:255], resolved_at=None
    ).update(resolved_at=clock.now(), resolution=resolution[:255])


def dismiss_item(*, item: Item, user_id: int, note: str) -> bool:
    """Closes `item` by a person's word; returns False when somebody was quicker."""
    return bool(
        Item.objects.filter(pk=item.pk, resolved_at=None).update(
            resolved_at=clock.now(), resolution=note[:255], owner_id=user_id
        )
    )
