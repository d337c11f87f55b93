"""What a demonstration needs before it runs: free ports, credentials, a store, people, a key."""

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from apps.accounts.models import ApiKey, Membership, Role, User
from apps.accounts.services import create_api_key
from apps.common import clock
from apps.stores.models import Store

STORE_IDENTIFIER = "demo-store"
KEY_NAME = "demo"
PORTS_TO_TRY = 100
# A store row with any of these set belongs to somebody: the simulated Optoro must not touch it.
CONNECTION_FIELDS = (
    "optoro_auth_url",
    "optoro_orders_url",
    "optoro_client_id",
    "webhook_username",
    "webhook_api_key",
)


class CannotDemonstrate(Exception):
    """Something that the person who starts the demonstration has to change first."""


@dataclass(frozen=True)
class Login:
    """A person who can sign in to the demonstration."""

    role: str
    username: str
    password: str


def logins() -> list[Login]:
    """Returns one login for each role."""
    names = {Role.READ_ONLY: "reader", Role.ADMINISTRATOR: "admin"}
    usernames = {role: names.get(role, role.value) for role in Role}
    return [Login(role.label, name, f"{name}-demo") for role, name in usernames.items()]


def free_port(host: str, wanted: int, taken: tuple[int, ...] = ()) -> int:
    """Returns `wanted`, or the next port on which nobody listens."""
    for port in range(wanted, wanted + PORTS_TO_TRY):
        if port not in taken and _is_free(host, port):
            return port
    raise CannotDemonstrate(f"no port is free from {wanted} to {wanted + PORTS_TO_TRY - 1}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
    return True


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the demonstration's lock; raises CannotDemonstrate when another one runs here."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pid").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            problem = f"a demo runs here already (process {file.read().strip()}); stop it first"
            raise CannotDemonstrate(problem) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def environment(host: str, desk_port: int, optoro_port: int) -> dict[str, str]:
    """Returns the variables that tie the desk to the simulated Optoro.

    Credentials that are set already stay; the others are made anew for each run.
    """
    optoro = f"http://127.0.0.1:{optoro_port}"
    hosts = {"localhost", "127.0.0.1", "[::1]", host, *settings.ALLOWED_HOSTS}
    fixed = {
        "DJANGO_SETTINGS_MODULE": "returnsdesk.settings",
        "DEBUG": "1",
        "HTTPS_ONLY": "0",
        "ALLOWED_HOSTS": ",".join(sorted(hosts)),
        "PORT": str(desk_port),
        "PAYMENT_GATEWAY": "simulated",
        **{f"OPTORO_{name}_URL": optoro for name in ("AUTH", "ORDERS", "ASN", "RTV")},
    }
    unless_set = {
        "OPTORO_CLIENT_ID": "demo-client",
        "OPTORO_CLIENT_SECRET": secrets.token_urlsafe(18),
        "OPTORO_WEBHOOK_USERNAME": "optoro",
        "OPTORO_WEBHOOK_PASSWORD": secrets.token_urlsafe(18),
        "OPTORO_WEBHOOK_API_KEY": secrets.token_urlsafe(18),
        "SWEEP_SECONDS": "2",
        "OUTBOX_RETRY_BASE_SECONDS": "1",
    }
    return fixed | {name: os.environ.get(name) or value for name, value in unless_set.items()}


def write_environment(path: Path, variables: dict[str, str]) -> None:
    """Writes the variables to a file that a shell can source, for its owner only."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}='{value}'\n" for name, value in sorted(variables.items()))


def demo_store() -> Store:
    """Returns the store that is demonstrated; refuses a database in which somebody works."""
    wanted = os.environ.get("OPTORO_OPTITURN_ID") or STORE_IDENTIFIER
    store = Store.objects.filter(is_default=True).first()
    if store is None:
        store = Store.objects.create(identifier=wanted, name="Demo Store", is_default=True)
    is_own_file = connection.settings_dict["NAME"] == str(settings.VAR_DIR / "desk.sqlite3")
    strangers = User.objects.exclude(username__in=[login.username for login in logins()])
    if not is_own_file and (store.identifier != wanted or strangers.exists()):
        raise CannotDemonstrate(
            "DATABASE_URL names a database that holds people or a store of its own, and the demo "
            "makes logins with known passwords; give it an empty database, or none"
        )
    if any(getattr(store, name) for name in CONNECTION_FIELDS):
        raise CannotDemonstrate(
            f"the default store, {store.identifier}, has connection settings of its own in the "
            "database; the demo only talks to the simulated Optoro: give it an empty database"
        )
    return store


def make_people(store: Store) -> None:
    """Makes the people of `logins`, with the passwords that are printed."""
    for role, login in zip(Role, logins(), strict=True):
        user, _ = User.objects.get_or_create(
            username=login.username,
            defaults={
                "first_name": "Demo",
                "last_name": login.role,
                "email": f"{login.username}@example.com",
            },
        )
        if not user.check_password(login.password):
            user.set_password(login.password)
        user.is_active = True
        user.is_staff = user.is_superuser = role is Role.ADMINISTRATOR
        user.save()
        Membership.objects.update_or_create(user=user, store=store, defaults={"role": role})


def make_key(store: Store) -> str:
    """Returns a new API key for the simulated shop; those of earlier runs end."""
    earlier = ApiKey.objects.filter(store=store, name=KEY_NAME, revoked_at__isnull=True)
    earlier.update(revoked_at=clock.now())
    return create_api_key(store=store, name=KEY_NAME, scopes=list(ApiKey.SCOPES))
