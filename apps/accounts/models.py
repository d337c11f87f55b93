"""People, what they may do in which store, and keys for machine callers."""

from typing import Any, ClassVar, NoReturn

from django.contrib.auth.models import AbstractUser
from django.db import models

from apps.stores.models import Store


class Role(models.TextChoices):
    READ_ONLY = "read_only", "Read-only"
    AGENT = "agent", "Agent"
    LEAD = "lead", "Lead"
    FINANCE = "finance", "Finance"
    ADMINISTRATOR = "administrator", "Administrator"


class User(AbstractUser):
    """A person who signs in. What they may do hangs on their memberships."""

    class Meta(AbstractUser.Meta):
        pass


class Membership(models.Model):
    """A person's role in one store."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "store"], name="accounts_one_role_per_person_and_store"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} in {self.store}"


class AccessChange(models.Model):
    """One change of who gets in, and how far: append-only. `store` is blank where it is about the
    person's account and not about their role in one store."""

    class Kind(models.TextChoices):
        ROLE_GIVEN = "role_given", "Role given"
        ROLE_CHANGED = "role_changed", "Role changed"
        ROLE_TAKEN = "role_taken", "Taken out of the store"
        FACTOR_ADDED = "factor_added", "Sign-in method added"
        FACTOR_REMOVED = "factor_removed", "Sign-in method removed"
        FACTORS_TAKEN = "factors_taken", "Second factor taken away"
        CODES_MADE = "codes_made", "Recovery codes made"
        PASSWORD_CHANGED = "password_changed", "Password changed"
        SESSIONS_ENDED = "sessions_ended", "Sessions ended"

    store = models.ForeignKey(
        Store, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="access_changes")
    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    summary = models.CharField(max_length=300)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["store", "-recorded_at"], name="accounts_changes_by_store"),
            models.Index(fields=["person", "-recorded_at"], name="accounts_changes_by_person"),
        ]

    def __str__(self) -> str:
        return f"{self.recorded_at:%Y-%m-%d %H:%M} {self.summary}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("changes of access are append-only: record a new one")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("changes of access are append-only: they are never deleted")


class ApiKey(models.Model):
    """A machine caller's key: shown once, kept as a digest, good for one store."""

    SCOPES: ClassVar[list[str]] = [
        "orders:write",
        "catalog:write",
        "refunds:write",
        "rmas:write",
        "transactions:write",
        "deliveries:replay",
        "read",
    ]

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} (rd_{self.prefix}…)"
