from django.apps import AppConfig


class OptoroConfig(AppConfig):
    name = "apps.optoro"
    label = "optoro"
