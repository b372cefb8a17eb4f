/**
 * Reads the sanitised HTML of a protocol into a tree that React renders, so that no string ever becomes markup:
 * Trusted Types forbid `innerHTML`, and an allow-list here is the second lock behind the server's.
 */

export type HtmlNode = string | HtmlElement;

export interface HtmlElement {
  tag: string;
  href?: string;
  children: HtmlNode[];
}

const ALLOWED = new Set([
  "p", "br", "h2", "h3", "h4", "ul", "ol", "li", "strong", "b", "em", "i", "u", "s", "a", "blockquote", "hr", "code", "pre",
  "table", "thead", "tbody", "tr", "th", "td", "sub", "sup", "dl", "dt", "dd",
]);
/** Headings of a document sit below the page's own. */
const RENAMED: Record<string, string> = { h1: "h2", h5: "h4", h6: "h4" };
const VOID = new Set(["br", "hr", "img", "input", "meta", "link"]);
const DROPPED_WHOLE = new Set(["script", "style", "template", "noscript", "svg", "math", "iframe", "object"]);
const MAX_DEPTH = 40;

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", ndash: "–", mdash: "—", hellip: "…", deg: "°", le: "≤", ge: "≥" };

const TOKEN = /<!--[\s\S]*?(?:-->|$)|<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:"[^"]*"|'[^']*'|[^'">])*)>|([^<]+|<)/g;

export function parseHtml(html: string): HtmlNode[] {
  const root: HtmlElement = { tag: "", children: [] };
  const open: HtmlElement[] = [root];
  let dropping: string | null = null;
  for (const match of html.matchAll(TOKEN)) {
    const [, closing, name, attributes = "", text] = match;
    const tag = name === undefined ? "" : (RENAMED[name.toLowerCase()] ?? name.toLowerCase());
    if (dropping !== null) {
      if (closing && tag === dropping) dropping = null;
    } else if (text !== undefined) {
      open.at(-1)!.children.push(decode(text));
    } else if (tag !== "" && closing) {
      close(open, tag);
    } else if (DROPPED_WHOLE.has(tag)) {
      dropping = tag;
    } else if (ALLOWED.has(tag) && open.length < MAX_DEPTH) {
      begin(open, tag, attributes);
    }
  }
  return root.children;
}

function begin(open: HtmlElement[], tag: string, attributes: string): void {
  const element: HtmlElement = { tag, children: [] };
  const href = tag === "a" ? safeHref(attributes) : undefined;
  if (href !== undefined) element.href = href;
  open.at(-1)!.children.push(element);
  if (!VOID.has(tag)) open.push(element);
}

function close(open: HtmlElement[], tag: string): void {
  const at = open.findLastIndex((element) => element.tag === tag);
  if (at > 0) open.length = at;
}

function safeHref(attributes: string): string | undefined {
  const found = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i.exec(attributes);
  const href = decode(found?.[1] ?? found?.[2] ?? found?.[3] ?? "").trim();
  return /^(https?:\/\/|mailto:|tel:)/i.test(href) ? href : undefined;
}

function decode(text: string): string {
  return text.replaceAll(/&(#x?[0-9a-f]+|[a-z]+);/gi, (whole, name: string) => {
    if (!name.startsWith("#")) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = name[1]?.toLowerCase() === "x" ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** The words of a piece of HTML, for a one-line excerpt. */
export function plainText(html: string): string {
  return parseHtml(html).map(words).join("").replaceAll(/\s+/g, " ").trim();
}

const words = (node: HtmlNode): string => (typeof node === "string" ? node : `${node.children.map(words).join("")} `);
