"""What a person or a machine wants refunded, turned into a decision. Reads only; call
`proposal_of` while the locks of the RMA and of the orders are held."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from apps.common import money
from apps.common.errors import Refused
from apps.exchanges.lineage import paying_orders
from apps.orders.models import Order, OrderLine
from apps.orders.queries import lines_of
from apps.orders.rules import units_cost
from apps.refunds import limits
from apps.refunds.matching import Due, share_of_unit
from apps.refunds.models import Destination, RefundKind, RefundUnit
from apps.refunds.owed import free_units
from apps.refunds.payers import Payers, payers_of
from apps.refunds.policies import brand_policy, policy_book
from apps.refunds.queries import NO_PAST, verdicts
from apps.refunds.rules import (
    bonus_credit_cents,
    destination_of,
    is_paid_in_credit,
    retained_cents,
)
from apps.refunds.types import Answer, Policy, Proposal, ProposedLine, UnitShare
from apps.refunds.wanted import LinesRefused, WantedLine, Wish, refuse_what_is_unclear
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import units_naming, units_of


@dataclass(frozen=True)
class _Built:
    """A line to be refunded, and in words every amount of it that is not what is due."""

    line: ProposedLine
    named_amounts: tuple[str, ...] = ()
    chosen: tuple[Due, ...] = ()


def orders_to_lock(wish: Wish, rma: Rma | None) -> list[Order]:
    """Returns the orders whose goods or payments a wish is about."""
    payers = [paying_orders([wish.order])[wish.order.pk]]
    if rma:
        payers += payers_of(rma, _units_on(wish.order, rma)).orders
    return [wish.order, *payers]


def proposal_of(wish: Wish, rma: Rma | None, locked: dict[int, Order]) -> Proposal:
    """Returns the decision that meets a wish. Raises Refused, naming the limit or the rule, where
    there is none. Limits of the order and its payment are asked when it is written."""
    order = locked[wish.order.pk]
    refuse_what_is_unclear(wish, rma)
    if rma and not _units_on(order, rma):
        raise Refused(f"RMA {rma.rma_identifier} returns nothing of order {order.identifier}")
    if wish.goodwill_amount_cents is not None:
        return _goodwill(wish, order, locked)
    if rma is None:
        return _unreturned(wish, order, locked)
    return _returned(wish, order, rma, locked)


def _build(wish: Wish, build: Callable[[WantedLine], _Built]) -> list[_Built]:
    """Builds every line; raises LinesRefused with everything that stands against any of them."""
    built, problems = [], []
    for wanted in wish.lines:
        try:
            built.append(build(wanted))
        except Refused as refusal:
            problems.append((wanted.order_item_identifier, str(refusal)))
    if problems:
        raise LinesRefused(problems)
    return built


def _note(wish: Wish, built: Iterable[_Built]) -> str:
    """Returns the note, and in it why an amount is another one than what is due."""
    named = [text for one in built for text in one.named_amounts]
    if not named or wish.amount_reason is None:
        return wish.note
    reason = wish.amount_reason.strip()
    if not reason:
        raise Refused(f"amount_reason: write why it is another amount ({'; '.join(named)})")
    told = f"Amount set by hand: {'; '.join(named)}. Why: {reason}"
    return f"{wish.note}\n{told}" if wish.note else told


def _named_amount(what: str, amount_cents: int, due_cents: int, currency: str) -> tuple[str, ...]:
    if amount_cents == due_cents:
        return ()
    given, due = money.show(amount_cents, currency), money.show(due_cents, currency)
    return (f"{what}: {given} instead of {due}",)


def _goodwill(wish: Wish, order: Order, locked: dict[int, Order]) -> Proposal:
    amount_cents = wish.goodwill_amount_cents or 0
    if amount_cents < 1:
        raise Refused(f"goodwill_amount_cents {amount_cents}: 1 or more")
    destination, email = _destination(wish, order, wish.rma)
    return Proposal(
        rma=None,
        order=order,
        paid_order=_own_payer(order, locked),
        lines=(),
        destination=destination,
        recipient_email=email,
        retained_amount_cents=0,
        bonus_credit_amount_cents=0,
        policy=brand_policy(order.store, order.concept),
        reason=wish.reason,
        note=wish.note,
        kind=RefundKind.GOODWILL,
        goodwill_amount_cents=amount_cents,
        rma_identifier=wish.rma.rma_identifier if wish.rma else "",
    )


def _own_payer(order: Order, locked: dict[int, Order]) -> Order:
    return _only_locked([paying_orders([order])[order.pk]], locked)[0]


def _only_locked(payers: list[Order], locked: dict[int, Order]) -> list[Order]:
    """Which order took the payment is asked before the locks and again under them."""
    if any(payer.pk not in locked for payer in payers):
        raise Refused("whose payment is used changed at this very moment: try again")
    return [locked[payer.pk] for payer in payers]


def _destination(wish: Wish, order: Order, rma: Rma | None) -> tuple[str, str]:
    """A gift refund never goes to the original payment (flows.md, "Where the money goes")."""
    is_gift = bool(rma and rma.gift_refund_only)
    if is_gift and wish.destination == Destination.ORIGINAL_PAYMENT:
        raise Refused(
            "destination: the return is a gift, which is never paid back to the original payment"
        )
    if not is_gift and wish.destination != Destination.GIFT_CARD:
        if wish.recipient_email:
            raise Refused(
                f"recipient_email {wish.recipient_email!r}: it is only for gift cards; choose "
                "destination gift_card or leave it out"
            )
        return Destination.ORIGINAL_PAYMENT, ""
    known = rma.giftee_email if rma and is_gift else order.customer_email
    email = wish.recipient_email.strip() or known
    if not email:
        raise Refused("recipient_email: nobody is known to send the gift card to; write it")
    return Destination.GIFT_CARD, email


def _line_named(order: Order, name: str) -> OrderLine:
    line = lines_of(order).filter(identifier=name).first()
    if line is None:
        raise Refused(f"order {order.identifier} has no item {name!r}")
    return line


# --- Units that are in no return ------------------------------------------------------------------


def _unreturned(wish: Wish, order: Order, locked: dict[int, Order]) -> Proposal:
    built = _build(wish, lambda wanted: _unreturned_line(order, wanted))
    destination, email = _destination(wish, order, None)
    return Proposal(
        rma=None,
        order=order,
        paid_order=_own_payer(order, locked),
        lines=tuple(one.line for one in built),
        destination=destination,
        recipient_email=email,
        retained_amount_cents=0,
        bonus_credit_amount_cents=0,
        policy=brand_policy(order.store, order.concept),
        reason=wish.reason,
        note=_note(wish, built),
    )


def _unreturned_line(order: Order, wanted: WantedLine) -> _Built:
    line = _line_named(order, wanted.order_item_identifier)
    room = limits.line_room(line)
    spoken_for = returned_and_not_refunded(line)
    free = max(0, room.units - len(spoken_for))
    if wanted.quantity > free and spoken_for:
        names = ", ".join(sorted({unit.rma.rma_identifier for unit in spoken_for}))
        raise Refused(
            f"line {line.identifier}: {wanted.quantity} unit(s) to refund, but only {free} are "
            f"neither refunded nor on their way back; {len(spoken_for)} are in {names}: name that "
            "return to refund them"
        )
    if wanted.quantity > room.units:
        want = limits.Wanted(line, wanted.quantity, 0)
        raise Refused(limits.why_beyond_line(want, room, order.currency))
    due_cents = due_for_unreturned_cents(line, room, wanted.quantity)
    amount_cents = due_cents if wanted.amount_cents is None else wanted.amount_cents
    _refuse_too_much(order, line, wanted.quantity, amount_cents)
    named = _named_amount(f"line {line.identifier}", amount_cents, due_cents, order.currency)
    return _Built(ProposedLine(line, (), None, wanted.quantity, amount_cents), named)


def returned_and_not_refunded(line: OrderLine) -> list[RmaUnit]:
    """Returns the units of a line that are in a return and not refunded: who refunds them must name
    that return, so that none is refunded twice."""
    return _not_refunded(
        units_naming(line.order).filter(
            Q(order_line=line)
            | Q(order_line__isnull=True, order_line_item_identifier=line.identifier)
        )
    )


def returned_by_line(lines: Sequence[OrderLine]) -> dict[int, list[RmaUnit]]:
    """Returns, by line key, what `returned_and_not_refunded` says of each line of one order, in one
    query for all."""
    if not lines:
        return {}
    by_name = {line.identifier: line.pk for line in lines}
    found: dict[int, list[RmaUnit]] = {line.pk: [] for line in lines}
    for unit in _not_refunded(units_naming(lines[0].order)):
        line_id = unit.order_line_id or by_name.get(unit.order_line_item_identifier, 0)
        found.setdefault(line_id, []).append(unit)
    return found


def _not_refunded(units: QuerySet[RmaUnit]) -> list[RmaUnit]:
    units = units.filter(is_withdrawn=False)
    live = RefundUnit.objects.filter(is_live=True, rma_unit__in=units)
    open_units = units.exclude(rma__status=rma_rules.CANCELED)
    return list(
        open_units.exclude(pk__in=live.values("rma_unit")).select_related("rma").order_by("pk")
    )


def due_for_unreturned_cents(line: OrderLine, room: limits.LineRoom, quantity: int) -> int:
    """Returns what was paid for `quantity` units after those refunded before, as far as it is left,
    in cents."""
    cost = units_cost(line, first=room.refunded_units, count=quantity)
    return min(cost.amount_cents, room.amount_cents)


def _refuse_too_much(
    order: Order,
    line: OrderLine,
    quantity: int,
    amount_cents: int,
    *,
    slack_cents: int = 0,
    what: str = "",
) -> None:
    most = limits.unit_limit_cents(line, quantity) + slack_cents
    if amount_cents > most:
        raise Refused(
            f"{what or f'line {line.identifier}'}: {money.show(amount_cents, order.currency)} for "
            f"{quantity} unit(s), but no more than {money.show(most, order.currency)} was paid for "
            "them"
        )


# --- Units of a return ----------------------------------------------------------------------------


def _returned(wish: Wish, order: Order, rma: Rma, locked: dict[int, Order]) -> Proposal:
    units = _units_on(order, rma)
    payers = payers_of(rma, units)
    _only_locked(payers.orders, locked)
    payers = payers.among(locked)
    built = _build(wish, lambda wanted: _returned_line(order, rma, units, wanted))
    facts = [due.facts for one in built for due in one.chosen]
    lines = tuple(one.line for one in built)
    shopper_cents = sum(s.shopper_amount_cents for line in lines for s in line.shares)
    policy = brand_policy(order.store, rma.concept or order.concept)
    is_named = any(one.line.calculation is None for one in built)
    retained = 0 if is_named else _retained_cents(rma, policy, facts, shopper_cents)
    destination, email = _where(wish, order, rma, facts, shopper_cents - retained)
    return Proposal(
        rma=rma,
        order=order,
        paid_order=_payer(payers, facts),
        lines=lines,
        destination=destination,
        recipient_email=email,
        retained_amount_cents=retained,
        bonus_credit_amount_cents=bonus_credit_cents(
            units=facts,
            bonus_credit_amount_cents=rma.bonus_credit_amount_cents,
            noted_before_cents=limits.noted_bonus_cents(rma),
        ),
        policy=policy,
        reason=wish.reason,
        note=_note(wish, built),
        needs_person=_why_a_person(rma, facts),
    )


def _retained_cents(rma: Rma, policy: Policy, facts: list[RmaUnit], shopper_cents: int) -> int:
    """Return shipping is kept back as automation does; not from an amount that somebody named."""
    if any(is_paid_in_credit(unit) for unit in facts):
        return 0
    return retained_cents(
        policy=policy,
        return_shipping_cost_cents=rma.return_shipping_cost_cents,
        retained_before_cents=limits.retained_before_cents(rma),
        shopper=shopper_cents,
    )


def _why_a_person(rma: Rma, facts: list[RmaUnit]) -> str:
    """Returns, in words, why automation would leave these units to a person, or "": a machine must
    not refund them by itself either (flows.md, "Never refundable by automation")."""
    if rma.status == rma_rules.PENDING_EXCHANGE:
        return "the return waits for its exchange order"
    found = verdicts(rma, units_of([rma]), policy_book(rma.store), past=NO_PAST)
    reasons = [found[unit.pk].reason for unit in facts if found[unit.pk].answer == Answer.PERSON]
    return reasons[0] if reasons else ""


def _units_on(order: Order, rma: Rma) -> list[RmaUnit]:
    return [unit for unit in units_of([rma]) if unit.order_id == order.pk]


def _pick(rma: Rma, units: list[RmaUnit], line: OrderLine, wanted: WantedLine) -> list[Due]:
    """Plain refunds come before exchanges where no units are named."""
    members = [unit for unit in units if unit.order_line_id == line.pk]
    free = free_units(members)
    if wanted.unit_ids:
        _refuse_units_that_are_not_free(rma, members, free, line, wanted)
        free = [due for due in free if due.facts.pk in wanted.unit_ids]
    ordered = sorted(
        free, key=lambda due: (due.facts.refund_type != rma_rules.REFUND, due.facts.ordinal)
    )
    if len(ordered) < wanted.quantity:
        raise Refused(
            f"line {line.identifier}: {wanted.quantity} unit(s) to refund, but only {len(ordered)} "
            f"of RMA {rma.rma_identifier} are not refunded yet"
        )
    return ordered[: wanted.quantity]


def _refuse_units_that_are_not_free(
    rma: Rma, members: list[RmaUnit], free: list[Due], line: OrderLine, wanted: WantedLine
) -> None:
    """A unit that is named is that one and no other, whatever else of its line is left."""
    known = {unit.pk: unit for unit in members}
    left = {due.facts.pk for due in free}
    for unit_id in wanted.unit_ids:
        unit = known.get(unit_id)
        if unit is None:
            raise Refused(
                f"line {line.identifier}: a unit that is named is not in RMA {rma.rma_identifier}"
            )
        if unit.is_excluded:
            raise Refused(
                f"{unit.label} of RMA {rma.rma_identifier} is excluded ({unit.exclusion_reason}): "
                "let it in again first"
            )
        if unit_id not in left:
            why = "is no longer in it" if unit.is_withdrawn else "is refunded or under way already"
            raise Refused(f"{unit.label} of RMA {rma.rma_identifier} {why}")


def _returned_line(order: Order, rma: Rma, units: list[RmaUnit], wanted: WantedLine) -> _Built:
    line = _line_named(order, wanted.order_item_identifier)
    picked = _pick(rma, units, line, wanted)
    if wanted.amount_cents is not None:
        return _line_of_named_amount(order, line, wanted.amount_cents, picked)
    named = {
        due.facts.pk: cents
        for due in picked
        if (cents := wanted.amount_of_unit_cents(due.facts.pk)) is not None
        and cents != due.facts.estimated_refund_amount_cents
    }
    if named:
        return _line_of_named_units(order, line, named, picked)
    _refuse_odd_figures(line, picked)
    shares = [share_of_unit(due) for due in picked]
    room = limits.line_room(line)
    calculation = limits.calculate(line, shares, room, None)
    fitting = limits.fit_shares(shares, calculation, room)
    if not fitting:
        raise Refused(limits.why_not(line, shares, room, order.currency))
    # Optoro's figures may differ from what was paid by a rounding cent for each unit.
    slack = len(picked)
    _refuse_too_much(order, line, slack, calculation.amount_cents, slack_cents=slack)
    return _Built(ProposedLine(line, tuple(fitting), calculation), chosen=tuple(picked))


def _refuse_odd_figures(line: OrderLine, picked: Iterable[Due]) -> None:
    for due in picked:
        unit = due.facts
        shopper, optoro = unit.shopper_refund_amount_cents, unit.optoro_refund_amount_cents
        if min(shopper, optoro) < 0 or shopper + optoro != unit.estimated_refund_amount_cents:
            raise Refused(
                f"line {line.identifier}: Optoro's figures of a unit do not add up; write "
                "amount_cents for it"
            )


def _line_of_named_amount(
    order: Order, line: OrderLine, amount_cents: int, picked: list[Due]
) -> _Built:
    _refuse_settled(line, picked)
    _refuse_too_much(order, line, len(picked), amount_cents)
    parts = [money.share_of(amount_cents, n, len(picked)) for n in range(len(picked))]
    shares = [UnitShare(due.row, cents, cents, 0) for due, cents in zip(picked, parts, strict=True)]
    due_cents = sum(due.facts.estimated_refund_amount_cents for due in picked)
    named = _named_amount(f"line {line.identifier}", amount_cents, due_cents, order.currency)
    return _Built(ProposedLine(line, tuple(shares), None), named, tuple(picked))


def _line_of_named_units(
    order: Order, line: OrderLine, named: dict[int, int], picked: list[Due]
) -> _Built:
    """Units of which some have an amount of their own, and the others what is due for them."""
    _refuse_settled(line, picked)
    _refuse_odd_figures(line, [due for due in picked if due.facts.pk not in named])
    shares: list[UnitShare] = []
    told: list[str] = []
    for due in picked:
        estimated_cents = due.facts.estimated_refund_amount_cents
        cents = named.get(due.facts.pk, estimated_cents)
        if due.facts.pk in named:
            _refuse_too_much(order, line, 1, cents, what=due.facts.label)
        shares.append(UnitShare(due.row, cents, cents, 0))
        told += _named_amount(due.facts.label, cents, estimated_cents, order.currency)
    total_cents = sum(share.amount_cents for share in shares)
    slack_cents = len(picked) - len(named)
    _refuse_too_much(order, line, len(picked), total_cents, slack_cents=slack_cents)
    return _Built(ProposedLine(line, tuple(shares), None), tuple(told), tuple(picked))


def _refuse_settled(line: OrderLine, picked: Iterable[Due]) -> None:
    if any(due.facts.optoro_refund_amount_cents for due in picked):
        raise Refused(
            f"line {line.identifier}: a part of it is settled with Optoro, so its amount follows "
            "from Optoro's figures; leave amount_cents out"
        )


def _where(
    wish: Wish, order: Order, rma: Rma, facts: list[RmaUnit], shopper_cents: int
) -> tuple[str, str]:
    in_credit = [unit for unit in facts if is_paid_in_credit(unit)]
    if in_credit and len(in_credit) < len(facts):
        raise Refused(
            "some of these units were given back as store credit already: refund the others by "
            "themselves"
        )
    if in_credit or not shopper_cents:
        return destination_of(rma, shopper_cents, facts)
    return _destination(wish, order, rma)


def _payer(payers: Payers, facts: list[RmaUnit]) -> Order:
    unclear = [why for unit in facts if (why := payers.why_unclear(unit))]
    if unclear:
        raise Refused(f"whose payment to use is not clear: {unclear[0]}")
    found = {payer.pk: payer for unit in facts if (payer := payers.of(unit))}
    if len(found) != 1:
        raise Refused("these units were paid on different orders: refund each by itself")
    return next(iter(found.values()))
