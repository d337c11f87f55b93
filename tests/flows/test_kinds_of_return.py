"""Every kind of return that the guide has no sample sequence of, played through the front doors:
in order, and shuffled and doubled with the queues worked off at random points."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from apps.accounts.models import User
from apps.exchanges.models import ExchangeOrder
from apps.refunds.models import Refund, RefundPolicy
from apps.refunds.policy_changes import set_policy
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma
from tests.conftest import basic
from tests.support import builders
from tests.support.exchanges import exchange_order, gift_card, item
from tests.support.plays import Stage, Step, live_refunds, money_moved, open_kinds

pytestmark = pytest.mark.django_db

ORDER = Step("order", builders.order())


def rma(minute: int, *units: dict[str, Any], **changes: Any) -> Step:
    return Step("rma", builders.rma(units=list(units), minute=minute, **changes))


def unit(
    shopper: int = 13056, optoro: int = 0, tracking: str | None = "TRANSIT", **changes: Any
) -> dict[str, Any]:
    figures = {
        "estimated_refund_amount_cents": shopper + optoro,
        "shopper_refund_amount_cents": shopper,
        "optoro_refund_amount_cents": optoro,
    }
    return builders.unit(package_tracking_status=tracking, refund_financials=figures, **changes)


def exchanged(kind: str = "INSTANT_EXCHANGE", shopper: int = 0, **changes: Any) -> dict[str, Any]:
    changes = {"refund_type": kind, "is_exchange": True, **changes}
    return unit(shopper, 13056 - shopper, **changes)


@dataclass(frozen=True)
class Kind:
    """A kind of return: what comes in, and what must stand in the end. A refund is (order, RMA,
    total, shopper, Optoro, retained, destination, whose payment)."""

    name: str
    steps: list[Step]
    refunds: list[tuple[Any, ...]] = field(default_factory=list)
    money: list[tuple[Any, ...]] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    status: str = "CREATED"
    bonus_cents: int = 0
    policy: dict[str, Any] = field(default_factory=dict)


def refunded(
    shopper: int, optoro: int = 0, destination: str = "original_payment", retained: int = 0
) -> tuple[Any, ...]:
    total = shopper + optoro + retained
    return ("ORD-1", "RMA-1", total, shopper, optoro, retained, destination, "ORD-1")


def paid(cents: int, destination: str = "original_payment", email: str = "") -> tuple[Any, ...]:
    return ("ORD-1", cents, destination, email)


BONUS = {"bonus_credit_amount_cents": 1306}
STANDARD = {"refund_type": "STANDARD_EXCHANGE", "is_exchange": True}
PENDING = [
    rma(0, unit(0, 13056, None, **STANDARD), status="PENDING_EXCHANGE"),
    rma(1, unit(0, 13056, "TRANSIT", **STANDARD), status="PENDING_EXCHANGE"),
]
PLACED = rma(2, unit(0, 13056, exchange_order_identifier="ORD-1-X", **STANDARD))
OWN_ORDER = Step("order", builders.order("ORD-1-X", lines=[builders.line(quantity=1)]))

KINDS = [
    Kind(
        "store credit with bonus",
        [
            ORDER,
            rma(
                0, exchanged("INSTANT_STORE_CREDIT", tracking=None), bonus_credit_amount_cents=1306
            ),
            Step("exchange", exchange_order(items=[gift_card(13056, bonus=1306)])),
            rma(1, exchanged("INSTANT_STORE_CREDIT"), bonus_credit_amount_cents=1306),
        ],
        [refunded(0, 13056, "store_credit")],
        bonus_cents=1306,
    ),
    Kind(
        "store credit told as the shopper's part",
        [ORDER, rma(0, unit(refund_type="INSTANT_STORE_CREDIT"))],
        [refunded(13056, 0, "store_credit")],
    ),
    Kind(
        "store credit beside a refund",
        [ORDER, rma(0, unit(), exchanged("INSTANT_STORE_CREDIT"))],
        [refunded(13056, 13056)],
        [paid(13056)],
    ),
    Kind(
        "even exchange beside a refund",
        [
            ORDER,
            Step("exchange", exchange_order(items=[item(quantity=2)])),
            rma(0, exchanged(), exchanged(), unit(), unit()),
        ],
        [refunded(26112, 26112)],
        [paid(26112)],
    ),
    Kind(
        "uneven exchange: the rest is refunded",
        [
            ORDER,
            Step("exchange", exchange_order(items=[item("sku-plain", price=10000)])),
            rma(0, exchanged(shopper=2856)),
        ],
        [refunded(2856, 10200)],
        [paid(2856)],
    ),
    Kind(
        "uneven exchange and gift card in one",
        [
            ORDER,
            Step(
                "exchange", exchange_order(items=[item("sku-plain", price=10000), gift_card(2856)])
            ),
            rma(0, exchanged("UNEVEN_GC")),
        ],
        [refunded(0, 13056, "store_credit")],
    ),
    Kind(
        "a gift",
        [ORDER, rma(0, unit(), gift_refund_only=True, giftee_email="g@example.com")],
        [refunded(13056, 0, "gift_card")],
        [paid(13056, "gift_card", "g@example.com")],
    ),
    Kind(
        "a gift that is exchanged",
        [
            ORDER,
            Step("exchange", exchange_order(is_gift=True)),
            rma(0, exchanged(), gift_refund_only=True, giftee_email="g@example.com"),
        ],
        [refunded(0, 13056, "none")],
    ),
    Kind(
        "customer-keep",
        [ORDER, rma(0, unit(tracking=None), return_method="customer-keep")],
        [refunded(13056)],
        [paid(13056)],
    ),
    Kind(
        "home-pickup, announced only",
        [ORDER, rma(0, unit(tracking="PRE_TRANSIT"), return_method="home-pickup")],
    ),
    Kind(
        "home-pickup, collected",
        [
            ORDER,
            rma(0, unit(tracking="PRE_TRANSIT"), return_method="home-pickup"),
            rma(1, unit(tracking="ACCEPTED"), return_method="home-pickup"),
        ],
        [refunded(13056)],
        [paid(13056)],
    ),
    Kind("standard exchange, pending", [ORDER, *PENDING], status="PENDING_EXCHANGE"),
    Kind(
        "standard exchange, placed and fulfilled",
        [
            ORDER,
            *PENDING,
            Step("exchange", exchange_order()),
            PLACED,
            OWN_ORDER,
            rma(3, unit(0, 13056, **STANDARD), status="REFUNDED"),
        ],
        [refunded(0, 13056, "none")],
        status="REFUNDED",
    ),
    Kind(
        "standard exchange, canceled",
        [ORDER, *PENDING, rma(2, unit(0, 13056, **STANDARD), status="CANCELED")],
        status="CANCELED",
    ),
    Kind(
        "standard exchange, converted to a refund",
        [ORDER, *PENDING, rma(2, unit())],
        [refunded(13056)],
        [paid(13056)],
    ),
    Kind(
        "partial drop-off",
        [
            ORDER,
            rma(0, *[unit(tracking="PRE_TRANSIT")] * 3, return_method="express-returns"),
            rma(
                1,
                *[unit(tracking="ACCEPTED")] * 2,
                unit(tracking="NOT_DROPPED_OFF"),
                return_method="express-returns",
            ),
        ],
        [refunded(26112)],
        [paid(26112)],
        ["refund_needs_decision"],
    ),
    Kind(
        "receiving closed with a unit missing",
        [
            ORDER,
            rma(0, unit(tracking="PRE_TRANSIT"), unit(tracking="PRE_TRANSIT")),
            rma(
                1,
                unit(tracking="DELIVERED", receiving_status="RECEIVED"),
                unit(tracking="PRE_TRANSIT", receiving_status="NOT_RECEIVED"),
                status="PARTIAL_REFUND",
            ),
        ],
        [refunded(13056)],
        [paid(13056)],
        ["refund_needs_decision"],
        status="PARTIAL_REFUND",
    ),
    Kind(
        "v5 conditions: C is left to a person",
        [
            ORDER,
            rma(
                0,
                unit(receiving_status="RECEIVED", warehouse_receipt_condition="A"),
                unit(receiving_status="RECEIVED", warehouse_receipt_condition="C"),
                unit(receiving_status="PENDING"),
            ),
        ],
        [refunded(13056)],
        [paid(13056)],
        ["refund_needs_decision"],
        policy={"mail_back_trigger": "receipt", "automatic_conditions": ["N", "A", "B", ""]},
    ),
    Kind(
        "return shipping charged once",
        [
            ORDER,
            rma(0, unit(), unit(tracking="PRE_TRANSIT"), return_shipping_cost_cents=695),
            rma(1, unit(), unit(), return_shipping_cost_cents=695),
        ],
        [refunded(12361, retained=695), refunded(13056)],
        [paid(12361), paid(13056)],
        policy={"charges_return_shipping": True},
    ),
    Kind(
        "an estimate too far from what was paid",
        [ORDER, rma(0, unit(12000))],
        people=["refund_needs_decision"],
        policy={"tolerance_cents": 1000},
    ),
    Kind(
        "an estimate near enough to what was paid",
        [ORDER, rma(0, unit(12056))],
        [refunded(12056)],
        [paid(12056)],
        policy={"tolerance_cents": 1000},
    ),
    Kind(
        "an exchange paid back in full is for a person",
        [ORDER, rma(0, exchanged(shopper=13056))],
        people=["refund_needs_decision"],
    ),
]
BY_NAME = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture
def stage(api, drain, optoro) -> Stage:
    """Where the kinds are played: the catalog is filled."""
    stage = Stage(api, basic(), drain)
    on_offer = [("sku-blue", 12800), ("sku-plain", 10000)]
    variants = [
        {
            "sku": sku,
            "title": "T-Shirt",
            "attributes": [{"name": "Size", "value": "XL"}],
            "unit_price_amount_cents": cents,
            "quantity_in_stock": 10,
        }
        for sku, cents in on_offer
    ]
    assert stage.send(Step("variants", {"variants": variants}, "96027"))
    return stage


@pytest.fixture
def use_policy(store):
    """Sets a policy before anything comes in."""

    def use(values: dict[str, Any]) -> None:
        if not values:
            return
        usual = {
            f"{method}_trigger": "default"
            for method in ("mail_back", "express_returns", "home_pickup", "customer_keep")
        }
        every = {"automatic_conditions": [*rma_rules.CONDITIONS, ""]}
        version = RefundPolicy(store=store, **{**usual, **every, **values})
        set_policy(version=version, user_id=User.objects.create_user("policy-maker").pk)

    return use


def check(kind: Kind, optoro: Any) -> None:
    assert live_refunds() == sorted(kind.refunds)
    assert money_moved() == sorted(kind.money)
    assert open_kinds() == kind.people
    assert Rma.objects.get().status == kind.status
    assert sum(Refund.objects.values_list("bonus_credit_amount_cents", flat=True)) == (
        kind.bonus_cents
    )
    told = [refund["total_refund_amount_cents"] for refund in optoro.last()["refunds"]]
    assert sorted(told) == sorted(refund[2] for refund in kind.refunds)
    assert all(refund.status == "paid" for refund in Refund.objects.exclude(status="canceled"))


@BY_NAME
def test_in_order(kind, stage, use_policy, optoro):
    use_policy(kind.policy)
    stage.play(kind.steps)
    check(kind, optoro)


@BY_NAME
@pytest.mark.parametrize("seed", range(4))
def test_shuffled_and_doubled(kind, seed, stage, use_policy, optoro):
    use_policy(kind.policy)
    stage.play_shuffled(kind.steps, seed)
    has_exchange = any(step.kind == "exchange" for step in kind.steps)
    assert len({str(answer) for answer in stage.answers}) == ExchangeOrder.objects.count()
    assert ExchangeOrder.objects.count() == int(has_exchange)
    if kind.name != "return shipping charged once":  # may be decided at once, or in two parts
        check(kind, optoro)
    assert sum(refund[3] for refund in live_refunds()) == sum(r[3] for r in kind.refunds)
