"""The bodies of messages, as they came and as they are kept: text, because a million of them are
written."""

from tests.bench.stories import Order, Story

_ADDRESS = (
    '{"street1":"61 W 21st Street","street2":"Apt 1","city":"New York","state":"NY",'
    '"zip_code":"10011","country_code":"US","name":'
)


def order_body(order: Order, total: int, status: str, at: str) -> str:
    """Returns an order's snapshot; `total` in cents."""
    product = sum(line.price * line.quantity for line in order.lines)
    tax = sum(line.tax * line.quantity for line in order.lines)
    discount = sum(line.discount * line.quantity for line in order.lines)
    name = f"{order.first_name} {order.last_name}"
    address = f'{_ADDRESS}"{name}"}}'
    items = ",".join(
        f'{{"identifier":"{position}","sku":"{line.sku}","title":"{line.title}",'
        f'"quantity":{line.quantity},"quantity_shipped":{line.quantity},"quantity_canceled":0,'
        f'"product_identifier":"{30_000 + line.product}",'
        f'"variant_identifier":"V{30_000 + line.product}",'
        f'"product_amount_cents":{line.price * line.quantity},'
        f'"tax_amount_cents":{line.tax * line.quantity},'
        f'"discount_amount_cents":{line.discount * line.quantity},'
        f'"unit_price_amount_cents":{line.price},"tags":[]}}'
        for position, line in enumerate(order.lines, 1)
    )
    return (
        f'{{"identifier":"{order.identifier}","currency":"{order.currency}","status":"{status}",'
        f'"raw_status":"fulfilled","concept":"{order.brand}","total_amount_cents":{total},'
        f'"product_amount_cents":{product},"tax_amount_cents":{tax},'
        f'"discount_amount_cents":{discount},"shipping_amount_cents":0,'
        f'"shipping_tax_amount_cents":0,"tags":[],"created_at":"{at}Z","updated_at":"{at}Z",'
        f'"items":[{items}],"customer":{{"identifier":"C{order.shopper}",'
        f'"first_name":"{order.first_name}","last_name":"{order.last_name}",'
        f'"email":"{order.email}"}},"shipping_address":{address},"billing_address":{address},'
        f'"transactions":[{{"identifier":"PAY-{order.identifier}","type":"SALE",'
        f'"status":"SUCCESS","amount_cents":{total},"gateway":"simulated"}}],"refunds":[]}}'
    )


def rma_body(story: Story, order_identifier: str, started: str, updated: str, seen: tuple) -> str:
    """Returns an RMA message as Optoro sends it; `seen` is its (status, tracking, receiving)."""
    status, tracking, receiving = seen
    shown = f'"{tracking}"' if tracking else "null"
    optoro = story.estimated_cents - story.shopper_cents
    unit = (
        f'{{"order_line_item_identifier":"{story.line + 1}",'
        f'"order_identifier":"{order_identifier}","return_reason":"{story.reason}",'
        f'"is_exchange":false,"sku":"{story.order.lines[story.line].sku}",'
        f'"tracking_number":"92{story.number:022d}","package_tracking_status":{shown},'
        f'"receiving_status":"{receiving}","refund_financials":{{'
        f'"estimated_refund_amount_cents":{story.estimated_cents},'
        f'"optoro_refund_amount_cents":{optoro},'
        f'"shopper_refund_amount_cents":{story.shopper_cents}}},'
        f'"refund_type":"{story.refund_type}"}}'
    )
    return (
        f'{{"rma_identifier":"{story.identifier}","status":"{status}",'
        f'"created_at":"{started}Z","updated_at":"{updated}Z",'
        f'"items":[{",".join([unit] * story.units)}],"return_method":"{story.method}",'
        f'"return_shipping_cost_cents":0,"gift_refund_only":false,'
        f'"concept":"{story.order.brand}"}}'
    )


def rma_content(
    story: Story, order_identifier: str, started: str, updated: str, seen: tuple
) -> str:
    """Returns the same message as the desk keeps it (`RmaSnapshot.to_content`)."""
    status, tracking, receiving = seen
    unit = (
        f'{{"order_identifier":"{order_identifier}",'
        f'"order_line_item_identifier":"{story.line + 1}","return_reason":"{story.reason}",'
        f'"sku":"{story.order.lines[story.line].sku}","refund_type":"{story.refund_type}",'
        f'"tracking_number":"92{story.number:022d}","package_tracking_status":"{tracking}",'
        f'"receiving_status":"{receiving}",'
        f'"estimated_refund_amount_cents":{story.estimated_cents},'
        f'"optoro_refund_amount_cents":{story.estimated_cents - story.shopper_cents},'
        f'"shopper_refund_amount_cents":{story.shopper_cents}}}'
    )
    return (
        f'{{"rma_identifier":"{story.identifier}","status":"{status}",'
        f'"return_method":"{story.method}","units":[{",".join([unit] * story.units)}],'
        f'"created_at":"{started}+00:00","updated_at":"{updated}+00:00",'
        f'"return_shipping_cost_cents":0,"bonus_credit_amount_cents":0,'
        f'"gift_refund_only":false,"giftee_email":"","concept":"{story.order.brand}"}}'
    )


def calculation(story: Story) -> str:
    """Returns how the amount of the refund's line was worked out (`LineCalculation`)."""
    line, units = story.order.lines[story.line], story.units
    amount = line.unit_cents * units
    return (
        f'{{"quantity":{units},"price_cents":{line.price * units},'
        f'"discount_cents":{line.discount * units},"tax_cents":{line.tax * units},'
        f'"rounding_cents":0,"paid_cents":{amount},"estimated_cents":{amount},'
        f'"shopper_estimate_cents":{story.shopper_cents * units},'
        f'"optoro_estimate_cents":{amount - story.shopper_cents * units},'
        f'"cap_cents":{line.unit_cents * line.quantity},"refunded_before_cents":0,'
        f'"quantity_shipped":{line.quantity},"quantity_refunded_before":0,"taken_off_cents":0,'
        f'"amount_cents":{amount},"tolerance_cents":null}}'
    )
