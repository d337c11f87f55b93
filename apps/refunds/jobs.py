"""What the refund topics of the outbox do."""

from django.db import transaction

from apps.exchanges.lineage import descended_from
from apps.orders.models import Order
from apps.outbox import topics
from apps.outbox.registry import register
from apps.outbox.services import enqueue
from apps.outbox.types import ClaimedJob, Result, done
from apps.refunds.evaluation import evaluate_rma
from apps.refunds.payouts import pay, settle
from apps.rmas.models import Rma
from apps.rmas.queries import rmas_touched_by


def enqueue_evaluation(rma: Rma) -> None:
    """Queues another look at an RMA; call it in the transaction of what changed."""
    enqueue(store_id=rma.store_id, topic=topics.EVALUATE_RMA, key=rma.pk, label=rma.rma_identifier)


def link_order(job: ClaimedJob) -> Result:
    """An order came or changed: everything that returns it, or goods that were exchanged for its
    own and are paid from its payment, is looked at again.

    This runs after the order's commit, and evaluation after the RMA's: whichever of the two came
    last finds the other.
    """
    order = Order.objects.get(pk=int(job.key))
    orders = [order, *descended_from(order)]
    touched = {rma.pk: rma for one in orders for rma in rmas_touched_by(one)}
    with transaction.atomic():
        for _, rma in sorted(touched.items()):
            enqueue_evaluation(rma)
    return done()


def evaluate(job: ClaimedJob) -> Result:
    """Decides what is owed for an RMA."""
    evaluate_rma(rma_id=int(job.key))
    return done()


def register_jobs() -> None:
    """Makes these functions the handlers of their topics."""
    register(topics.LINK_ORDER, link_order)
    register(topics.EVALUATE_RMA, evaluate)
    register(topics.PAY_REFUND, pay)
    register(topics.SETTLE_REFUND, settle)
