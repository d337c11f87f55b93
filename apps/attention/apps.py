from django.apps import AppConfig


class AttentionConfig(AppConfig):
    name = "apps.attention"
    label = "attention"
