import type { Activity, Protocol } from "@/api/types";
import { scheduleInWords } from "@/format/schedule";
import { Icon, kindIcon } from "@/ui/Icon";
import { type Lane, lanesOf, ticksOf } from "./lanes";

/** The plan as a picture: days from left to right, phases on top, below them when each activity is due. */
export function Timeline({ protocol }: { protocol: Protocol }) {
  const days = protocol.duration_days;
  const left = (day: number) => `${((day - 1) / days) * 100}%`;
  const width = (length: number) => `${(length / days) * 100}%`;
  return (
    <figure className="card timeline" aria-label="The plan as a picture">
      <div className="timeline-grid">
        <div className="timeline-scale number" aria-hidden="true">
          {ticksOf(days).map((day) => (
            <span key={day} style={{ left: left(day) }}>
              Day {day}
            </span>
          ))}
        </div>
        <div className="timeline-phases">
          {protocol.phases.map((phase, index) => (
            <a key={index} href={`#phase-${index + 1}`} className="timeline-phase" style={{ left: left(phase.start_day), width: width(phase.length_days) }} title={`${phase.title}: day ${phase.start_day} to ${phase.start_day + phase.length_days - 1}`}>
              {phase.title}
            </a>
          ))}
        </div>
        <ul role="list" className="timeline-lanes">
          {lanesOf(protocol).map((lane) => (
            <TimelineLane key={lane.activity.key} lane={lane} left={left} width={width} />
          ))}
        </ul>
      </div>
    </figure>
  );
}

interface LaneProps {
  lane: Lane<Activity>;
  left: (day: number) => string;
  width: (length: number) => string;
}

function TimelineLane({ lane, left, width }: LaneProps) {
  return (
    <li className="timeline-lane" data-kind={lane.activity.kind}>
      <span className="timeline-name">
        <Icon name={kindIcon(lane.activity.kind)} size={16} />
        <span>{lane.activity.title}</span>
        <span className="hidden-visually">, {scheduleInWords(lane.activity.schedule)}</span>
      </span>
      <span className="timeline-track" aria-hidden="true">
        {lane.marks.map((mark) => (
          <span key={mark.day} className="timeline-mark" data-span={mark.length > 1 || undefined} style={{ left: left(mark.day), ...(mark.length > 1 ? { width: width(mark.length) } : {}) }} />
        ))}
      </span>
    </li>
  );
}
