"""What the OpenAPI page says of the addresses that Optoro and operators call: they are no views of
the integrator API, so drf-spectacular does not find them (`SPECTACULAR_SETTINGS`)."""

from typing import Any

from apps.api.schema import add_bodies_of_deletions
from apps.optoro import rma_message
from apps.optoro.reading import MAX_CENTS, MAX_QUANTITY, MAX_TEXT

Schema = dict[str, Any]

_OLDER_REFUND_TYPES = ("EVEN_EXCHANGE", "UNEVEN_GC")
_SECURITY: list[dict[str, list[str]]] = [{"OptoroBasic": []}, {"OptoroApiKey": []}]


def add_addresses_outside_the_api(result: Schema, **_: Any) -> Schema:
    """Adds Optoro's and the operators' addresses to the generated schema, and returns it."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(_schemas())
    components.setdefault("securitySchemes", {}).update(
        OptoroBasic={
            "type": "http",
            "scheme": "basic",
            "description": "User name and password that the retailer gave to Optoro.",
        },
        OptoroApiKey={
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The key that the retailer gave to Optoro.",
        },
    )
    add_bodies_of_deletions(result)
    result["paths"] |= _optoro_paths() | _operations_paths()
    return result


# --- Building blocks ---------------------------------------------------------------------------


def _text(description: str = "", limit: int = MAX_TEXT, **more: Any) -> Schema:
    return _with({"type": "string", "maxLength": limit, **more}, description)


def _cents(description: str = "", **more: Any) -> Schema:
    whole = {"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_CENTS}
    return _with({**whole, **more}, description)


def _quantity(**more: Any) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY, **more}


def _flag(description: str = "") -> Schema:
    return _with({"type": "boolean"}, description)


def _moment() -> Schema:
    return {"type": "string", "format": "date-time", "description": "ISO 8601"}


def _word(*words: str, **more: Any) -> Schema:
    return {"type": "string", "enum": [*words, *([None] if more.get("nullable") else [])], **more}


def _list(element: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": element, **more}


def _object(required: tuple[str, ...], description: str = "", **properties: Schema) -> Schema:
    shape = {"type": "object", "properties": properties}
    return _with({**shape, "required": list(required)} if required else shape, description)


def _with(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


# --- Messages ----------------------------------------------------------------------------------


def _schemas() -> Schema:
    return {
        "OptoroMessage": _object(("message",), message={"type": "string"}),
        "OptoroRma": _rma(),
        "OptoroRmaUnit": _rma_unit(),
        "OptoroVariants": _variants(),
        "OptoroExchangeOrder": _exchange_order(),
        "OptoroExchangeItem": _exchange_item(),
        "OptoroAddress": _address(),
        "OptoroExchangeAnswer": _exchange_answer(),
        "OptoroErrors": _errors(),
        "Health": _object(("status",), status=_word("ok")),
        "NotReady": _object(
            ("status", "check", "why"),
            status=_word("failing"),
            check=_word("database", "cache"),
            why={"type": "string"},
        ),
    }


def _rma() -> Schema:
    return _object(
        (
            "rma_identifier",
            "status",
            "items",
            "return_method",
            "return_shipping_cost_cents",
            "gift_refund_only",
        ),
        "A full snapshot of one RMA, sent at each event. Unknown fields and words are kept.",
        rma_identifier=_text(minLength=1),
        status=_word(*rma_message.STATUSES),
        created_at=_moment(),
        updated_at=_moment(),
        items=_with(
            {"oneOf": [_list(_ref("OptoroRmaUnit"), minItems=1), _ref("OptoroRmaUnit")]},
            "One element per unit; a single unit may come as a bare object",
        ),
        return_method=_word(*rma_message.RETURN_METHODS),
        return_shipping_cost_cents=_cents(),
        gift_refund_only=_flag(),
        giftee_email=_text("Where the gift card goes", nullable=True),
        bonus_credit_amount_cents=_cents("Required from v4, absent in v3"),
        warehouse_id=_text("A number in older messages", nullable=True),
        receiving_complete={"type": "boolean", "nullable": True},
        concept=_text("The brand", nullable=True),
    )


def _rma_unit() -> Schema:
    return _object(
        (
            "order_line_item_identifier",
            "order_identifier",
            "return_reason",
            "sku",
            "refund_financials",
            "refund_type",
        ),
        order_line_item_identifier=_text(minLength=1),
        order_identifier=_text("The order's identifier, or its secondary one", minLength=1),
        secondary_identifier=_text(nullable=True),
        exchange_order_identifier=_text(nullable=True),
        original_order_identifier=_text(
            "Where the order is an exchange: the order it was exchanged from", nullable=True
        ),
        return_reason=_text(limit=10_000),
        is_exchange=_flag(),
        sku=_text(),
        upc=_text(nullable=True),
        tracking_number=_text(nullable=True),
        package_tracking_status=_word(*rma_message.TRACKING_STATUSES, nullable=True),
        receiving_status=_word(*rma_message.RECEIVING_STATUSES, nullable=True),
        warehouse_receipt_condition=_word(*rma_message.CONDITIONS, nullable=True),
        refund_type=_word(*rma_message.REFUND_TYPES, *_OLDER_REFUND_TYPES),
        refund_financials=_object(
            (
                "estimated_refund_amount_cents",
                "optoro_refund_amount_cents",
                "shopper_refund_amount_cents",
            ),
            estimated_refund_amount_cents=_cents(),
            optoro_refund_amount_cents=_cents(),
            shopper_refund_amount_cents=_cents(),
        ),
    )


def _variants() -> Schema:
    attribute = _object(("name", "value"), name=_text(), value=_text())
    variant = _object(
        ("attributes", "unit_price_amount_cents", "quantity_in_stock", "sku", "title"),
        attributes=_list(attribute),
        unit_price_amount_cents=_cents(),
        quantity_in_stock={"type": "integer", "minimum": 0},
        sku=_text(),
        title=_text(limit=500),
        image_url=_text(limit=2000),
        product_url=_text(limit=2000),
    )
    return _object(("variants",), variants=_list(variant))


def _exchange_order() -> Schema:
    return _object(
        (
            "currency",
            "original_order_id",
            "is_gift",
            "items",
            "customer",
            "shipping_address",
            "billing_address",
            "payment",
        ),
        currency=_text("ISO 4217", limit=3, minLength=3, pattern="^[A-Z]{3}$"),
        rma_identifier=_text(),
        original_order_id=_text("Only one exchange order per original order", minLength=1),
        original_secondary_order_id=_text(),
        note=_text(limit=10_000),
        is_gift=_flag(),
        items=_list(_ref("OptoroExchangeItem"), minItems=1),
        customer=_object(
            ("identifier", "email"),
            identifier=_text(minLength=1),
            email=_text(minLength=1),
            first_name=_text(),
            last_name=_text(),
            phone=_text(limit=60),
        ),
        shipping_address=_ref("OptoroAddress"),
        billing_address=_ref("OptoroAddress"),
        payment=_object(
            ("transaction_id",),
            transaction_id=_text("How the payment is matched with Optoro", minLength=1),
        ),
    )


def _exchange_item() -> Schema:
    returned = _object(
        ("original_sku", "original_item_identifier", "quantity"),
        original_sku=_text(minLength=1),
        original_item_identifier=_text(minLength=1),
        quantity=_quantity(),
        title=_text(limit=500),
        concept=_text(),
    )
    return _object(
        ("sku", "quantity"),
        sku=_text("A variant's, or the agreed one of gift cards", minLength=1),
        quantity=_quantity(),
        title=_text(limit=500),
        unit_price_amount_cents=_cents(),
        product_amount_cents=_cents(),
        discount_amount_cents=_cents(),
        tax_amount_cents=_cents(),
        bonus_credit_amount_cents=_cents("Gift cards only"),
        product_identifier=_text(),
        variant_identifier=_text(),
        original_sku=_text(),
        original_item_identifier=_text(),
        concept=_text(),
        return_items=_list(returned),
    )


def _address() -> Schema:
    return _object(
        ("name", "street1", "city", "province", "postal_code", "country_code"),
        "`state` for `province`, `zip_code` or `zip` for `postal_code` are understood too.",
        name=_text(minLength=1),
        street1=_text(minLength=1),
        street2=_text(),
        city=_text(minLength=1),
        province=_text(minLength=1),
        postal_code=_text(minLength=1),
        country_code=_text(minLength=1),
        phone=_text(limit=60),
    )


def _exchange_answer() -> Schema:
    return _object(
        ("order_identifier", "total_amount_cents", "product_amount_cents", "tax_amount_cents"),
        order_identifier=_text("What the shopper is told"),
        total_amount_cents=_cents("With gift cards' bonus credit"),
        product_amount_cents=_cents("Before discount, tax and shipping"),
        tax_amount_cents=_cents(),
    )


def _errors() -> Schema:
    error = _object(
        ("field", "code"),
        field={"type": "string"},
        code=_word("missing_field", "invalid_type", "invalid"),
        message={"type": "string"},
    )
    return _object(("message", "errors"), message={"type": "string"}, errors=_list(error))


# --- Addresses ---------------------------------------------------------------------------------


def _optoro_paths() -> Schema:
    same = "The same as `/optoro/{}`: Optoro's guide shows both addresses."
    return {
        "/optoro/rmas": {"post": _receive_rma()},
        "/optoro/exchange_orders": {"post": _place_exchange("optoro_exchange_orders")},
        "/optoro/orders": {
            "post": _place_exchange("optoro_orders", same.format("exchange_orders")),
        },
        "/optoro/sku/{variant_identifier}/variants": {"get": _offer_variants("optoro_variants")},
        "/optoro/sku/{variant_identifier}/exchange_variants": {
            "get": _offer_variants(
                "optoro_exchange_variants", same.format("sku/{variant_identifier}/variants")
            )
        },
    }


def _receive_rma() -> Schema:
    return _operation(
        "optoro_rmas",
        "The RMAs webhook. 200 once the message is stored, whatever it says: what cannot be used "
        "is set aside, where a person sees it.",
        {
            "200": _answer("Stored", "OptoroMessage"),
            "413": _answer("Larger than the desk takes", "OptoroMessage"),
            "503": _answer("Not stored: send it again", "OptoroMessage"),
        },
        body="OptoroRma",
    )


def _place_exchange(name: str, description: str = "") -> Schema:
    return _operation(
        name,
        description
        or "Places an exchange order. There is one per original order: the same request again, and "
        "any other for that order, gets the same answer.",
        {
            "200": _answer("Placed, now or before", "OptoroExchangeAnswer"),
            "403": _answer("X-Optiturn-Id names no store of the caller's", "OptoroMessage"),
            "413": _answer("Larger than the desk takes", "OptoroMessage"),
            "422": _answer("Not placed: fields are wrong", "OptoroErrors"),
            "503": _answer("Not placed: send it again", "OptoroMessage"),
        },
        body="OptoroExchangeOrder",
    )


def _offer_variants(name: str, description: str = "") -> Schema:
    identifier = {
        "name": "variant_identifier",
        "in": "path",
        "required": True,
        "description": "As sent with the order line",
        "schema": {"type": "string", "minLength": 1},
    }
    return _operation(
        name,
        description
        or "The variants that goods can be exchanged for; an empty list for unknown "
        "products. Answers carry an ETag.",
        {
            "200": _answer("The variants on offer", "OptoroVariants"),
            "304": {"description": "As If-None-Match has it"},
            "403": _answer("X-Optiturn-Id names no store of the caller's", "OptoroMessage"),
            "503": _answer("Not to be read at the moment: ask again", "OptoroMessage"),
        },
        parameters=[identifier],
    )


def _operation(
    name: str,
    description: str,
    responses: Schema,
    *,
    body: str = "",
    parameters: list[Schema] | None = None,
) -> Schema:
    operation: Schema = {
        "operationId": name,
        "description": description,
        "tags": ["Optoro"],
        "security": _SECURITY,
        "parameters": [
            *(parameters or []),
            _header("X-Optiturn-Id", "The tenant, such as Modrno"),
            _header("X-Optiturn-Api-Version", "Versions differ in what they name; all are taken"),
        ],
        "responses": {
            **responses,
            "401": _answer("Wrong or missing credentials", "OptoroMessage"),
        },
    }
    if body:
        content = {"application/json": {"schema": _ref(body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _header(name: str, description: str) -> Schema:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _answer(description: str, schema: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}


def _operations_paths() -> Schema:
    alive = {"200": _answer("The process answers", "Health")}
    ready = {
        "200": _answer("The desk can serve", "Health"),
        "503": _answer("It cannot, and why", "NotReady"),
    }
    numbers = {
        "200": {
            "description": "Prometheus' text format",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    }
    return {
        f"/{name}": {
            "get": {
                "operationId": name,
                "description": description,
                "tags": ["Operations"],
                "security": [],
                "responses": responses,
            }
        }
        for name, description, responses in (
            ("healthz", "Whether the process is alive.", alive),
            ("readyz", "Whether the desk can serve: database, migrations, cache.", ready),
            ("metrics", "Lengths and ages of the queues.", numbers),
        )
    }
