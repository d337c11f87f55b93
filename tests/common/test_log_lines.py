"""A refused request is one line in the log; an error of ours keeps its traceback."""

import logging

import pytest
from django.test import Client

from apps.accounts.models import Membership, Role, User
from apps.common.logs import RefusalFilter
from apps.stores.models import Store


@pytest.mark.parametrize(("status", "is_kept"), [(403, False), (404, False), (500, True)])
def test_tracebacks_are_for_errors_of_ours(status: int, is_kept: bool) -> None:
    record = logging.LogRecord("django.request", 30, "", 0, "x", (), (ValueError, None, None))
    record.status_code = status
    assert RefusalFilter().filter(record)
    assert (record.exc_info is not None) == is_kept


@pytest.mark.django_db
def test_a_refusal_is_one_line(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    user = User.objects.create_user("reader")
    Membership.objects.create(user=user, store=store, role=Role.READ_ONLY)
    browser = Client()
    browser.force_login(user)
    answer = browser.get("/policies/brand/change/")
    assert answer.status_code == 403
    assert browser.get("/orders/none/").status_code == 404
    lines = [record for record in caplog.records if record.name == "django.request"]
    assert [record.status_code for record in lines] == [403, 404]
    assert all(record.exc_info is None and not record.exc_text for record in lines)


def test_django_writes_no_line_twice() -> None:
    logger = logging.getLogger("django")
    assert logger.handlers == []
    assert logger.propagate
