"""Reports that are sent by e-mail, week by week or month by month."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.reads.schedules import filters_of, schedule_page, schedule_rows
from apps.desk.schedule_forms import ScheduleForm, initial_for, initial_of
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.sudo import confirm_identity
from apps.desk.views.reports import report_or_404
from apps.desk.views.security import sentence
from apps.reports import schedules as domain
from apps.reports.asking import ask
from apps.reports.models import Schedule, ScheduleRun
from apps.reports.registry import report_named
from apps.reports.types import Report

_DOING = "Sending reports to addresses outside of the store"


def _user_id(request: DeskRequest) -> int:
    return int(request.seat.membership.user_id)


def _schedule(request: DeskRequest, pk: int, *actions: Action) -> Schedule:
    """Returns a schedule of this store to who may see its report, and do `actions`."""
    rows = Schedule.objects.select_related("store", "author")
    found = get_object_or_404(rows, store=request.seat.store, pk=pk)
    report = report_named(found.report)
    for action in (*actions, report.action if report else Action.VIEW_FINANCE):
        demand(request, action)
    return found


@require_GET
@at_desk
def schedules(request: DeskRequest) -> HttpResponse:
    """The reports that are sent from this store, with what became of them last."""
    demand(request, Action.VIEW_FINANCE)
    context = {"rows": schedule_rows(request.seat.store.pk), **_mail()}
    return render(request, "desk/schedules.html", context)


def _mail() -> dict[str, Any]:
    return {
        "mail_is_missing": settings.EMAIL_IS_MISSING,
        "mail_goes_to_files": settings.EMAIL_GOES_TO_FILES,
    }


@require_GET
@at_desk
def schedule(request: DeskRequest, pk: int) -> HttpResponse:
    """One of them: what it sends, to whom, and every run of it."""
    found = _schedule(request, pk)
    return _page(request, found)


def _page(request: DeskRequest, found: Schedule) -> HttpResponse:
    context = {
        "page": schedule_page(request, found),
        "permit": request.seat.permit(Action.EDIT_SCHEDULES),
        **_mail(),
    }
    return render(request, "desk/schedule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def new(request: DeskRequest, name: str) -> HttpResponse:
    """A schedule of a report with the filters it is looked at with; POST makes it."""
    report = report_or_404(request, name)
    demand(request, Action.EDIT_SCHEDULES)
    store = request.seat.store
    if request.method != "POST":
        question = ask(report, store, request.GET).question
        if question is None:
            messages.error(request, "Not scheduled: a filter cannot be used. Correct it first.")
            return redirect(f"{reverse('desk:report', args=[name])}?{request.GET.urlencode()}")
        address = request.seat.membership.user.email
        form = ScheduleForm(
            report=report, store=store, initial=initial_for(report, question.query, address)
        )
        return _form_page(request, report, form)
    return _save(
        request,
        report,
        None,
        lambda values: domain.make_schedule(
            store=store, report=report, values=values, user_id=_user_id(request)
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def edit(request: DeskRequest, pk: int) -> HttpResponse:
    """Changes a schedule; it is sent in the name of whoever saves it."""
    found = _schedule(request, pk, Action.EDIT_SCHEDULES)
    report = report_named(found.report)
    if report is None or found.removed_at:
        why = "it was deleted" if report else "its report is not there any more"
        messages.error(request, f"It cannot be changed: {why}.")
        return redirect("desk:schedule", pk=pk)
    if request.method != "POST":
        form = ScheduleForm(report=report, store=found.store, initial=initial_of(found))
        return _form_page(request, report, form, schedule=found)
    return _save(
        request,
        report,
        found,
        lambda values: domain.change_schedule(
            store_id=found.store_id, pk=pk, values=values, user_id=_user_id(request)
        ),
    )


def _save(
    request: DeskRequest,
    report: Report,
    found: Schedule | None,
    save: Callable[[domain.ScheduleValues], Schedule],
) -> HttpResponse:
    form = ScheduleForm(request.POST, report=report, store=request.seat.store)
    if not form.is_valid():
        return _form_page(request, report, form, schedule=found, status=422)
    if form.strangers and (page := confirm_identity(request, _DOING)):
        return page
    try:
        saved = save(form.values())
    except Refused as refusal:
        form.add_error(None, sentence(refusal))
        return _form_page(request, report, form, schedule=found, status=422)
    messages.success(request, f"Saved: {saved.name}.")
    return redirect("desk:schedule", pk=saved.pk)


def _form_page(
    request: DeskRequest,
    report: Report,
    form: ScheduleForm,
    *,
    schedule: Schedule | None = None,
    status: int = 200,
) -> HttpResponse:
    query = form.asked_query
    context = {
        "form": form,
        "errors": [field for field in form if field.errors],
        "report": report,
        "query": query,
        "schedule": schedule,
        "filters": filters_of(request.seat.store, report.name, query),
        **_mail(),
    }
    return render(request, "desk/schedule_form.html", context, status=status)


@require_POST
@at_desk
def send(request: DeskRequest, pk: int) -> HttpResponse:
    """Has it sent now, as of today."""
    found = _schedule(request, pk, Action.EDIT_SCHEDULES)
    seen = request.POST.get("newest_run", "")
    return _do(
        request,
        found,
        "Being sent: its newest run is below.",
        lambda: domain.send_now(
            store_id=found.store_id,
            pk=pk,
            user_id=_user_id(request),
            newest_run=int(seen) if seen.isdecimal() and len(seen) < 19 else -1,
        ),
    )


@require_POST
@at_desk
def pause(request: DeskRequest, pk: int) -> HttpResponse:
    """Stops it until it is resumed."""
    return _change(request, pk, domain.pause_schedule, "Paused: nothing is sent until you resume.")


@require_POST
@at_desk
def resume(request: DeskRequest, pk: int) -> HttpResponse:
    """Lets it go on."""
    return _change(request, pk, domain.resume_schedule, "Resumed: it goes on with the next time.")


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def remove(request: DeskRequest, pk: int) -> HttpResponse:
    """Asks once more; POST deletes it."""
    if request.method != "POST":
        found = _schedule(request, pk, Action.EDIT_SCHEDULES)
        context = {
            "title": f"Delete the schedule “{found.name}”?",
            "text": "Nothing is sent any more, what is under way neither. What was sent stays in "
            "its log.",
            "button": "Delete it",
            "back": "desk:schedules",
        }
        return render(request, "desk/security_question.html", context)
    return _change(request, pk, domain.remove_schedule, "Deleted: nothing is sent any more.")


@require_POST
@at_desk
def again(request: DeskRequest, pk: int, run: int) -> HttpResponse:
    """Lets a run that failed go on."""
    found = _schedule(request, pk, Action.EDIT_SCHEDULES)
    get_object_or_404(ScheduleRun, schedule=found, pk=run)
    return _do(
        request,
        found,
        "Tried again: whoever has got it gets it no second time.",
        lambda: domain.try_again(
            store_id=found.store_id, schedule_id=pk, pk=run, user_id=_user_id(request)
        ),
    )


def _change(
    request: DeskRequest, pk: int, change: Callable[..., Schedule], said: str
) -> HttpResponse:
    found = _schedule(request, pk, Action.EDIT_SCHEDULES)
    return _do(
        request,
        found,
        said,
        lambda: change(store_id=found.store_id, pk=pk, user_id=_user_id(request)),
    )


def _do(
    request: DeskRequest, found: Schedule, said: str, change: Callable[[], object]
) -> HttpResponse:
    try:
        change()
    except Refused as refusal:
        messages.error(request, sentence(refusal))
    else:
        messages.success(request, said)
    return redirect("desk:schedule", pk=found.pk)
