/** Icons of the app: 24-unit strokes drawn for it. They are ornament; the word beside them carries the meaning. */

const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM14 4v3.5h6V4zM4 20h6v-3.5H4z",
  patients: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5M16 4.9a3.3 3.3 0 0 1 0 6.3M18 14.8c2 .7 3.2 2.4 3.5 5.2",
  protocols: "M6 3.5h9l4 4V20.5H6zM14.5 3.5V8H19M9 12.5h7M9 16.5h5",
  settings: "M12 15.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4M12 2.8v2.6M12 18.6v2.6M2.8 12h2.6M18.6 12h2.6M5.5 5.5l1.8 1.8M16.7 16.7l1.8 1.8M18.5 5.5l-1.8 1.8M7.3 16.7l-1.8 1.8",
  today: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.3 12.3l2.6 2.6 5-5.6",
  progress: "M4 4v16h16M8 15.5l3.5-4.5 3 2.5L20 7",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13M15.5 15.5 20.5 20.5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  check: "m5 12.5 4.6 4.6L19.5 7",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  down: "m6 9.5 6 6 6-6",
  up: "m6 14.5 6-6 6 6",
  undo: "M8.5 5 4 9.5l4.5 4.5M4.5 9.5H14a5.5 5.5 0 0 1 0 11h-4",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7.5V12l3.2 2",
  alert: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.3h.01",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 7.8h.01",
  medication: "M10.2 4.2a4.5 4.5 0 0 0-6 6l9.6 9.6a4.5 4.5 0 0 0 6-6zM8.5 15.2l6.7-6.7",
  measurement: "M3 12.5h4l2.5-7 4.5 13 2.5-6H21",
  exercise: "M7 7v10M17 7v10M4 9.5v5M20 9.5v5M7 12h10",
  questionnaire: "M8 4.5H6V20.5h12V4.5h-2M9 3h6v3.5H9zM9 11.5h6M9 15.5h4",
  education: "M12 6.5C10 5 7 4.5 3.5 4.8v13.5c3.5-.3 6.5.2 8.5 1.7 2-1.5 5-2 8.5-1.7V4.8C17 4.5 14 5 12 6.5M12 6.5V20",
  appointment: "M4.5 6h15v14.5h-15zM4.5 10.5h15M8.5 3.5V7M15.5 3.5V7",
  task: "M5 4.5h14v15H5zM8.5 12l2.5 2.5 4.5-5",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4.5 20h15",
  upload: "M12 15.5v-11M7.5 9 12 4.5 16.5 9M4.5 20h15",
  copy: "M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4",
  archive: "M4 8.5h16V20H4zM3 4h18v4.5H3zM9.5 12.5h5",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  play: "M7.5 5v14l11.5-7z",
  stop: "M6.5 6.5h11v11h-11z",
  move: "M4 12h15M13.5 6.5 19 12l-5.5 5.5",
  print: "M7 9V3.5h10V9M7 17.5H4V9h16v8.5h-3M7 14h10v6.5H7z",
  edit: "M4.5 19.5l1-4L16.5 4.5l3 3L8.5 18.5zM14 7l3 3",
  sun: "M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5",
  device: "M3.5 5h17v11.5h-17zM9 20.5h6M12 16.5v4",
  leave: "M14 4.5H5.5v15H14M10.5 12H21M17 8l4 4-4 4",
  skip: "M5.5 5.5v13L15 12zM18.5 5.5v13",
  lock: "M6 10.5h12v10H6zM8.5 10.5V7.5a3.5 3.5 0 0 1 7 0v3",
  publish: "M12 20V8.5M7 13l5-5 5 5M5 4h14",
  compare: "M9 4v16M15 4v16M4 8h5M4 12h5M15 12h5M15 16h5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth={name === "more" ? 3 : 1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The icon of an activity's kind; an unknown kind reads as a task. */
export const kindIcon = (kind: string): IconName => (kind in PATHS ? (kind as IconName) : "task");

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="9" fill="#0b5c67" />
      <path d="M16 6.5a9.5 9.5 0 1 1-8.9 6.2" fill="none" stroke="#8fdbe5" strokeWidth="2.6" strokeLinecap="round" />
      <path d="m11.4 16.4 3.3 3.3 6.2-7" fill="none" stroke="#fff" strokeWidth="2.8" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
