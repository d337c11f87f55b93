"""What a person changes about their own account, each with its trail. That they proved who they are
is for the caller to ask."""

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, validate_totp_code
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from allauth.mfa.webauthn.internal import auth as webauthn
from django.db import transaction
from django.http import HttpRequest

from apps.accounts import audit
from apps.accounts.models import AccessChange, User
from apps.accounts.proofs import WRONG_PASSKEY, is_valid
from apps.accounts.second_factors import MAIN_TYPES, use_code_once
from apps.common.errors import Refused

_PENDING_KEY = "app_secret"
MOST_PASSKEYS = 10


def pending_secret(request: HttpRequest) -> str:
    """Returns the secret of the app that is being set up in this session, made at the first call.
    It lies encrypted in the session, too."""
    kept = request.session.get(_PENDING_KEY)
    if kept:
        secret: str = get_adapter().decrypt(kept)
        return secret
    secret = generate_totp_secret()
    request.session[_PENDING_KEY] = get_adapter().encrypt(secret)
    return secret


def app_address(user: User, secret: str) -> str:
    """Returns what an authenticator app reads from the QR code."""
    address: str = get_adapter().build_totp_url(user, secret)
    return address


@transaction.atomic
def add_app(request: HttpRequest, user: User, code: str) -> bool:
    """Sets up the app whose secret is pending, if `code` is what it shows; returns whether recovery
    codes were made. Raises Refused for a wrong code, or where an app is set up already."""
    _lock(user)
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        raise Refused("an app is set up already: remove that one first")
    secret = pending_secret(request)
    digits = "".join(code.split())
    if not validate_totp_code(secret, digits) or not use_code_once(user_id=user.pk, code=digits):
        raise Refused(
            "that code is not the one of this app: write the six digits that it shows now, and "
            "see that the clock of the phone is right"
        )
    TOTP.activate(user, secret)
    request.session.pop(_PENDING_KEY, None)
    _note(user, AccessChange.Kind.FACTOR_ADDED, "Authenticator app added")
    return _ensure_codes(user)


def passkey_creation(user: User) -> dict[str, object]:
    """Returns what a browser needs to make a passkey for this person."""
    options: dict[str, object] = webauthn.begin_registration(user, passwordless=True)
    return options


@transaction.atomic
def add_passkey(user: User, *, name: str, credential: str) -> bool:
    """Keeps a passkey that a browser made; returns whether recovery codes were made. Raises Refused
    for one that does not fit what was asked for, and for too many."""
    _lock(user)
    rows = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    if rows.count() >= MOST_PASSKEYS:
        raise Refused(f"there are {MOST_PASSKEYS} passkeys already: remove one first")
    named = name.strip()[:100] or f"Passkey {rows.count() + 1}"
    data = {"name": named, "credential": credential, "passwordless": "on"}
    form = AddWebAuthnForm(user=user, data=data)
    if not is_valid(form):
        raise Refused(WRONG_PASSKEY)
    webauthn.WebAuthn.add(user, named, form.cleaned_data["credential"])
    _note(user, AccessChange.Kind.FACTOR_ADDED, f"Passkey “{named}” added")
    return _ensure_codes(user)


@transaction.atomic
def remove_app(user: User) -> bool:
    """Removes the authenticator app; returns whether there was one."""
    rows = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP)
    if not rows.delete()[0]:
        return False
    _note(user, AccessChange.Kind.FACTOR_REMOVED, "Authenticator app removed")
    _drop_dangling_codes(user)
    return True


@transaction.atomic
def remove_passkey(user: User, pk: int) -> bool:
    """Removes a passkey; returns whether there was one."""
    rows = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN, pk=pk)
    row = rows.first()
    if row is None:
        return False
    name = str(row.wrap().name)
    rows.delete()
    _note(user, AccessChange.Kind.FACTOR_REMOVED, f"Passkey “{name}” removed")
    _drop_dangling_codes(user)
    return True


def recovery_codes(user: User) -> list[str]:
    """Returns the recovery codes that were not used yet, in clear."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return [str(code) for code in row.wrap().get_unused_codes()] if row else []


@transaction.atomic
def make_codes(user: User) -> None:
    """Makes new recovery codes; those before count no more. Raises Refused without a second factor
    that they could stand in for."""
    _lock(user)
    if not Authenticator.objects.filter(user=user, type__in=MAIN_TYPES).exists():
        raise Refused("set up an app or a passkey first: recovery codes stand in for those")
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    RecoveryCodes.activate(user)
    _note(user, AccessChange.Kind.CODES_MADE, "New recovery codes made")


@transaction.atomic
def change_password(user: User, password: str) -> None:
    """Sets the password; every other session of the person ends by it."""
    user.set_password(password)
    user.save(update_fields=["password"])
    _note(user, AccessChange.Kind.PASSWORD_CHANGED, "Password changed")


def note_ended(user: User, count: int) -> None:
    """Writes down that a person ended sessions of theirs."""
    what = "1 session" if count == 1 else f"{count} sessions"
    _note(user, AccessChange.Kind.SESSIONS_ENDED, f"{what} ended")


def _lock(user: User) -> None:
    """Two windows that set up something at the same moment come one after the other."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _ensure_codes(user: User) -> bool:
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).exists():
        return False
    RecoveryCodes.activate(user)
    return True


def _drop_dangling_codes(user: User) -> None:
    """Recovery codes alone would be asked for by nobody."""
    rows = Authenticator.objects.filter(user=user)
    if not rows.filter(type__in=MAIN_TYPES).exists():
        rows.delete()


def _note(user: User, kind: AccessChange.Kind, summary: str) -> None:
    audit.record(kind=kind, person_id=user.pk, actor_id=user.pk, summary=summary)
