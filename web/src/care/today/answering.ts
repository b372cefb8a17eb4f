/** Pure parts of filling in a questionnaire. Answers are kept as typed and sent as their item's type. */
import type { Entry, EntryAnswer, QuestionnaireItem, ScoreBand } from "@/api/types";
import { fullDay } from "@/format/dates";
import { decimal, parseDecimal, standing } from "@/format/numbers";

export type Answers = Record<string, string>;

/** What is wrong with an answer, in words; undefined when it can be sent. */
export function faultOf(item: QuestionnaireItem, typed: string | undefined): string | undefined {
  const text = (typed ?? "").trim();
  if (item.type === "display") return undefined;
  if (text === "") return item.required ? "This question needs an answer" : undefined;
  if (item.type !== "integer" && item.type !== "decimal") return undefined;
  const value = parseDecimal(text);
  if (value === null) return "Write it as a number";
  if (item.type === "integer" && !Number.isInteger(value)) return "Write a whole number";
  const where = standing(value, item.range);
  if (where === "below") return `The lowest answer is ${decimal(item.range?.low ?? 0)}`;
  return where === "above" ? `The highest answer is ${decimal(item.range?.high ?? 0)}` : undefined;
}

export function answersToSend(items: readonly QuestionnaireItem[], answers: Answers): EntryAnswer[] {
  return items.flatMap((item) => {
    const text = (answers[item.link_id] ?? "").trim();
    if (item.type === "display" || text === "") return [];
    return [{ link_id: item.link_id, value: typedValue(item, text) }];
  });
}

function typedValue(item: QuestionnaireItem, text: string): EntryAnswer["value"] {
  if (item.type === "boolean") return text === "true";
  if (item.type === "integer" || item.type === "decimal") return parseDecimal(text) ?? text;
  return text;
}

export function answerText(item: QuestionnaireItem, typed: string | undefined): string {
  if (typed === undefined || typed.trim() === "") return "No answer";
  if (item.type === "boolean") return typed === "true" ? "Yes" : "No";
  if (item.type === "choice") {
    const option = item.options?.find((candidate) => candidate.value === typed);
    return option?.label ?? typed;
  }
  return item.type === "date" ? fullDay(typed) : typed;
}

/** The score of an entry with the band it falls in; null when it has none. */
export function scoreOf(entry: Pick<Entry, "score">, bands: readonly ScoreBand[]): { value: number; label?: string | undefined; severity?: string | undefined } | null {
  if (!entry.score) return null;
  const { value, label, severity } = entry.score;
  const band = bands.find((candidate) => value >= candidate.low && value <= candidate.high);
  return { value, label: label ?? band?.label, severity: severity ?? band?.severity };
}
