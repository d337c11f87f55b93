from typing import Any

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


def read_in_utc(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Has a new connection to PostgreSQL read points in time by the desk's own loader."""
    if connection.vendor == "postgresql":
        # Its driver is loaded where it is used, and nowhere else.
        from apps.common.timestamps import UtcLoader

        connection.connection.adapters.register_loader("timestamptz", UtcLoader)


class CommonConfig(AppConfig):
    name = "apps.common"
    label = "common"

    def ready(self) -> None:
        connection_created.connect(read_in_utc, dispatch_uid="read_in_utc")
