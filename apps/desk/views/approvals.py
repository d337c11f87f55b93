"""Refunds that wait for approval, and the policy of who decides on how much."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.field_words import words_for
from apps.desk.paging import page_of
from apps.desk.reads import approvals as reads
from apps.desk.reads.making import NotAnAmount, cents_from, written
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.sudo import confirm_identity
from apps.refunds.approval_edits import change_approvals
from apps.refunds.approvals import approvals_from
from apps.refunds.models import ApprovalPolicy
from apps.refunds.policy_edits import ChangedMeanwhile
from apps.refunds.types import Approvals

MOST_MINUTES = 7 * 24 * 60
SAVED = (
    "Saved: it counts for every approval from now on; refunds that are held already keep their "
    "time."
)


@require_GET
@at_desk
def approvals(request: DeskRequest) -> HttpResponse:
    """The refunds that wait, oldest first; with `?mine=yes` those that this person may approve."""
    store, membership = request.seat.store, request.seat.membership
    user_id = int(membership.user_id)
    permit = request.seat.permit(Action.DECIDE_REFUND)
    rows = reads.waiting_refunds(store.pk).select_related("order", "rma", "author")
    is_mine = request.GET.get("mine") == "yes"
    if is_mine:
        keys = reads.keys_to_approve(store, user_id=user_id, role=membership.role)
        rows = rows.filter(pk__in=keys) if permit.is_given else rows.none()
    page = page_of(request, rows.defer("order__raw", "raw"))
    return render(
        request,
        "desk/approvals.html",
        {
            "page": page,
            "rows": reads.waiting_rows(page, store, user_id=user_id, role=membership.role),
            "is_mine": is_mine,
            "permit": permit,
        },
    )


class AmountField(forms.CharField):
    """An amount as people write it, in cents; blank is None. It counts for every currency, so it
    has two decimals whatever they have."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        words = words_for("the amount", **kwargs.pop("error_messages", {}))
        super().__init__(max_length=20, widget=widget, error_messages=words, **kwargs)

    def clean(self, value: Any) -> int | None:
        """Returns the amount in cents, None where it is blank."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return cents_from(text)
        except NotAnAmount as problem:
            raise forms.ValidationError(str(problem)) from None


def _minutes(what: str) -> dict[str, str]:
    return words_for(
        what,
        required="Write whole minutes; 0 to pay at once.",
        invalid="Write whole minutes, such as 10.",
    )


class ApprovalsForm(forms.Form):
    """Who decides on how much, as a person edits it."""

    agent_limit_cents = AmountField(label="An agent decides on up to", required=False)
    lead_limit_cents = AmountField(label="A lead decides on up to", required=False)
    administrator_limit_cents = AmountField(
        label="An administrator decides on up to", required=False
    )
    two_person_above_cents = AmountField(
        label="A second person approves above",
        required=False,
        help_text="What somebody made above this, another person approves, whoever made it.",
    )
    api_limit_cents = AmountField(label="Made by API: a person approves above", required=False)
    automatic_limit_cents = AmountField(label="Automatic: a person approves above", required=False)
    goodwill_limit_cents = AmountField(
        label="Goodwill for one order, all together",
        help_text="0: no goodwill.",
        error_messages={"required": "Write an amount; 0 for no goodwill."},
    )
    staff_hold_minutes = forms.IntegerField(
        label="Hold of refunds made by people, in minutes",
        min_value=0,
        max_value=MOST_MINUTES,
        error_messages=_minutes("the hold of refunds made by people"),
    )
    api_hold_minutes = forms.IntegerField(
        label="Hold of refunds made by API, in minutes",
        min_value=0,
        max_value=MOST_MINUTES,
        error_messages=_minutes("the hold of refunds made by API"),
    )
    note = forms.CharField(
        label="Why it is changed",
        max_length=255,
        strip=True,
        help_text="Kept with the version. Up to 255 characters.",
        error_messages=words_for("why", required="Write why: it is kept with the version."),
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def typed(self) -> dict[str, Any]:
        """Returns what was typed, to show it again."""
        return {name: self[name].value() for name in self.fields}

    def values(self) -> Approvals:
        """Returns what the valid form says: cents, None for no limit, and minutes."""
        names = asdict(Approvals())
        return Approvals(**{name: self.cleaned_data[name] for name in names})


def _initial(values: Approvals, version: ApprovalPolicy | None) -> dict[str, Any]:
    def text(name: str, value: int | None) -> Any:
        return written(value) if name.endswith("_cents") and value is not None else value

    said = {name: text(name, value) for name, value in asdict(values).items()}
    return {**said, "version": version.pk if version else ""}


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def policy(request: DeskRequest) -> HttpResponse:
    """Who decides on how much, and its versions; POST saves a new version, if nobody else did since
    this person looked."""
    if request.method != "POST":
        return _page(request)
    demand(request, Action.EDIT_APPROVALS)
    form = ApprovalsForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    if page := confirm_identity(request, "Changing who decides on how much"):
        return page
    try:
        change_approvals(
            store=request.seat.store,
            values=form.values(),
            note=form.cleaned_data["note"],
            compared_with=form.cleaned_data["version"],
            user_id=int(request.seat.membership.user_id),
        )
    except ChangedMeanwhile:
        return _changed_meanwhile(request, form)
    except Refused as refusal:
        text = str(refusal)
        messages.info(request, f"{text[:1].upper()}{text[1:]}. Nothing was saved.")
    else:
        messages.success(request, SAVED)
    return redirect("desk:approval-policy")


def _changed_meanwhile(request: DeskRequest, form: ApprovalsForm) -> HttpResponse:
    """Shows what was typed again, now compared with what is in force."""
    newest = reads.newest_version(request.seat.store)
    typed = ApprovalsForm({**form.typed(), "version": newest.pk if newest else ""})
    before = approvals_from(newest) if newest else Approvals()
    problem = (
        "Not saved: somebody changed it since you looked. Your values are kept below; what they "
        "would change now:"
    )
    changes = reads.changes_in(before, form.values())
    return _page(request, typed, status=409, problem=problem, would_change=changes)


def _page(
    request: DeskRequest, form: ApprovalsForm | None = None, *, status: int = 200, **context: Any
) -> HttpResponse:
    newest = reads.newest_version(request.seat.store)
    values = approvals_from(newest) if newest else Approvals()
    return render(
        request,
        "desk/approval_policy.html",
        {
            "form": form or ApprovalsForm(initial=_initial(values, newest)),
            "errors": [field for field in form if field.errors] if form else (),
            "said": reads.said_by(values),
            "version": newest,
            "history": reads.versions_of(request.seat.store),
            "permit": request.seat.permit(Action.EDIT_APPROVALS),
            **context,
        },
        status=status,
    )
