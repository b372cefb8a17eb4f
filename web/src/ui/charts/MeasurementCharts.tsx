import { LineChart } from "./LineChart";
import { groupMeasurements, type MeasuredPoint } from "./measured";

/** A chart for each thing measured; what is always taken together (blood pressure) shares one. */
export function MeasurementCharts({ points, timeZone }: { points: readonly MeasuredPoint[]; timeZone?: string | null }) {
  return (
    <div className="stack" data-gap="l">
      {groupMeasurements(points).map((group) => (
        <LineChart key={group.title} title={group.title} unit={group.unit} series={group.series} timeZone={timeZone ?? null} />
      ))}
    </div>
  );
}
