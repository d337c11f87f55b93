"""What a person searched for last in a store."""

from django.db import transaction

from apps.common import clock
from apps.desk.models import RecentSearch

MOST_KEPT = 10
MAX_LENGTH = 255


def recent_searches(*, store_id: int, person_id: int) -> list[str]:
    """Returns what the person searched for in the store, the newest first."""
    rows = RecentSearch.objects.filter(store_id=store_id, person_id=person_id)
    return list(rows.values_list("text", flat=True)[:MOST_KEPT])


@transaction.atomic
def remember_search(*, store_id: int, person_id: int, text: str) -> None:
    """Puts a search on top of the person's own, and forgets all but the newest MOST_KEPT. A text
    that no database keeps, with a NUL in it, is left out."""
    text = text.strip()[:MAX_LENGTH]
    if not text or "\x00" in text:
        return
    RecentSearch.objects.update_or_create(
        store_id=store_id,
        person_id=person_id,
        text=text,
        defaults={"searched_at": clock.now()},
    )
    rows = RecentSearch.objects.filter(store_id=store_id, person_id=person_id)
    kept = list(rows.values_list("pk", flat=True)[:MOST_KEPT])
    rows.exclude(pk__in=kept).delete()


def forget_searches(*, store_id: int, person_id: int) -> None:
    """Forgets what the person searched for in the store."""
    RecentSearch.objects.filter(store_id=store_id, person_id=person_id).delete()
