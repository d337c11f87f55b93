"""Fills an empty database with returns and everything around them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apps.accounts.models import ApiKey, Membership, Role, User
from apps.accounts.services import create_api_key
from apps.catalog.imports import start_import
from apps.catalog.models import MissedLookup, Product, Variant
from apps.desk.models import RecentSearch, SavedView
from apps.reports.asking import question_of
from apps.reports.exports import start_export
from apps.reports.refund_report import REFUNDS
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.bench.loading import Do, InBackground, at_once, restart_sequences
from tests.bench.stories import COLORS, GOODS, stories
from tests.bench.writing import People, Writer

_EVERY = 50_000
_PRODUCTS = 10_000
_VARIANTS_OF_EACH = 6


def fill(count: int, now: datetime, tell: Callable[[str], None], do: Do = at_once) -> None:
    """Writes `count` returns that end at `now` (UTC) by `do`; `tell` hears how far it is.

    Raises ValueError where there are returns already: only an empty database is filled.
    """
    if Rma.objects.exists():
        raise ValueError("there are returns in this database: only an empty one is filled")
    stores = (_store("store-one", is_default=True), _store("store-two", is_default=False))
    people = _people(*stores)
    second = int(now.timestamp())
    store_ids = (stores[0].pk, stores[1].pk)
    writer = Writer(count=count, now=second, store_ids=store_ids, people=people, do=do)
    for story in stories(count, second):
        writer.write(story)
        if story.number % _EVERY == 0:
            tell(f"{story.number:,} of {count:,} returns written")
    writer.finish()
    if isinstance(do, InBackground):
        do.finish()
    restart_sequences([table.model for table in vars(writer.tables).values()])
    _catalog(stores[0], min(_PRODUCTS, max(60, count // 100)), now)
    _habits(stores[0], people)


def _store(identifier: str, *, is_default: bool) -> Store:
    store, _ = Store.objects.update_or_create(
        identifier=identifier,
        defaults={
            "name": f"Benchmark {identifier}",
            "is_default": is_default,
            "time_zone": "America/New_York",
            "payment_gateway": "simulated",
        },
    )
    return store


def _people(first: Store, second: Store) -> People:
    users = {}
    for name, role in (
        ("agent", Role.AGENT),
        ("lead", Role.LEAD),
        ("administrator", Role.ADMINISTRATOR),
    ):
        users[name] = User.objects.create_user(name, first_name=name.title(), last_name="Bench")
        Membership.objects.create(user=users[name], store=first, role=role)
    Membership.objects.create(user=users["agent"], store=second, role=Role.AGENT)
    return People(agent_id=users["agent"].pk, lead_id=users["lead"].pk)


def make_key(store: Store) -> str:
    """Returns a key with which the API can be read."""
    return create_api_key(store=store, name="bench", scopes=list(ApiKey.SCOPES))


def _catalog(store: Store, count: int, now: datetime) -> None:
    variants, products = [], []
    for number in range(count):
        name, cents = f"V{30_000 + number}", 900 + number * 37 % 240 * 100 + 99
        title = f"{GOODS[number % 9]} {number}"
        told_at = now - timedelta(minutes=number)
        products.append(
            Product(
                store=store, variant_identifier=name, title=title, source=Variant.Source.API,
                variant_count=_VARIANTS_OF_EACH, in_stock_count=number % (_VARIANTS_OF_EACH + 1),
                lowest_price_amount_cents=cents, highest_price_amount_cents=cents,
                updated_at=told_at,
            )
        )  # fmt: skip
        variants += [
            Variant(
                store=store, variant_identifier=name, sku=f"{30_000 + number}-{position}",
                title=f"{title}, {COLORS[position]}",
                attributes=[{"name": "Color", "value": COLORS[position]}],
                unit_price_amount_cents=cents, quantity_in_stock=number % 9, position=position,
                source=Variant.Source.API, updated_at=told_at,
            )
            for position in range(_VARIANTS_OF_EACH)
        ]  # fmt: skip
    Product.objects.bulk_create(products, batch_size=5_000)
    Variant.objects.bulk_create(variants, batch_size=5_000)
    MissedLookup.objects.bulk_create(
        MissedLookup(
            store=store, variant_identifier=f"MISSED-{number}", count=number % 40 + 1,
            first_asked_at=now - timedelta(days=9), last_asked_at=now - timedelta(hours=number),
        )
        for number in range(count // 20)
    )  # fmt: skip


def _habits(store: Store, people: People) -> None:
    """What the agent keeps of the screens."""
    user = User.objects.get(pk=people.agent_id)
    SavedView.objects.bulk_create(
        SavedView(
            store=store, owner=user, list_name="rmas", name=f"View {n}", query="status=CREATED"
        )
        for n in range(5)
    )
    RecentSearch.objects.bulk_create(
        RecentSearch(
            store=store, person=user, text=f"SO-{n:08d}",
            searched_at=datetime(2026, 1, n + 1, tzinfo=UTC),
        )
        for n in range(10)
    )  # fmt: skip
    for number in range(3):
        start_export(
            report=REFUNDS,
            question=question_of(REFUNDS, store, f"since=2026-01-0{number + 1}"),
            file_format="csv",
            user_id=user.pk,
        )
    content = b"variant_identifier,sku,title,unit_price,quantity_in_stock\nP-1,SKU-1,Tee,12.80,-5\n"
    for number in range(3):
        start_import(
            store_id=store.pk, user_id=user.pk, name=f"variants-{number}.csv", content=content
        )
