"""What a person enters once for all rows of an action."""

from typing import Any

from django import forms

from apps.desk.lists.filtering import people_choices
from apps.desk.seats import Seat


class PlainForm(forms.Form):
    """Nothing is entered."""

    def __init__(self, seat: Seat, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seat = seat


class ReasonForm(PlainForm):
    """Why; for all rows."""

    reason = forms.CharField(
        max_length=200,
        strip=True,
        help_text="The same for all of them. Shown in each timeline, up to 200 characters.",
        error_messages={
            "required": "Reason: write why, the next person will want to know.",
            "max_length": "Reason: 200 characters are the most; shorten it.",
        },
    )


class NoteForm(PlainForm):
    """What was found and done; for all rows."""

    note = forms.CharField(
        max_length=255,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The same for all of them. What was found and done, up to 255 characters.",
        error_messages={
            "required": "Note: write what was found and done about them.",
            "max_length": "Note: 255 characters are the most; shorten it.",
        },
    )


class PersonForm(PlainForm):
    """To whom; `person` is a key of somebody in the store, "" for nobody."""

    person = forms.ChoiceField(
        required=False,
        error_messages={"invalid_choice": "Person: choose somebody who has a role in this store."},
    )

    def __init__(self, seat: Seat, *args: Any, **kwargs: Any) -> None:
        super().__init__(seat, *args, **kwargs)
        me = str(seat.membership.user_id)
        others = [(key, name) for key, name in people_choices(seat.store.pk) if key != me]
        self.fields["person"].choices = [  # type: ignore[attr-defined]
            (me, "Me"),
            ("", "Nobody"),
            *others,
        ]
        self.fields["person"].initial = me
