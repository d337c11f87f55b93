from django.apps import AppConfig
from django.db.backends.signals import connection_created

from apps.common.timestamps import read_in_utc


class CommonConfig(AppConfig):
    name = "apps.common"
    label = "common"

    def ready(self) -> None:
        connection_created.connect(read_in_utc, dispatch_uid="read_in_utc")
