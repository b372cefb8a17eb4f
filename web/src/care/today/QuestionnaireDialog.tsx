import { useState } from "react";
import type { Entry, EntryAnswer, QuestionnaireItem, ScoreBand } from "@/api/types";
import { counted, decimal } from "@/format/numbers";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { useDraft } from "@/ui/drafts";
import { Choice, TextArea, TextField } from "@/ui/Field";
import { EmptyState, FaultNotice, Notice, Skeleton } from "@/ui/States";
import { Lines } from "@/ui/Lines";
import type { OccurrenceDialogProps } from "./DetailDialog";
import { type Answers, answersToSend, answerText, faultOf, scoreOf } from "./answering";

/** Questions one at a time, then a look at all answers, then the score where there is one. */
export function QuestionnaireDialog(props: OccurrenceDialogProps) {
  const { occurrence, activity, close } = props;
  const [recorded, setRecorded] = useState<Entry | null>(null);
  const items = activity?.questionnaire?.items ?? [];
  if (recorded) return <ScoreDialog entry={recorded} bands={activity?.questionnaire?.scoring?.bands ?? []} title={occurrence.title} close={close} />;
  if (items.length === 0) {
    return (
      <Dialog title={occurrence.title} onClose={close}>
        {activity === undefined ? <Skeleton rows={3} /> : <EmptyState icon="questionnaire" title="This questionnaire has no questions" />}
      </Dialog>
    );
  }
  return <Questions {...props} items={items} recorded={setRecorded} />;
}

interface QuestionsProps extends OccurrenceDialogProps {
  items: QuestionnaireItem[];
  recorded: (entry: Entry) => void;
}

function Questions({ occurrence, acts, close, items, recorded }: QuestionsProps) {
  const [answers, setAnswers, discard] = useDraft<Answers>(`answers/${occurrence.id}`, {});
  const [step, setStep] = useState(() => firstOpen(items, answers));
  const [error, setError] = useState<string>();
  const item = items[step];
  const next = () => {
    const fault = item ? faultOf(item, answers[item.link_id]) : undefined;
    setError(fault);
    if (fault === undefined) setStep(step + 1);
  };
  const send = async () => {
    const sent: EntryAnswer[] = answersToSend(items, answers);
    const entry = await acts.complete(occurrence, { answers: sent });
    if (!entry) return;
    discard();
    recorded(entry);
  };
  const goBack = () => {
    setError(undefined);
    if (step === 0) close();
    else setStep(step - 1);
  };
  const back = (
    <Button size="l" onClick={goBack}>
      {step === 0 ? "Not now" : "Back"}
    </Button>
  );
  if (item === undefined) {
    return (
      <Dialog title="Check your answers" lead={occurrence.title} onClose={close} footer={<>{back}<Button size="l" look="primary" isBusy={acts.isRunning} onClick={() => void send()}>Send</Button></>}>
        <FaultNotice fault={acts.problem} />
        <Review items={items} answers={answers} edit={setStep} />
      </Dialog>
    );
  }
  return (
    <Dialog title={occurrence.title} lead={`Question ${step + 1} of ${items.length}`} onClose={close} footer={<>{back}<Button size="l" look="primary" onClick={next}>Next</Button></>}>
      <progress className="question-progress" value={step} max={items.length} aria-label="How far you are" />
      <Question key={item.link_id} item={item} value={answers[item.link_id]} error={error} answer={(value) => { setError(undefined); setAnswers((before) => ({ ...before, [item.link_id]: value })); }} />
    </Dialog>
  );
}

const firstOpen = (items: readonly QuestionnaireItem[], answers: Answers): number => {
  const at = items.findIndex((item) => item.type !== "display" && answers[item.link_id] === undefined);
  return Object.keys(answers).length === 0 ? 0 : at === -1 ? items.length : at;
};

interface QuestionProps {
  item: QuestionnaireItem;
  value: string | undefined;
  error: string | undefined;
  answer: (value: string) => void;
}

const YES_NO = [{ value: "true", label: "Yes" }, { value: "false", label: "No" }];

function Question({ item, value, error, answer }: QuestionProps) {
  if (item.type === "display") return <Lines text={item.text} />;
  if (item.type === "choice" || item.type === "boolean") {
    const options = item.type === "boolean" ? YES_NO : (item.options ?? []).map((option) => ({ value: option.value, label: option.label ?? option.value }));
    return <Choice legend={<span className="question-text">{item.text}</span>} name={item.link_id} value={value ?? null} options={options} onValue={answer} error={error} />;
  }
  if (item.type === "text") return <TextArea label={item.text} required={item.required ?? false} maxLength={2000} value={value ?? ""} onValue={answer} error={error} />;
  const type = item.type === "date" ? { type: "date" } : { inputMode: item.type === "integer" ? ("numeric" as const) : ("decimal" as const) };
  return <TextField label={item.text} required={item.required ?? false} {...type} value={value ?? ""} onValue={answer} error={error} />;
}

function Review({ items, answers, edit }: { items: QuestionnaireItem[]; answers: Answers; edit: (step: number) => void }) {
  return (
    <ol className="review" role="list">
      {items.map((item, index) =>
        item.type === "display" ? null : (
          <li key={item.link_id}>
            <div>
              <p className="muted small">{item.text}</p>
              <p className="strong">{answerText(item, answers[item.link_id])}</p>
            </div>
            <button type="button" className="link-button" onClick={() => edit(index)}>
              Change<span className="hidden-visually"> the answer to {item.text}</span>
            </button>
          </li>
        ),
      )}
    </ol>
  );
}

function ScoreDialog({ entry, bands, title, close }: { entry: Entry; bands: readonly ScoreBand[]; title: string; close: () => void }) {
  const score = scoreOf(entry, bands);
  return (
    <Dialog title="Thank you" lead={title} size="s" onClose={close} footer={<Button size="l" look="primary" onClick={close}>Done</Button>}>
      {score === null ? (
        <p>Your answers are with your care team.</p>
      ) : (
        <div className="score">
          <p className="score-value number">{decimal(score.value)}</p>
          <p className="score-word">{score.label ?? counted(score.value, "point")}</p>
        </div>
      )}
      {score?.severity === "high" ? (
        <Notice tone="danger" title="Please get help today">
          <p>Your answers say that you are not well. Your care team can see them, but may not read them at once.</p>
          <p>
            If you may harm yourself or are in danger, call <a href="tel:112">112</a> or your local emergency number now.
          </p>
        </Notice>
      ) : null}
    </Dialog>
  );
}
