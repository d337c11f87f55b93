"""The variants offered for a product, in from the shop system."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.serializers import InvalidSerializer, MessageSerializer
from apps.api.store import store_of
from apps.catalog.models import Variant
from apps.catalog.queries import find_product, variants_of
from apps.catalog.services import replace_variants
from apps.common.bodies import read_body
from apps.common.errors import FieldError, InvalidMessage
from apps.inbox.translate import variant_data
from apps.optoro import variants_message
from apps.optoro.reading import MAX_TEXT, load_json, refuse_unstorable


class AttributeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_TEXT)
    value = serializers.CharField(max_length=MAX_TEXT)


class VariantSerializer(serializers.Serializer[Any]):
    attributes = AttributeSerializer(many=True, help_text="In the order to show")
    unit_price_amount_cents = serializers.IntegerField(
        min_value=0, help_text="In the currency of the orders that are exchanged"
    )
    quantity_in_stock = serializers.IntegerField(min_value=0, max_value=variants_message.MAX_STOCK)
    sku = serializers.CharField(max_length=MAX_TEXT, help_text="Once per product")
    title = serializers.CharField(max_length=variants_message.MAX_TITLE)
    image_url = serializers.CharField(
        max_length=variants_message.MAX_ADDRESS, required=False, help_text="https://..."
    )
    product_url = serializers.CharField(
        max_length=variants_message.MAX_ADDRESS, required=False, help_text="https://..."
    )


class VariantSetSerializer(serializers.Serializer[Any]):
    variants = VariantSerializer(many=True, help_text="The whole set, at most 1000")


class StoredVariantSetSerializer(VariantSetSerializer):
    variant_identifier = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment] # a field, taken off the class
        help_text="Who told about the product last: `api`, `file` or `order`"
    )
    updated_at = serializers.DateTimeField()


class ReplacedSerializer(StoredVariantSetSerializer):
    result = serializers.ChoiceField(choices=["created", "updated", "unchanged"])
    created = serializers.IntegerField(help_text="Variants that are new")
    updated = serializers.IntegerField(help_text="Variants that have changed")
    removed = serializers.IntegerField(help_text="Variants that are no longer there")
    unchanged = serializers.IntegerField(help_text="Variants that are as they were")


class VariantsView(APIView):
    """The variants offered in exchange for a product, by the `variant_identifier` of its order
    lines."""

    @property
    def required_scope(self) -> str:
        """Reading and replacing need different scopes."""
        return "catalog:write" if self.request.method == "PUT" else "read"

    @extend_schema(
        responses={200: StoredVariantSetSerializer, 404: MessageSerializer},
        description="The set as it is stored, out of stock variants included. What Optoro is "
        "answered differs: variants without stock are left out unless the store offers them, and "
        "`all_size` is added where the product has several size attributes.",
    )
    def get(self, request: Request, variant_identifier: str) -> Response:
        stored = _stored(store_of(request).pk, variant_identifier.strip())
        if stored is None:
            raise NotFound(f"There are no variants of {variant_identifier}.")
        return Response(stored)

    @extend_schema(
        request=VariantSetSerializer,
        responses={
            200: ReplacedSerializer,
            201: ReplacedSerializer,
            422: InvalidSerializer,
        },
        description="Replaces the product's whole set in one step: variants that are missing from "
        "it are removed, an empty list removes all. The same set again changes nothing. 201 when "
        "nothing was known about the product, else 200.",
    )
    def put(self, request: Request, variant_identifier: str) -> Response:
        identifier = _checked(variant_identifier)
        content = load_json(read_body(request))
        refuse_unstorable(content)
        told = tuple(variant_data(wire) for wire in variants_message.parse(content))
        store_id = store_of(request).pk
        replaced = replace_variants(
            store_id=store_id,
            variant_identifier=identifier,
            variants=told,
            source=Variant.Source.API,
        )
        body = {
            **(_stored(store_id, identifier) or {}),
            "result": replaced.outcome,
            "created": replaced.created,
            "updated": replaced.updated,
            "removed": replaced.removed,
            "unchanged": replaced.unchanged,
        }
        return Response(body, status=201 if replaced.is_new else 200)


def _checked(variant_identifier: str) -> str:
    """Returns the identifier as order lines spell it: without space around it."""
    identifier = variant_identifier.strip()
    if not identifier or len(identifier) > MAX_TEXT:
        message = f"is {len(identifier)} characters long; must be 1 to {MAX_TEXT}"
        raise InvalidMessage([FieldError("variant_identifier", "invalid", message)])
    return identifier


def _stored(store_id: int, identifier: str) -> dict[str, Any] | None:
    product = find_product(store_id=store_id, variant_identifier=identifier)
    if product is None:
        return None
    return {
        "variant_identifier": identifier,
        "source": product.source,
        "updated_at": product.updated_at,
        "variants": [
            _shown(variant)
            for variant in variants_of(store_id=store_id, variant_identifier=identifier)
        ],
    }


def _shown(variant: Variant) -> dict[str, Any]:
    shown = {
        "attributes": variant.attributes,
        "unit_price_amount_cents": variant.unit_price_amount_cents,
        "quantity_in_stock": variant.quantity_in_stock,
        "sku": variant.sku,
        "title": variant.title,
    }
    addresses = {"image_url": variant.image_url, "product_url": variant.product_url}
    return {**shown, **{name: address for name, address in addresses.items() if address}}
