"""Gives each request an id that a person can quote, and answers what is not there."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.defaults import page_not_found

from apps.common.logs import request_id

_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Takes over the caller's `X-Request-ID` where it is usable, or makes one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        identifier = given if _USABLE.fullmatch(given) else uuid.uuid4().hex[:16]
        token = request_id.set(identifier)
        request.META["REQUEST_ID"] = identifier
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = identifier
        return response


class NotFoundPageMiddleware:
    """With DEBUG, where Django answers an address that there is not with its list of all addresses:
    the page that production has. Whoever tries the demo mistypes one, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            resolve(request.path_info)
        except Resolver404 as error:
            return page_not_found(request, error)
        return self.get_response(request)
