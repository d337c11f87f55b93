
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('attention', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='item',
            name='kind',
            field=models.CharField(choices=[('order_header_differs', 'Order header contradicts its lines'), ('refund_needs_decision', 'A refund needs a decision'), ('refund_declined', 'The payment was declined'), ('payment_unknown', 'It is unknown whether the payment happened'), ('snapshot_held', 'Optoro refused an order snapshot'), ('message_quarantined', 'A message could not be used'), ('contract_drift', 'Optoro sent a value that is not in its contract'), ('paid_but_canceled', 'The RMA was canceled after its refund'), ('confirmed_without_refund', 'Optoro says refunded, the desk did not'), ('exchange_collision', 'A second, different exchange order was asked for'), ('exchange_needs_look', 'An exchange order needs a look'), ('changed_after_refund', 'A refunded unit has changed since')], max_length=40),
        ),
    ]
