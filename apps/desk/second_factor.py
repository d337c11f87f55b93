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


def is_factor_missing(request: HttpRequest, store: Store) -> bool:
    """Tells whether `store` asks for a second factor that the person does not have."""
    return store.requires_second_factor and not has_second_factor(int(request.user.pk or 0))


def set_up_first(request: HttpRequest, store: Store | None = None) -> HttpResponse | None:
    """Returns the way to the page where a second factor is set up, or None where the person has
    one or needs none: in `store`, or without it in any store of theirs."""
    if not request.user.is_authenticated:
        return None
    if store is None:
        is_missing, name = needs_second_factor(int(request.user.pk)), "A store of yours"
    else:
        is_missing, name = is_factor_missing(request, store), store.name
    if not is_missing:
        return None
    if getattr(request, "htmx", None):
        return HttpResponseClientRedirect(reverse("desk:account"))
    messages.warning(request, _WHY.format(name=name))
    return redirect("desk:account")
