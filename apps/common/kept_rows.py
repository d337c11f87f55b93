"""Rows that are never deleted."""

from typing import Any, NoReturn

from django.db import models


class RowIsKept(TypeError):
    """Rows of money are never deleted: a correction is a new row."""


class KeptQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Refuses to delete."""

    def delete(self) -> NoReturn:
        raise RowIsKept(f"rows of {self.model.__name__} are never deleted")


class KeptRow(models.Model):
    """A row that is never deleted."""

    objects = KeptQuerySet.as_manager()

    class Meta:
        abstract = True

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RowIsKept(f"rows of {type(self).__name__} are never deleted")
