"""What can be done to many rows of a list at once: each action with the right it needs, what a
person enters, what would become of each row, and the very service that does it to one row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum

from apps.accounts.models import User
from apps.accounts.rules import Action
from apps.cases import services as cases
from apps.common import money
from apps.common.errors import Refused
from apps.desk.lists import bulk_attention as attention
from apps.desk.lists.bulk_forms import NoteForm, PersonForm, PlainForm, ReasonForm
from apps.desk.lists.bulk_types import BulkAction, Doer, Verdict, sentence
from apps.desk.lists.types import Listing
from apps.desk.reads.approvals import why_not_by
from apps.desk.reads.rows import case_marks
from apps.desk.seats import Permit, Seat
from apps.desk.words import too_late
from apps.inbox.models import DeliveryState
from apps.inbox.rules import why_not_replayable
from apps.inbox.services import replay
from apps.outbox.services import resend
from apps.reconciliation import actions as exceptions
from apps.refunds import flags, services
from apps.refunds.approvals import approvals_of
from apps.refunds.evaluation import evaluate_again
from apps.refunds.models import PayoutStatus, RefundStatus
from apps.refunds.rules import may_move

MOST_ROWS = 500
# The right of whoever works on any kind of item; each item asks for its own kind's as well.
_WORKS_ITEMS = Action.RESOLVE_MONEY


@dataclass(frozen=True)
class Offer:
    """An action as a list offers it: forbidden ones with the reason."""

    action: BulkAction
    permit: Permit


def offers_of(seat: Seat, listing: Listing) -> list[Offer]:
    """Returns the actions of a list."""
    return [Offer(ACTIONS[name], seat.permit(ACTIONS[name].needs)) for name in listing.actions]


def refusals_of(offers: Sequence[Offer]) -> list[str]:
    """Returns why some of these actions are not for this person, each reason once."""
    return list(dict.fromkeys(offer.permit.reason for offer in offers if not offer.permit.is_given))


# --- Refunds ------------------------------------------------------------------------------------


def _paid_cents(refund: Any) -> int:
    """What goes out to the shopper for a refund: nothing where all of it is settled otherwise."""
    return refund.shopper_amount_cents if services.owes_money(refund) else 0


def _paid_words(refund: Any, cents: int) -> str:
    """The same before and after it is approved."""
    if not cents:
        return "nothing is paid to the shopper"
    where = refund.get_destination_display().lower()
    return f"{money.show(cents, refund.currency)} to the shopper: {where}"


def _judge_approval(doer: Doer, refunds: Sequence[Any]) -> list[Verdict]:
    approvals = approvals_of(doer.seat.store)
    found = []
    for refund in refunds:
        if not may_move(refund.status, RefundStatus.APPROVED):
            found.append(Verdict(False, too_late(refund, RefundStatus.APPROVED)[0]))
            continue
        role = doer.seat.membership.role
        problem = why_not_by(refund, user_id=doer.user.pk, role=role, approvals=approvals)
        cents = 0 if problem else _paid_cents(refund)
        text = sentence(problem or _paid_words(refund, cents))
        found.append(Verdict(not problem, text, cents))
    return found


def _approve(doer: Doer, refund: Any) -> str:
    approved = services.approve_refund(refund=refund, actor=doer.actor)
    live = approved.payouts.exclude(status__in=(PayoutStatus.DECLINED, PayoutStatus.CANCELED))
    cents = live.aggregate(cents=Sum("amount_cents"))["cents"] or 0
    return f"Approved: {_paid_words(approved, cents)}."


def _judge_cancel(doer: Doer, refunds: Sequence[Any]) -> list[Verdict]:
    def verdict(refund: Any) -> Verdict:
        if not may_move(refund.status, RefundStatus.CANCELED):
            return Verdict(False, too_late(refund, RefundStatus.CANCELED)[0])
        cents = _paid_cents(refund)
        shown = money.show(cents, refund.currency)
        words = f"{shown} is not paid" if cents else "Nothing was to be paid"
        return Verdict(True, f"{words}; its units are left to a person.", cents)

    return [verdict(refund) for refund in refunds]


def _cancel(doer: Doer, refund: Any) -> str:
    services.cancel_refund(refund=refund, actor=doer.actor, reason=doer.values["reason"])
    return "Canceled: its amounts are free again."


def _judge_asking(doer: Doer, refunds: Sequence[Any]) -> list[Verdict]:
    asked = Verdict(True, "The gateway is asked what became of it; nothing is paid twice.")
    open_states = (RefundStatus.UNKNOWN, RefundStatus.PAYING)
    return [
        asked
        if refund.status in open_states
        else Verdict(False, f"Its outcome is known: {refund.get_status_display().lower()}.")
        for refund in refunds
    ]


def _ask_gateway(doer: Doer, refund: Any) -> str:
    return exceptions.ask_gateway_again(
        store_id=doer.seat.store.pk, refund_identifier=refund.identifier
    )


# --- Orders and returns -------------------------------------------------------------------------


def _judge_cases(doer: Doer, rows: Sequence[Any], judge: Callable[[Any], Verdict]) -> list[Verdict]:
    names = [doer.listing.called(row) for row in rows]
    marks = case_marks(doer.seat.store.pk, doer.subject_kind)(names)
    return [judge(marks.get(name)) for name in names]


def _judge_assigning(doer: Doer, rows: Sequence[Any]) -> list[Verdict]:
    def verdict(case: Any) -> Verdict:
        has_one = case is not None and case.assignee
        return Verdict(True, f"{case.assignee} has it now." if has_one else "Nobody has it now.")

    return _judge_cases(doer, rows, verdict)


def _assign(doer: Doer, row: Any) -> str:
    key = doer.values["person"]
    assignee = User.objects.get(pk=int(key)) if key else None
    cases.assign(
        store_id=doer.seat.store.pk,
        subject_kind=doer.subject_kind,
        subject=doer.listing.called(row),
        assignee=assignee,
        actor=doer.actor,
    )
    name = (assignee.get_full_name() or assignee.get_username()) if assignee else "nobody"
    return f"Assigned to {name}."


def _judge_flagging(doer: Doer, rows: Sequence[Any]) -> list[Verdict]:
    def verdict(case: Any) -> Verdict:
        if case is not None and case.flag:
            return Verdict(True, f"Flagged already (“{case.flag}”): the reason is replaced.")
        return Verdict(True, "Automation stops; what it decided and has not paid is withdrawn.")

    return _judge_cases(doer, rows, verdict)


def _flag(doer: Doer, row: Any) -> str:
    flags.flag(
        store=doer.seat.store,
        subject_kind=doer.subject_kind,
        subject=doer.listing.called(row),
        reason=doer.values["reason"],
        actor=doer.actor,
        flagger=doer.user.get_username(),
    )
    return "Flagged: automation leaves it alone."


def _judge_unflagging(doer: Doer, rows: Sequence[Any]) -> list[Verdict]:
    def verdict(case: Any) -> Verdict:
        if case is None or not case.flag:
            return Verdict(False, "It is not flagged.")
        return Verdict(True, f"“{case.flag}” is taken away: automation decides anew.")

    return _judge_cases(doer, rows, verdict)


def _unflag(doer: Doer, row: Any) -> str:
    flags.unflag(
        store=doer.seat.store,
        subject_kind=doer.subject_kind,
        subject=doer.listing.called(row),
        actor=doer.actor,
    )
    return "The flag is gone: automation goes on."


def _all(text: str) -> Callable[[Doer, Sequence[Any]], list[Verdict]]:
    return lambda doer, rows: [Verdict(True, text) for _ in rows]


def _evaluate(doer: Doer, rma: Any) -> str:
    decided = evaluate_again(rma=rma, actor=doer.actor)
    if not decided:
        return "Looked at: there is nothing new to refund."
    return f"Decided: {', '.join(refund.identifier for refund in decided)}."


def _send_snapshot(doer: Doer, order: Any) -> str:
    return exceptions.send_snapshot_again(
        store_id=doer.seat.store.pk, order_identifier=order.identifier
    )


# --- Messages -----------------------------------------------------------------------------------


def _judge_replay(doer: Doer, deliveries: Sequence[Any]) -> list[Verdict]:
    found = []
    for delivery in deliveries:
        problem = why_not_replayable(delivery)
        found.append(Verdict(not problem, problem or "It is processed once more."))
    return found


def _replay(doer: Doer, delivery: Any) -> str:
    replayed = replay(delivery=delivery)
    if replayed.state == DeliveryState.QUARANTINED:
        raise Refused(f"still quarantined: {replayed.error}")
    return "Queued: the next free worker processes it."


def _resend(doer: Doer, job: Any) -> str:
    resend(job=job)
    return "Queued: the next free worker takes it, with the newest data."


_LIST = (
    BulkAction(
        "approve",
        "Approve",
        Action.DECIDE_REFUND,
        PlainForm,
        _judge_approval,
        _approve,
        warning="Each refund is paid, after its hold. This cannot be undone once it is paid.",
        sum_words="to shoppers in all",
    ),
    BulkAction(
        "cancel",
        "Cancel…",
        Action.DECIDE_REFUND,
        ReasonForm,
        _judge_cancel,
        _cancel,
        sum_words="not paid",
    ),
    BulkAction(
        "ask-gateway",
        "Ask the gateway again",
        _WORKS_ITEMS,
        PlainForm,
        _judge_asking,
        _ask_gateway,
    ),
    BulkAction("assign", "Assign…", Action.WORK_CASE, PersonForm, _judge_assigning, _assign),
    BulkAction(
        "flag", "Flag (stop automation)…", Action.WORK_CASE, ReasonForm, _judge_flagging, _flag
    ),
    BulkAction(
        "unflag", "Take the flag away", Action.WORK_CASE, PlainForm, _judge_unflagging, _unflag
    ),
    BulkAction(
        "evaluate",
        "Decide anew",
        Action.WORK_CASE,
        PlainForm,
        _all("What is owed is worked out anew, by the rules in force."),
        _evaluate,
    ),
    BulkAction(
        "snapshot",
        "Send the snapshot again",
        Action.REPLAY_MESSAGE,
        PlainForm,
        _all("Its newest snapshot goes to Optoro."),
        _send_snapshot,
    ),
    BulkAction(
        "take",
        "Take",
        _WORKS_ITEMS,
        PlainForm,
        attention.judge_taking,
        attention.take,
    ),
    BulkAction(
        "give-back",
        "Give back",
        _WORKS_ITEMS,
        PlainForm,
        attention.judge_giving_back,
        attention.give_back,
    ),
    BulkAction(
        "dismiss",
        "Dismiss…",
        _WORKS_ITEMS,
        NoteForm,
        attention.judge_dismissing,
        attention.dismiss,
    ),
    BulkAction("replay", "Replay", Action.REPLAY_MESSAGE, PlainForm, _judge_replay, _replay),
    BulkAction(
        "resend",
        "Send again",
        Action.REPLAY_MESSAGE,
        PlainForm,
        _all("It is queued at once, with the newest data."),
        _resend,
    ),
)
ACTIONS = {action.name: action for action in _LIST}
