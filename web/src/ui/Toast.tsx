import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { Icon } from "./Icon";

interface ToastContent {
  message: ReactNode;
  tone?: "good" | "danger";
  /** A way back, offered for ten seconds; every such act can be undone in its permanent place too. */
  undo?: () => void;
}

interface ShownToast extends ToastContent {
  id: number;
}

/** A toast with a way back stays for as long as the way back is promised. */
const WITH_UNDO_MS = 10_000;
const PLAIN_MS = 5_000;

const ToastContext = createContext<(toast: ToastContent) => void>(() => undefined);

export const useToast = (): ((toast: ToastContent) => void) => useContext(ToastContext);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<ShownToast[]>([]);
  const count = useRef(0);
  const show = useCallback((toast: ToastContent) => {
    count.current += 1;
    const shown = { ...toast, id: count.current };
    // One at a time: on a phone a second would cover what it speaks of. What it offered is in its permanent place too.
    setToasts([shown]);
  }, []);
  const remove = useCallback((id: number) => setToasts((before) => before.filter((toast) => toast.id !== id)), []);
  const region = useMemo(
    () => (
      <div className="toasts no-print" role="status">
        {toasts.map((toast) => (
          <Toast key={toast.id} toast={toast} remove={remove} />
        ))}
      </div>
    ),
    [toasts, remove],
  );
  return (
    <ToastContext.Provider value={show}>
      {children}
      {region}
    </ToastContext.Provider>
  );
}

function Toast({ toast, remove }: { toast: ShownToast; remove: (id: number) => void }) {
  const [isHeld, setHeld] = useState(false);
  const hasUndo = toast.undo !== undefined;
  useEffect(() => {
    if (isHeld) return;
    const timer = setTimeout(() => remove(toast.id), hasUndo ? WITH_UNDO_MS : PLAIN_MS);
    return () => clearTimeout(timer);
  }, [isHeld, toast.id, hasUndo, remove]);
  const undo = () => {
    remove(toast.id);
    toast.undo?.();
  };
  return (
    <div className="toast" data-tone={toast.tone ?? "good"} onPointerEnter={() => setHeld(true)} onPointerLeave={() => setHeld(false)} onFocus={() => setHeld(true)} onBlur={() => setHeld(false)}>
      <Icon name={toast.tone === "danger" ? "alert" : "check"} />
      <span className="toast-text">{toast.message}</span>
      {toast.undo ? (
        <button type="button" className="toast-undo" onClick={undo}>
          Undo
        </button>
      ) : null}
      <button type="button" className="toast-close" aria-label="Dismiss" onClick={() => remove(toast.id)}>
        <Icon name="close" size={16} />
      </button>
    </div>
  );
}
