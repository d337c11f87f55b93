"""Reading who is what in which store."""

from apps.accounts.models import Membership


def role_of(*, user_id: int | None, store_id: int) -> str:
    """Returns a person's role in a store, or "" where they have none."""
    if user_id is None:
        return ""
    found = Membership.objects.filter(user_id=user_id, store_id=store_id).first()
    return found.role if found else ""
