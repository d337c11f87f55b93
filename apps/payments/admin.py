"""Payment accounts are configured here, and the simulated gateway's book can be read. Secrets go in
and never come out."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.admin import Admin, ReadOnlyAdmin
from apps.payments.models import PaymentAccount, SimulatedCall, SimulatedPayment
from apps.payments.queries import secrets_of
from apps.payments.rules import SECRETS, account_problems

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[PaymentAccount]
else:
    ModelForm = forms.ModelForm


class PaymentAccountForm(ModelForm):
    """A secret left blank keeps what is stored; a tick forgets it."""

    class Meta:
        model = PaymentAccount
        fields = ("store", "gateway", "settings")

    gateway = forms.ChoiceField(
        choices=[(name, name) for name in settings.PAYMENT_GATEWAYS],
        help_text="docs/payments.md tells what each needs.",
    )
    signing_secret = forms.CharField(required=False, strip=True)
    forget_signing_secret = forms.BooleanField(required=False)
    bearer_token = forms.CharField(required=False, strip=True)
    forget_bearer_token = forms.BooleanField(required=False)
    api_key = forms.CharField(required=False, strip=True)
    forget_api_key = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = secrets_of(self.instance)
        absent = "Not stored." if stored is not None else "Stored, but not readable: set it anew."
        self.stored: dict[str, Any] = stored if isinstance(stored, dict) else {}
        for name in SECRETS:
            self.fields[name].widget = forms.PasswordInput(
                render_value=False, attrs={"autocomplete": "new-password"}
            )
            self.fields[name].help_text = (
                "Stored. Leave blank to keep it." if self.stored.get(name) else absent
            )

    def clean_settings(self) -> Any:
        """Returns the settings; an empty box is an empty object."""
        given = self.cleaned_data["settings"]
        return {} if given is None else given

    def clean(self) -> dict[str, Any]:
        """Keeps, replaces or forgets each secret, and refuses what the gateway cannot use."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kept = dict(self.stored)
        for name in SECRETS:
            if cleaned.get(f"forget_{name}"):
                kept.pop(name, None)
            elif cleaned.get(name):
                kept[name] = cleaned[name]
        self.secrets = kept
        gateway = cleaned.get("gateway") or self.instance.gateway
        if gateway and "settings" in cleaned:
            self._refuse(gateway, cleaned["settings"])
        return cleaned

    def _refuse(self, gateway: str, given: Any) -> None:
        problems = account_problems(
            gateway=gateway, settings=given, secrets=self.secrets, allow_http=settings.DEBUG
        )
        for problem in problems:
            what, _, name = problem.field.partition(".")
            shown = name if what == "secrets" else what
            self.add_error(shown if shown in self.fields else None, problem.message)

    def save(self, commit: bool = True) -> Any:
        """Writes the secrets beside the settings."""
        self.instance.secrets = json.dumps(self.secrets) if self.secrets else ""
        return super().save(commit)


@admin.register(PaymentAccount)
class PaymentAccountAdmin(Admin):
    """How stores reach their gateways. Accounts are never deleted: payouts in flight remember
    them."""

    form = PaymentAccountForm
    list_display = ("store", "gateway", "updated_at")
    list_select_related = ("store",)
    list_filter = ("gateway",)
    search_fields = ("store__name", "store__identifier", "gateway")
    fieldsets = (
        (None, {"fields": ("store", "gateway", "settings")}),
        (
            "Secrets",
            {
                "fields": tuple(field for name in SECRETS for field in (name, f"forget_{name}")),
                "description": "http: signing_secret, and bearer_token where the service wants "
                "one. stripe: api_key. The others have none.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Lists without reading secrets, so that one that no key reads does not hide the rest."""
        return super().get_queryset(request).defer("secrets")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """An account stays its store's and its gateway's: another one is another row."""
        return ("store", "gateway") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SimulatedPayment)
class SimulatedPaymentAdmin(ReadOnlyAdmin):
    """What a real gateway would have paid."""

    list_display = ("created_at", "reference", "outcome", "amount_cents", "currency", "calls")
    list_filter = ("outcome",)
    search_fields = ("=reference", "=refund_identifier", "=order_identifier", "=key")
    ordering = ("-pk",)


@admin.register(SimulatedCall)
class SimulatedCallAdmin(ReadOnlyAdmin):
    """Every call that the simulated gateway got, or was told to lose."""

    list_display = ("at", "key", "method", "number", "behaviour")
    list_filter = ("method", "behaviour")
    search_fields = ("=key",)
    ordering = ("-pk",)
