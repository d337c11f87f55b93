from importlib import import_module

from django.apps import AppConfig

# Each registers its report when it is imported.
REPORTS = (
    "refund_report",
    "settlement_report",
    "gift_card_report",
    "exposure_report",
    "journal_report",
    "entries_report",
    "trial_balance_report",
    "return_rate_report",
    "return_reason_report",
    "scan_to_paid_report",
    "ageing_report",
    "people_report",
)


class ReportsConfig(AppConfig):
    name = "apps.reports"
    label = "reports"

    def ready(self) -> None:
        from apps.outbox import topics
        from apps.outbox.registry import register
        from apps.reports import checks  # noqa: F401 - registers itself
        from apps.reports.exports import expire_export, run_export
        from apps.reports.mailing import run_mail
        from apps.reports.schedule_runs import run_schedule

        register(topics.EXPORT_REPORT, run_export)
        register(topics.EXPIRE_EXPORT, expire_export)
        register(topics.RUN_SCHEDULE, run_schedule)
        register(topics.MAIL_REPORT, run_mail)
        for name in REPORTS:
            import_module(f"apps.reports.{name}")
