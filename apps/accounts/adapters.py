"""How allauth does here what it leaves to the project."""

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import InvalidToken
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.accounts import drafts
from apps.accounts.attempts import UNKNOWN_ADDRESS, address_of
from apps.accounts.models import User
from apps.accounts.sessions import SEEN_KEY
from apps.common.fields import CannotDecrypt, cipher


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in has one step more where a person has a second factor; the desk asks anew by itself
    (`apps/desk/sudo.py`) and words its own messages."""

    def get_login_stages(self) -> list[str]:
        """Returns what comes between the password and the session."""
        return ["apps.accounts.stages.SecondFactorStage"]

    def login(self, request: HttpRequest, user: User) -> None:
        """Begins the session under a new key, and notes that it is in use."""
        super().login(request, user)
        drafts.live_on(request)
        request.session[SEEN_KEY] = time.time()

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Asked by allauth's flows, which the desk calls after it asked itself."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Returns the caller's address; servers behind a local socket have none to tell."""
        return address_of(request) or UNKNOWN_ADDRESS

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Says nothing: the desk's views say what happened."""

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Sends a person whose account is retired back to the start, as with a wrong password."""
        return redirect("desk:login")


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted like those of stores."""

    def encrypt(self, text: str) -> str:
        """Encrypts a secret with the first of FIELD_ENCRYPTION_KEYS."""
        return cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Returns a secret in clear; raises CannotDecrypt if no key reads it."""
        try:
            return cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            raise CannotDecrypt(
                "a second factor was encrypted with a key that is not in FIELD_ENCRYPTION_KEYS; "
                "add that key to the end of the list"
            ) from error

    def get_totp_label(self, user: User) -> str:
        """Returns the name under which an authenticator app lists the account."""
        return user.get_username()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Returns who passkeys are for: the name the desk is reached by, without its port."""
        return {**super().get_public_key_credential_rp_entity(), "name": "Returns Desk"}

    def _get_user_identifier(self, user: User) -> str:
        return user.get_username()
