import { usePreview } from "@/api/protocols";
import type { PreviewOccurrence, Protocol } from "@/api/types";
import { addDays, browserZone, dayIn, mondayOf, weekday, weekdayDay } from "@/format/dates";
import { isTimed } from "@/format/occurrences";
import { localClock } from "@/format/dates";
import { Button, IconButton } from "@/ui/Button";
import { Icon, kindIcon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { EmptyState, Loaded } from "@/ui/States";

/** A week as the patient would have it, were the protocol to start next Monday. */
export function WeekTab({ protocol }: { protocol: Protocol }) {
  const [week, setWeek] = useAddressState("week", "1");
  const number = Math.max(1, Number(week) || 1);
  const zone = browserZone();
  const startsOn = addDays(mondayOf(dayIn(zone)), 7);
  const weeks = Math.ceil(protocol.duration_days / 7);
  const preview = usePreview(protocol.id, protocol.version, { starts_on: startsOn, first_day: (number - 1) * 7 + 1, days: 7, time_zone: zone });
  return (
    <section className="stack" aria-label="Preview of a patient's week">
      <div className="row-between">
        <div className="row">
          <IconButton icon="left" label="Week before" disabled={number <= 1} onClick={() => setWeek(String(number - 1))} />
          <p className="strong number week-number">
            Week {number} of {weeks}
          </p>
          <IconButton icon="right" label="Week after" disabled={number >= weeks} onClick={() => setWeek(String(number + 1))} />
        </div>
        <p className="muted small">Shown as if it started on Monday, {weekdayDay(startsOn).slice(4)}.</p>
      </div>
      <Loaded of={preview} rows={6}>
        {(shown) => {
          return shown.every((day) => day.occurrences.length === 0) ? (
            <div className="card">
              <EmptyState icon="sun" title="Nothing is due this week" action={number < weeks ? <Button onClick={() => setWeek(String(number + 1))}>Next week</Button> : undefined} />
            </div>
          ) : (
            <ol role="list" className="week">
              {shown.map((day, index) => (
                <li key={day.date} className="week-day">
                  <p className="week-head number">
                    <span className="strong">{weekday(day.date)}</span> <span className="muted">Day {(number - 1) * 7 + index + 1}</span>
                  </p>
                  {day.occurrences.length === 0 ? <p className="muted small">Nothing</p> : <DayItems items={day.occurrences} />}
                </li>
              ))}
            </ol>
          );
        }}
      </Loaded>
    </section>
  );
}

function DayItems({ items }: { items: PreviewOccurrence[] }) {
  return (
    <ul role="list">
      {items.map((item) => (
        <li key={`${item.activity_key}/${item.planned_local}/${item.slot}`} className="week-item" data-kind={item.kind}>
          <Icon name={kindIcon(item.kind)} size={15} />
          <span>
            <span className="number week-time">{isTimed({ ...item, state: "open" }) ? localClock(item.planned_local) : "Any time"}</span> {item.title}
          </span>
        </li>
      ))}
    </ul>
  );
}
