"""Which units of an RMA are owed right now, given what was decided for them before. Reads only;
call it while the locks of the RMA and of its orders are held."""

from apps.refunds.matching import Decided, Due, decided_share, due_in_line
from apps.refunds.models import Refund, RefundUnit, Source
from apps.refunds.policies import Policies, policies_of
from apps.refunds.queries import NO_FLAGS, NO_PAST, past_refunds, verdicts
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.types import Answer, PastRefunds
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit


def owed_units(
    rma: Rma, units: list[RmaUnit], policies: Policies, *, excluding: Refund | None = None
) -> tuple[list[Due], list[str]]:
    """Returns the units that are owed, and what a person should know about those that are not.

    With `excluding`, what would be owed if that refund had not been decided on.
    """
    found = verdicts(rma, units, policies, past=NO_PAST)
    eligible = {pk for pk, verdict in found.items() if verdict.answer == Answer.REFUND}
    takeable = _takeable(rma, units)
    past = past_refunds(units, excluding=excluding)
    by_line: dict[int, list[RmaUnit]] = {}
    for unit in units:
        if unit.order_line_id:
            by_line.setdefault(unit.order_line_id, []).append(unit)
    owed: list[Due] = []
    notes: list[str] = []
    for members in by_line.values():
        due, held_back = due_in_line(
            members=members,
            eligible=eligible,
            takeable=takeable,
            decided=_decided(members, excluding),
            blocked=[
                unit.pk
                for unit in members
                # An excluded one is out already: it must not take another one with it.
                if not unit.is_excluded and _is_blocked(past.get(unit.pk))
            ],
        )
        name = members[0].order_line_item_identifier
        if held_back:
            notes.append(
                f"line {name}: {held_back} unit(s) held back, because a unit of this line that was "
                "decided on before no longer shows what it was decided on"
            )
        if due and _may_be_refunded_outside(rma, members[0]):
            notes.append(
                f"line {name}: Optoro calls the RMA REFUNDED, and the order system reports a "
                "refund of this line that names no RMA; it may be this one"
            )
            continue
        owed += due
    return owed, notes


def free_units(members: list[RmaUnit], *, excluding: Refund | None = None) -> list[Due]:
    """Returns the units of one line of an RMA that are in no live refund (other than `excluding`),
    whatever automation thinks of them, without those that a person excluded. Expects all the units
    of the line that are in the RMA."""
    return _free(members, _decided(members, excluding))


def _free(members: list[RmaUnit], decided: list[Decided]) -> list[Due]:
    standing = [unit for unit in members if not unit.is_withdrawn and not unit.is_excluded]
    due, _ = due_in_line(
        members=members,
        eligible={unit.pk for unit in standing},
        decided=decided,
        blocked=(),
    )
    return due


def free_units_by_line(units: list[RmaUnit]) -> dict[int, list[Due]]:
    """Returns, by line key, what `free_units` says of each line of an RMA, in one query for all.
    Expects all the RMA's units of these lines; those of unknown lines are left out."""
    by_line: dict[int, list[RmaUnit]] = {}
    for unit in units:
        if unit.order_line_id:
            by_line.setdefault(unit.order_line_id, []).append(unit)
    decided = _decided(units, None)
    return {
        line_id: _free(
            members, [one for one in decided if one.unit_id in {unit.pk for unit in members}]
        )
        for line_id, members in by_line.items()
    }


def _takeable(rma: Rma, units: list[RmaUnit]) -> set[int]:
    """Returns the units that would be refunded under a policy that something was decided under,
    and those that a person or a machine refunded: what was decided stands for them, whatever the
    policy says today."""
    asked_for = RefundUnit.objects.filter(
        rma_unit__in=units, is_live=True, line__refund__source__in=[Source.STAFF, Source.API]
    )
    live = Refund.objects.filter(rma=rma, status__in=LIVE_STATUSES).exclude(source=Source.EXTERNAL)
    by_policy = {refund.policy_id: refund for refund in live.select_related("policy", "store")}
    return {*asked_for.values_list("rma_unit", flat=True)} | {
        pk
        for refund in by_policy.values()
        for pk, verdict in verdicts(
            rma, units, policies_of(refund), past=NO_PAST, flags=NO_FLAGS
        ).items()
        if verdict.answer == Answer.REFUND
    }


def _decided(members: list[RmaUnit], excluding: Refund | None) -> list[Decided]:
    live = RefundUnit.objects.filter(rma_unit__in=members, is_live=True)
    if excluding:
        live = live.exclude(line__refund=excluding)
    return [decided_share(row) for row in live.select_related("line__refund").order_by("pk")]


def _is_blocked(past: PastRefunds | None) -> bool:
    """Declined by the gateway, or canceled by a person, and not decided on again since."""
    return bool(
        past and not past.live_identifier and (past.declined_identifier or past.canceled_identifier)
    )


def _may_be_refunded_outside(rma: Rma, unit: RmaUnit) -> bool:
    return (
        rma.status == rma_rules.REFUNDED
        and Refund.objects.filter(
            lines__order_line=unit.order_line_id,
            source=Source.EXTERNAL,
            rma_identifier="",
            status__in=LIVE_STATUSES,
        ).exists()
    )
