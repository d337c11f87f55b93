"""How long ago a person said who they are, by password, code or passkey."""

import time

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.http import HttpRequest

# What allauth calls codes and passkeys, at sign-in and afterwards.
_SECOND_FACTOR = "mfa"


def is_recent(request: HttpRequest, *, by_second_factor: bool = False) -> bool:
    """Tells whether the person signed in or confirmed who they are in the last SUDO_MINUTES; with
    `by_second_factor` only codes and passkeys count, not the password.

    A clock that was set back makes a record of the future, which counts for nothing.
    """
    user = request.user
    if not user.is_authenticated:
        return False
    moments = [
        float(record["at"])
        for record in get_authentication_records(request, user)
        if record["method"] == _SECOND_FACTOR or not by_second_factor
    ]
    age = time.time() - max(moments, default=0.0)
    return 0 <= age < settings.SUDO_MINUTES * 60


def note_password(request: HttpRequest) -> None:
    """Writes down that the person has just given their password once more."""
    record_authentication(request, request.user, "password", reauthenticated=True)


def note_second_factor(request: HttpRequest) -> None:
    """Writes down that the person has just shown a second factor: by setting it up."""
    record_authentication(request, request.user, _SECOND_FACTOR, reauthenticated=True)
