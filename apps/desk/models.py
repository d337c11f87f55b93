"""What people keep of the screens: views of lists, and what they searched for last."""

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
