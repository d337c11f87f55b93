"""Whose an exception is, and that a person closed it: each change with its event on the timeline of
the order and the return that the exception names."""

from collections.abc import Callable

from django.db import transaction

from apps.attention.models import Item
from apps.attention.rules import ABOUT_A_REFUND
from apps.attention.services import dismiss_item, give_back_item, take_item
from apps.timeline import services as timeline
from apps.timeline.types import staff


def take(*, item: Item, user_id: int, takes_over: bool) -> None:
    """Makes a person the owner of an open exception. Raises Refused where it is closed, or somebody
    else has it and this person may not take it from them (`takes_over`)."""
    _change_owner(take_item, item, user_id, takes_over, "taken")


def give_back(*, item: Item, user_id: int, takes_over: bool) -> None:
    """Leaves an open exception without an owner. Raises Refused as `take` does."""
    _change_owner(give_back_item, item, user_id, takes_over, "given back")


@transaction.atomic
def dismiss(*, item: Item, user_id: int, note: str) -> bool:
    """Closes an exception by a person's word; returns False when somebody was quicker. Raises
    Refused for kinds that end only with their cause."""
    is_done = dismiss_item(item=item, user_id=user_id, note=note)
    if is_done:
        _tell(item, user_id, "dismissed", f": {note}")
    return is_done


@transaction.atomic
def _change_owner(
    change: Callable[..., None], item: Item, user_id: int, takes_over: bool, done: str
) -> None:
    before = Item.objects.values_list("owner_id", flat=True).get(pk=item.pk)
    change(item=item, user_id=user_id, takes_over=takes_over)
    after = Item.objects.values_list("owner_id", flat=True).get(pk=item.pk)
    if before != after:
        _tell(item, user_id, done)


def _tell(item: Item, user_id: int, done: str, more: str = "") -> None:
    """An exception that names neither order nor return has no timeline."""
    if not (item.order_identifier or item.rma_identifier):
        return
    timeline.record(
        store_id=item.store_id,
        kind=f"attention.{done.replace(' ', '_')}",
        summary=f"{done.capitalize()}: “{item.get_kind_display()}”{more}",
        actor=staff(user_id),
        order_identifier=item.order_identifier,
        rma_identifier=item.rma_identifier,
        refund_identifier=item.subject if item.kind in ABOUT_A_REFUND else "",
    )
