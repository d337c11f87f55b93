from importlib import import_module

from django.apps import AppConfig

# Each registers its report when it is imported.
REPORTS = ("refund_report",)


class ReportsConfig(AppConfig):
    name = "apps.reports"
    label = "reports"

    def ready(self) -> None:
        for name in REPORTS:
            import_module(f"apps.reports.{name}")
