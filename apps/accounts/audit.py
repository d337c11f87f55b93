"""Writing down who changed who gets in; call it in the transaction of the change."""

from apps.accounts.models import AccessChange


def record(
    *,
    kind: AccessChange.Kind,
    person_id: int,
    actor_id: int,
    summary: str,
    store_id: int | None = None,
) -> AccessChange:
    """Appends a change. `store_id` where it is about a role in a store, or was made there."""
    return AccessChange.objects.create(
        kind=kind,
        person_id=person_id,
        actor_id=actor_id,
        summary=summary[:300],
        store_id=store_id,
    )
