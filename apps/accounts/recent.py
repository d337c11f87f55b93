"""How long ago a person said who they are, by password, code or passkey."""

import time

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.http import HttpRequest


def is_recent(request: HttpRequest) -> bool:
    """Tells whether the person signed in or confirmed who they are in the last SUDO_MINUTES.

    A clock that was set back makes a record of the future, which counts for nothing.
    """
    user = request.user
    if not user.is_authenticated:
        return False
    moments = [float(r["at"]) for r in get_authentication_records(request, user)]
    age = time.time() - max(moments, default=0.0)
    return 0 <= age < settings.SUDO_MINUTES * 60


def note_password(request: HttpRequest) -> None:
    """Writes down that the person has just given their password once more."""
    record_authentication(request, request.user, "password", reauthenticated=True)
