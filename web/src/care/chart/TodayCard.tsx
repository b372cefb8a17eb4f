import type { Today } from "@/api/types";
import { weekdayDay } from "@/format/dates";
import { windowText } from "@/format/occurrences";
import { KIND } from "@/format/words";
import { StatusBadge } from "@/ui/Badge";
import { Icon, kindIcon } from "@/ui/Icon";
import { EmptyState, type Fetched, Loaded } from "@/ui/States";

/** The patient's day as she sees it; staff read it, the patient does it. */
export function TodayCard({ day }: { day: Fetched<Today> }) {
  return (
    <section className="card" aria-label="Today">
      <Loaded of={day} rows={3}>
        {(data) => {
          const shown = data.occurrences.filter((occurrence) => occurrence.state !== "not_applicable");
          return (
            <>
              <div className="card-head">
                <h2>Today</h2>
                <span className="muted small number">
                  {weekdayDay(data.date)} · {data.done} of {shown.length} done
                </span>
              </div>
              {shown.length === 0 ? (
                <EmptyState icon="sun" title="Nothing is due today" />
              ) : (
                <ul role="list" className="today-rows">
                  {shown.map((occurrence) => (
                    <li key={occurrence.id}>
                      <span className="today-icon" title={KIND[occurrence.kind]}>
                        <Icon name={kindIcon(occurrence.kind)} size={18} />
                      </span>
                      <span className="today-what">
                        {occurrence.title}
                        <small className="muted number">{windowText(occurrence, data.time_zone)}</small>
                      </span>
                      <StatusBadge of="occurrence" status={occurrence.state} />
                    </li>
                  ))}
                </ul>
              )}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}
