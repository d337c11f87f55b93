from django.apps import AppConfig


class StatementsConfig(AppConfig):
    name = "apps.statements"
    label = "statements"

    def ready(self) -> None:
        from apps.outbox import topics
        from apps.outbox.registry import register
        from apps.statements.imports import run_import

        register(topics.IMPORT_STATEMENT, run_import)
