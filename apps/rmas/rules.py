"""Words of the RMA message and how far along they are (contract §5, flows.md)."""

PENDING_EXCHANGE = "PENDING_EXCHANGE"
CREATED = "CREATED"
PARTIAL_REFUND = "PARTIAL_REFUND"
REFUNDED = "REFUNDED"
CANCELED = "CANCELED"

STATUS_PROGRESS = {
    PENDING_EXCHANGE: 0,
    CREATED: 1,
    PARTIAL_REFUND: 2,
    REFUNDED: 3,
    CANCELED: 4,
}

PRE_TRANSIT = "PRE_TRANSIT"
ACCEPTED = "ACCEPTED"
TRANSIT = "TRANSIT"
DELIVERED = "DELIVERED"
RETURNED = "RETURNED"
FAILURE = "FAILURE"
NOT_DROPPED_OFF = "NOT_DROPPED_OFF"

# The ends that stop a refund come last: between two messages of one instant, the one that says the
# parcel failed is the later one, and believing it is the mistake that costs no money.
TRACKING_PROGRESS = {
    "": 0,
    PRE_TRANSIT: 2,
    ACCEPTED: 3,
    TRANSIT: 4,
    DELIVERED: 5,
    NOT_DROPPED_OFF: 6,
    FAILURE: 7,
    RETURNED: 8,
}
UNKNOWN_TRACKING_PROGRESS = 1
ON_ITS_WAY = frozenset({ACCEPTED, TRANSIT})

PENDING = "PENDING"
RECEIVED = "RECEIVED"
NOT_RECEIVED = "NOT_RECEIVED"
RECEIVING_PROGRESS = {"": 0, PENDING: 1, NOT_RECEIVED: 2, RECEIVED: 3}

MAIL_BACK = "mail-back"
EXPRESS_RETURNS = "express-returns"
HOME_PICKUP = "home-pickup"
CUSTOMER_KEEP = "customer-keep"
RETURN_METHODS = (MAIL_BACK, EXPRESS_RETURNS, HOME_PICKUP, CUSTOMER_KEEP)

REFUND = "REFUND"
STANDARD_EXCHANGE = "STANDARD_EXCHANGE"
INSTANT_EXCHANGE = "INSTANT_EXCHANGE"
INSTANT_STORE_CREDIT = "INSTANT_STORE_CREDIT"
UNEVEN_EXCHANGE = "UNEVEN_EXCHANGE"
EXCHANGES = (STANDARD_EXCHANGE, INSTANT_EXCHANGE, UNEVEN_EXCHANGE)
# Units of these types are returned for goods, or credit, of an exchange order.
PAYING_TYPES = (*EXCHANGES, INSTANT_STORE_CREDIT)
REFUND_TYPES = (REFUND, *EXCHANGES, INSTANT_STORE_CREDIT)

# warehouse_receipt_condition (v5); "" stands for a receipt that tells none.
CONDITIONS = ("N", "TT", "R", "A", "B", "C", "X")


def tracking_progress(package_tracking_status: str) -> int:
    """Returns how far along a parcel is; an unknown word counts as just begun."""
    return TRACKING_PROGRESS.get(package_tracking_status, UNKNOWN_TRACKING_PROGRESS)


def receiving_progress(receiving_status: str) -> int:
    """Returns how far along receiving is; an unknown word counts as not begun."""
    return RECEIVING_PROGRESS.get(receiving_status, 0)


def is_handed_over(
    *, return_method: str, package_tracking_status: str, receiving_status: str
) -> bool:
    """Tells whether the unit has reached the usual trigger of its return method.

    flows.md, "When a unit becomes refundable": mail-back at the carrier's scan, express-returns and
    home-pickup when taken over, customer-keep at creation; whatever implies it counts as well.
    """
    if return_method == CUSTOMER_KEEP or receiving_status == RECEIVED:
        return True
    if return_method == MAIL_BACK:
        return package_tracking_status in (TRANSIT, DELIVERED)
    if return_method in (EXPRESS_RETURNS, HOME_PICKUP):
        return package_tracking_status in (ACCEPTED, TRANSIT, DELIVERED)
    return False
