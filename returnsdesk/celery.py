"""The Celery application. It only nudges: every queue is rows in the database, with a sweep."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "returnsdesk.settings")

app = Celery("returnsdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
