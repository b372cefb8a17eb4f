import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { ROLE } from "@/format/words";
import { preloadPath } from "@/pages";
import { Icon, type IconName, Mark } from "@/ui/Icon";

export type FrameKind = "public" | "patient" | "staff";

interface Place {
  href: string;
  label: string;
  icon: IconName;
}

const PLACES: Record<FrameKind, readonly Place[]> = {
  public: [],
  patient: [
    { href: "/today", label: "Today", icon: "today" },
    { href: "/progress", label: "Progress", icon: "progress" },
    { href: "/more", label: "More", icon: "more" },
  ],
  staff: [
    { href: "/overview", label: "Overview", icon: "overview" },
    { href: "/patients", label: "Patients", icon: "patients" },
    { href: "/protocols", label: "Protocols", icon: "protocols" },
    { href: "/files", label: "Import/export", icon: "upload" },
    { href: "/settings", label: "Settings", icon: "settings" },
  ],
};

/** An auditor reads no health data: the clinical pages would only refuse. */
const placesOf = (kind: FrameKind, role: string | undefined): readonly Place[] => (role === "auditor" ? PLACES.staff.slice(-1) : PLACES[kind]);

interface FrameProps {
  kind: FrameKind;
  account?: { email: string | null; name: string | null; role: string } | undefined;
  children?: ReactNode;
}

/** What surrounds every page: brand, navigation, the place of the content. Also drawn at build into each shell. */
export function Frame({ kind, account, children }: FrameProps) {
  return (
    <div className="frame" data-kind={kind}>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header className="frame-top">
        <Link className="brand" href="/" aria-label="HealthProtocol, start page">
          <Mark />
          HealthProtocol
        </Link>
      </header>
      {kind === "public" ? null : <Navigation places={placesOf(kind, account?.role)} account={account} />}
      <main className="frame-main" id="content" tabIndex={-1}>
        {children ?? <div className="page frame-wait" />}
      </main>
    </div>
  );
}

function Navigation({ places, account }: { places: readonly Place[]; account: FrameProps["account"] }) {
  const [path] = useLocation();
  return (
    <nav className="frame-nav" aria-label="Main">
      <ul role="list">
        {places.map((place, index) => (
          <li key={place.href} className={index === places.length - 1 ? "frame-last" : undefined}>
            <Link href={place.href} aria-current={path === place.href || path.startsWith(`${place.href}/`) ? "page" : undefined} onPointerEnter={() => preloadPath(place.href)} onFocus={() => preloadPath(place.href)}>
              <Icon name={place.icon} />
              {place.label}
            </Link>
          </li>
        ))}
      </ul>
      <p className="frame-who">{account ? <>{account.name ?? account.email}<br />{ROLE[account.role] ?? account.role}</> : <>&nbsp;<br />&nbsp;</>}</p>
    </nav>
  );
}
