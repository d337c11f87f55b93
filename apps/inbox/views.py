"""Where Optoro's webhooks arrive: authenticate, store, commit, answer. Nothing else."""

import logging

from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.common.bodies import Incomplete, TooLarge, read_body
from apps.common.fields import CannotDecrypt
from apps.inbox.authentication import caller_of
from apps.inbox.models import Topic
from apps.inbox.services import store_delivery

logger = logging.getLogger(__name__)


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
            return refuse_credentials()
        store_delivery(
            store=caller.store,
            topic=topic,
            body=read_body(request),
            headers=request.headers,
            remote_address=request.META.get("REMOTE_ADDR", ""),
            unknown_tenant=caller.unknown_tenant,
        )
    except TooLarge as error:
        return JsonResponse({"message": str(error)}, status=413)
    except (DatabaseError, CannotDecrypt, Incomplete):
        logger.exception("a message could not be stored")
        return JsonResponse(
            {"message": "The message could not be stored; send it again"}, status=503
        )
    return JsonResponse({"message": "Success"})


def refuse_credentials() -> HttpResponse:
    """Returns the answer to wrong or missing credentials."""
    response = JsonResponse({"message": "Wrong or missing credentials"}, status=401)
    response["WWW-Authenticate"] = 'Basic realm="returns-desk", charset="UTF-8"'
    return response
