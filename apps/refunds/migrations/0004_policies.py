
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('refunds', '0003_superseded'),
        ('stores', '0002_exchanges'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='refund',
            name='payment_due_at',
            field=models.DateTimeField(blank=True, help_text="Not paid before this: the policy's delay", null=True),
        ),
        migrations.AddField(
            model_name='refundline',
            name='calculation',
            field=models.JSONField(blank=True, help_text='How its amount was worked out when it was decided', null=True),
        ),
        migrations.CreateModel(
            name='RefundPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('concept', models.CharField(blank=True, help_text='The brand; blank for every brand without its own', max_length=255)),
                ('effective_from', models.DateTimeField()),
                ('mail_back_trigger', models.CharField(choices=[('default', 'As the return method says (scan, drop-off)'), ('receipt', 'When the warehouse has received the unit'), ('manual', 'Only when a person decides')], max_length=20)),
                ('express_returns_trigger', models.CharField(choices=[('default', 'As the return method says (scan, drop-off)'), ('receipt', 'When the warehouse has received the unit'), ('manual', 'Only when a person decides')], max_length=20)),
                ('home_pickup_trigger', models.CharField(choices=[('default', 'As the return method says (scan, drop-off)'), ('receipt', 'When the warehouse has received the unit'), ('manual', 'Only when a person decides')], max_length=20)),
                ('customer_keep_trigger', models.CharField(choices=[('default', 'As the return method says (scan, drop-off)'), ('receipt', 'When the warehouse has received the unit'), ('manual', 'Only when a person decides')], max_length=20)),
                ('payment_delay_minutes', models.PositiveIntegerField(default=0)),
                ('automatic_conditions', models.JSONField(default=list, help_text='Conditions at receipt that are refunded automatically; "" where none is told')),
                ('charges_return_shipping', models.BooleanField(default=False)),
                ('tolerance_cents', models.PositiveIntegerField(blank=True, help_text="Per unit, between Optoro's estimate and the desk's own figure; blank: any", null=True)),
                ('note', models.CharField(blank=True, max_length=255)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('store', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refund_policies', to='stores.store')),
            ],
            options={
                'verbose_name_plural': 'refund policies',
            },
        ),
        migrations.AddField(
            model_name='refund',
            name='policy',
            field=models.ForeignKey(blank=True, help_text="The policy it was decided under; none: the store's settings", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='refunds.refundpolicy'),
        ),
        migrations.AddIndex(
            model_name='refundpolicy',
            index=models.Index(fields=['store', 'concept', '-effective_from'], name='refunds_policies'),
        ),
    ]
