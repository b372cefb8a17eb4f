"""The errors of lists beside a query that cannot be read."""

from healthprotocol.foundation.errors import Invalid


class QueryTooCostly(Invalid):
    """
    The list would have to read too many rows to answer this filter and order.

    Remedy: narrow the filter by one of `narrow_by`, give the order's field a range, and avoid OR and NOT around the
    fields in `costly_fields`: an index serves each field by itself. Where `most_rows` is told, the list is in another
    order than that of the field with a range: leave out `order_by`, or give that field a range of fewer rows.
    """

    title = "This list query would read too much"
