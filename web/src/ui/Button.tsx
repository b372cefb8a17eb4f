import type { ButtonHTMLAttributes, MouseEvent, ReactNode } from "react";
import { Link } from "wouter";
import { Icon, type IconName } from "./Icon";

type Look = "primary" | "secondary" | "quiet" | "danger";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  icon?: IconName;
  size?: "m" | "s" | "l";
  /** Says "working" and takes no second click; it stays focusable, so the keyboard's place is kept. */
  isBusy?: boolean;
  children?: ReactNode;
}

export function Button({ look = "secondary", icon, size = "m", isBusy = false, children, className = "", onClick, ...rest }: ButtonProps) {
  const act = (event: MouseEvent<HTMLButtonElement>) => {
    if (isBusy) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <button type="button" {...rest} className={`button ${className}`} data-look={look} data-size={size} aria-busy={isBusy || undefined} onClick={act}>
      {icon ? <Icon name={icon} size={size === "s" ? 16 : 18} /> : null}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: IconName;
  /** The accessible name, shown as a tooltip too. */
  label: string;
}

export function IconButton({ icon, label, className = "", ...rest }: IconButtonProps) {
  return (
    <button type="button" {...rest} className={`icon-button ${className}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}

interface ButtonLinkProps {
  href: string;
  look?: Look;
  icon?: IconName;
  size?: "m" | "s" | "l";
  /** Carried in the history entry, never in the address. */
  state?: unknown;
  children: ReactNode;
}

export function ButtonLink({ href, look = "secondary", icon, size = "m", state, children }: ButtonLinkProps) {
  return (
    <Link href={href} state={state} className="button" data-look={look} data-size={size}>
      {icon ? <Icon name={icon} size={size === "s" ? 16 : 18} /> : null}
      {children}
    </Link>
  );
}
