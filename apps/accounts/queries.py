"""Reading who is what in which store."""

from collections.abc import Iterable

from apps.accounts.models import Membership, User


def role_of(*, user_id: int | None, store_id: int) -> str:
    """Returns a person's role in a store, or "" where they have none."""
    if user_id is None:
        return ""
    found = Membership.objects.filter(user_id=user_id, store_id=store_id).first()
    return found.role if found else ""


def people_of(*, store_id: int, usernames: Iterable[str] | None = None) -> list[User]:
    """Returns the people who have a role in a store and can sign in, by name; with `usernames`
    those of them, whatever the capitals."""
    people = User.objects.filter(memberships__store_id=store_id, is_active=True)
    if usernames is not None:
        wanted = {name.casefold() for name in usernames}
        if not wanted:
            return []
        return [p for p in people.order_by("username") if p.username.casefold() in wanted]
    return list(people.order_by("username"))
