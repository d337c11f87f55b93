"""How the addresses of statements behave."""

from collections.abc import Callable

from apps.accounts.models import User
from apps.accounts.rules import Action
from apps.common import clock
from apps.outbox import topics
from apps.outbox.types import ClaimedJob
from apps.refunds.models import Payout
from apps.statements import services
from apps.statements.imports import run_import
from apps.statements.models import Explanation, Pairing, Statement, StatementRow
from apps.statements.types import ColumnMapping, Sign
from tests.desk.addresses import Address
from tests.desk.conftest import World, open_payout

LOOK, RECONCILE = Action.VIEW_FINANCE, Action.RECONCILE_STATEMENTS
_CONTENT = b"reference,amount\nr-1,-9.99\nr-2,-1.00\n"


def _user() -> User:
    user, _ = User.objects.get_or_create(username="uploader")
    return user


def _uploaded(w: World) -> Statement:
    taken = services.take_in(
        store_id=w.store.pk, user_id=_user().pk, name="ORD-1.csv", content=_CONTENT
    )
    return taken.statement


def done(w: World) -> Statement:
    found = _uploaded(w)
    if found.state == "uploaded":
        services.begin(
            statement=found,
            gateway="simulated",
            mapping=ColumnMapping(0, 1, sign=Sign.NEGATIVE, currency="USD"),
            user_id=_user().pk,
        )
        # Not through the queue: whoever asks may have a transaction open, which no job may.
        run_import(
            ClaimedJob(0, 0, w.store.pk, topics.IMPORT_STATEMENT, str(found.pk), 0, clock.now())
        )
    return Statement.objects.get(pk=found.pk)


def _row(w: World) -> StatementRow:
    return done(w).rows.order_by("pk")[0]


def _payout(w: World) -> Payout:
    return open_payout(w.refund)


def _pairing(w: World) -> list[object]:
    row = _row(w)
    said, _ = Pairing.objects.get_or_create(
        row=row, payout=_payout(w), is_confirmed=False, author=_user()
    )
    return [row.statement_id, said.pk]


def _explanation(w: World) -> list[object]:
    row = _row(w)
    said, _ = Explanation.objects.get_or_create(
        statement_id=row.statement_id, row=row, author=_user(), reason="why"
    )
    return [row.statement_id, said.pk]


def _statement(w: World) -> list[object]:
    return [done(w).pk]


def _row_of(w: World) -> list[object]:
    return [done(w).pk, _row(w).pk]


def _payout_of(w: World) -> list[object]:
    return [done(w).pk, _payout(w).pk]


def _look(args: Callable[[World], list[object]]) -> Address:
    return Address(args, is_object=True, action=LOOK)


def _do(args: Callable[[World], list[object]], **data: str) -> Address:
    return Address(
        args,
        method="post",
        is_object=True,
        action=RECONCILE,
        expected=302,
        data=tuple(data.items()),
    )


STATEMENTS: dict[str, list[Address]] = {
    "statements": [
        Address(action=LOOK),
        Address(method="post", action=RECONCILE, expected=422),
    ],
    "statement-sample": [Address(action=RECONCILE)],
    "statement": [_look(_statement)],
    "statement-columns": [
        Address(lambda w: [_uploaded(w).pk], is_object=True, action=RECONCILE),
        Address(
            lambda w: [_uploaded(w).pk],
            method="post",
            is_object=True,
            action=RECONCILE,
            expected=422,
        ),
    ],
    "statement-file": [_look(_statement)],
    "statement-errors": [_look(_statement)],
    "statement-rows": [_look(_statement)],
    "statement-compare": [_do(_statement)],
    "statement-set-aside": [_do(_statement, reason="wrong file")],
    "statement-row": [_look(_row_of)],
    "statement-row-pair": [_do(_row_of, payout="1")],
    "statement-row-explain": [_do(_row_of, reason="why")],
    "statement-payout": [_look(_payout_of)],
    "statement-payout-explain": [_do(_payout_of, reason="why")],
    "statement-pair-undo": [_do(_pairing)],
    "statement-explanation-undo": [_do(_explanation)],
}
