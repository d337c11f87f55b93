"""What a person does about each kind of item."""

from apps.attention.models import Kind

WHAT_TO_DO: dict[str, str] = {
    Kind.ORDER_HEADER_DIFFERS: (
        "Compare the order with your order system. Refunds follow the lines; if the lines are "
        "wrong, send a corrected order."
    ),
    Kind.REFUND_NEEDS_DECISION: (
        "Look at the unit and the limit named here. To refund it, pay in your own systems and send "
        "the order again with that refund and its rma_identifier: the desk takes it over, reports "
        "it to Optoro, and never pays that unit again. To leave it, dismiss this with a note."
    ),
    Kind.REFUND_DECLINED: (
        "Ask the shopper for another way to be paid, or pay by hand and note the reference."
    ),
    Kind.PAYMENT_UNKNOWN: (
        "Nothing yet: the desk keeps asking the gateway with the same key. If it stays unknown, "
        "look the key up at the gateway."
    ),
    Kind.SNAPSHOT_HELD: (
        "Mend the fields that Optoro names in the order at its source and send the order again. "
        "A lead can also resend the snapshot as it is."
    ),
    Kind.MESSAGE_QUARANTINED: (
        "Open the message, see why it could not be used, and replay it once the cause is gone."
    ),
    Kind.CONTRACT_DRIFT: (
        "Nothing is lost: the value is kept as it came. Ask Optoro what it means; until it is "
        "known, automation leaves the units concerned alone."
    ),
    Kind.PAID_BUT_CANCELED: (
        "Find out whether the goods came back. If not, ask the shopper or Optoro for the money."
    ),
    Kind.CONFIRMED_WITHOUT_REFUND: (
        "Look in your payment system for a refund made outside the desk, and report it with the "
        "order; otherwise ask Optoro why the RMA was closed."
    ),
    Kind.EXCHANGE_COLLISION: (
        "Optoro allows one exchange order per original order, and was given the first one's answer "
        "again. Compare both requests; ask the shopper which one is meant, and change the exchange "
        "order by hand where it is the second."
    ),
    Kind.EXCHANGE_NEEDS_LOOK: (
        "Compare the exchange order with what comes back for it before it ships."
    ),
    Kind.CHANGED_AFTER_REFUND: (
        "What was reported to Optoro cannot change any more. Compare what the shopper got with "
        "what Optoro says now, and settle the difference by hand."
    ),
}
