import { createElement, Fragment, type ReactNode, useMemo } from "react";
import { type HtmlNode, parseHtml } from "@/format/html";

/** Shows sanitised HTML as React elements; no markup is ever assigned to the document. */
export function RichText({ html }: { html: string }) {
  const nodes = useMemo(() => parseHtml(html), [html]);
  return <div className="prose">{nodes.map(render)}</div>;
}

function render(node: HtmlNode, index: number): ReactNode {
  if (typeof node === "string") return <Fragment key={index}>{node}</Fragment>;
  const link = node.href ? { href: node.href, rel: "noreferrer noopener", target: "_blank" } : {};
  const children = node.children.map(render);
  return createElement(node.tag, { key: index, ...link }, ...(children.length > 0 ? [children] : []));
}
