
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='store',
            name='exchange_shipping_amount_cents',
            field=models.PositiveIntegerField(default=0, help_text='Shipping charged on every exchange order, in cents'),
        ),
        migrations.AddField(
            model_name='store',
            name='exchange_tax_service',
            field=models.CharField(default='original_rate', help_text='Who works out the tax of exchange orders', max_length=40),
        ),
        migrations.AddField(
            model_name='store',
            name='gift_card_sku',
            field=models.CharField(default='OPTOROGIFTCARD', help_text='The SKU agreed with Optoro for gift card lines of exchange orders', max_length=255),
        ),
        migrations.AddField(
            model_name='store',
            name='offers_out_of_stock_variants',
            field=models.BooleanField(default=False, help_text='Offer variants without stock for an exchange, too'),
        ),
    ]
