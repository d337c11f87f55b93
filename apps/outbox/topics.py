"""The kinds of jobs there are. Apps further up register what does them."""

LINK_ORDER = "order.link"  # key: Order; an order came or changed, look at its RMAs again
EVALUATE_RMA = "rma.evaluate"  # key: Rma; decide what is owed for its units
PAY_REFUND = "refund.pay"  # key: Payout; move the money, or find out what became of it
SETTLE_REFUND = "refund.settle"  # key: Refund; nothing is paid, its delay is over
ORDER_SNAPSHOT = "order.snapshot"  # key: Order; send its newest snapshot to Optoro
IMPORT_VARIANTS = "catalog.import"  # key: VariantImport; read the rest of an uploaded file
EXPORT_REPORT = "reports.export"  # key: Export; read the rest of its rows, write its file
EXPIRE_EXPORT = "reports.expire"  # key: Export; its bytes go
RUN_SCHEDULE = "reports.schedule"  # key: ScheduleRun; have its file made, see what became of it
MAIL_REPORT = "reports.mail"  # key: ScheduleRun; send its file to whoever has not got it
IMPORT_STATEMENT = "statements.import"  # key: Statement; read and compare the rest of a file

LABELS = {
    LINK_ORDER: "Link order to its returns",
    EVALUATE_RMA: "Decide on return",
    PAY_REFUND: "Pay refund",
    SETTLE_REFUND: "Settle refund",
    ORDER_SNAPSHOT: "Send order snapshot",
    IMPORT_VARIANTS: "Import variants",
    EXPORT_REPORT: "Export report",
    EXPIRE_EXPORT: "Remove old export",
    RUN_SCHEDULE: "Make scheduled report",
    MAIL_REPORT: "Mail scheduled report",
    IMPORT_STATEMENT: "Import statement",
}
