"""What people do to keep automation's hands off: flags on orders and returns, excluded units."""

import contextlib
from typing import Any

from hypothesis import strategies as st

from apps.common.errors import Refused
from apps.refunds.exclusions import exclude_unit, include_unit
from apps.refunds.flags import flag, unflag
from apps.rmas.models import RmaUnit
from apps.stores.queries import default_store
from apps.timeline.types import staff
from tests.stateful.desk import Desk
from tests.stateful.happenings import happens

PICK = st.integers(0, 5)


class CaseWork:
    """Happenings of a machine that has orders, returns and a desk."""

    desk: Desk
    orders: Any
    returns: Any
    step: Any

    @happens(when=lambda self: self.returns, pick=PICK, is_order=st.booleans(), ends=st.booleans())
    def flag(self, pick: int, is_order: bool, ends: bool) -> None:
        """A person stops automation for an order or a return, or lets it go on."""
        rows = self.orders if is_order else self.returns
        kind, name = "order" if is_order else "rma", rows[pick % len(rows)].identifier
        about: dict[str, Any] = {
            "store": default_store(),
            "subject_kind": kind,
            "subject": name,
            "actor": staff(self.desk.people["ana"][0]),
        }
        known = self.desk.known
        with self.step(), self.desk.may_die(), contextlib.suppress(Refused):
            if ends:
                unflag(**about)
                known.flagged.discard((kind, name))
            else:
                flag(**about, reason="to be looked into", flagger="ana")
                known.flagged.add((kind, name))
                known.weather.seen["flagged"] += 1

    @happens(when=lambda self: self.returns, pick=PICK, ends=st.booleans())
    def exclude(self, pick: int, ends: bool) -> None:
        """A person excludes a unit, or lets one in again."""
        actor = staff(self.desk.people["ana"][0])
        with self.step(), self.desk.may_die(), contextlib.suppress(Refused):
            units = list(RmaUnit.objects.filter(excluded_at__isnull=not ends).order_by("pk"))
            if not units:
                return
            unit = units[pick % len(units)]
            if ends:
                include_unit(unit=unit, actor=actor)
            else:
                exclude_unit(unit=unit, reason="not ours", actor=actor, excluder="ana")
                self.desk.known.weather.seen["excluded"] += 1
