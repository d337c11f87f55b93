"""Orders whose customer is called like what was typed: by index on PostgreSQL, by looking through
the newest ones on SQLite, which has no index for it."""

from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, FloatField, Func, Value
from django.db.models.functions import Upper

from apps.desk.likeness import likeness
from apps.orders.models import Order

LEAST_LIKENESS = 0.35
# How many similar ones are weighed, and how long PostgreSQL may take to find them.
_MOST_WEIGHED = 500
_MOST_MS = 400
_LOOKED_THROUGH = 2000

# A rough word is a rough guess for the planner: whole tables are never read for it.
_ALLOWED = {
    "statement_timeout": _MOST_MS,
    "pg_trgm.word_similarity_threshold": LEAST_LIKENESS,
    "enable_seqscan": "off",
    "enable_indexscan": "off",
}


@dataclass(frozen=True)
class Similar:
    """The keys of similar orders, the most similar first; `is_cut` tells that there may be more, or
    better ones."""

    keys: list[int]
    is_cut: bool = False


def similar_orders(*, store_id: int, column: str, text: str, limit: int) -> Similar:
    """Returns the orders of a store whose `column` (the customer's name or e-mail) is like `text`,
    at most `limit`."""
    find = _by_index if connection.vendor == "postgresql" else _by_looking
    return find(store_id, column, text, limit)


def _by_index(store_id: int, column: str, text: str, limit: int) -> Similar:
    written, asked = Upper(column), Upper(Value(text))
    is_like = Func(
        written,
        asked,
        template="(%(expressions)s)",
        arg_joiner=" %%> ",
        output_field=BooleanField(),
    )
    score = Func(asked, written, function="WORD_SIMILARITY", output_field=FloatField())
    rows = Order.objects.filter(is_like, store_id=store_id).annotate(score=score).order_by()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(";".join(f"SET LOCAL {name} = {_ALLOWED[name]}" for name in _ALLOWED))
            weighed = list(rows.values_list("score", "pk")[:_MOST_WEIGHED])
            cursor.execute(";".join(f"SET LOCAL {name} TO DEFAULT" for name in _ALLOWED))
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        return Similar([], is_cut=True)
    keys = [pk for _, pk in sorted(weighed, reverse=True)[:limit]]
    return Similar(keys, is_cut=len(weighed) == _MOST_WEIGHED)


def _by_looking(store_id: int, column: str, text: str, limit: int) -> Similar:
    rows = Order.objects.filter(store_id=store_id).order_by("-remote_created_at", "-pk")
    newest = list(rows.values_list("pk", column)[:_LOOKED_THROUGH])
    scored = [(likeness(text, value), pk) for pk, value in newest]
    close = sorted((pair for pair in scored if pair[0] >= LEAST_LIKENESS), reverse=True)
    is_cut = len(newest) == _LOOKED_THROUGH
    return Similar([pk for _, pk in close[:limit]], is_cut)
