"""What people keep of the screens: views of lists, what they searched for last, and what they did
to many rows at once."""

from django.conf import settings
from django.db import models

from apps.stores.models import Store


class SavedView(models.Model):
    """A list as somebody wants to see it again: `query` is the part of its address behind `?`,
    with filters, sorting and columns, and without the page."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    list_name = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True)
    is_shared = models.BooleanField(default=False, help_text="Everybody in the store sees it")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["store", "owner", "list_name", "name"], name="desk_view_name_once"
            )
        ]
        indexes = [models.Index(fields=["store", "list_name"], name="desk_views_of_list")]

    def __str__(self) -> str:
        return f"{self.list_name}: {self.name}"


class RecentSearch(models.Model):
    """What a person searched for in a store, and when last."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recent_searches"
    )
    text = models.CharField(max_length=255)
    searched_at = models.DateTimeField()

    class Meta:
        ordering = ["-searched_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["store", "person", "text"], name="desk_search_text_once"
            )
        ]

    def __str__(self) -> str:
        return self.text


class BulkRun(models.Model):
    """One action on many rows of a list, by one confirmation: `token` came with the form, so that
    the same form sent twice is one run."""

    token = models.UUIDField(unique=True)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bulk_runs"
    )
    list_name = models.CharField(max_length=40)
    query = models.CharField(max_length=2000, blank=True)
    action = models.CharField(max_length=40)
    values = models.JSONField(default=dict, help_text="What was entered: a reason, a person")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.action} on {self.list_name} by {self.person_id}"


class BulkRow(models.Model):
    """One row of a run and what became of it; written in the transaction that did it."""

    class Result(models.TextChoices):
        WAITING = "waiting", "Waits"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    subject = models.BigIntegerField(help_text="The key of the row in its list")
    label = models.CharField(max_length=600)
    url = models.CharField(max_length=2000)
    result = models.CharField(max_length=10, choices=Result.choices, default=Result.WAITING)
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "subject"], name="desk_bulk_row_once"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.result}"
