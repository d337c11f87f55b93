"""Second factors: who has which, taking lost ones away, and their secrets under another key."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.models import Authenticator
from django.core.cache import caches
from django.db import transaction

from apps.accounts import attempts, audit
from apps.accounts.models import AccessChange, Membership, Role, User
from apps.common.errors import Refused

MAIN_TYPES = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# As long as a code can be right: the one before, the one of now, the one after.
_CODE_SECONDS = 90


@dataclass(frozen=True)
class Passkey:
    """One of a person's passkeys; `signs_in_alone` tells that it needs no password beside it."""

    pk: int
    name: str
    created_at: datetime
    last_used_at: datetime | None
    signs_in_alone: bool


@dataclass(frozen=True)
class Factors:
    """A person's second factors; `codes_left` is None where there are no recovery codes."""

    app_since: datetime | None
    app_used_at: datetime | None
    passkeys: tuple[Passkey, ...]
    codes_left: int | None

    @property
    def is_on(self) -> bool:
        """Whether signing in takes more than the password."""
        return self.app_since is not None or bool(self.passkeys)

    @property
    def takes_codes(self) -> bool:
        """Whether there is a code to type."""
        return self.app_since is not None or self.codes_left is not None


def factors_of(user_id: int) -> Factors:
    """Returns a person's second factors, in one query."""
    rows = list(Authenticator.objects.filter(user_id=user_id).order_by("created_at", "pk"))
    app = next((row for row in rows if row.type == Authenticator.Type.TOTP), None)
    codes = next((row for row in rows if row.type == Authenticator.Type.RECOVERY_CODES), None)
    return Factors(
        app_since=app.created_at if app else None,
        app_used_at=app.last_used_at if app else None,
        passkeys=tuple(_passkey(row) for row in rows if row.type == Authenticator.Type.WEBAUTHN),
        codes_left=len(codes.wrap().get_unused_codes()) if codes else None,
    )


def _passkey(row: Authenticator) -> Passkey:
    key = row.wrap()
    return Passkey(row.pk, key.name, row.created_at, row.last_used_at, bool(key.is_passwordless))


def has_second_factor(user_id: int) -> bool:
    """Tells whether signing in takes this person more than the password."""
    return Authenticator.objects.filter(user_id=user_id, type__in=MAIN_TYPES).exists()


def people_with_second_factor(user_ids: Iterable[int]) -> set[int]:
    """Returns those of some people who have a second factor."""
    rows = Authenticator.objects.filter(user_id__in=list(user_ids), type__in=MAIN_TYPES)
    return set(rows.values_list("user_id", flat=True))


def needs_second_factor(user_id: int) -> bool:
    """Tells whether a store of this person asks for a second factor that they do not have."""
    asked = Membership.objects.filter(
        user_id=user_id, store__is_active=True, store__requires_second_factor=True
    ).exists()
    return asked and not has_second_factor(user_id)


def use_code_once(*, user_id: int, code: str) -> bool:
    """Tells whether a code from an app is used for the first time, and remembers it for as long as
    it could be right: one that was read over a shoulder is worth nothing. However it is written,
    with spaces or dashes, it is the same code."""
    key = f"code-used:{user_id}:{normalize_user_code(code)}"
    return bool(caches[attempts.CACHE].add(key, 1, timeout=_CODE_SECONDS))


def refusal_to_take_away(*, actor: User, person: User, store_id: int) -> str:
    """Returns why `actor` may not take the second factors of `person` away in a store, or ""."""
    if actor.pk == person.pk:
        return "Change your own sign-in methods on the page of your account."
    if actor.is_superuser:
        return ""
    if person.is_staff or person.is_superuser:
        return "This person may change the configuration: a superuser has to do it there."
    theirs = set(Membership.objects.filter(user_id=person.pk).values_list("store_id", flat=True))
    administered = set(
        Membership.objects.filter(user_id=actor.pk, role=Role.ADMINISTRATOR).values_list(
            "store_id", flat=True
        )
    )
    if theirs - administered:
        return "This account is not of this store alone: a superuser has to do it."
    return ""


@transaction.atomic
def take_away(*, actor: User, person: User, store_id: int) -> int:
    """Takes all second factors of a person away, as when a phone was lost; returns how many.

    Raises Refused where `actor` may not. That `actor` administers the store is for the caller to
    ask.
    """
    refusal = refusal_to_take_away(actor=actor, person=person, store_id=store_id)
    if refusal:
        raise Refused(refusal)
    rows = Authenticator.objects.filter(user_id=person.pk)
    count = rows.filter(type__in=MAIN_TYPES).count()
    rows.delete()
    if count:
        audit.record(
            kind=AccessChange.Kind.FACTORS_TAKEN,
            person_id=person.pk,
            actor_id=actor.pk,
            store_id=store_id,
            summary=f"Second factor of {person.get_username()} taken away ({count})",
        )
    return count
