"""Where Optoro asks what goods can be exchanged for (contract §6). A shopper waits for the answer,
so it costs one query for the caller, one for the variants, and nothing that could wait."""

import logging
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from apps.catalog.missed import MAX_IDENTIFIER, count_missed
from apps.catalog.queries import variants_of
from apps.catalog.rules import Offer, offers_of
from apps.common.fields import CannotDecrypt
from apps.common.hashing import sha256_of_bytes
from apps.inbox.authentication import caller_of
from apps.inbox.views import refuse_credentials
from apps.stores.models import Store

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS = 60
# What decides whose catalog is answered: no cache may take one caller's answer for another's.
_VARY = ["Authorization", "X-API-Key", "X-Optiturn-Id"]


@csrf_exempt
@login_not_required
@require_GET
def variants(request: HttpRequest, variant_identifier: str) -> HttpResponse:
    """`GET /optoro/sku/{id}/variants`: the variants on offer, an empty list where none are known;
    401 for wrong credentials, 403 for an X-Optiturn-Id that names no store of the caller's, 503
    when the database does not answer."""
    try:
        caller = caller_of(request)
        if caller is None:
            return refuse_credentials()
        if caller.unknown_tenant:
            return _refuse_tenant(caller.unknown_tenant)
        return _answer(request, caller.store, variant_identifier.strip())
    except (DatabaseError, CannotDecrypt):
        logger.exception("the variants of a product could not be read")
        message = "The variants cannot be read at the moment; ask again"
        return JsonResponse({"message": message}, status=503)


def _answer(request: HttpRequest, store: Store, identifier: str) -> HttpResponse:
    is_possible = "\0" not in identifier and len(identifier) <= MAX_IDENTIFIER
    known = variants_of(store_id=store.pk, variant_identifier=identifier) if is_possible else []
    offers = offers_of(known, with_out_of_stock=store.offers_out_of_stock_variants)
    response = JsonResponse(variants_answer(offers))
    response["ETag"] = f'"{sha256_of_bytes(f"{store.pk}:".encode() + response.content)[:32]}"'
    # What has no variants may have some in a moment: it is asked for again each time.
    response["Cache-Control"] = (
        f"private, max-age={MAX_AGE_SECONDS}" if known else "private, no-cache"
    )
    patch_vary_headers(response, _VARY)
    if not known and identifier:
        count_missed(store_id=store.pk, variant_identifier=identifier.replace("\0", "\\x00"))
    conditional = get_conditional_response(request, etag=response["ETag"], response=response)
    assert conditional is not None
    return conditional


def variants_answer(offers: Iterable[Offer]) -> dict[str, Any]:
    """Returns what Optoro is answered: the variants that are on offer, prices in cents."""
    return {"variants": [_wire_variant(offer) for offer in offers if not offer.left_out]}


def _wire_variant(offer: Offer) -> dict[str, Any]:
    variant = offer.variant
    addresses = {"image_url": variant.image_url, "product_url": variant.product_url}
    return {
        "attributes": [{"name": a.name, "value": a.value} for a in offer.attributes],
        "unit_price_amount_cents": variant.unit_price_amount_cents,
        "quantity_in_stock": variant.quantity_in_stock,
        "sku": variant.sku,
        "title": variant.title,
        **{name: address for name, address in addresses.items() if address},
    }


def _refuse_tenant(tenant: str) -> HttpResponse:
    message = (
        f"X-Optiturn-Id {tenant[:200]!r} names no store that these credentials serve; send the id "
        "of one of their stores, or ask the retailer to add the store to the desk"
    )
    response = JsonResponse({"message": message}, status=403)
    response["Cache-Control"] = "no-store"
    return response
