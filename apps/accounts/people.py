"""Who has which role in a store: giving, changing and taking roles, each with its trail."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.accounts import audit
from apps.accounts.models import AccessChange, Membership, Role, User
from apps.accounts.second_factors import people_with_second_factor
from apps.common.errors import Refused
from apps.stores.models import Store


@dataclass(frozen=True)
class PersonView:
    """One person of a store; `last_sign_in_at` is UTC. Of whoever works in another store, too, how
    and when they sign in is not this store's alone to know: nothing is told then."""

    membership: Membership
    works_elsewhere: bool
    has_second_factor: bool
    last_sign_in_at: datetime | None
    is_self: bool

    @property
    def user(self) -> User:
        """The person."""
        return self.membership.user


def people_in(*, store_id: int, viewer_id: int) -> list[PersonView]:
    """Returns the people of a store by name, in three queries."""
    memberships = list(
        Membership.objects.filter(store_id=store_id)
        .select_related("user")
        .order_by("user__username")
    )
    user_ids = [m.user_id for m in memberships]
    others = Membership.objects.filter(user_id__in=user_ids).exclude(store_id=store_id)
    elsewhere = set(others.values_list("user_id", flat=True))
    protected = people_with_second_factor(user_ids) - elsewhere
    return [
        PersonView(
            membership=m,
            works_elsewhere=m.user_id in elsewhere,
            has_second_factor=m.user_id in protected,
            last_sign_in_at=None if m.user_id in elsewhere else m.user.last_login,
            is_self=m.user_id == viewer_id,
        )
        for m in memberships
    ]


def changes_in(*, store_id: int, count: int = 20) -> list[AccessChange]:
    """Returns the newest changes of who gets into a store, newest first."""
    rows = AccessChange.objects.filter(store_id=store_id).select_related("person", "actor")
    return list(rows.order_by("-recorded_at", "-pk")[:count])


def changes_of(*, person_id: int, count: int = 10) -> list[AccessChange]:
    """Returns the newest changes of a person's own account, whatever the store, newest first."""
    kinds = [k for k in AccessChange.Kind if not k.value.startswith("role_")]
    rows = AccessChange.objects.filter(person_id=person_id, kind__in=kinds)
    return list(rows.select_related("actor").order_by("-recorded_at", "-pk")[:count])


@transaction.atomic
def add_person(*, store_id: int, actor_id: int, username: str, role: Role) -> Membership:
    """Gives a person who has an account already a role in a store.

    Who knows the exact name may add the person, whatever stores they work in: nothing looks like
    it, suggests or lists other names, and a retired account answers as none does. Raises Refused
    where nobody active has that name, or who has it is in the store.
    """
    _lock(store_id, actor_id)
    person = User.objects.filter(username__iexact=username.strip(), is_active=True).first()
    if person is None:
        raise Refused(
            f"nobody is called {username.strip()!r}: ask whoever keeps the Configuration to make "
            "the account first, and write its user name as it is there"
        )
    if Membership.objects.filter(store_id=store_id, user_id=person.pk).exists():
        raise Refused(f"{person.get_username()} is in this store already: change the role below")
    membership = Membership.objects.create(store_id=store_id, user=person, role=role)
    audit.record(
        kind=AccessChange.Kind.ROLE_GIVEN,
        person_id=person.pk,
        actor_id=actor_id,
        store_id=store_id,
        summary=f"{person.get_username()} added as {role.label}",
    )
    return membership


@transaction.atomic
def change_role(*, store_id: int, actor_id: int, person_id: int, role: Role) -> Membership:
    """Gives a person of a store another role.

    Raises Refused for one's own role and for the last administrator's, and Membership.DoesNotExist
    where the person is not of this store.
    """
    _lock(store_id, actor_id)
    membership = _membership(store_id, person_id)
    before = Role(membership.role)
    if before == role:
        return membership
    _refuse_oneself(actor_id, person_id, "change your own role")
    _refuse_last_administrator(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    audit.record(
        kind=AccessChange.Kind.ROLE_CHANGED,
        person_id=person_id,
        actor_id=actor_id,
        store_id=store_id,
        summary=f"{membership.user.get_username()}: {before.label} → {role.label}",
    )
    return membership


@transaction.atomic
def take_out(*, store_id: int, actor_id: int, person_id: int) -> User:
    """Takes a person out of a store; what they did there keeps their name.

    Raises what `change_role` raises.
    """
    _lock(store_id, actor_id)
    membership = _membership(store_id, person_id)
    _refuse_oneself(actor_id, person_id, "take yourself out of the store")
    _refuse_last_administrator(membership)
    person, role = membership.user, Role(membership.role)
    membership.delete()
    audit.record(
        kind=AccessChange.Kind.ROLE_TAKEN,
        person_id=person_id,
        actor_id=actor_id,
        store_id=store_id,
        summary=f"{person.get_username()} taken out; was {role.label}",
    )
    return person


def _lock(store_id: int, actor_id: int) -> None:
    """Two administrators who demote each other at the same moment must not both succeed: the second
    one finds, under the store's lock, that they are none any more."""
    Store.objects.select_for_update(no_key=True).get(pk=store_id)
    is_administrator = Membership.objects.filter(
        store_id=store_id, user_id=actor_id, role=Role.ADMINISTRATOR
    ).exists()
    if not is_administrator:
        raise Refused("you are no administrator of this store any more: nothing was changed")


def _membership(store_id: int, person_id: int) -> Membership:
    return Membership.objects.select_related("user").get(store_id=store_id, user_id=person_id)


def _refuse_oneself(actor_id: int, person_id: int, doing: str) -> None:
    if actor_id == person_id:
        raise Refused(f"you cannot {doing}: another administrator has to do it")


def _refuse_last_administrator(membership: Membership) -> None:
    if membership.role != Role.ADMINISTRATOR:
        return
    others = Membership.objects.filter(
        store_id=membership.store_id, role=Role.ADMINISTRATOR, user__is_active=True
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise Refused(
            f"{membership.user.get_username()} is the last administrator of this store: make "
            "another person one first"
        )
