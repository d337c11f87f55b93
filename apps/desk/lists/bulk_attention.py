"""What can be done to many open items at once."""

from collections.abc import Callable, Sequence
from typing import Any

from apps.attention.rules import may_take_over, resolving
from apps.attention.services import why_not_dismissed
from apps.common.errors import Refused
from apps.desk.lists.bulk_types import Doer, Verdict, sentence
from apps.desk.reads.attention import ItemRow, item_rows
from apps.reconciliation import working


def _judge(
    doer: Doer, items: Sequence[Any], would: Callable[[ItemRow], str], then: str
) -> list[Verdict]:
    """`would` returns why not, "" where it can be done, and `then` is what it is called."""
    found = []
    for row in item_rows(doer.seat, items):
        problem = row.permit.reason or would(row)
        found.append(Verdict(not problem, problem or then))
    return found


def _refuse_whoever_may_not(doer: Doer, item: Any) -> None:
    """Who may work on an item depends on its kind."""
    permit = doer.seat.permit(resolving(item.kind))
    if not permit.is_given:
        raise Refused(permit.reason)


def _owner(row: ItemRow) -> str:
    return f"{row.owner or 'Nobody'} has it"


def judge_taking(doer: Doer, items: Sequence[Any]) -> list[Verdict]:
    """Says of each item whether this person can take it."""

    def why_not(row: ItemRow) -> str:
        if row.is_mine:
            return "You have it already."
        return "" if row.can_take else f"{_owner(row)}; ask them, or a lead."

    return _judge(doer, items, why_not, "You become its owner.")


def take(doer: Doer, item: Any) -> str:
    """Makes the person its owner."""
    _refuse_whoever_may_not(doer, item)
    role = doer.seat.membership.role
    working.take(item=item, user_id=doer.user.pk, takes_over=may_take_over(role))
    return "You have it now."


def judge_giving_back(doer: Doer, items: Sequence[Any]) -> list[Verdict]:
    """Says of each item whether this person can give it back."""
    return _judge(
        doer,
        items,
        lambda row: "" if row.can_give_back else f"{_owner(row)}.",
        "Nobody has it then.",
    )


def give_back(doer: Doer, item: Any) -> str:
    """Leaves it to whoever takes it next."""
    _refuse_whoever_may_not(doer, item)
    role = doer.seat.membership.role
    working.give_back(item=item, user_id=doer.user.pk, takes_over=may_take_over(role))
    return "Given back: nobody has it now."


def judge_dismissing(doer: Doer, items: Sequence[Any]) -> list[Verdict]:
    """Says of each item whether it can be dismissed."""
    return _judge(
        doer,
        items,
        lambda row: sentence(why_not_dismissed(row.item)) if not row.can_dismiss else "",
        "It is closed with your note; its cause may still be there.",
    )


def dismiss(doer: Doer, item: Any) -> str:
    """Closes it with the note."""
    _refuse_whoever_may_not(doer, item)
    if not working.dismiss(item=item, user_id=doer.user.pk, note=doer.values["note"]):
        raise Refused("somebody was quicker: it was closed already")
    return "Dismissed."
