"""The Celery application. It only nudges: every queue is rows in the database, with a sweep."""

import os

from celery import Celery

from returnsdesk import filesystem_queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "returnsdesk.settings")

filesystem_queue.install()
app = Celery("returnsdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
