from datetime import timedelta

from django.db import migrations, models
from django.db.models import F

# By when the items that are open already are due, from when they were opened.
_HOURS = {
    "payment_unknown": 1,
    "snapshot_held": 4,
    "message_quarantined": 4,
    "refund_declined": 24,
    "confirmed_without_refund": 24,
    "exchange_collision": 24,
    "exchange_needs_look": 24,
    "refund_needs_decision": 48,
    "paid_but_canceled": 48,
    "changed_after_refund": 48,
    "order_header_differs": 72,
    "contract_drift": 72,
}


def fill(apps, schema_editor):
    Item = apps.get_model("attention", "Item")
    # Until now only a person's dismissal gave an item an owner.
    Item.objects.filter(resolved_at__isnull=False, owner__isnull=False).update(is_dismissed=True)
    for kind, hours in _HOURS.items():
        Item.objects.filter(kind=kind, resolved_at=None, due_at=None).update(
            due_at=F("opened_at") + timedelta(hours=hours)
        )


class Migration(migrations.Migration):

    dependencies = [
        ("attention", "0003_payments_and_approvals"),
    ]

    operations = [
        migrations.AddField(
            model_name="item",
            name="is_dismissed",
            field=models.BooleanField(default=False, help_text="A person closed it, though its cause may still be there"),
        ),
        migrations.AlterField(
            model_name="item",
            name="kind",
            field=models.CharField(
                choices=[
                    ('order_header_differs', 'Order header contradicts its lines'),
                    ('refund_needs_decision', 'A refund needs a decision'),
                    ('refund_declined', 'The payment was declined'),
                    ('payment_unknown', 'It is unknown whether the payment happened'),
                    ('snapshot_held', 'Optoro refused an order snapshot'),
                    ('message_quarantined', 'A message could not be used'),
                    ('contract_drift', 'Optoro sent a value that is not in its contract'),
                    ('paid_but_canceled', 'The RMA was canceled after its refund'),
                    ('confirmed_without_refund', 'Optoro says refunded, the desk did not'),
                    ('exchange_collision', 'A second, different exchange order was asked for'),
                    ('exchange_needs_look', 'An exchange order needs a look'),
                    ('changed_after_refund', 'A refunded unit has changed since'),
                    ('payment_by_hand', 'A payment waits for a person to make it'),
                    ('payment_contradicted', 'The gateway contradicts what was written down'),
                    ('refund_withdrawn', 'A refund that a person made was withdrawn'),
                    ('paid_not_reported', 'Optoro has not been told of a paid refund'),
                    ('reported_not_confirmed', 'Optoro has not confirmed a refund'),
                    ('cancellation_waits', 'A cancellation waits for Optoro'),
                    ('settlement_unmatched', 'A settlement does not match an exchange order'),
                    ('payment_stuck', 'Nothing is going to make a payment that is due'),
                    ('books_broken', "The desk's own books do not add up"),
                ],
                max_length=40,
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("is_dismissed", True)),
                fields=["store", "kind", "subject"],
                name="attention_dismissed",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
