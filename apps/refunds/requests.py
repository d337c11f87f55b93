"""Refunds that a person or a machine asks for: of units of a return, of units that are in no
return, or of goodwill. The same key again makes nothing new."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from apps.accounts.queries import role_of
from apps.common.errors import Refused
from apps.common.fault_points import reach
from apps.common.hashing import sha256_of_content
from apps.orders.queries import lock_orders
from apps.refunds import services
from apps.refunds.approvals import approvals_of, limit_alone_cents, why_it_waits
from apps.refunds.models import Destination, Refund, RefundRequest, Source
from apps.refunds.tenders import Portion, Tender, split, tenders_of
from apps.refunds.types import Proposal, ProposedLine
from apps.refunds.wanted import Wish
from apps.refunds.wishes import orders_to_lock, proposal_of
from apps.rmas.queries import lock_rma
from apps.timeline.types import Actor

Json = dict[str, Any]


class KeyReused(Refused):
    """An idempotency key was used before, for something else."""


class ChangedSinceShown(Refused):
    """The refund would be another one than the one that was shown and confirmed."""


@dataclass(frozen=True)
class Made:
    """A refund that was asked for, what is answered, and whether this request made it."""

    refund: Refund
    answer: Json
    is_new: bool


@dataclass(frozen=True)
class Preview:
    """What a wish would lead to: the decision, which payments get how much, and why it would wait
    for another person ("" where it does not).

    Who asks decides alone up to `limit_cents` (None: any amount), of which `alone_cents` are used
    up by what they refunded from this payment within the last day.
    """

    proposal: Proposal
    portions: tuple[Portion, ...]
    waits: str
    hold_minutes: int
    limit_cents: int | None
    alone_cents: int

    @property
    def fingerprint(self) -> str:
        """What tells this refund from another one: amounts, units, who gets them, and whether
        somebody else has to approve it."""
        proposal = self.proposal
        return sha256_of_content(
            [
                proposal.total_refund_amount_cents,
                proposal.shopper_amount_cents,
                proposal.optoro_amount_cents,
                proposal.destination,
                proposal.recipient_email,
                proposal.paid_order.pk,
                [_line_content(line) for line in proposal.lines],
                [[part.tender.identifier, part.amount_cents] for part in self.portions],
                bool(self.waits),
            ]
        )


def _line_content(line: ProposedLine) -> list[Any]:
    units = [[share.unit.pk, share.amount_cents] for share in line.shares]
    return [line.order_line.pk, line.quantity, line.amount_cents, units]


def preview_refund(
    *, wish: Wish, source: Source, role: str, author_id: int | None = None
) -> Preview:
    """Returns what asking for `wish` would lead to, without doing it. Raises Refused with the limit
    or the rule that stands against it."""
    with transaction.atomic():
        proposal = _proposal(wish)
        services.check_limits(proposal)
        return _preview(proposal, source=source, role=role, author_id=author_id)


def _preview(proposal: Proposal, *, source: Source, role: str, author_id: int | None) -> Preview:
    approvals = approvals_of(proposal.order.store)
    is_staff = source == Source.STAFF
    alone_cents = services.alone_cents(
        paid_order_id=proposal.paid_order.pk, source=source, author_id=author_id
    )
    waits = why_it_waits(
        approvals,
        source=source,
        role=role,
        amount_cents=proposal.total_refund_amount_cents + alone_cents,
        currency=proposal.order.currency,
    )
    return Preview(
        proposal=proposal,
        portions=_portions(proposal),
        waits=waits or ("" if is_staff else proposal.needs_person),
        hold_minutes=approvals.staff_hold_minutes if is_staff else approvals.api_hold_minutes,
        limit_cents=limit_alone_cents(approvals, source=source, role=role),
        alone_cents=alone_cents,
    )


def make_refund(
    *,
    wish: Wish,
    key: str,
    origin: str,
    source: Source,
    actor: Actor,
    answer_of: Callable[[Refund], Json] = lambda refund: {},
    shown: str | None = None,
) -> Made:
    """Makes the refund that was asked for, once per key, for ever.

    It is approved at once where whoever asks decides alone, else it waits for another person; its
    payment begins when its hold is over. `answer_of` makes the answer that is kept with the key and
    given again to every repetition. `shown` is the fingerprint of the preview that a person
    confirmed. Raises KeyReused where the key was used for another wish, ChangedSinceShown where the
    refund would by now be another one than was shown, and Refused, with the limit or the rule,
    where the wish cannot be met; nothing is written then.
    """
    digest = sha256_of_content(wish.to_content())
    try:
        with transaction.atomic():
            made = _make(wish, key, origin, digest, source, actor, answer_of, shown)
            reach("refund.requested")
    except IntegrityError:
        # The same key at the same moment, for another order: those two share no lock.
        known = _known(wish, key, origin)
        if known is None:
            raise
        return _repeated(known, digest)
    reach("refund.request_committed")
    return made


def _make(
    wish: Wish,
    key: str,
    origin: str,
    digest: str,
    source: Source,
    actor: Actor,
    answer_of: Callable[[Refund], Json],
    shown: str | None,
) -> Made:
    known = _known(wish, key, origin)
    if known:
        return _repeated(known, digest)
    proposal = _proposal(wish)
    known = _known(wish, key, origin)  # under the locks: somebody may just have been quicker
    if known:
        return _repeated(known, digest)
    if shown is not None:
        _refuse_another_than(shown, proposal, source, actor)
    refund = services.propose_refund(
        proposal=proposal, source=source, actor=actor, author_id=actor.user_id
    )
    if source == Source.API and proposal.needs_person:
        refund = services.let_wait(refund=refund, actor=actor, waits=proposal.needs_person)
    else:
        refund = services.approve_or_wait(refund=refund, actor=actor)
    answer = answer_of(refund)
    RefundRequest.objects.create(
        store_id=wish.order.store_id,
        origin=origin,
        key=key,
        content_sha256=digest,
        refund=refund,
        answer=answer,
    )
    return Made(refund, answer, is_new=True)


def _refuse_another_than(shown: str, proposal: Proposal, source: Source, actor: Actor) -> None:
    """Asked under the locks, so that what was confirmed is what is made. What can no longer be
    refunded at all is refused with its limit."""
    services.check_limits(proposal)
    role = role_of(user_id=actor.user_id, store_id=proposal.order.store_id)
    preview = _preview(proposal, source=source, role=role, author_id=actor.user_id)
    if preview.fingerprint != shown:
        raise ChangedSinceShown("what it would be has changed since it was shown: look at it again")


def _known(wish: Wish, key: str, origin: str) -> RefundRequest | None:
    rows = RefundRequest.objects.filter(store_id=wish.order.store_id, origin=origin, key=key)
    return rows.select_related("refund").first()


def _repeated(known: RefundRequest, digest: str) -> Made:
    if known.content_sha256 != digest:
        raise KeyReused(
            f"key {known.key!r} was used before for another refund, {known.refund.identifier}: "
            "take a new key for a new refund"
        )
    return Made(known.refund, known.answer, is_new=False)


def _proposal(wish: Wish) -> Proposal:
    """Locks the RMA, then the orders concerned (always in that order), and returns the decision to
    be written."""
    rma = lock_rma(wish.rma.pk) if wish.rma else None
    locked = lock_orders(order.pk for order in orders_to_lock(wish, rma))
    return proposal_of(wish, rma, locked)


def _portions(proposal: Proposal) -> tuple[Portion, ...]:
    cents = proposal.shopper_amount_cents
    if proposal.destination == Destination.GIFT_CARD:
        return (Portion(Tender("", Destination.GIFT_CARD, cents), cents),)
    if proposal.destination != Destination.ORIGINAL_PAYMENT:
        return ()
    tender_order = proposal.policy.tender_order
    tenders: Iterable[Tender] = tenders_of(proposal.paid_order, tender_order=tender_order)
    currency = proposal.order.currency
    return tuple(split(cents, tenders, tender_order=tender_order, currency=currency))
