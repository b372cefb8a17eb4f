import { type FormEvent, useState } from "react";
import type { Quantity } from "@/api/types";
import { decimal, parseDecimal, quantity, rangeText, unitText } from "@/format/numbers";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { useDraft } from "@/ui/drafts";
import { TextField } from "@/ui/Field";
import { Lines } from "@/ui/Lines";
import { EmptyState, FaultNotice, Notice, Skeleton } from "@/ui/States";
import type { OccurrenceDialogProps } from "./DetailDialog";
import { implausible, quantitiesOf, readValues, type Typed } from "./measuring";

/** Values with a decimal keypad. One outside what is plausible is asked about, not refused. */
export function MeasureDialog(props: OccurrenceDialogProps) {
  const { occurrence, activity, close } = props;
  const quantities = activity?.measurement ? quantitiesOf(activity.measurement) : [];
  if (activity === undefined || quantities.length === 0) {
    return (
      <Dialog title={occurrence.title} onClose={close}>
        {activity === undefined ? <Skeleton rows={2} /> : <EmptyState icon="info" title="This plan does not say what to measure">Your care team can mend it. You can still mark it as done from its details.</EmptyState>}
      </Dialog>
    );
  }
  return <MeasureForm {...props} quantities={quantities} />;
}

function MeasureForm({ occurrence, activity, acts, close, quantities }: OccurrenceDialogProps & { quantities: Quantity[] }) {
  const [typed, setTyped, discard] = useDraft<Typed>(`measure/${occurrence.id}`, {});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [asked, setAsked] = useState<string[] | null>(null);
  const save = async (confirmed: boolean) => {
    const read = readValues(quantities, typed);
    setErrors(read.errors);
    if (read.values === null) return;
    const doubtful = implausible(quantities, read.values);
    if (doubtful.length > 0 && !confirmed) return setAsked(doubtful);
    const entry = await acts.complete(occurrence, { values: read.values, ...(confirmed ? { confirmed: true } : {}) });
    if (entry) {
      discard();
      close();
    } else setAsked(null);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save(asked !== null);
  };
  const serverDoubts = acts.problem?.faults.some((fault) => /plausib/i.test(fault.code)) ?? false;
  const isAsking = asked !== null || serverDoubts;
  // Keys: were "No" to become "Save" in the same element while it is clicked, that click would submit the form.
  const footer = isAsking ? (
    <>
      <Button key="no" size="l" onClick={() => { setAsked(null); acts.reset(); }}>
        No, change it
      </Button>
      <Button key="yes" size="l" look="primary" isBusy={acts.isRunning} onClick={() => void save(true)}>
        Yes, it is right
      </Button>
    </>
  ) : (
    <Button key="save" size="l" look="primary" type="submit" form="measure" isBusy={acts.isRunning}>
      Save
    </Button>
  );
  return (
    <Dialog title={occurrence.title} onClose={close} footer={footer}>
      <form id="measure" className="stack" onSubmit={submit} noValidate>
        {isAsking ? (
          <Notice tone="warning" takesFocus title={question(asked, quantities, typed)}>
            <p>It is outside what is usual. Please look at your device again.</p>
          </Notice>
        ) : (
          <FaultNotice fault={acts.problem} />
        )}
        {activity?.instructions ? <Lines text={activity.instructions} /> : null}
        <ValueFields title={occurrence.title} quantities={quantities} typed={typed} errors={errors} type={(code, value) => setTyped((before) => ({ ...before, [code]: value }))} />
      </form>
    </Dialog>
  );
}

interface ValueFieldsProps {
  title: string;
  quantities: Quantity[];
  typed: Typed;
  errors: Record<string, string>;
  type: (code: string, value: string) => void;
}

function ValueFields({ title, quantities, typed, errors, type }: ValueFieldsProps) {
  return (
    <div className="field-pair measure-fields">
      {quantities.map((item, index) => (
        <TextField
          key={item.code}
          label={item.display ?? title}
          hint={rangeText(item.target_range, item.unit) ? `Target ${rangeText(item.target_range, item.unit)}` : undefined}
          suffix={unitText(item.unit)}
          inputMode="decimal"
          autoComplete="off"
          enterKeyHint={index === quantities.length - 1 ? "done" : "next"}
          maxLength={12}
          required
          value={typed[item.code] ?? ""}
          onValue={(value) => type(item.code, value)}
          error={errors[item.code]}
        />
      ))}
    </div>
  );
}

/** "Is 320 mmHg right?" */
function question(codes: string[] | null, quantities: Quantity[], typed: Typed): string {
  const doubted = quantities.filter((item) => codes === null || codes.includes(item.code));
  const named = doubted.map((item) => {
    const value = parseDecimal(typed[item.code] ?? "");
    return value === null ? "this" : doubted.length > 1 ? `${item.display ?? ""} ${decimal(value)}`.trim() : quantity(value, item.unit);
  });
  return `${doubted.length > 1 ? "Are" : "Is"} ${named.join(" and ")} right?`;
}
