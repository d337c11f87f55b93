from django.apps import AppConfig


class RefundsConfig(AppConfig):
    name = "apps.refunds"
    label = "refunds"

    def ready(self) -> None:
        from apps.refunds.jobs import register_jobs

        register_jobs()
