"""Changing who may decide on how much, as a person saw it: against the version they compared with,
and never behind somebody's back."""

from dataclasses import asdict

from django.db import transaction

from apps.common.errors import Refused
from apps.refunds.approvals import approvals_from
from apps.refunds.models import ApprovalPolicy
from apps.refunds.policy_edits import ChangedMeanwhile
from apps.refunds.types import Approvals
from apps.stores.models import Store
from apps.timeline import services as timeline
from apps.timeline.types import staff


@transaction.atomic
def change_approvals(
    *, store: Store, values: Approvals, note: str, compared_with: int | None, user_id: int
) -> ApprovalPolicy:
    """Puts `values` (cents, minutes) in force for a store from now on, as a new version.

    `compared_with` is the key of the version that the person looked at, None for the defaults.
    Raises Refused without a note and where the values change nothing, and ChangedMeanwhile where
    that version is no longer the newest. Of two who save at once, one is refused: the store's row
    is locked. Refunds that wait already go on waiting; what counts for an approval is the version
    in force when somebody approves.
    """
    if not note.strip():
        raise Refused("note: write why it is changed; it is kept with the version")
    Store.objects.select_for_update(no_key=True).get(pk=store.pk)
    newest = ApprovalPolicy.objects.filter(store=store).order_by("-pk").first()
    if values == (approvals_from(newest) if newest else Approvals()):
        raise Refused("nothing is changed: this is what is in force already")
    if (newest.pk if newest else None) != compared_with:
        raise ChangedMeanwhile("the approval policy was changed meanwhile")
    version = ApprovalPolicy.objects.create(
        store=store, author_id=user_id, note=note.strip()[:255], **asdict(values)
    )
    timeline.record(
        store_id=store.pk,
        kind="approvals.changed",
        summary="Approval policy changed: who may decide on how much",
        actor=staff(user_id),
    )
    return version
