/** The filter of the library in the server's words; what was not chosen is not asked for. */
export function libraryFilter({ status, category, tag }: { status: string; category: string; tag: string }): string {
  const terms = [status && `status = ${quoted(status)}`, category && `category = ${quoted(category)}`, tag && `tags:${quoted(tag)}`];
  return terms.filter(Boolean).join(" AND ");
}

/** A text as the filter's grammar takes it: a quote or a backslash in it would end it. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
