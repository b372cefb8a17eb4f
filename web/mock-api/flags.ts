/** Feature flags over invented data: one that is settled, one that is rolled out, one that its guard took back. */
import type { Flag, FlagChange, FlagRule, FlagState, FlagVersion, RolloutStart, WatchedRollout } from "../src/api/types";
import type { MockAnswer, MockRequest } from "./api";

const NOW = Date.now();
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();
const nothing = (): FlagState => ({ is_killed: false, default: null, rules: [], requires: [], rollout_percentage: null });
const undecided = (): Flag["own"] => ({ state: nothing(), reason: "", changed_by: null, changed_at: null, revision: 0 });
const rule = (variant: string, more: Partial<FlagRule> = {}): FlagRule => ({ variant, roles: [], organisations: [], accounts: [], hidden: 0, percentage: null, sticky_by: "account", from_at: null, until_at: null, ...more });

const STAGES = [1, 10, 50, 100].map((percentage) => ({ percentage, hold_seconds: 1_800 }));
const rolloutOf = (status: string, stage: number, why: string | null): NonNullable<Flag["rollout"]> => ({
  id: "01990000-0000-7000-8000-000000000001",
  variant: "on",
  status,
  why,
  reason: "Release 1.4.",
  stages: STAGES,
  stage,
  percentage: STAGES[stage]!.percentage,
  started_at: ago(3_000),
  stage_began_at: ago(600),
  held_until: ago(-1_200),
  ended_at: status === "running" ? null : ago(120),
  paused_at: null,
  paused_until: null,
  is_own: false,
});

const boolean = (key: string, description: string, more: Partial<Flag> = {}): Flag => ({
  key,
  kind: "boolean",
  description,
  owner: "platform",
  created_on: "2026-11-01",
  ends_on: "2027-03-01",
  variants: { on: true, off: false },
  declared_default: "off",
  off: "off",
  installation: undecided(),
  own: undecided(),
  effective: { variant: "off", value: false, reason: "DEFAULT", cause: "declared", rule: null, is_own: false },
  asked: 18_220,
  last_asked_at: ago(20),
  stale: [],
  rollout: null,
  revision: 0,
  ...more,
});

const flags: Flag[] = [
  boolean("lists.cost-guard", "Lists that the database expects to be dear are refused with a hint, in place of being run.", { declared_default: "on", ends_on: null }),
  boolean("overview.by-protocol", "The overview says how well each protocol is followed; off, it asks the database for one sum less.", { declared_default: "on", ends_on: null }),
  boolean("lists.counts", "Lists say how many there are, when it can be told cheaply.", {
    installation: { ...undecided(), state: { ...nothing(), rollout_percentage: 10 }, reason: "10 per cent: the stage before was held, and nothing spoke against it.", changed_at: ago(600), revision: 2 },
    rollout: rolloutOf("running", 1, null),
  }),
  boolean("reports.faster", "Reports are put together by the new engine.", {
    installation: { ...undecided(), state: { ...nothing(), is_killed: true }, reason: "The treated fail more often than is usual.", changed_at: ago(120), revision: 4 },
    rollout: rolloutOf("rolled_back", 2, "errors"),
  }),
  boolean("today.quiet-evenings", "Reminders after eight are held back until the morning.", {
    ends_on: "2026-10-01",
    stale: [{ mark: "past_end", text: "It should have been gone by 2026-10-01." }],
    own: { ...undecided(), state: { ...nothing(), rules: [rule("on", { roles: ["clinician"], percentage: 25 })] }, reason: "The ward tries it.", changed_by: "acc-3", changed_at: ago(90_000), revision: 1 },
  }),
];

const versions = new Map<string, FlagVersion[]>();

function refresh(flag: Flag): Flag {
  const { installation, own } = flag;
  const isKilled = installation.state.is_killed || own.state.is_killed;
  const variant = isKilled ? flag.off : (own.state.default ?? installation.state.default ?? flag.declared_default);
  flag.effective = { variant, value: flag.variants[variant]!, reason: isKilled ? "DISABLED" : "STATIC", cause: isKilled ? "killed" : "chosen", rule: null, is_own: own.revision > 0 };
  flag.revision = installation.revision + own.revision;
  return flag;
}

function keep(flag: Flag, act: string, reason: string, after: FlagState): MockAnswer {
  const before = flag.own.state;
  flag.own = { state: after, reason, changed_by: "acc-3", changed_at: new Date().toISOString(), revision: flag.own.revision + 1 };
  versions.set(flag.key, [{ revision: flag.own.revision, act, reason, changed_by: "acc-3", changed_as: "admin", changed_at: new Date().toISOString(), is_own: true, before, after }, ...(versions.get(flag.key) ?? [])]);
  return answered(refresh(flag));
}

const answered = (flag: Flag): MockAnswer => ({ status: 200, body: flag, headers: { etag: `"r${flag.revision}"` } });
const refused = (status: number, title: string): MockAnswer => ({ status, headers: { "content-type": "application/problem+json" }, body: { title, status } });

/** Answers everything below /flags. */
export function answerFlags(request: MockRequest): MockAnswer {
  const [key, act, turn] = request.path.replace("/api/v1/flags", "").split("/").filter(Boolean);
  if (key === undefined) return { status: 200, body: { items: flags.map(refresh) } };
  if (key === "evaluated") return { status: 200, body: { values: Object.fromEntries(flags.filter((flag) => flag.key.startsWith("overview.")).map((flag) => [flag.key, refresh(flag).effective.value])) } };
  if (key === "stale") return { status: 200, body: { items: flags.filter((flag) => flag.stale.length > 0).map((flag) => ({ key: flag.key, owner: flag.owner, marks: flag.stale })) } };
  const flag = flags.find((one) => one.key === key);
  if (flag === undefined) return refused(404, "There is no such flag");
  if (act === "history") return { status: 200, body: { items: versions.get(key) ?? [] } };
  if (act === "rollout" && request.method === "POST") return rolledOut(flag, turn, request.body as RolloutStart);
  if (act === "rollout") return flag.rollout === null ? refused(404, "This flag never had a rollout") : { status: 200, body: watched(flag.rollout) };
  if (request.method === "GET") return answered(refresh(flag));
  const body = request.body as FlagChange;
  if (act === "kill" || act === "revive") return keep(flag, act, body.reason, { ...flag.own.state, is_killed: act === "kill" });
  const expected = request.headers["if-match"];
  if (expected !== "*" && expected !== `"r${flag.revision}"`) return refused(412, "It was changed by somebody else in the meantime");
  return keep(flag, "set", body.reason, { ...flag.own.state, default: body.default ?? null, requires: (body.requires ?? []).map(({ key: needed, variants }) => ({ key: needed, variants: [...variants] })), rules: (body.rules ?? []).map((one) => rule(one.variant, { ...one, roles: one.roles ?? [], accounts: one.accounts ?? [], percentage: one.percentage ?? null, from_at: one.from_at ?? null, until_at: one.until_at ?? null })) });
}

/** Starts, pauses, resumes, stops or rolls back, as the organisation's admin. */
function rolledOut(flag: Flag, turn: string | undefined, body: RolloutStart): MockAnswer {
  const at = new Date().toISOString();
  if (turn === undefined) {
    const stages = (body.stages ?? STAGES).map(({ percentage, hold_seconds }) => ({ percentage, hold_seconds }));
    flag.rollout = { ...rolloutOf("running", 0, null), variant: body.variant, reason: body.reason, stages, percentage: stages[0]!.percentage, started_at: at, stage_began_at: at, is_own: true };
    keep(flag, "rollout_started", body.reason, { ...flag.own.state, rollout_percentage: stages[0]!.percentage });
    return { status: 201, body: watched(flag.rollout) };
  }
  if (!flag.rollout?.is_own || flag.rollout.status !== "running") return refused(409, "No rollout of this flag is running");
  if (turn === "pause" || turn === "resume") {
    flag.rollout = { ...flag.rollout, paused_at: turn === "pause" ? at : null, paused_until: turn === "pause" ? new Date(Date.parse(at) + 14 * 86_400_000).toISOString() : null };
    keep(flag, `rollout_${turn}d`, body.reason, flag.own.state);
  } else {
    flag.rollout = { ...flag.rollout, status: turn === "stop" ? "stopped" : "rolled_back", ended_at: at };
    keep(flag, turn === "stop" ? "rollout_stopped" : "rolled_back", body.reason, { ...flag.own.state, rollout_percentage: null, is_killed: turn === "rollback" });
  }
  return { status: 200, body: watched(flag.rollout) };
}

function watched(rollout: NonNullable<Flag["rollout"]>): WatchedRollout {
  const isBack = rollout.status === "rolled_back";
  const trail = Array.from({ length: 120 }, (_, index) => {
    const late = Math.max(0, index - 85);
    return { at: ago(360 - index * 3), errors: isBack ? Math.min(9.4, late * 0.28 + (late > 0 ? (index % 3) * 0.2 : 0)) : index % 37 === 5 ? 1.4 : 0, latency: index % 29 === 3 ? 1.1 : index % 29 === 4 ? 0.6 : 0 };
  });
  const sides = { treated: { requests: 2_410, errors: isBack ? 61 : 3, slow: 118 }, control: { requests: 21_880, errors: 24, slow: 1_061 } };
  const evidence = (percentage: number, error_score: number, latency_score: number) => ({ percentage, error_score, latency_score, threshold: 9.21, open_requests: 0, ...sides });
  return {
    rollout,
    threshold: 9.21,
    error_score: isBack ? 9.4 : 0,
    latency_score: isBack ? 0.6 : 0,
    ...sides,
    heard_at: ago(1),
    least_requests: 100,
    stage_requests: 640,
    trail,
    steps: [
      { number: 1, act: "started", at: rollout.started_at, evidence: evidence(1, 0, 0) },
      { number: 2, act: "advanced", at: rollout.stage_began_at, evidence: evidence(1, 0, 0.4) },
      ...(isBack ? [{ number: 3, act: "rolled_back", at: ago(120), evidence: evidence(50, 9.4, 0.6) }] : []),
    ],
  };
}
