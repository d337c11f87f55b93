"""A secret that was put where a setting belongs, or its name, is refused and never repeated."""

import json

import pytest

from apps.payments import rules
from apps.payments.admin import PaymentAccountForm
from apps.payments.queries import NotSetUp, account_of
from apps.payments.rules import account_problems
from tests.payments.conftest import RIGHT

pytestmark = pytest.mark.django_db

MISPLACED = "sk_live_tellnobody1"
SETTINGS = [(gateway, name) for gateway in RIGHT for name in RIGHT[gateway][0]]


def problems(gateway, settings, **secrets):
    found = account_problems(gateway=gateway, settings=settings, secrets=secrets, allow_http=False)
    return [(problem.field, problem.message) for problem in found]


def test_every_setting_there_is_is_tried():
    assert {gateway: set(needs.settings) for gateway, needs in rules._NEEDS.items()} == {
        gateway: set(given) for gateway, (given, _) in RIGHT.items()
    }


@pytest.mark.parametrize(
    "value",
    [
        MISPLACED,
        [MISPLACED],
        {"ORD-1": [MISPLACED]},
        {"ORD-1": MISPLACED},
        f"http://pay.test/{{key}}?token={MISPLACED}",
        f"https://{MISPLACED}@pay.test/{{key}}",
        f"https://pay.test:{MISPLACED}/{{key}}",
        f"https:// {MISPLACED}/{{key}}",
        f"ftp://{MISPLACED}/{{key}}",
    ],
)
@pytest.mark.parametrize(("gateway", "name"), SETTINGS)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(
    account, store, gateway, name, value
):
    given, secrets = RIGHT[gateway]
    assert problems(gateway, given, **secrets) == []
    ((field, message),) = problems(gateway, given | {name: value}, **secrets)
    assert field == f"settings.{name}"
    assert "tellnobody" not in message
    account(gateway, given | {name: value}, **secrets)
    with pytest.raises(NotSetUp, match=f"{name}: ") as refused:
        account_of(store_id=store.pk, gateway=gateway)
    assert "tellnobody" not in str(refused.value)


@pytest.mark.parametrize("gateway", RIGHT)
def test_a_secret_in_the_place_of_a_name_is_not_repeated_either(gateway):
    given, secrets = RIGHT[gateway]
    known = ", ".join(rules._NEEDS[gateway].settings) or "none"
    assert problems(gateway, given | {MISPLACED: "x"}, **secrets) == [
        ("settings", f"a name in it is not one of this gateway's settings; there are: {known}")
    ]
    known = ", ".join(rules._NEEDS[gateway].secrets) or "none"
    assert problems(gateway, given, **secrets, **{MISPLACED: "x"}) == [
        ("secrets", f"a name in it is not one of this gateway's secrets; there are: {known}")
    ]


@pytest.mark.parametrize("given", [{"account": MISPLACED}, {MISPLACED: "acct_1"}])
def test_the_form_repeats_it_in_no_error(store, given):
    box = {"store": store.pk, "gateway": "stripe", "api_key": "sk_live_1"}
    assert PaymentAccountForm(box | {"settings": '{"account": "acct_1"}'}).is_valid()
    form = PaymentAccountForm(box | {"settings": json.dumps(given)})
    assert not form.is_valid()
    assert "tellnobody" not in str(form.errors)
