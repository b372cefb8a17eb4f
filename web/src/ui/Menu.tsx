import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from "react";
import { Icon, type IconName } from "./Icon";

export interface MenuItem {
  label: string;
  icon?: IconName;
  danger?: boolean;
  /** Why it cannot be used now; the item stays readable. */
  disabledBecause?: string | undefined;
  onSelect?: () => void;
}

/** A button that opens a list of acts in the browser's popover layer. Items are made when it opens. */
export function Menu({ label, icon = "more", items, text }: { label: string; icon?: IconName; items: MenuItem[]; text?: ReactNode }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);

  const place = () => {
    if (!button.current || !list.current) return;
    const anchor = button.current.getBoundingClientRect();
    const size = list.current.getBoundingClientRect();
    const below = anchor.bottom + 6 + size.height <= window.innerHeight;
    list.current.style.top = `${Math.max(8, below ? anchor.bottom + 6 : anchor.top - size.height - 6)}px`;
    list.current.style.left = `${Math.max(8, Math.min(anchor.right - size.width, window.innerWidth - size.width - 8))}px`;
  };
  const onToggle = (open: boolean) => {
    setOpen(open);
    if (!open) return;
    // The items exist after this render; place and focus them then.
    requestAnimationFrame(() => {
      place();
      list.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    });
  };
  const close = () => {
    list.current?.hidePopover();
    button.current?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={text ? "button" : "icon-button"}
        data-look="secondary"
        aria-label={text ? undefined : label}
        title={text ? undefined : label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        popoverTarget={id}
      >
        {text ? <>{text}<Icon name="down" size={16} /></> : <Icon name={icon} />}
      </button>
      <div ref={list} id={id} popover="auto" className="menu" role="menu" aria-label={label} onToggle={(event) => onToggle(event.newState === "open")} onKeyDown={(event) => moveFocus(event, list.current)}>
        {isOpen ? items.map((item) => <MenuEntry key={item.label} item={item} close={close} />) : null}
      </div>
    </>
  );
}

function MenuEntry({ item, close }: { item: MenuItem; close: () => void }) {
  const inside = (
    <>
      {item.icon ? <Icon name={item.icon} size={18} /> : null}
      <span>
        {item.label}
        {item.disabledBecause ? <small>{item.disabledBecause}</small> : null}
      </span>
    </>
  );
  const select = () => {
    if (item.disabledBecause) return;
    close();
    item.onSelect?.();
  };
  return (
    <button type="button" role="menuitem" tabIndex={-1} className="menu-item" data-danger={item.danger} aria-disabled={item.disabledBecause ? true : undefined} onClick={select}>
      {inside}
    </button>
  );
}

function moveFocus(event: KeyboardEvent, list: HTMLElement | null): void {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
  const entries = [...(list?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
  const at = entries.indexOf(document.activeElement as HTMLElement);
  let next: HTMLElement | undefined;
  if (event.key in steps) next = entries[(at + steps[event.key]! + entries.length) % entries.length];
  else if (event.key === "Home") next = entries[0];
  else if (event.key === "End") next = entries.at(-1);
  else if (event.key === "Tab") list?.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
