"""Rich text without anything active. The same function runs when text is written and when it is read."""

import nh3

TAGS = frozenset(
    {"a", "b", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "i", "li", "ol", "p", "pre", "s", "strong",
     "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"}
)  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
}


def sanitised(html: str) -> str:
    """
    Return `html` with only the tags and attributes of a plain document; links open https, http, mailto and tel only.

    Idempotent: sanitising twice changes nothing.
    """
    return nh3.clean(
        html, tags=set(TAGS), attributes=ATTRIBUTES, url_schemes={"https", "http", "mailto", "tel"},
        link_rel="noopener noreferrer",
    )  # fmt: skip
