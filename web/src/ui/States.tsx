import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";

/** What a page waits for; `useDataFetching` gives this shape. */
export interface Fetched<T> {
  data: T | undefined;
  problem: Fault | null;
  isLoading: boolean;
  retry: () => void;
}

/** A refusal that can be shown: in plain words, with the id by which support finds it. */
export interface Fault {
  message: string;
  body: { detail?: string | undefined };
  requestId: string | undefined;
}

interface LoadedProps<T> {
  of: Fetched<T>;
  /** Height of what will come, so that nothing jumps. */
  rows?: number;
  children: (data: T) => ReactNode;
}

/** Shows data when it is there, a skeleton while it comes, the problem and a way on when it does not. */
export function Loaded<T>({ of, rows = 4, children }: LoadedProps<T>) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.problem) return <ErrorState fault={of.problem} retry={of.retry} />;
  return <Skeleton rows={rows} />;
}

/** Grey lines of the coming content. They show after 150 ms only: fast answers do not flicker. */
export function Skeleton({ rows = 4 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status">
      <span className="hidden-visually">Loading</span>
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} className="skeleton-row" />
      ))}
    </div>
  );
}

export function EmptyState({ icon = "info", title, children, action }: { icon?: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={icon} size={26} />
      </span>
      <p className="empty-title">{title}</p>
      {children ? <div className="muted">{children}</div> : null}
      {action ? <div className="empty-action">{action}</div> : null}
    </div>
  );
}

/** Whether its detail says anything that its title does not. */
const hasMore = (fault: Fault) => fault.body.detail && fault.body.detail !== fault.message;

export function ErrorState({ fault, retry }: { fault: Fault; retry?: () => void }) {
  return (
    <div className="empty" role="alert">
      <span className="empty-icon" data-tone="danger">
        <Icon name="alert" size={26} />
      </span>
      <p className="empty-title">{fault.message}</p>
      {hasMore(fault) ? <p className="muted">{fault.body.detail}</p> : null}
      <RequestId id={fault.requestId} />
      {retry ? (
        <div className="empty-action">
          <Button onClick={retry}>Try again</Button>
        </div>
      ) : null}
    </div>
  );
}

/** A refusal beside the form that caused it. Focus goes there, so it is heard and seen. */
export function Notice({ tone = "danger", title, children, takesFocus = false }: { tone?: "danger" | "warning" | "good" | "accent"; title?: ReactNode; children?: ReactNode; takesFocus?: boolean }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (takesFocus) ref.current?.focus();
  }, [takesFocus]);
  const icon: IconName = tone === "good" ? "check" : tone === "accent" ? "info" : "alert";
  return (
    <div className="notice" data-tone={tone} role={tone === "danger" ? "alert" : "note"} tabIndex={-1} ref={ref}>
      <Icon name={icon} />
      <div>
        {title ? <p className="notice-title">{title}</p> : null}
        {children}
      </div>
    </div>
  );
}

export function FaultNotice({ fault }: { fault: Fault | null | undefined }) {
  if (!fault) return null;
  return (
    <Notice title={fault.message} takesFocus>
      {hasMore(fault) ? <p>{fault.body.detail}</p> : null}
      <RequestId id={fault.requestId} />
    </Notice>
  );
}

function RequestId({ id }: { id: string | undefined }) {
  return id ? (
    <p className="request-id">
      Request <code>{id}</code>
    </p>
  ) : null;
}

/** A long act: a bar when the total is known. */
export function Progress({ done, total, label }: { done: number; total: number | null; label: string }) {
  return (
    <div className="progress">
      <progress value={total ? done : undefined} max={total ?? undefined} aria-label={label} />
      <span className="number">{total ? `${done} of ${total}` : "Working…"}</span>
    </div>
  );
}

/** True after `value` has been steady for a while: what to search for, not every key. */
export function useSettled<T>(value: T, milliseconds = 250): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}
