"""What people decide about the units of a return: leaving one out, letting it in again, and having
automation decide anew."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.common.money import show
from apps.desk.reads.rma_plans import ExclusionPlan, decision_plan, exclusion_plan
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.views.cases import rma_named
from apps.refunds.evaluation import evaluate_again
from apps.refunds.exclusions import exclude_unit, include_unit
from apps.refunds.models import Refund
from apps.rmas.models import Rma
from apps.timeline.types import Actor, staff


class ExclusionForm(forms.Form):
    """Why a unit is not refunded."""

    reason = forms.CharField(
        max_length=200,
        help_text="Shown beside the unit and in the timeline. Up to 200 characters.",
        error_messages={"required": "Write why: the next person will want to know."},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def exclude(request: DeskRequest, identifier: str, pk: int) -> HttpResponse:
    """Asks for the reason and tells what follows; POST leaves the unit out."""
    rma = rma_named(request, identifier)
    plan = _plan(rma, pk)
    demand(request, Action.WORK_CASE)
    unit = plan.view.unit
    if unit.is_excluded:
        messages.info(request, f"{_named(unit.label)} is excluded already.")
        return _back(rma)
    form = ExclusionForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        user = request.seat.membership.user
        name = user.get_full_name() or user.get_username()
        reason = form.cleaned_data["reason"]
        try:
            exclude_unit(unit=unit, reason=reason, actor=_actor(request), excluder=name)
        except Refused as refusal:
            form.add_error(None, _sentence(refusal))
            plan, status = _plan(rma, pk), 409
        else:
            messages.success(request, f"Excluded: {unit.label} is not refunded.")
            return _back(rma)
    shown = {"rma": rma, "unit": unit, "plan": plan, "form": form}
    return render(request, "desk/exclude_unit.html", shown, status=status)


@require_POST
@at_desk
def include(request: DeskRequest, identifier: str, pk: int) -> HttpResponse:
    """Lets an excluded unit in again: automation decides on it anew."""
    rma = rma_named(request, identifier)
    unit = _plan(rma, pk).view.unit
    demand(request, Action.WORK_CASE)
    try:
        include_unit(unit=unit, actor=_actor(request))
    except Refused as refusal:
        messages.error(request, _sentence(refusal))
    else:
        messages.success(
            request, f"Let in again: automation decides on {unit.label} anew, within seconds."
        )
    return _back(rma)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def decide(request: DeskRequest, identifier: str) -> HttpResponse:
    """Tells what deciding anew looks at; POST decides, and says at once what came of it."""
    rma = rma_named(request, identifier)
    demand(request, Action.WORK_CASE)
    plan = decision_plan(rma)
    if request.method != "POST" or plan.problem:
        status = 409 if request.method == "POST" else 200
        shown = {"rma": rma, "plan": plan}
        return render(request, "desk/decide_anew.html", shown, status=status)
    try:
        refunds = evaluate_again(rma=rma, actor=_actor(request))
    except Refused as refusal:
        messages.error(request, _sentence(refusal))
    else:
        messages.success(request, _outcome(refunds))
    return _back(rma)


def _outcome(refunds: list[Refund]) -> str:
    if not refunds:
        return "Decided anew: nothing more is refunded. Why not stands beside each unit."
    names = [
        f"{refund.identifier} of {show(refund.total_refund_amount_cents, refund.currency)} "
        f"({refund.get_status_display().lower()})"
        for refund in refunds
    ]
    return f"Decided anew: {', '.join(names)}."


def _plan(rma: Rma, pk: int) -> ExclusionPlan:
    plan = exclusion_plan(rma, pk)
    if plan is None:
        raise Http404(f"Return {rma.rma_identifier} has no unit {pk}.")
    return plan


def _back(rma: Rma) -> HttpResponse:
    return redirect("desk:rma", identifier=rma.rma_identifier)


def _actor(request: DeskRequest) -> Actor:
    return staff(int(request.seat.membership.user_id))


def _named(label: str) -> str:
    return f"{label[:1].upper()}{label[1:]}"


def _sentence(refusal: Refused) -> str:
    return f"{_named(str(refusal))}."
