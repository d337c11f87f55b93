"""Cases and their notes can be read here."""

from django.contrib import admin

from apps.cases.models import Case, Mention, Note
from apps.common.admin import ReadOnlyAdmin


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    """Cases, the last changed first."""

    list_display = ("subject_kind", "subject", "store", "assignee", "due_at", "flagged_at")
    list_filter = ("store", "subject_kind")
    list_select_related = ("store", "assignee")
    search_fields = ("=subject",)
    ordering = ("-changed_at",)


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    """Notes, newest first."""

    list_display = ("written_at", "case", "author")
    list_select_related = ("case", "author")
    search_fields = ("=case__subject",)
    ordering = ("-pk",)


@admin.register(Mention)
class MentionAdmin(ReadOnlyAdmin):
    """Who was named in which note, newest first."""

    list_display = ("note", "person", "seen_at")
    list_select_related = ("note", "note__case", "note__author", "person")
    search_fields = ("=person__username",)
    ordering = ("-pk",)
