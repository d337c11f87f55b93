"""What people agree about an order or a return: whose it is, until when, what they wrote, and
whether automation keeps its hands off."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.stores.models import Store


class SubjectKind(models.TextChoices):
    ORDER = "order", "Order"
    RMA = "rma", "Return"


class Case(models.Model):
    """The work of people on one order or return. Its subject is an identifier, not a key: both
    know each other only through the store, and a case needs neither row to stay."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    subject_kind = models.CharField(max_length=10, choices=SubjectKind.choices)
    subject = models.CharField(max_length=255, help_text="The order's or the RMA's identifier")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    due_at = models.DateTimeField(null=True, blank=True)
    flagged_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when automation decides nothing about it"
    )
    flag_reason = models.CharField(max_length=255, blank=True)
    flagger = models.CharField(max_length=150, blank=True, help_text="Who flagged it")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "subject_kind", "subject"], name="cases_one_per_subject"
            )
        ]
        indexes = [
            models.Index(
                fields=["store", "assignee", "due_at"],
                condition=Q(assignee__isnull=False),
                name="cases_assigned",
            ),
            models.Index(
                fields=["store", "flagged_at"],
                condition=Q(flagged_at__isnull=False),
                name="cases_flagged",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_subject_kind_display()} {self.subject}"

    @property
    def is_flagged(self) -> bool:
        """Whether automation decides nothing about it."""
        return self.flagged_at is not None


class Note(models.Model):
    """What somebody wrote about a case: seen by staff only, never changed, never sent."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=5000)
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.author} about {self.case}"


class Mention(models.Model):
    """A person named with @ in a note: stands in their queue until they have seen it."""

    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="mentions")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mentions"
    )
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["note", "person"], name="cases_mention_once")
        ]
        indexes = [
            models.Index(
                fields=["person"], condition=Q(seen_at__isnull=True), name="cases_mention_unseen"
            )
        ]

    def __str__(self) -> str:
        return f"@{self.person} in {self.note_id}"
