import { type MouseEvent, type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { IconButton } from "./Button";

interface DialogProps {
  title: ReactNode;
  /** Said under the title: what this is about. */
  lead?: ReactNode;
  size?: "s" | "m" | "l";
  footer?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/**
 * A modal over the page: the browser's own `<dialog>`, which keeps focus inside, closes on Escape and gives focus back
 * to what opened it. It begins at its first field; without one at its heading, so that it is read before it is answered.
 * On a phone it rises from the bottom edge.
 */
export function Dialog({ title, lead, size = "m", footer, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    dialog.showModal();
    (dialog.querySelector<HTMLElement>(".dialog-content :is(input, select, textarea):enabled") ?? dialog.querySelector("h2"))?.focus();
    // Closed before it leaves the document: only then does the browser return focus to the opener.
    return () => dialog.close();
  }, []);
  const closeOnBackdrop = (event: MouseEvent<HTMLDialogElement>) => {
    if (event.target === ref.current) onClose();
  };
  return (
    <dialog
      ref={ref}
      className="dialog"
      data-size={size}
      aria-labelledby={id}
      onMouseDown={closeOnBackdrop}
      onCancel={(event) => {
        // A file chooser inside the dialog sends its own "cancel" up the tree.
        if (event.target !== ref.current) return;
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-body">
        <header className="dialog-head">
          <div>
            <h2 id={id} tabIndex={-1}>{title}</h2>
            {lead ? <div className="muted dialog-lead">{lead}</div> : null}
          </div>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        <div className="dialog-content">{children}</div>
        {footer ? <footer className="dialog-foot">{footer}</footer> : null}
      </div>
    </dialog>
  );
}
