"""The access token that all processes share (contract §2)."""

from django.db import models

from apps.common.fields import EncryptedTextField


class AccessToken(models.Model):
    """One store's token. `generation` counts mintings, so that a 401 discards only the token that
    was refused and never a newer one; `minting_until` keeps all but one process from minting."""

    store_id = models.BigIntegerField(unique=True)
    token = EncryptedTextField(blank=True)
    generation = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    renew_at = models.DateTimeField(null=True, blank=True)
    minted_at = models.DateTimeField(null=True, blank=True)
    minting_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"token {self.generation} of store {self.store_id}"
