"""Changing refund policies, and putting open returns under the newest one."""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.common import clock
from apps.refunds.jobs import enqueue_evaluation
from apps.refunds.models import RefundPolicy
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.timeline import services as timeline
from apps.timeline.types import staff

OPEN_STATUSES = (rma_rules.PENDING_EXCHANGE, rma_rules.CREATED, rma_rules.PARTIAL_REFUND)


@transaction.atomic
def set_policy(*, version: RefundPolicy, user_id: int) -> RefundPolicy:
    """Writes down a new version, in force from now on. It changes nothing that happened before."""
    version.pk = None
    version.author_id = user_id
    version.effective_from = clock.now()
    version.save(force_insert=True)
    brand = version.concept or "every brand without a policy of its own"
    timeline.record(
        store_id=version.store_id,
        kind="policy.changed",
        summary=f"Refund policy changed for {brand}",
        actor=staff(user_id),
    )
    return version


def open_returns_under_older_policies(*, store_id: int, concept: str = "") -> QuerySet[Rma]:
    """Returns the open RMAs that have a unit of this brand which an older policy than the newest
    of the brand decides on. With a blank `concept`, of the brands without a policy of their own."""
    rmas = Rma.objects.filter(store_id=store_id, status__in=OPEN_STATUSES)
    newest = (
        RefundPolicy.objects.filter(store_id=store_id, concept=concept)
        .order_by("-effective_from", "-pk")
        .first()
    )
    if newest is None:
        return rmas.none()
    moment = newest.effective_from
    older = RmaUnit.objects.filter(
        _is_of_brand(store_id, concept),
        Q(policy_renewed_at=None) | Q(policy_renewed_at__lt=moment),
        rma=OuterRef("pk"),
        changed_at__lt=moment,
        is_withdrawn=False,
    )
    return rmas.filter(Exists(older)).order_by("pk")


def _is_of_brand(store_id: int, concept: str) -> Q:
    """Units whose policy is looked up by this brand, or by none that has a policy of its own, as
    `policies.brand_of` says: one RMA can hold units of several."""
    if concept:
        return Q(rma__concept=concept) | Q(rma__concept="", order__concept=concept)
    own = RefundPolicy.objects.filter(store_id=store_id).exclude(concept="").values("concept")
    by_order = Q(order=None) | ~Q(order__concept__in=own)
    return ~Q(rma__concept__in=own) & (~Q(rma__concept="") | by_order)


@transaction.atomic
def renew_policy_of_open_returns(*, store_id: int, concept: str, user_id: int) -> int:
    """Puts the units of a brand in open RMAs under its newest policy, queues the RMAs' evaluation,
    and returns how many. The explicit action that a changed policy waits for."""
    keys = open_returns_under_older_policies(store_id=store_id, concept=concept).values("pk")
    rmas = list(Rma.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk"))
    now = clock.now()
    for rma in rmas:
        units = RmaUnit.objects.filter(_is_of_brand(store_id, concept), rma=rma)
        RmaUnit.objects.filter(pk__in=units.values("pk")).update(policy_renewed_at=now)
        timeline.record(
            store_id=store_id,
            kind="rma.policy_renewed",
            summary=f"Put under the newest refund policy{f' of {concept}' if concept else ''}",
            actor=staff(user_id),
            rma_identifier=rma.rma_identifier,
        )
        enqueue_evaluation(rma)
    return len(rmas)
