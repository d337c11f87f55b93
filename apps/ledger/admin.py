"""The books can be read here; nothing can be changed."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.ledger.models import Books, Entry, PeriodEvent, Posting


class PostingInline(ReadOnlyInline):
    """The entry's postings."""

    model = Posting
    fields = ("debit_account", "credit_account", "amount_cents", "currency")
    readonly_fields = fields


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """Entries, newest first."""

    list_display = ("booked_on", "store", "kind", "memo", "refund_identifier", "order_identifier")
    list_filter = ("store", "kind")
    list_select_related = ("store",)
    search_fields = ("=refund_identifier", "=key")
    ordering = ("-pk",)
    inlines = (PostingInline,)


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    """Postings, newest first."""

    list_display = ("booked_on", "store", "debit_account", "credit_account", "amount_cents")
    list_filter = ("store",)
    list_select_related = ("store",)
    raw_id_fields = ("entry",)
    ordering = ("-pk",)


@admin.register(Books)
class BooksAdmin(ReadOnlyAdmin):
    """How far each store's books are closed and settled."""

    list_display = ("store", "closed_through", "settled_through")
    list_select_related = ("store",)
    ordering = ("store",)


@admin.register(PeriodEvent)
class PeriodEventAdmin(ReadOnlyAdmin):
    """Months that were closed and opened, newest first."""

    list_display = ("month", "store", "kind", "actor", "recorded_at")
    list_filter = ("store", "kind")
    list_select_related = ("store", "actor")
    ordering = ("-pk",)
