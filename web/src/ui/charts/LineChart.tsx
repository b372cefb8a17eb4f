import { type KeyboardEvent, type PointerEvent, useId, useState } from "react";
import { dayIn, dayAndTime, shortDay } from "@/format/dates";
import { decimal, quantity, rangeText, standing } from "@/format/numbers";
import { PlainTable } from "../table/PlainTable";
import { extent, linear, linePath, type Scale } from "./scale";
import { useWidth } from "./useWidth";

export interface ChartPoint {
  at: string;
  value: number;
}

export interface ChartSeries {
  label: string;
  points: readonly ChartPoint[];
  target?: { low?: number | null; high?: number | null } | null;
}

interface LineChartProps {
  title: string;
  unit: string;
  series: readonly ChartSeries[];
  timeZone?: string | null;
  height?: number;
}

const MARGIN = { top: 14, right: 16, bottom: 28, left: 44 };
const STANDING = { inside: "in target", above: "above target", below: "below target" };

/** Values over time against their target band. Arrow keys walk the points, the same values are in a table below. */
export function LineChart({ title, unit, series, timeZone, height = 220 }: LineChartProps) {
  const [ref, width] = useWidth();
  const [cursor, setCursor] = useState<number | null>(null);
  const id = useId();
  const moments = [...new Set(series.flatMap((line) => line.points.map((point) => point.at)))].toSorted();
  if (moments.length === 0) return null;
  const values = series.flatMap((line) => line.points.map((point) => point.value));
  const bounds = series.flatMap((line) => [line.target?.low, line.target?.high]);
  const first = Date.parse(moments[0]!);
  const last = Date.parse(moments.at(-1)!);
  const x = linear([first, Math.max(last, first + 86_400_000)], [MARGIN.left, width - MARGIN.right]);
  const y = linear(extent(values, bounds), [height - MARGIN.bottom, MARGIN.top]);
  const nearest = (event: PointerEvent<SVGSVGElement>) => {
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const distance = (moment: string) => Math.abs(x(Date.parse(moment)) - at);
    setCursor(moments.reduce((best, moment, index) => (distance(moment) < distance(moments[best]!) ? index : best), 0));
  };
  const chosen = cursor === null ? null : moments[Math.min(cursor, moments.length - 1)]!;
  return (
    <figure className="chart">
      <figcaption id={id}>
        <span className="chart-title">{title}</span>
        <span className="muted">{summary(series, unit)}</span>
      </figcaption>
      <div ref={ref}>
        <svg width={width} height={height} role="img" aria-labelledby={id} aria-roledescription="Chart; use the arrow keys" tabIndex={0} onKeyDown={(event) => setCursor(walk(event, cursor, moments.length))} onPointerMove={nearest} onPointerLeave={() => setCursor(null)} onBlur={() => setCursor(null)}>
          <Axes x={x} y={y} width={width} height={height} span={[moments[0]!, moments.at(-1)!]} timeZone={timeZone} />
          {series.map((line, index) => (
            <Series key={line.label} line={line} index={index} x={x} y={y} right={width - MARGIN.right} floor={height - MARGIN.bottom} />
          ))}
          {chosen ? <line className="chart-cursor" x1={x(Date.parse(chosen))} x2={x(Date.parse(chosen))} y1={MARGIN.top} y2={height - MARGIN.bottom} /> : null}
        </svg>
      </div>
      <p className="chart-live number" aria-live="polite">
        {chosen ? reading(chosen, series, unit, timeZone) : legend(series, unit)}
      </p>
      <details className="chart-data">
        <summary>Show as a table</summary>
        <PlainTable
          caption={title}
          hideCaption
          columns={[{ key: "at", header: "When", cell: (moment: string) => <time dateTime={moment}>{dayAndTime(moment, timeZone)}</time> }, ...series.map((line) => ({ key: line.label, header: line.label, align: "end" as const, cell: (moment: string) => valueAt(line, moment, unit) }))]}
          rows={moments.toReversed()}
          rowKey={(moment) => moment}
        />
      </details>
    </figure>
  );
}

interface AxesProps {
  x: Scale;
  y: Scale;
  width: number;
  height: number;
  span: [string, string];
  timeZone: string | null | undefined;
}

function Axes({ x, y, width, height, span, timeZone }: AxesProps) {
  const [from, to] = [Date.parse(span[0]), Date.parse(span[1])];
  const count = Math.max(1, Math.min(5, Math.floor((to - from) / 86_400_000), Math.floor(width / 110)));
  const days = Array.from({ length: count + 1 }, (_, index) => from + ((to - from) * index) / count);
  return (
    <g className="chart-axis">
      {y.ticks.map((tick) => (
        <g key={tick}>
          <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
          <text x={MARGIN.left - 8} y={y(tick) + 4} textAnchor="end">
            {decimal(tick)}
          </text>
        </g>
      ))}
      {days.map((at, index) => (
        <text key={at} x={x(at)} y={height - 8} textAnchor={index === 0 ? "start" : index === count ? "end" : "middle"}>
          {shortDay(dayIn(timeZone, new Date(at)))}
        </text>
      ))}
    </g>
  );
}

function Series({ line, index, x, y, right, floor }: { line: ChartSeries; index: number; x: Scale; y: Scale; right: number; floor: number }) {
  const points = line.points.map((point) => [x(Date.parse(point.at)), y(point.value)] as const);
  // A target that is open at an end reaches the edge of the chart there.
  const top = line.target?.high == null ? MARGIN.top : y(line.target.high);
  const bottom = line.target?.low == null ? floor : y(line.target.low);
  const hasTarget = line.target != null && (line.target.low != null || line.target.high != null);
  return (
    <g className="chart-series" data-series={index + 1}>
      {hasTarget ? <rect className="chart-target" x={MARGIN.left} width={Math.max(0, right - MARGIN.left)} y={top} height={Math.max(0, bottom - top)} /> : null}
      <path d={linePath(points)} />
      {points.map(([cx, cy], at) => {
        const where = standing(line.points[at]!.value, line.target);
        // Outside the target a point changes shape as well as colour.
        return where === "inside" ? <circle key={at} cx={cx} cy={cy} r={points.length > 60 ? 2 : 3} /> : <path key={at} className="chart-outside" d={diamond(cx, cy, points.length > 40 ? 3.5 : 5)} />;
      })}
    </g>
  );
}

const diamond = (x: number, y: number, r: number) => `M${x} ${y - r}l${r} ${r}-${r} ${r}-${r}-${r}z`;

function walk(event: KeyboardEvent, cursor: number | null, count: number): number | null {
  const at = cursor ?? (event.key === "ArrowLeft" ? count : -1);
  const moves: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: count - 1 };
  if (event.key === "Escape") return null;
  if (!(event.key in moves)) return cursor;
  event.preventDefault();
  return Math.max(0, Math.min(moves[event.key]!, count - 1));
}

const pointAt = (line: ChartSeries, moment: string) => line.points.find((point) => point.at === moment);

function valueAt(line: ChartSeries, moment: string, unit: string): string {
  const point = pointAt(line, moment);
  if (point === undefined) return "–";
  const where = standing(point.value, line.target);
  return where === "inside" ? quantity(point.value, unit) : `${quantity(point.value, unit)} (${STANDING[where]})`;
}

const reading = (moment: string, series: readonly ChartSeries[], unit: string, timeZone: string | null | undefined) =>
  `${dayAndTime(moment, timeZone)}: ${series.filter((line) => pointAt(line, moment)).map((line) => `${series.length > 1 ? `${line.label} ` : ""}${valueAt(line, moment, unit)}`).join(", ")}`;

/** Under the chart when no point is chosen: what the lines are, and their targets. */
const legend = (series: readonly ChartSeries[], unit: string) =>
  series
    .map((line) => {
      const target = rangeText(line.target, unit);
      const name = series.length > 1 ? line.label : "";
      return [name, target && `${name ? "target" : "Target"} ${target}`].filter(Boolean).join(": ");
    })
    .filter(Boolean)
    .join(" · ");

function summary(series: readonly ChartSeries[], unit: string): string {
  return series
    .filter((line) => line.points.length > 0)
    .map((line) => {
      const latest = line.points.at(-1)!;
      const inside = line.points.filter((point) => standing(point.value, line.target) === "inside").length;
      const share = line.target ? `, ${inside} of ${line.points.length} in target` : "";
      return `${series.length > 1 ? `${line.label} ` : ""}latest ${quantity(latest.value, unit)}${share}`;
    })
    .join(" · ");
}
