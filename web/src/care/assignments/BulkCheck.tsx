import { useCallback, useEffect, useState } from "react";
import { useBulkAssign, useOperation } from "@/api/assignments";
import type { BulkInput, Operation } from "@/api/types";
import { counted } from "@/format/numbers";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { FaultNotice, Notice, Progress } from "@/ui/States";
import { peopleInWords, type StepProps, usePublished } from "./AssignDialog";
import { CheckStep } from "./steps";
import { type BulkOutcome, readOutcome } from "./bulkOutcome";

/** Many at once: a trial run says who would be left out and why, then the same act for real, with its progress. */
export function BulkCheck({ choice, back, close, title, lead }: StepProps) {
  const { protocol, version } = usePublished(choice.protocolId);
  const [phase, setPhase] = useState<"trial" | "real">("trial");
  const trial = useBulkOperation();
  const real = useBulkOperation();
  const input: BulkInput = { protocol_id: choice.protocolId, version, starts_on: choice.startsOn, patient_ids: [...choice.ids, ...choice.people.map((patient) => patient.id)] };
  const isReady = protocol !== undefined;
  const { start } = trial;
  useEffect(() => {
    if (isReady) start({ ...input, dry_run: true });
    // The choice does not change while this step is on screen.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [isReady, start]);
  const running = phase === "trial" ? trial : real;
  const outcome = running.operation ? readOutcome(running.operation.result) : null;
  const isDone = running.operation?.status === "succeeded";
  const assign = () => {
    setPhase("real");
    real.start(input);
  };
  const footer =
    phase === "real" && isDone ? (
      <Button look="primary" onClick={close}>
        Done
      </Button>
    ) : (
      <>
        {back && phase === "trial" ? <Button onClick={back}>Back</Button> : null}
        <Button look="primary" disabled={phase === "trial" && (!isDone || outcome?.assigned === 0)} isBusy={phase === "real" && !isDone && !running.problem} onClick={assign}>
          {phase === "trial" && outcome && isDone ? `Assign to ${counted(outcome.assigned, "patient")}` : "Assign"}
        </Button>
      </>
    );
  return (
    <Dialog title={phase === "real" ? (isDone ? "Assigned" : "Assigning…") : title} lead={phase === "trial" ? lead : protocol?.title} onClose={close} footer={footer}>
      <FaultNotice fault={running.problem} />
      {running.operation?.status === "failed" ? <Notice title={running.operation.problem?.title ?? "It did not work"}>{running.operation.problem?.detail}</Notice> : null}
      {phase === "trial" && protocol ? <CheckStep protocol={protocol} startsOn={choice.startsOn} who={peopleInWords(choice)} zone={null} /> : null}
      {isDone && outcome ? <Outcome outcome={outcome} isTrial={phase === "trial"} /> : null}
      {!isDone && !running.problem && running.operation?.status !== "failed" ? (
        <Progress done={running.operation?.progress.done ?? 0} total={running.operation?.progress.total ?? null} label={phase === "trial" ? "Trial run" : "Assigning"} />
      ) : null}
    </Dialog>
  );
}

/** One bulk act: the same key for every try of it, so a retry never assigns twice. */
function useBulkOperation() {
  const [key] = useState(() => crypto.randomUUID());
  const act = useBulkAssign();
  const [first, setFirst] = useState<Operation | null>(null);
  const polled = useOperation(first?.id ?? null);
  const { run } = act;
  const start = useCallback(
    (input: BulkInput) => {
      void run({ input, key }).then((operation) => operation && setFirst(operation));
    },
    [run, key],
  );
  return { start, operation: polled.data ?? first, problem: act.problem ?? polled.problem };
}

function Outcome({ outcome, isTrial }: { outcome: BulkOutcome; isTrial: boolean }) {
  return (
    <div className="stack" role="status">
      <Notice tone="good" title={isTrial ? `${counted(outcome.assigned, "patient")} would get the plan.` : `${counted(outcome.assigned, "patient")} ${outcome.assigned === 1 ? "has" : "have"} the plan.`} />
      {outcome.leftOut.length > 0 ? (
        <Notice tone="warning" title={isTrial ? "Left out" : "Not assigned"}>
          <ul>
            {outcome.leftOut.map(({ reason, count }) => (
              <li key={reason}>
                {counted(count, "patient")}: {reason}
              </li>
            ))}
          </ul>
        </Notice>
      ) : null}
    </div>
  );
}
