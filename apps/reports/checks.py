"""What `manage.py check --deploy` says about mail."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register("reports", deploy=True)
def mail_is_set(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """Scheduled reports need a mail server, and a sender that it takes."""
    found: list[checks.CheckMessage] = []
    if not settings.EMAIL_URL:
        found.append(
            checks.Warning(
                "EMAIL_URL is not set: scheduled reports are not sent, and fail with an exception.",
                hint="Set it to your mail server, such as smtps://NAME:PASSWORD@mail.example.com.",
                id="returnsdesk.W005",
            )
        )
    elif settings.DEFAULT_FROM_EMAIL.strip("> ").endswith("@localhost"):
        found.append(
            checks.Warning(
                "DEFAULT_FROM_EMAIL is not set: mails come from an address that is nobody's.",
                hint="Set it to an address that your mail server sends for.",
                id="returnsdesk.W006",
            )
        )
    return found
