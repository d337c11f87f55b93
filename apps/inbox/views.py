"""Where Optoro's webhooks arrive: authenticate, store, commit, answer. Nothing else."""

import logging

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.inbox.authentication import caller_of
from apps.inbox.models import Topic
from apps.inbox.services import store_delivery

logger = logging.getLogger(__name__)


class TooLarge(Exception):
    """A body is larger than MAX_BODY_BYTES."""


@csrf_exempt
@login_not_required
@require_POST
def receive_rma(request: HttpRequest) -> HttpResponse:
    """`POST /optoro/rmas`: 200 once the message is committed, whatever it says; 401 for wrong
    credentials, 413 above the size limit, 503 when it could not be stored (Optoro sends again)."""
    return _receive(request, Topic.RMA)


def _receive(request: HttpRequest, topic: str) -> HttpResponse:
    try:
        caller = caller_of(request)
        if caller is None:
            return _refuse()
        store_delivery(
            store=caller.store,
            topic=topic,
            body=read_body(request),
            headers=request.headers,
            remote_address=request.META.get("REMOTE_ADDR", ""),
            unknown_tenant=caller.unknown_tenant,
        )
    except (TooLarge, RequestDataTooBig):
        limit = settings.MAX_BODY_BYTES
        return JsonResponse({"message": f"The body is larger than {limit} bytes"}, status=413)
    except DatabaseError:
        logger.exception("a message could not be stored")
        return JsonResponse(
            {"message": "The message could not be stored; send it again"}, status=503
        )
    return JsonResponse({"message": "Success"})


def _refuse() -> HttpResponse:
    response = JsonResponse({"message": "Wrong or missing credentials"}, status=401)
    response["WWW-Authenticate"] = 'Basic realm="returns-desk", charset="UTF-8"'
    return response


def read_body(request: HttpRequest) -> bytes:
    """Returns the whole body; raises TooLarge.

    A chunked body has no Content-Length, and Django would read it as empty: it is read from the
    server's own stream, which ends where the body ends.
    """
    if request.META.get("CONTENT_LENGTH") or not request.META.get("wsgi.input_terminated"):
        return request.body
    body: bytes = request.META["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)
    if len(body) > settings.MAX_BODY_BYTES:
        raise TooLarge
    return body
