"""How an address of the desk behaves, and those of accounts and people."""

from collections.abc import Callable
from dataclasses import dataclass

from apps.accounts.models import Membership, Role, User
from apps.accounts.rules import Action
from tests.desk.conftest import World


@dataclass(frozen=True)
class Address:
    """How one address behaves. `args` makes its arguments; `is_object` tells that others' answer
    404; `action` is what its method needs; `expected` is the status for those who may."""

    args: Callable[[World], list[object]] = lambda world: []
    method: str = "get"
    is_public: bool = False
    is_object: bool = False
    action: Action = Action.VIEW
    expected: int = 200
    data: tuple[tuple[str, str], ...] = ()
    needs_store: bool = True


MANAGE = Action.MANAGE_PEOPLE


def _colleague(w: World) -> list[object]:
    user, _ = User.objects.get_or_create(username="colleague")
    Membership.objects.get_or_create(user=user, store=w.store, defaults={"role": Role.AGENT})
    return [user.pk]


def _own(method: str = "get", expected: int = 200) -> Address:
    """A page of one's own account: for everybody who is signed in, with or without a store."""
    return Address(method=method, expected=expected, needs_store=False)


def _nobodys(method: str) -> Address:
    """Something of one's own account that the person who asks does not have."""
    return Address(
        lambda w: [10**6], method=method, is_object=True, expected=404, needs_store=False
    )


ACCOUNTS: dict[str, list[Address]] = {
    "sign-in-code": [Address(is_public=True, expected=302)],
    "sign-in-passkey": [
        Address(is_public=True),
        Address(method="post", is_public=True, expected=302),
    ],
    "resume": [_own(expected=302)],
    "account": [_own()],
    "password": [_own(), _own("post", 422)],
    "app-add": [_own(), _own("post", 422)],
    "app-remove": [_own(expected=302), _own("post", 302)],
    "passkey-add": [_own(), _own("post", 422)],
    "passkey-remove": [_nobodys("get"), _nobodys("post")],
    "codes": [_own(), _own("post", 302)],
    "session-end": [_nobodys("post")],
    "sessions-end": [_own("post", 302)],
    "people": [Address(action=MANAGE), Address(method="post", action=MANAGE, expected=422)],
    "person-role": [
        Address(
            _colleague,
            method="post",
            is_object=True,
            action=MANAGE,
            expected=302,
            data=(("role", "lead"),),
        )
    ],
    "person-take-out": [
        Address(_colleague, is_object=True, action=MANAGE),
        Address(_colleague, method="post", is_object=True, action=MANAGE, expected=302),
    ],
    "person-second-factor": [
        Address(_colleague, is_object=True, action=MANAGE),
        Address(_colleague, method="post", is_object=True, action=MANAGE, expected=302),
    ],
}
