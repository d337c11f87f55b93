"""Working on the case of an order or a return: notes, whose it is, until when, and the flag."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from apps.accounts.models import User
from apps.accounts.rules import Action
from apps.cases import services as cases
from apps.cases.models import SubjectKind
from apps.cases.queries import unknown_names
from apps.common.errors import Refused
from apps.desk.case_forms import case_forms, form_named
from apps.desk.reads.case import case_panel
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.views.cases import order_named, rma_named, show_order, show_rma
from apps.desk.words import local_text
from apps.refunds import flags
from apps.stores.models import Store
from apps.timeline.types import Actor, staff


@dataclass(frozen=True)
class Subject:
    """The order or return that is worked on, and by whom."""

    store: Store
    kind: str
    identifier: str
    user: User

    @property
    def actor(self) -> Actor:
        """Who the timeline says did it."""
        return staff(int(self.user.pk))

    @property
    def named(self) -> dict[str, Any]:
        """What the services of a case are told of it."""
        return {
            "store_id": self.store.pk,
            "subject_kind": self.kind,
            "subject": self.identifier,
            "actor": self.actor,
        }


def _note(subject: Subject, values: dict[str, Any]) -> str:
    cases.write_note(**subject.named, text=values["text"], author=subject.user)
    strangers = unknown_names(store_id=subject.store.pk, text=values["text"])
    if not strangers:
        return "Note written."
    names = ", ".join(f"@{name}" for name in strangers)
    return f"Note written. Nobody was told by {names}: no one in this store is called so."


def _assign(subject: Subject, values: dict[str, Any]) -> str:
    assignee: User | None = values["assignee"]
    cases.assign(**subject.named, assignee=assignee, seen=values["seen"])
    if assignee is None:
        return "Assigned to nobody."
    if assignee.pk == subject.user.pk:
        return "It is yours now."
    return f"Assigned to {assignee.get_full_name() or assignee.get_username()}."


def _due(subject: Subject, values: dict[str, Any]) -> str:
    due_at = values["due_on"]
    cases.set_due(**subject.named, due_at=due_at)
    return f"Due {local_text(due_at)}." if due_at else "Due date taken away."


def _flag(subject: Subject, values: dict[str, Any]) -> str:
    flags.flag(
        store=subject.store,
        subject_kind=subject.kind,
        subject=subject.identifier,
        reason=values["reason"],
        actor=subject.actor,
        flagger=subject.user.get_full_name() or subject.user.get_username(),
    )
    return "Automation is stopped. What it had decided and not paid is withdrawn."


def _unflag(subject: Subject, values: dict[str, Any]) -> str:
    flags.unflag(
        store=subject.store,
        subject_kind=subject.kind,
        subject=subject.identifier,
        actor=subject.actor,
    )
    return "Automation goes on: it decides anew, with what is known now."


@dataclass(frozen=True)
class Verb:
    """One thing to do with a case: what it needs, and what does it and says so."""

    action: Action
    do: Callable[[Subject, dict[str, Any]], str]


VERBS = {
    "note": Verb(Action.WRITE_NOTE, _note),
    "assign": Verb(Action.WORK_CASE, _assign),
    "due": Verb(Action.WORK_CASE, _due),
    "flag": Verb(Action.WORK_CASE, _flag),
    "unflag": Verb(Action.WORK_CASE, _unflag),
}


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def order(request: DeskRequest, identifier: str, verb: str) -> HttpResponse:
    """Works on the case of an order; GET leads to its page."""
    found = order_named(request, identifier)
    names = [found.identifier]
    return _work(
        request,
        (SubjectKind.ORDER, found.identifier, verb),
        lambda **shown: show_order(request, found, **shown),
        lambda: redirect("desk:order", *names),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def rma(request: DeskRequest, identifier: str, verb: str) -> HttpResponse:
    """Works on the case of a return; GET leads to its page."""
    found = rma_named(request, identifier)
    names = [found.rma_identifier]
    return _work(
        request,
        (SubjectKind.RMA, found.rma_identifier, verb),
        lambda **shown: show_rma(request, found, **shown),
        lambda: redirect("desk:rma", *names),
    )


def _work(
    request: DeskRequest,
    about: tuple[str, str, str],
    show: Callable[..., HttpResponse],
    leave: Callable[[], HttpResponse],
) -> HttpResponse:
    """Does what the form asks; what is wrong or refused stands on the page, with what was typed."""
    kind, identifier, name = about
    verb = VERBS.get(name)
    if verb is None:
        raise Http404(f"There is nothing called {name} to do here.")
    if request.method != "POST":
        return leave()
    demand(request, verb.action)
    user = request.seat.membership.user
    panel = case_panel(
        store_id=request.seat.store.pk,
        subject_kind=kind,
        subject=identifier,
        person_id=user.pk,
        related=[],
    )
    form = form_named(name, request.POST, panel)
    status = 422
    if form.is_valid():
        try:
            done = verb.do(Subject(request.seat.store, kind, identifier, user), form.cleaned_data)
        except Refused as refusal:
            form.add_error(_main_field(form), _sentence(refusal))
            status = 409
        else:
            messages.success(request, done)
            return leave()
    return show(forms=case_forms(panel).with_form(name, form), status=status)


def _main_field(form: forms.Form) -> str | None:
    """The field that a refusal stands beside: the first."""
    return next(iter(form.fields), None)


def _sentence(refusal: Refused) -> str:
    text = str(refusal)
    return f"{text[:1].upper()}{text[1:]}."
