"""Who works in the store: for its administrators."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import BigIntegerField
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import attempts, second_factors
from apps.accounts import people as domain
from apps.accounts.models import Membership, Role, User
from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.sudo import confirm_identity
from apps.desk.templatetags.desk import plural
from apps.desk.views.security import sentence

_DOING = "Changing who works in this store"
_TOO_MANY = "Too many user names that could not be added. Wait {minutes}, then try again."


class AddForm(forms.Form):
    """Somebody who has an account, and the role they get."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        help_text="As it is in the Configuration, where accounts are made.",
        error_messages={"required": "Write the user name of the person."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.AGENT)


class RoleForm(forms.Form):
    """Another role for somebody."""

    role = forms.ChoiceField(choices=Role.choices)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def people(request: DeskRequest) -> HttpResponse:
    """The people of the store; POST adds one who has an account already."""
    demand(request, Action.MANAGE_PEOPLE)
    if request.method != "POST":
        return _page(request, AddForm())
    form = AddForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    if page := confirm_identity(request, _DOING):
        return page
    attempt = attempts.try_adding(request, int(request.user.pk or 0))
    if not attempt.is_allowed:
        form.add_error("username", _TOO_MANY.format(minutes=plural(attempt.wait_minutes, "minute")))
        response = _page(request, form, status=429)
        response["Retry-After"] = str(attempt.wait_seconds)
        return response
    try:
        added = domain.add_person(
            store_id=request.seat.store.pk,
            actor_id=int(request.seat.membership.user_id),
            username=form.cleaned_data["username"],
            role=Role(form.cleaned_data["role"]),
        )
    except Refused as refusal:
        form.add_error("username", sentence(refusal))
        return _page(request, form, status=422)
    attempts.forget(attempt)
    messages.success(
        request, f"{added.user.get_username()} works here now, as {added.get_role_display()}."
    )
    return redirect("desk:people")


@require_POST
@at_desk
def role(request: DeskRequest, pk: int) -> HttpResponse:
    """Gives a person of the store another role."""
    demand(request, Action.MANAGE_PEOPLE)
    membership = _membership(request, pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Choose one of these roles: {', '.join(Role.labels)}.")
        return redirect("desk:people")
    if page := confirm_identity(request, _DOING):
        return page
    try:
        changed = domain.change_role(
            store_id=request.seat.store.pk,
            actor_id=int(request.seat.membership.user_id),
            person_id=membership.user_id,
            role=Role(form.cleaned_data["role"]),
        )
    except Refused as refusal:
        messages.error(request, sentence(refusal))
    else:
        name = membership.user.get_username()
        messages.success(request, f"{name} is {changed.get_role_display()} now.")
    return redirect("desk:people")


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def take_out(request: DeskRequest, pk: int) -> HttpResponse:
    """Asks once more; POST takes a person out of the store."""
    demand(request, Action.MANAGE_PEOPLE)
    membership = _membership(request, pk)
    name = membership.user.get_username()
    if request.method != "POST":
        return _question(
            request,
            title=f"Take {name} out of {request.seat.store.name}?",
            text="They see nothing of this store from now on. What they did keeps their name, and "
            "their account stays.",
            button=f"Take {name} out",
        )
    if page := confirm_identity(request, _DOING):
        return page
    try:
        domain.take_out(
            store_id=request.seat.store.pk,
            actor_id=int(request.seat.membership.user_id),
            person_id=membership.user_id,
        )
    except Refused as refusal:
        messages.error(request, sentence(refusal))
    else:
        messages.success(request, f"{name} works here no more.")
    return redirect("desk:people")


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def reset_factor(request: DeskRequest, pk: int) -> HttpResponse:
    """Asks once more; POST takes the second factors of a person away, as when a phone was lost."""
    demand(request, Action.MANAGE_PEOPLE)
    person = _membership(request, pk).user
    name = person.get_username()
    if request.method != "POST":
        return _question(
            request,
            title=f"Take the second factor of {name} away?",
            text="Their app, passkeys and recovery codes count no more: their password alone signs "
            "them in, until they set up a new one. Be sure that it is they who ask.",
            button="Take the second factor away",
        )
    if page := confirm_identity(request, _DOING, by_second_factor=True):
        return page
    actor = User.objects.get(pk=request.seat.membership.user_id)
    try:
        count = second_factors.take_away(actor=actor, person=person, store_id=request.seat.store.pk)
    except Refused as refusal:
        messages.error(request, sentence(refusal))
    else:
        said = "has no second factor any more." if count else "had no second factor."
        messages.success(request, f"{name} {said}")
    return redirect("desk:people")


def _membership(request: DeskRequest, pk: int) -> Membership:
    """Returns the membership of a person in the seat's store, by the person's key."""
    here = Membership.objects.filter(store_id=request.seat.store.pk).select_related("user")
    # A number that no column holds is nobody's.
    membership = here.filter(user_id=pk).first() if pk <= BigIntegerField.MAX_BIGINT else None
    if membership is None:
        raise Http404("Nobody of this store has that number.")
    return membership


def _question(request: DeskRequest, *, title: str, text: str, button: str) -> HttpResponse:
    context = {"title": title, "text": text, "button": button, "back": "desk:people"}
    return render(request, "desk/security_question.html", context)


def _page(request: DeskRequest, form: AddForm, *, status: int = 200) -> HttpResponse:
    store = request.seat.store
    context: dict[str, Any] = {
        "form": form,
        "people": domain.people_in(
            store_id=store.pk, viewer_id=int(request.seat.membership.user_id)
        ),
        "changes": domain.changes_in(store_id=store.pk),
        "roles": Role.choices,
    }
    return render(request, "desk/people.html", context, status=status)
