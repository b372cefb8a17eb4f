"""The page at /docs: the OpenAPI document as one page of HTML, without a script and without the network."""

import base64
import hashlib
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark;--text:light-dark(#16232a,#e8f0f2);--muted:light-dark(#4a5a61,#a9bbc2);
--back:light-dark(#fff,#10181b);--soft:light-dark(#eef3f4,#1b272b);--accent:light-dark(#0b5c67,#6fd0dd)}
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back)}
body{margin:0 auto;max-width:60rem;padding:2rem 1rem}
a{color:var(--accent)}h2{margin-top:2.5rem;text-transform:capitalize}
details{border-top:1px solid var(--soft);padding:.5rem 0}
summary{cursor:pointer;padding:.25rem 0}summary:focus-visible{outline:3px solid var(--accent)}
code{font:14px/1.5 ui-monospace,monospace}
.method{display:inline-block;min-width:4.5rem;font-weight:700;color:var(--accent)}.muted{color:var(--muted)}
table{border-collapse:collapse;width:100%}
td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--soft);vertical-align:top}
"""
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)


def docs_page(document: dict[str, Any]) -> bytes:
    """Return the page for an OpenAPI document. Send it with `POLICY` as its Content-Security-Policy."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    schemas = [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    contents = "".join(f'<li><a href="#{escape(tag)}">{escape(tag)}</a></li>' for tag in groups)
    sections = "".join(
        f'<section><h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(items)}</section>' for tag, items in groups.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>HealthProtocol API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>HealthProtocol API</h1><p>{escape(document['info']['description'])} "
        'The same as a file: <a href="/openapi.json">openapi.json</a>.</p>'
        f'<nav aria-label="Groups"><ul>{contents}<li><a href="#shapes">shapes</a></li></ul></nav>{sections}'
        f'<section><h2 id="shapes">shapes</h2>{"".join(schemas)}</section></main></body></html>'
    ).encode()


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td><td>{_type(p['schema'])}</td>"
        f"<td>{'required' if p['required'] else ''}</td></tr>"
        for p in operation["parameters"]
    )
    body = operation.get("requestBody")
    parts = [f"<table><tbody>{rows}</tbody></table>" if rows else ""]
    if body:
        for media_type, content in body["content"].items():
            parts.append(f'<p>Body: {_type(content["schema"])} <span class="muted">{escape(media_type)}</span></p>')
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            shape = _type(content.get("schema", {}))
            parts.append(f'<p>{escape(status)}: {shape} <span class="muted">{escape(media_type)}</span></p>')
    policy = operation.get("x-policy")
    parts.append(f"<p>Needs <code>{escape(policy)}</code>.</p>" if policy else "<p>Needs no account.</p>")
    return (
        f'<details id="{escape(operation["operationId"])}"><summary>'
        f'<span class="method">{escape(method.upper())}</span>'
        f'<code>{escape(path)}</code> <span class="muted">{escape(operation["summary"])}</span></summary>'
        f"{''.join(parts)}</details>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(inner)}</td>"
        f"<td>{'required' if field in required else ''}</td></tr>"
        for field, inner in schema.get("properties", {}).items()
    )
    description = escape(schema.get("description", ""))
    return (
        f'<details id="shape-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<p>{description}</p><table><tbody>{rows}</tbody></table></details>"
    )


def _type(schema: dict[str, Any]) -> str:
    """Return a schema in a few words, with links to named ones."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#shape-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(inner) for inner in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    words = [str(schema.get("type", "any")), *(f"{key} {schema[key]}" for key in _LIMITS if key in schema)]
    return escape(", ".join(words))


_LIMITS = ("format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern")
