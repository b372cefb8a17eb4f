import { Component, type ErrorInfo, type ReactNode } from "react";
import { Button } from "./ui/Button";
import { EmptyState } from "./ui/States";

interface Props {
  /** A change of this forgets the error: another page gets its chance. */
  resetKey?: string;
  children: ReactNode;
}

interface State {
  error: Error | null;
  resetKey: string | undefined;
}

/** Catches a fault of a page, so that the frame and its navigation stay usable. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: null, resetKey: this.props.resetKey };

  static getDerivedStateFromError(error: Error): Partial<State> {
    return { error };
  }

  static getDerivedStateFromProps(props: Props, state: State): Partial<State> | null {
    return props.resetKey === state.resetKey ? null : { error: null, resetKey: props.resetKey };
  }

  override componentDidCatch(error: Error, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="page" role="alert">
        <EmptyState icon="alert" title="This page has failed" action={<Button look="primary" onClick={() => location.reload()}>Reload the page</Button>}>
          <p>Nothing that was saved is lost. If it happens again, tell your administrator what you were doing.</p>
        </EmptyState>
      </div>
    );
  }
}

const RELOADED = "hp-reloaded-at";

/** After a deploy the chunks of the former build are gone: load the new build, once a minute at most. */
export function reloadAfterDeploy(): void {
  window.addEventListener("vite:preloadError", (event) => {
    const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
    if (Date.now() - last < 60_000) return;
    sessionStorage.setItem(RELOADED, String(Date.now()));
    event.preventDefault();
    location.reload();
  });
}
