import { type KeyboardEvent, type PointerEvent, useId, useState } from "react";
import type { WatchedRollout } from "@/api/types";
import { clockTime } from "@/format/dates";
import { decimal } from "@/format/numbers";
import { linear, linePath, type Scale } from "@/ui/charts/scale";
import { useWidth } from "@/ui/charts/useWidth";
import { PlainTable } from "@/ui/table/PlainTable";

const MARGIN = { top: 18, right: 12, bottom: 26, left: 34 };
const HEIGHT = 220;
const TABLE_ROWS = 40;

/** Both scores over time against the threshold at which the guard rolls back. Arrow keys walk the points. */
export function ScoreChart({ watched }: { watched: WatchedRollout }) {
  const [ref, width] = useWidth();
  const [cursor, setCursor] = useState<number | null>(null);
  const id = useId();
  const { trail, threshold } = watched;
  if (trail.length === 0) return <p className="muted">{watched.rollout.status === "running" ? "The guard has not looked yet; it does every second." : "It ended before its guard had looked."}</p>;
  const first = Date.parse(trail[0]!.at);
  const last = Math.max(Date.parse(trail.at(-1)!.at), first + 10_000);
  const most = Math.max(threshold * 1.15, ...trail.map((point) => Math.max(point.errors, point.latency)));
  const x = linear([first, last], [MARGIN.left, width - MARGIN.right]);
  const y = linear([0, most], [HEIGHT - MARGIN.bottom, MARGIN.top], 4);
  const path = (of: "errors" | "latency") => linePath(trail.map((point) => [x(Date.parse(point.at)), y(point[of])] as const));
  const chosen = cursor === null ? null : trail[Math.min(cursor, trail.length - 1)]!;
  const walk = (event: KeyboardEvent) => {
    const at = cursor ?? trail.length;
    const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: trail.length - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    setCursor(Math.max(0, Math.min(trail.length - 1, steps[event.key]!)));
  };
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left;
    setCursor(trail.reduce((best, one, index) => (Math.abs(x(Date.parse(one.at)) - at) < Math.abs(x(Date.parse(trail[best]!.at)) - at) ? index : best), 0));
  };
  return (
    <figure className="chart">
      <figcaption id={id}>
        <span className="chart-title">Evidence against it</span>
        <span className="muted">{summary(watched)}</span>
      </figcaption>
      <div ref={ref}>
        <svg width={width} height={HEIGHT} role="img" aria-labelledby={id} aria-roledescription="Chart; use the arrow keys" tabIndex={0} onKeyDown={walk} onPointerMove={point} onPointerLeave={() => setCursor(null)} onBlur={() => setCursor(null)}>
          <Axes x={x} y={y} width={width} trail={trail} threshold={threshold} />
          <g className="chart-series" data-series="1">
            <path d={path("errors")} />
          </g>
          <g className="chart-series" data-series="2">
            <path d={path("latency")} />
          </g>
          {chosen ? <line className="chart-cursor" x1={x(Date.parse(chosen.at))} x2={x(Date.parse(chosen.at))} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} /> : null}
        </svg>
      </div>
      <p className="chart-live number" aria-live="polite">
        {chosen ? `${clockTime(chosen.at)}: errors ${decimal(chosen.errors)}, latency ${decimal(chosen.latency)}` : "Solid: errors. Dashed: latency. Zero is as usual; the higher, the surer that it is worse."}
      </p>
      <Table trail={trail} />
    </figure>
  );
}

type Trail = WatchedRollout["trail"];

function Axes({ x, y, width, trail, threshold }: { x: Scale; y: Scale; width: number; trail: Trail; threshold: number }) {
  const right = width - MARGIN.right;
  return (
    <>
      <g className="chart-axis">
        {y.ticks.map((tick) => (
          <g key={tick}>
            <line x1={MARGIN.left} x2={right} y1={y(tick)} y2={y(tick)} />
            <text x={MARGIN.left - 6} y={y(tick) + 4} textAnchor="end">
              {decimal(tick)}
            </text>
          </g>
        ))}
        <text x={x(Date.parse(trail[0]!.at))} y={HEIGHT - 8}>
          {clockTime(trail[0]!.at)}
        </text>
        <text x={right} y={HEIGHT - 8} textAnchor="end">
          {clockTime(trail.at(-1)!.at)}
        </text>
      </g>
      <g className="flag-threshold">
        <line x1={MARGIN.left} x2={right} y1={y(threshold)} y2={y(threshold)} />
        <text x={MARGIN.left + 6} y={y(threshold) + 14}>
          rolled back at {decimal(threshold)}
        </text>
      </g>
    </>
  );
}

function Table({ trail }: { trail: Trail }) {
  return (
    <details className="chart-data">
      <summary>Show as a table</summary>
      <PlainTable
        caption="Evidence against it"
        hideCaption
        columns={[
          { key: "at", header: "When", cell: (one: Trail[number]) => <time dateTime={one.at}>{clockTime(one.at)}</time> },
          { key: "errors", header: "Errors", align: "end", cell: (one: Trail[number]) => decimal(one.errors) },
          { key: "latency", header: "Latency", align: "end", cell: (one: Trail[number]) => decimal(one.latency) },
        ]}
        rows={trail.slice(-TABLE_ROWS).toReversed()}
        rowKey={(one) => one.at}
      />
    </details>
  );
}

function summary({ error_score: errors, latency_score: latency, threshold }: WatchedRollout): string {
  const worst = Math.max(errors, latency);
  const of = errors >= latency ? "errors" : "latency";
  if (worst >= threshold) return `The score of ${of} reached ${decimal(threshold)}: rolled back.`;
  return worst === 0 ? "Nothing speaks against it." : `The score of ${of} is ${decimal(worst)} of ${decimal(threshold)}.`;
}
