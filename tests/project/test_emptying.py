"""What one test commits, the next one does not see."""

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from apps.ledger.models import Entry, Posting
from apps.refunds.models import Refund
from tests.project.emptying import tables_with_rows
from tests.support import builders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("optoro")
@pytest.mark.parametrize("time", [1, 2])
def test_what_was_committed_is_gone_afterwards(time, send_order, send_rma, drain):
    """Twice the same: rows that refer to each other, and books that refuse to be deleted."""
    assert tables_with_rows(connection) == ["accounts_apikey", "stores_store"]  # the caller's own
    assert ContentType.objects.filter(model="refund").count() == 1
    assert Permission.objects.exists()
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    assert Refund.objects.get().status == "paid"
    assert Entry.objects.count() == 2
    assert Posting.objects.exists()
