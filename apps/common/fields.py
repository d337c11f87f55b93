"""Model fields that several apps share."""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class CannotDecrypt(Exception):
    """A stored secret cannot be read with any of FIELD_ENCRYPTION_KEYS."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEYS: each key must be 32 bytes in URL-safe base64 "
            "(make one with cryptography's Fernet.generate_key)"
        ) from error


def cipher() -> MultiFernet:
    """Returns the cipher of FIELD_ENCRYPTION_KEYS: the first key encrypts, all of them decrypt."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS))


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted in the database; a value no key can read raises CannotDecrypt."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if value in (None, "") else cipher().encrypt(value.encode()).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value in (None, ""):
            return value
        try:
            return cipher().decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise CannotDecrypt(
                f"{self.model.__name__}.{self.name} was encrypted with a key that is not in "
                "FIELD_ENCRYPTION_KEYS; add that key to the end of the list"
            ) from error
