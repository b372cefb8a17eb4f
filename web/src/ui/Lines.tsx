/** Plain text of several lines, such as instructions. */
export function Lines({ text }: { text: string }) {
  return <p className="lines">{text}</p>;
}
