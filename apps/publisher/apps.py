from django.apps import AppConfig


class PublisherConfig(AppConfig):
    name = "apps.publisher"
    label = "publisher"

    def ready(self) -> None:
        from apps.outbox import topics
        from apps.outbox.registry import register
        from apps.publisher.services import send_snapshot

        register(topics.ORDER_SNAPSHOT, send_snapshot)
