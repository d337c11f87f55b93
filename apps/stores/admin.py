"""Stores are configured here. Secrets go in and never come out."""

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from apps.common.admin import Admin
from apps.stores.models import Store

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Store]
else:
    ModelForm = forms.ModelForm


def _form_field(column: "models.Field[Any, Any]", **options: Any) -> forms.Field | None:
    """Addresses written without a scheme are https."""
    if isinstance(column, models.URLField):
        options["assume_scheme"] = "https"
    return column.formfield(**options)


SECRETS = ("optoro_client_secret", "webhook_password", "webhook_api_key")
# The gateway fields, and what pays where they are blank.
GATEWAYS = {
    "payment_gateway": "As in the environment (PAYMENT_GATEWAY)",
    "gift_card_gateway": "The payment gateway where it can, else a person by hand",
}


class StoreForm(ModelForm):
    """A secret left blank keeps what is stored; a tick forgets it."""

    class Meta:
        model = Store
        formfield_callback = _form_field
        fields = (
            "identifier",
            "name",
            "is_default",
            "is_active",
            "time_zone",
            "optoro_auth_url",
            "optoro_orders_url",
            "optoro_asn_url",
            "optoro_rtv_url",
            "optoro_client_id",
            *SECRETS,
            "webhook_username",
            *GATEWAYS,
            "offers_out_of_stock_variants",
            "gift_card_sku",
            "exchange_shipping_amount_cents",
            "exchange_tax_service",
            "requires_second_factor",
        )
        widgets = {
            name: forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
            for name in SECRETS
        }

    forget_optoro_client_secret = forms.BooleanField(required=False)
    forget_webhook_password = forms.BooleanField(required=False)
    forget_webhook_api_key = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = {name: getattr(self.instance, name) for name in SECRETS}
        for name, blank in GATEWAYS.items():
            self.fields[name] = self._gateway_field(name, blank)
        for name in SECRETS:
            # The stored value must not even reach the form: widgets and error pages show it.
            self.initial[name] = ""
            self.fields[name].help_text = (
                "Stored. Leave blank to keep it." if self.stored[name] else "Not stored."
            )

    def _gateway_field(self, name: str, blank: str) -> forms.ChoiceField:
        """A name that was stored and is known no more stays visible, and cannot be saved again."""
        known = [(gateway, gateway) for gateway in settings.PAYMENT_GATEWAYS]
        stored = getattr(self.instance, name)
        if stored and stored not in settings.PAYMENT_GATEWAYS:
            known.append((stored, f"{stored} (unknown)"))
        return forms.ChoiceField(
            choices=[("", blank), *known], required=False, help_text=self.fields[name].help_text
        )

    def _known_gateway(self, name: str) -> str:
        gateway = str(self.cleaned_data[name])
        if gateway and gateway not in settings.PAYMENT_GATEWAYS:
            raise forms.ValidationError(
                f"There is no gateway {gateway}; choose one of: "
                f"{', '.join(settings.PAYMENT_GATEWAYS)}."
            )
        return gateway

    def clean_payment_gateway(self) -> str:
        """Refuses a gateway that there is no more."""
        return self._known_gateway("payment_gateway")

    def clean_gift_card_gateway(self) -> str:
        """Refuses a gateway that there is no more."""
        return self._known_gateway("gift_card_gateway")

    def clean_time_zone(self) -> str:
        """Refuses a name that no clock knows."""
        name = str(self.cleaned_data["time_zone"])
        if name not in available_timezones():
            raise forms.ValidationError("Write a name such as America/New_York or UTC.")
        return name

    def clean(self) -> dict[str, Any]:
        """Keeps, replaces or forgets each secret."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in SECRETS:
            if cleaned.get(f"forget_{name}"):
                cleaned[name] = ""
            elif not cleaned.get(name):
                cleaned[name] = self.stored[name]
        return cleaned


@admin.register(Store)
class StoreAdmin(Admin):
    """The tenants. They are never deleted: everything that happened hangs on them."""

    form = StoreForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    list_display = ("name", "identifier", "is_default", "is_active", "time_zone")
    search_fields = ("name", "identifier")
    fieldsets = (
        (
            None,
            {"fields": ("identifier", "name", "is_default", "is_active", "time_zone")},
        ),
        (
            "Refunds",
            {
                "fields": tuple(GATEWAYS),
                "description": "How a gateway is reached is set under Payment accounts; when and "
                "how much is refunded, under Policies at the desk.",
            },
        ),
        ("People", {"fields": ("requires_second_factor",)}),
        (
            "Exchanges",
            {
                "fields": (
                    "offers_out_of_stock_variants",
                    "gift_card_sku",
                    "exchange_shipping_amount_cents",
                    "exchange_tax_service",
                )
            },
        ),
        (
            "Calling Optoro",
            {
                "fields": (
                    "optoro_auth_url",
                    "optoro_orders_url",
                    "optoro_asn_url",
                    "optoro_rtv_url",
                    "optoro_client_id",
                    "optoro_client_secret",
                    "forget_optoro_client_secret",
                ),
                "description": "On the default store, what is empty comes from the environment.",
            },
        ),
        (
            "Being called by Optoro",
            {
                "fields": (
                    "webhook_username",
                    "webhook_password",
                    "forget_webhook_password",
                    "webhook_api_key",
                    "forget_webhook_api_key",
                ),
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
