"""`manage.py rotate_field_keys`: all stored secrets under the first of FIELD_ENCRYPTION_KEYS."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import F, Model, TextField
from django.db.models.functions import Cast

from apps.common.fields import EncryptedTextField, cipher

_CHUNK = 500
# What is encrypted in the data of second factors: the secret of an app, the seed of recovery codes.
# Of passkeys only public keys are kept.
_FACTOR_SECRETS = ("secret", "seed")


class Command(BaseCommand):
    help = (
        "Encrypts every stored secret with the first of FIELD_ENCRYPTION_KEYS. Keep the old keys "
        "in the list, behind the new one, until this has ended without an error. It can be "
        "stopped and started again at any time, also while the desk runs."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable: list[str] = []
        for model, fields in models_with_secrets():
            counts = Counter[str]()
            for pk in _keys_of(model):
                problems = rotate_row(model, fields, pk, counts)
                unreadable += [f"{model._meta.label} {pk}: {name}" for name in problems]
            self._tell(model, counts)
        counts = Counter[str]()
        for pk in _keys_of(Authenticator):
            problems = rotate_factor(pk, counts)
            unreadable += [f"{Authenticator._meta.label} {pk}: {name}" for name in problems]
        self._tell(Authenticator, counts)
        if unreadable:
            raise CommandError(
                "No key of FIELD_ENCRYPTION_KEYS reads these; add the key they were written with "
                "to the end of the list and run this again, or set them anew:\n"
                + "\n".join(unreadable)
            )

    def _tell(self, model: type[Model], counts: Counter[str]) -> None:
        self.stdout.write(
            f"{model._meta.label}: {counts['rotated']} re-encrypted, "
            f"{counts['current']} under the first key already, "
            f"{counts['unreadable']} unreadable"
        )


def models_with_secrets() -> Iterator[tuple[type[Model], list[str]]]:
    """Yields each model that has encrypted columns of its own, with their names."""
    for model in apps.get_models(include_auto_created=True):
        columns = model._meta.local_concrete_fields
        fields = [column.name for column in columns if isinstance(column, EncryptedTextField)]
        if fields and model._meta.managed and not model._meta.proxy:
            yield model, fields


def _keys_of(model: type[Model]) -> Iterator[Any]:
    """Yields the primary keys in order, by chunks: no cursor stays open while rows are written."""
    rows = model._base_manager.order_by("pk").values_list("pk", flat=True)
    chunk = list(rows[:_CHUNK])
    while chunk:
        yield from chunk
        chunk = list(rows.filter(pk__gt=chunk[-1])[:_CHUNK])


def rotate_row(model: type[Model], fields: list[str], pk: Any, counts: Counter[str]) -> list[str]:
    """Encrypts one row's secrets with the first key, under the row's lock, in a transaction of its
    own; counts them and returns the names of those that no key reads, which stay as they are."""
    first = Fernet(settings.FIELD_ENCRYPTION_KEYS[0])
    changed: dict[str, str] = {}
    unreadable: list[str] = []
    with transaction.atomic():
        for name, stored in _raw(model, fields, pk).items():
            state = _state(first, stored)
            counts[state] += 1
            if state == "unreadable":
                unreadable.append(name)
            elif state == "rotated":
                # The field itself encrypts what is written, with the first key.
                changed[name] = cipher().decrypt(stored.encode()).decode()
        if changed:
            model._base_manager.filter(pk=pk).update(**changed)
    return unreadable


def rotate_factor(pk: Any, counts: Counter[str]) -> list[str]:
    """Does what `rotate_row` does for one second factor, whose secrets lie in its data."""
    first = Fernet(settings.FIELD_ENCRYPTION_KEYS[0])
    unreadable: list[str] = []
    with transaction.atomic():
        row = Authenticator.objects.select_for_update(no_key=True).filter(pk=pk).first()
        data = dict(row.data) if row else {}
        for name in _FACTOR_SECRETS:
            stored = data.get(name)
            if not stored:
                continue
            state = _state(first, stored)
            counts[state] += 1
            if state == "unreadable":
                unreadable.append(name)
            elif state == "rotated":
                data[name] = cipher().rotate(stored.encode()).decode()
        if row and data != row.data:
            Authenticator.objects.filter(pk=pk).update(data=data)
    return unreadable


def _raw(model: type[Model], fields: list[str], pk: Any) -> dict[str, str]:
    """Returns what the columns hold, still encrypted, without those that are empty."""
    columns = {f"raw_{name}": Cast(F(name), TextField()) for name in fields}
    row = (
        model._base_manager.select_for_update(no_key=True)
        .filter(pk=pk)
        .annotate(**columns)
        .values(*columns)
        .first()
    )
    return {name.removeprefix("raw_"): stored for name, stored in (row or {}).items() if stored}


def _state(first: Fernet, stored: str) -> str:
    try:
        first.decrypt(stored.encode())
    except InvalidToken:
        pass
    else:
        return "current"
    try:
        cipher().decrypt(stored.encode())
    except InvalidToken:
        return "unreadable"
    return "rotated"
