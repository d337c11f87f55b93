"""Pages of lists: by cursor, newest first, so that no page repeats or skips a row."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """`?page_size=` up to 200; `next` and `previous` are whole addresses."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-pk"
