from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "apps.catalog"
    label = "catalog"

    def ready(self) -> None:
        from apps.catalog.imports import run_import
        from apps.outbox import topics
        from apps.outbox.registry import register

        register(topics.IMPORT_VARIANTS, run_import)
