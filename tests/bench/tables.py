"""The tables of the benchmark and which of their columns are written."""

from datetime import datetime
from types import SimpleNamespace

from apps.attention.models import Item
from apps.cases.models import Case, Note
from apps.exchanges.models import ExchangeLine, ExchangeOrder
from apps.inbox.models import Delivery
from apps.ledger.models import Entry, Posting
from apps.orders.models import Order, OrderLine, OrderMessage, Transaction
from apps.outbox.models import Attempt, Job
from apps.refunds.models import (
    Payout,
    PayoutAttempt,
    Refund,
    RefundItem,
    RefundLine,
    RefundUnit,
)
from apps.rmas.models import Rma, RmaMessage, RmaUnit
from apps.timeline.models import Event
from tests.bench.loading import Do, Table

_COLUMNS = {
    "orders": (
        Order,
        "id store_id identifier secondary_identifier status raw_status concept currency "
        "total_amount_cents product_amount_cents tax_amount_cents discount_amount_cents "
        "shipping_amount_cents shipping_tax_amount_cents header_difference_cents "
        "has_told_transactions customer_email customer_name customer_phone remote_created_at "
        "remote_updated_at first_seen_at mirrored_at published_at raw",
    ),
    "order_lines": (
        OrderLine,
        "id order_id identifier position sku upc title product_identifier variant_identifier "
        "quantity quantity_shipped quantity_canceled unit_price_amount_cents product_amount_cents "
        "tax_amount_cents discount_amount_cents tracking_number",
    ),
    "transactions": (
        Transaction,
        "id order_id identifier type status amount_cents gateway",
    ),
    "order_messages": (
        OrderMessage,
        "id order_id content_sha256 remote_updated_at received_at result raw",
    ),
    "rmas": (
        Rma,
        "id store_id rma_identifier status return_method giftee_email warehouse_identifier "
        "concept remote_created_at remote_updated_at cancellation_requested_at "
        "cancellation_reason cancellation_requester scanned_at in_transit_since delivered_since "
        "first_seen_at folded_at",
    ),
    "rma_units": (
        RmaUnit,
        "id rma_id order_identifier order_line_item_identifier ordinal order_id order_line_id sku "
        "return_reason refund_type is_exchange exchange_order_identifier tracking_number "
        "package_tracking_status receiving_status was_seen_open open_package_tracking_status "
        "open_receiving_status estimated_refund_amount_cents optoro_refund_amount_cents "
        "shopper_refund_amount_cents changed_at",
    ),
    "rma_messages": (
        RmaMessage,
        "id rma_id content_sha256 content remote_updated_at delivery_id received_at",
    ),
    "deliveries": (
        Delivery,
        "id store_id topic optiturn_id api_version headers body body_sha256 remote_address copies "
        "received_at last_received_at state subject attempts next_attempt_at processed_at error",
    ),
    "refunds": (
        Refund,
        "id store_id identifier order_id paid_order_id rma_id rma_identifier status source "
        "destination reason approval_reason currency total_refund_amount_cents "
        "shopper_amount_cents optoro_amount_cents author_id created_at approved_at paid_at "
        "reported_at confirmed_at booked_on",
    ),
    "refund_lines": (
        RefundLine,
        "id refund_id order_line_id identifier quantity amount_cents calculation",
    ),
    "refund_units": (
        RefundUnit,
        "id line_id rma_unit_id amount_cents shopper_amount_cents optoro_amount_cents is_live",
    ),
    "refund_items": (
        RefundItem,
        "id refund_id line_id unit_id position quantity concept order_line_item_identifier sku "
        "title return_reason return_method trigger original_product_amount_cents "
        "original_discount_amount_cents original_tax_amount_cents product_amount_cents "
        "tax_amount_cents amount_cents shopper_amount_cents optoro_amount_cents",
    ),
    "entries": (
        Entry,
        "id store_id key kind currency happened_at booked_on recorded_at memo order_identifier "
        "rma_identifier refund_identifier exchange_order_identifier",
    ),
    "postings": (
        Posting,
        "id entry_id store_id booked_on recorded_at currency debit_account credit_account "
        "amount_cents",
    ),
    "payouts": (
        Payout,
        "id refund_id store_id gateway idempotency_key amount_cents currency "
        "transaction_identifier tender status gateway_reference error created_at finished_at",
    ),
    "payout_attempts": (
        PayoutAttempt,
        "id payout_id number idempotency_key started_at finished_at outcome gateway_reference "
        "error",
    ),
    "events": (
        Event,
        "id store_id kind summary occurred_at recorded_at actor_kind order_identifier "
        "rma_identifier refund_identifier changes message_kind message_id",
    ),
    "jobs": (
        Job,
        "id store_id topic key label state not_before failures error created_at finished_at",
    ),
    "attempts": (
        Attempt,
        "id job_id number started_at finished_at outcome status_code error request_body "
        "response_body",
    ),
    "items": (
        Item,
        "id store_id kind subject order_identifier rma_identifier detail opened_at due_at "
        "resolved_at resolution owner_id",
    ),
    "cases": (
        Case,
        "id store_id subject_kind subject assignee_id due_at flagged_at flag_reason flagger",
    ),
    "notes": (Note, "id case_id author_id text written_at"),
    "exchanges": (
        ExchangeOrder,
        "id store_id order_identifier original_order_id original_order_identifier "
        "named_order_identifier rma_identifier currency customer_email customer_name "
        "shipping_address billing_address transaction_id product_amount_cents "
        "discount_amount_cents tax_amount_cents shipping_amount_cents bonus_credit_amount_cents "
        "total_amount_cents tax_service content content_sha256 request answer_body delivery_id "
        "placed_at own_order_status",
    ),
    "exchange_lines": (
        ExchangeLine,
        "id exchange_order_id position sku title quantity unit_price_amount_cents "
        "product_amount_cents discount_amount_cents tax_amount_cents bonus_credit_amount_cents "
        "price_source is_gift_card original_item_identifier original_sku calculation",
    ),
}


def tables(now: datetime, do: Do) -> SimpleNamespace:
    """Returns one `Table` for each name above; each chunk of rows is written by `do`."""
    return SimpleNamespace(
        **{name: Table(model, columns, now, do) for name, (model, columns) in _COLUMNS.items()}
    )
