"""Refund policies: what is in force, changing it after a back-test, and putting open returns under
the newest one."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.policy_forms import PolicyForm, Shown, initial_of, shown_by, token_for
from apps.desk.policy_words import changes_between
from apps.desk.reads import policies as reads
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.sudo import confirm_identity
from apps.refunds.backtest import DAYS, MAX_UNITS, backtest
from apps.refunds.policies import OnePolicy
from apps.refunds.policy_edits import (
    ChangedMeanwhile,
    PolicyValues,
    change_policy,
    renew_as_shown,
)


@require_GET
@at_desk
def policies(request: DeskRequest) -> HttpResponse:
    """The policy in force for every brand."""
    found = reads.policies_of_brands(request.seat.store)
    permit = request.seat.permit(Action.EDIT_POLICY)
    return render(request, "desk/policies.html", {"brands": found, "permit": permit})


@require_GET
@at_desk
def policy(request: DeskRequest) -> HttpResponse:
    """One brand's policy: what it says, which open returns are not under it yet, its history."""
    found = _brand(request)
    store = request.seat.store
    return render(
        request,
        "desk/policy.html",
        {
            "brand": found,
            "history": reads.history_of(store, found.concept),
            "renewal": (reads.renewal_of(store, found.concept) if found.open_under_older else None),
            "permit": request.seat.permit(Action.EDIT_POLICY),
            "max_units": MAX_UNITS,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def edit(request: DeskRequest) -> HttpResponse:
    """The form of a brand's policy. POST shows what the change would have done; with `step=save`
    it puts it in force, where exactly these values were shown before."""
    brand = _brand(request)
    demand(request, Action.EDIT_POLICY)
    if request.method != "POST":
        form = PolicyForm(initial=initial_of(PolicyValues.of(brand.policy)))
        return _page(request, brand, form)
    is_save = request.POST.get("step") == "save"
    form = PolicyForm(request.POST, needs_note=is_save)
    if not form.is_valid():
        return _page(request, brand, form, status=422)
    return _save(request, brand, form) if is_save else _page(request, brand, form)


def _save(request: DeskRequest, brand: reads.BrandPolicy, form: PolicyForm) -> HttpResponse:
    store, values = request.seat.store, form.values()
    shown = shown_by(request.POST.get("token", ""), store.pk, brand.concept)
    if shown is None or shown.values != values:
        problem = (
            "Not saved: look at what these values would have done first. The figures below are "
            "for them."
        )
        return _page(request, brand, form, status=422, problem=problem)
    if page := confirm_identity(request, "Putting a refund policy in force"):
        return page
    try:
        change_policy(
            store=store,
            concept=brand.concept,
            values=values,
            note=form.cleaned_data["note"],
            compared_with=(shown.version_id, shown.before),
            user_id=int(request.seat.membership.user_id),
        )
    except ChangedMeanwhile:
        return _changed_meanwhile(request, form, shown)
    except Refused as refusal:
        text = str(refusal)
        messages.info(request, f"{text[:1].upper()}{text[1:]}. Nothing was saved.")
        return redirect(_address(brand.concept))
    messages.success(
        request,
        "In force from now on. It counts for what happens from now on: a return that is open "
        "already is decided by the policy of its last message until somebody puts it under this "
        "one.",
    )
    return redirect(_address(brand.concept))


def _changed_meanwhile(request: DeskRequest, form: PolicyForm, shown: Shown) -> HttpResponse:
    brand = _brand(request)
    return _page(
        request,
        brand,
        form,
        status=409,
        problem="Not saved: somebody changed the policy since you looked. The figures below "
        "compare with what is in force now.",
        changed_meanwhile=changes_between(shown.before, PolicyValues.of(brand.policy)),
    )


def _page(
    request: DeskRequest,
    brand: reads.BrandPolicy,
    form: PolicyForm,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """Renders the form, with the back-test where its values are valid and change something; a
    missing note does not hide it. An htmx request gets errors with status 200: it draws nothing
    else."""
    if form.is_bound and not set(form.errors) - {"note"}:
        context |= _preview(request, brand, form.values())
    is_fragment = bool(getattr(request, "htmx", False))
    return render(
        request,
        "desk/policy_edit.html",
        {"brand": brand, "form": form, "days": DAYS, "max_units": MAX_UNITS, **context},
        status=200 if is_fragment else status,
    )


def _preview(
    request: DeskRequest, brand: reads.BrandPolicy, values: PolicyValues
) -> dict[str, Any]:
    changes = changes_between(PolicyValues.of(brand.policy), values)
    if not changes:
        return {"is_unchanged": True}
    store_id = request.seat.store.pk
    found = backtest(
        store_id=store_id,
        concept=brand.concept,
        before=OnePolicy(brand.policy),
        after=OnePolicy(values.to_policy()),
    )
    return {
        "preview": found,
        "changes": changes,
        "tables": reads.tables_of(found),
        "differences": reads.differences_of(found),
        "token": token_for(store_id, brand.concept, values, brand.policy),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def renew(request: DeskRequest) -> HttpResponse:
    """Asks once more with the amounts spelled out; POST puts the open returns under the newest
    policy. A second POST finds none left."""
    brand = _brand(request)
    demand(request, Action.EDIT_POLICY)
    if request.method != "POST":
        found = reads.renewal_of(request.seat.store, brand.concept)
        return render(
            request,
            "desk/policy_renew.html",
            {"brand": brand, "renewal": found, "max_units": MAX_UNITS},
        )
    version_id = request.POST.get("version", "")
    try:
        count = renew_as_shown(
            store=request.seat.store,
            concept=brand.concept,
            version_id=int(version_id) if version_id.isdecimal() else 0,
            user_id=int(request.seat.membership.user_id),
        )
    except Refused as refusal:
        text = str(refusal)
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
        return redirect(_address(brand.concept))
    if count:
        returns = f"{count:,} open return{'' if count == 1 else 's'}"
        messages.success(
            request, f"{returns} put under the newest policy; the next free worker decides on them."
        )
    else:
        messages.info(request, "No open return is under an older policy: nothing was done.")
    return redirect(_address(brand.concept))


def _brand(request: DeskRequest) -> reads.BrandPolicy:
    concept = request.GET.get("brand", "")
    store = request.seat.store
    if concept and concept not in reads.brands_of(store):
        raise Http404(f"There is no brand {concept} in this store.")
    return reads.policy_of_brand(store, concept)


def _address(concept: str) -> str:
    query = f"?{urlencode({'brand': concept})}" if concept else ""
    return f"{reverse('desk:policy')}{query}"
