"""Reading exports."""

from django.db.models import QuerySet

from apps.reports.models import Export


def exports_of(store_id: int) -> QuerySet[Export]:
    """Returns a store's exports, newest first, with who asked for them."""
    rows = Export.objects.filter(store_id=store_id).order_by("-pk")
    return rows.select_related("store", "requested_by")
