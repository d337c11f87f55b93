"""What came in and what goes out, as it was: deliveries, outbound jobs, raw messages."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.reads.deliveries import delivery_page
from apps.desk.reads.exchanges import exchange_order_of
from apps.desk.reads.jobs import job_page
from apps.desk.reads.raw import SHOWN_CHARACTERS, raw_message, raw_of_delivery, subject_of
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.inbox.models import Delivery, DeliveryState
from apps.inbox.rules import why_not_replayable
from apps.inbox.services import replay as replay_delivery
from apps.outbox.models import Job, JobState
from apps.outbox.services import resend as resend_job
from apps.reconciliation.rules import age_in_words


def _deliveries(request: DeskRequest) -> QuerySet[Delivery]:
    return Delivery.objects.filter(store=request.seat.store)


@require_GET
@at_desk
def delivery(request: DeskRequest, pk: int) -> HttpResponse:
    """One message: what was understood and what became of it, the messages around it, how to
    replay it, and its body, as it came with `?body=exact`."""
    found = get_object_or_404(_deliveries(request), pk=pk)
    shown = raw_of_delivery(found)
    return render(
        request,
        "desk/delivery.html",
        {
            "delivery": found,
            "page": delivery_page(found),
            "raw": shown.exactly() if request.GET.get("body") == "exact" else shown,
            "limit": SHOWN_CHARACTERS,
            "took": _took(found),
            "permit": request.seat.permit(Action.REPLAY_MESSAGE),
            "why_not_replayable": why_not_replayable(found),
            "exchange_order": exchange_order_of(found),
        },
    )


def _took(delivery: Delivery) -> str:
    """Returns how long a message waited until it was processed, in words."""
    if delivery.processed_at is None:
        return ""
    took = age_in_words(delivery.processed_at - delivery.received_at)
    return "less than a second" if took.startswith("0 ") else took


@require_POST
@at_desk
def replay(request: DeskRequest, pk: int) -> HttpResponse:
    """Queues a message to be processed once more."""
    found = get_object_or_404(_deliveries(request), pk=pk)
    demand(request, Action.REPLAY_MESSAGE)
    try:
        replayed = replay_delivery(delivery=found)
    except Refused as error:
        messages.error(request, str(error))
        return redirect("desk:delivery", pk=pk)
    if replayed.state == DeliveryState.QUARANTINED:
        messages.error(request, f"Still quarantined: {replayed.error}")
    else:
        messages.success(request, "Queued: the message is processed by the next free worker.")
    if replayed.store_id != found.store_id:
        return redirect("desk:deliveries")
    return redirect("desk:delivery", pk=pk)


@require_GET
@at_desk
def job(request: DeskRequest, pk: int) -> HttpResponse:
    """One outbound job with its attempts, and what the snapshot it sent changed; with
    `?compare=now` what one that is sent now would change."""
    found = get_object_or_404(Job, store=request.seat.store, pk=pk)
    compares_now = request.GET.get("compare") == "now"
    return render(
        request,
        "desk/job.html",
        {
            "job": found,
            "page": job_page(found, compares_now=compares_now),
            "compares_now": compares_now,
            "subject": subject_of(found),
            "permit": request.seat.permit(Action.REPLAY_MESSAGE),
        },
    )


@require_POST
@at_desk
def resend(request: DeskRequest, pk: int) -> HttpResponse:
    """Queues the subject of a job once more, at once."""
    found = get_object_or_404(Job, store=request.seat.store, pk=pk)
    demand(request, Action.REPLAY_MESSAGE)
    resend_job(job=found)
    messages.success(request, "Queued: the next free worker takes it, with the newest data.")
    waiting = Job.objects.filter(topic=found.topic, key=found.key, state=JobState.WAITING).first()
    return redirect("desk:job", pk=waiting.pk if waiting else pk)


@require_GET
@at_desk
def raw(request: DeskRequest, kind: str, pk: int) -> HttpResponse:
    """One raw message: drawn into the timeline by htmx, a page of its own without, as it came with
    `?body=exact`, and a file with `?as=file`."""
    found = raw_message(store_id=request.seat.store.pk, kind=kind, pk=pk)
    if found is None:
        raise Http404("There is no such message in this store.")
    if request.GET.get("as") == "file":
        return HttpResponse(
            found.whole,
            content_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{kind}-{pk}.json"'},
        )
    if request.GET.get("body") == "exact":
        found = found.exactly()
    is_fragment = bool(getattr(request, "htmx", False))
    template = "desk/parts/raw.html" if is_fragment else "desk/raw.html"
    response = render(request, template, {"raw": found, "limit": SHOWN_CHARACTERS})
    patch_vary_headers(response, ["HX-Request"])
    return response
