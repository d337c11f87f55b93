"""People, what they may do in which store, and keys for machine callers."""

from typing import ClassVar

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
