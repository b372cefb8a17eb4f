import { type ReactNode, useEffect, useRef } from "react";
import { isFirstPage } from "./navigation";

interface PageProps {
  /** Names the page in the tab and history; never a patient. */
  title: string;
  /** The heading, when it says more than the title (it may name a patient, it stays on the page). */
  heading?: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  /** Shown above the heading: the way back. */
  above?: ReactNode;
  hideHeading?: boolean;
  children: ReactNode;
}

/** A page: one `h1`, focused after a navigation so that a screen reader starts there, and the document's title. */
export function Page({ title, heading, lead, actions, above, hideHeading = false, children }: PageProps) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · HealthProtocol`;
    if (!isFirstPage()) ref.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <div className="page">
      {above}
      <header className={hideHeading ? "hidden-visually" : "page-head"}>
        <div>
          <h1 ref={ref} tabIndex={-1}>
            {heading ?? title}
          </h1>
          {lead ? <div className="page-lead">{lead}</div> : null}
        </div>
        {actions ? <div className="page-actions no-print">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}
