"""Machine callers: `Authorization: Api-Key KEY` or `X-API-Key: KEY`."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.models import ApiKey
from apps.accounts.services import find_api_key


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the caller's ApiKey; there is no user behind a machine."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        presented = self._presented(request)
        if not presented:
            return None
        key = find_api_key(presented)
        if key is None:
            raise AuthenticationFailed("The API key is not valid, or has been revoked.")
        return None, key

    def _presented(self, request: Request) -> str:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "api-key":
            return value.strip()
        return request.headers.get("X-API-Key", "").strip()

    def authenticate_header(self, request: Request) -> str:
        return 'Api-Key realm="returns-desk"'
