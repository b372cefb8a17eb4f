import type { ReactNode } from "react";

interface RingProps {
  /** 0 to 1; null draws an empty ring. */
  share: number | null;
  label: string;
  size?: number;
  children?: ReactNode;
}

/** A share as a ring with something written inside. */
export function Ring({ share, label, size = 92, children }: RingProps) {
  const radius = 42;
  const length = 2 * Math.PI * radius;
  return (
    <div className="ring" role="img" aria-label={label} style={{ width: size, height: size }}>
      <svg viewBox="0 0 100 100" width={size} height={size} aria-hidden="true">
        <circle className="ring-track" cx="50" cy="50" r={radius} />
        {share ? <circle className="ring-fill" cx="50" cy="50" r={radius} strokeDasharray={`${length * share} ${length}`} transform="rotate(-90 50 50)" /> : null}
      </svg>
      <span className="ring-inside" aria-hidden="true">
        {children}
      </span>
    </div>
  );
}
