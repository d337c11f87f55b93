"""Where Optoro places exchange orders: it waits for the answer and shows it to the shopper."""

import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.common.bodies import TooLarge, read_body
from apps.common.errors import InvalidMessage
from apps.inbox.authentication import caller_of
from apps.inbox.exchanges import Received, keep_refused, take_exchange_order
from apps.inbox.services import unknown_tenant_error
from apps.inbox.views import refuse_credentials
from apps.optoro.exchange_message import refusal

logger = logging.getLogger(__name__)


@csrf_exempt
@login_not_required
@require_POST
def receive_exchange_order(request: HttpRequest) -> HttpResponse:
    """`POST /optoro/exchange_orders` and `/optoro/orders` (contract §7): 200 with the four fields
    of the answer, the same text for every request about one original order.

    401 for wrong credentials, 403 for a tenant they do not serve, 413 above the size limit, 422
    naming every wrong field, 503 when it could not be placed (Optoro asks again).
    """
    try:
        return _serve(request)
    except TooLarge as error:
        return JsonResponse({"message": str(error)}, status=413)
    except InvalidMessage as error:
        return JsonResponse(refusal(error), status=422)
    except Exception:
        logger.exception("an exchange order could not be placed")
        return JsonResponse(
            {"message": "The exchange order could not be placed; send it again"}, status=503
        )


def _serve(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    if caller is None:
        return refuse_credentials()
    received = Received(
        store=caller.store,
        body=read_body(request),
        headers=request.headers,
        remote_address=request.META.get("REMOTE_ADDR", ""),
    )
    if caller.unknown_tenant:
        error = unknown_tenant_error(caller.unknown_tenant, then="send it again")
        keep_refused(received, subject="", error=error)
        return JsonResponse({"message": error}, status=403)
    return HttpResponse(take_exchange_order(received), content_type="application/json")
