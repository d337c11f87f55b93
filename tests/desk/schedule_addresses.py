"""How the addresses of schedules behave."""

from django.utils import timezone

from apps.accounts.models import Membership, Role, User
from apps.accounts.rules import Action
from apps.reports.models import Schedule, ScheduleRun
from tests.desk.addresses import Address
from tests.desk.conftest import World

VIEW, EDIT = Action.VIEW_FINANCE, Action.EDIT_SCHEDULES


def made(w: World) -> Schedule:
    """A schedule whose run failed, made by somebody in finance."""
    author, _ = User.objects.get_or_create(username="scheduler")
    Membership.objects.get_or_create(user=author, store=w.store, defaults={"role": Role.FINANCE})
    schedule, _ = Schedule.objects.get_or_create(
        store=w.store,
        name="Refunds of RMA-1",
        defaults={
            "report": "refunds",
            "query": "period=last_month",
            "format": "csv",
            "cadence": "monthly",
            "delivery": "link",
            "recipients": ["scheduler@example.com"],
            "author": author,
            "counts_from": timezone.now(),
        },
    )
    ScheduleRun.objects.get_or_create(
        schedule=schedule, planned_at=schedule.counts_from, defaults={"state": "failed"}
    )
    return schedule


def _one(w: World) -> list[object]:
    return [made(w).pk]


def _run(w: World) -> list[object]:
    schedule = made(w)
    return [schedule.pk, schedule.runs.get().pk]


def _post(args: object, expected: int = 302) -> Address:
    return Address(args, method="post", is_object=True, action=EDIT, expected=expected)


SCHEDULES: dict[str, list[Address]] = {
    "schedules": [Address(action=VIEW)],
    "schedule": [Address(_one, is_object=True, action=VIEW)],
    "schedule-new": [
        Address(lambda w: ["refunds"], action=EDIT),
        Address(lambda w: ["refunds"], method="post", action=EDIT, expected=422),
    ],
    "schedule-edit": [Address(_one, is_object=True, action=EDIT), _post(_one, 422)],
    "schedule-send": [_post(_one)],
    "schedule-pause": [_post(_one)],
    "schedule-resume": [_post(_one)],
    "schedule-remove": [Address(_one, is_object=True, action=EDIT), _post(_one)],
    "schedule-run-again": [_post(_run)],
}
