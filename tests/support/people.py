"""People who decide, with a role in the default store."""

import time

from django.test import Client

from apps.accounts.models import Membership, Role, User
from apps.stores.queries import default_store
from apps.timeline.types import Actor, staff


def person(username: str = "lea", role: Role = Role.LEAD) -> User:
    """Makes a person with a role in the default store."""
    user, _ = User.objects.get_or_create(username=username)
    Membership.objects.update_or_create(user=user, store=default_store(), defaults={"role": role})
    return user


def actor(username: str = "lea", role: Role = Role.ADMINISTRATOR) -> Actor:
    """The same as an actor; who may decide on any amount unless another role is named."""
    return staff(person(username, role).pk)


def sign_in(browser: Client, user: User, *, seconds_ago: float = 0) -> None:
    """Signs a person in as their password would, `seconds_ago`."""
    browser.force_login(user)
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time() - seconds_ago}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
