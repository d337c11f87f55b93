"""The step of sign-in that asks for the second factor."""

from typing import Any

from allauth.mfa.stages import AuthenticateStage
from django.shortcuts import redirect


class SecondFactorStage(AuthenticateStage):
    """As allauth's, with the desk's page."""

    urlname = "desk:sign-in-code"

    def handle(self) -> tuple[Any, bool]:
        """Returns where to go first, if anywhere, and that sign-in goes on afterwards."""
        if not self._should_handle(self.request):
            return None, True
        return redirect(self.urlname), True
