from django.apps import AppConfig


class RmasConfig(AppConfig):
    name = "apps.rmas"
    label = "rmas"
