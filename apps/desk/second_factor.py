"""Where a store asks for a second factor: who has none sets one up before anything else."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.second_factors import has_second_factor, needs_second_factor
from apps.stores.models import Store

_WHY = (
    "{name} asks for a second factor. Set up an authenticator app or a passkey below; then you can "
    "go on."
)


def set_up_first(request: HttpRequest, store: Store | None = None) -> HttpResponse | None:
    """Returns the way to the page where a second factor is set up, or None where the person has
    one or needs none: in `store`, or without it in any store of theirs."""
    if not request.user.is_authenticated:
        return None
    user_id = int(request.user.pk)
    if store is None:
        is_missing, name = needs_second_factor(user_id), "A store of yours"
    else:
        name = store.name
        is_missing = store.requires_second_factor and not has_second_factor(user_id)
    if not is_missing:
        return None
    if getattr(request, "htmx", None):
        return HttpResponseClientRedirect(reverse("desk:account"))
    messages.warning(request, _WHY.format(name=name))
    return redirect("desk:account")
