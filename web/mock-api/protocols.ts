/** Invented protocols for development without a server. */
import type { Activity, Protocol } from "../src/api/types";

const bloodPressure: Activity = {
  key: "blood-pressure",
  kind: "measurement",
  title: "Measure blood pressure",
  instructions: "Sit for five minutes with your back supported. Put the cuff on the bare upper arm, at the height of the heart.\nMeasure, and write down both numbers.",
  clinician_instructions: "Titrate after two weeks if the mean of the last 12 readings is above 135/85.",
  schedule: { timeOfDay: ["07:30:00", "19:30:00"], window_minutes: 180, lead_minutes: 60, reminders: [{ after_minutes: 0 }] },
  measurement: {
    code: "85354-9",
    display: "Blood pressure panel",
    unit: "mm[Hg]",
    components: [
      { code: "8480-6", display: "Systolic blood pressure", unit: "mm[Hg]", target_range: { low: 100, high: 135 }, alert_thresholds: { low: 85, high: 180 }, plausible_range: { low: 60, high: 260 } },
      { code: "8462-4", display: "Diastolic blood pressure", unit: "mm[Hg]", target_range: { low: 60, high: 85 }, alert_thresholds: { low: 45, high: 110 }, plausible_range: { low: 30, high: 160 } },
    ],
  },
};

const feelings = ["Little interest or pleasure in doing things", "Feeling down or hopeless", "Trouble sleeping, or sleeping too much", "Feeling tired or having little energy"];
const often = [
  { value: "0", label: "Not at all", score: 0 },
  { value: "1", label: "Several days", score: 1 },
  { value: "2", label: "More than half the days", score: 2 },
  { value: "3", label: "Nearly every day", score: 3 },
];

const hypertension: Protocol = {
  id: "0193a000-0000-7000-8000-000000000001",
  title: "Home blood-pressure monitoring",
  description: "Ninety days of home readings after a new diagnosis or a change of therapy, with weekly weight and a check-in on how treatment is borne.",
  duration_days: 90,
  content: "<h2>Purpose</h2><p>Home readings tell more than readings in the practice. The first week is left out of the mean.</p><ul><li>Two readings a day</li><li>Act on the mean, <strong>never on one value</strong></li></ul>",
  patient_content: "<p>You measure your blood pressure at home, morning and evening. That helps us to find the dose that is right for you.</p>",
  category: "Cardiology",
  tags: ["hypertension", "home monitoring"],
  languages: ["en"],
  status: "active",
  version: 3,
  published_at: "2026-08-14T09:00:00Z",
  created_at: "2026-08-14T09:00:00Z",
  updated_at: "2026-08-14T09:00:00Z",
  phases: [
    {
      title: "Settling in",
      start_day: 1,
      length_days: 14,
      description: "Learn to measure, begin the medicine at the low dose.",
      activities: [
        bloodPressure,
        { key: "lisinopril", kind: "medication", title: "Take lisinopril", instructions: "Take it in the morning with a glass of water.", schedule: { when: ["MORN"], window_minutes: 360, lead_minutes: 120 }, medication: { name: "Lisinopril", dose: "10 mg, 1 tablet" } },
        { key: "video", kind: "education", title: "Read: how to measure well", instructions: "Five minutes: cuff, posture, rest, and what to write down.", schedule: { window_minutes: 4320 } },
        { key: "weight", kind: "measurement", title: "Weigh yourself", schedule: { dayOfWeek: ["mon"], timeOfDay: ["07:00:00"], window_minutes: 900 }, measurement: { code: "29463-7", display: "Body weight", unit: "kg", plausible_range: { low: 25, high: 300 } } },
      ],
    },
    {
      title: "Follow-up",
      start_day: 15,
      length_days: 76,
      description: "Same readings, fewer questions.",
      activities: [
        bloodPressure,
        { key: "lisinopril", kind: "medication", title: "Take lisinopril", instructions: "Take it in the morning with a glass of water.", schedule: { when: ["MORN"], window_minutes: 360, lead_minutes: 120 }, medication: { name: "Lisinopril", dose: "20 mg, 1 tablet" } },
        { key: "walk", kind: "exercise", title: "Walk for 30 minutes", instructions: "As fast as you can still talk.", schedule: { dayOfWeek: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], duration: 30, durationUnit: "min" } },
        { key: "weight", kind: "measurement", title: "Weigh yourself", schedule: { dayOfWeek: ["mon"], timeOfDay: ["07:00:00"], window_minutes: 900 }, measurement: { code: "29463-7", display: "Body weight", unit: "kg", plausible_range: { low: 25, high: 300 } } },
        {
          key: "mood",
          kind: "questionnaire",
          title: "How have you been?",
          instructions: "Four short questions about the last two weeks.",
          schedule: { timeOfDay: ["00:00:00"] },
          questionnaire: {
            title: "Short mood check",
            items: feelings.map((text, index) => ({ link_id: `q${index + 1}`, text, type: "choice" as const, required: true, options: often })),
            scoring: { method: "sum", bands: [{ low: 0, high: 3, label: "Doing well", severity: "none" }, { low: 4, high: 7, label: "Somewhat low", severity: "moderate" }, { low: 8, high: 12, label: "Low", severity: "high" }] },
          },
        },
        { key: "visit", kind: "appointment", title: "Visit at the practice", instructions: "Bring your device and your list of medicines.", schedule: { count: 1, window_minutes: 20160 } },
      ],
    },
  ],
  kept: [{ pointer: "/action/0/condition/0", what: "CQL condition", text: "\"Most recent systolic\" > 140 'mm[Hg]'" }],
};

const knee: Protocol = {
  id: "0193a000-0000-7000-8000-000000000002",
  title: "Knee replacement rehabilitation",
  description: "Six weeks from discharge: exercises, walking, wound care and pain, until the first visit.",
  duration_days: 42,
  content: "<p>Based on the usual six-week path after total knee replacement.</p>",
  patient_content: null,
  category: "Orthopaedics",
  tags: ["surgery", "exercise"],
  status: "active",
  version: 1,
  published_at: "2026-06-02T09:00:00Z",
  created_at: "2026-06-02T09:00:00Z",
  updated_at: "2026-06-02T09:00:00Z",
  languages: ["en"],
  kept: [],
  phases: [
    {
      title: "First week at home",
      start_day: 1,
      length_days: 7,
      activities: [
        { key: "wound", kind: "task", title: "Look at the wound", instructions: "Redness, warmth or fluid? Call the ward.", schedule: { timeOfDay: ["09:00:00"], window_minutes: 240 } },
        { key: "pain", kind: "measurement", title: "Rate your pain", schedule: { timeOfDay: ["20:00:00"], window_minutes: 180 }, measurement: { code: "72514-3", display: "Pain severity", unit: "{score}", target_range: { low: 0, high: 4 }, plausible_range: { low: 0, high: 10 } } },
      ],
    },
    { title: "Building up", start_day: 8, length_days: 35, activities: [{ key: "bend", kind: "exercise", title: "Bend and stretch the knee", schedule: { frequency: 3, period: 1, periodUnit: "d" } }, { key: "physio", kind: "appointment", title: "Physiotherapy", schedule: { dayOfWeek: ["tue", "fri"], timeOfDay: ["10:00:00"] } }] },
  ],
};

const simple = (number: number, title: string, description: string, category: string, tags: string[], status: Protocol["status"], days: number): Protocol => ({
  id: `0193a000-0000-7000-8000-00000000001${number}`,
  title,
  description,
  duration_days: days,
  content: "",
  patient_content: null,
  languages: ["en"],
  kept: [],
  created_at: "2026-05-04T09:00:00Z",
  updated_at: "2026-05-04T09:00:00Z",
  category,
  tags,
  status,
  version: 1,
  published_at: status === "draft" ? null : "2026-05-04T09:00:00Z",
  phases: [{ title: "Whole time", start_day: 1, length_days: days, activities: [{ key: "diary", kind: "task", title: "Keep the diary", schedule: { timeOfDay: ["20:00:00"], window_minutes: 240 } }] }],
});

export const protocols: Protocol[] = [
  hypertension,
  knee,
  simple(1, "Gestational diabetes", "Blood glucose four times a day, food and movement, until the birth.", "Obstetrics", ["diabetes", "pregnancy"], "active", 120),
  simple(2, "Asthma action plan", "Peak flow in the morning, what to do in the green, yellow and red zone.", "Pulmonology", ["asthma"], "active", 180),
  simple(3, "Opioid tapering", "Slow reduction over twelve weeks with a check of withdrawal and pain.", "Pain", ["opioids", "tapering"], "active", 84),
  simple(4, "Depression follow-up", "PHQ-9 every two weeks, activity and sleep, and when to call.", "Mental health", ["PHQ-9"], "active", 182),
  simple(5, "Wound care after surgery", "Dressing, photographs and signs of infection for three weeks.", "Surgery", ["wound", "surgery"], "draft", 21),
  simple(6, "Antenatal visits", "The eight contacts of antenatal care.", "Obstetrics", ["pregnancy", "WHO"], "retired", 280),
];

/** Version 2 of the first: other times, another dose, no questionnaire. */
export function versionOf(protocol: Protocol, version: number): Protocol | undefined {
  if (version === protocol.version) return protocol;
  if (version < 1 || version > protocol.version) return undefined;
  return { ...protocol, version, status: "active", published_at: `2026-0${version + 2}-03T09:00:00Z`, kept: [] };
}
