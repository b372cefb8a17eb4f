import "./Files.css";
import { useLocation } from "wouter";
import { useMay } from "@/api/session";
import type { FileKind } from "@/api/types";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState } from "@/ui/States";
import { Tabs } from "@/ui/Tabs";
import { BringIn } from "./BringIn";
import { TakeOut } from "./TakeOut";
import { KINDS } from "./kinds";

/** Many at once: a file of patients, plans or entries comes in, or goes out. Where it stands is in the address. */
export default function FilesPage() {
  const [side, setSide] = useAddressState("side", "in");
  const [chosen] = useAddressState("kind", "patients");
  const [, navigate] = useLocation();
  const mayWrite = useMay("patient.write");
  const mayExport = useMay("patient.export");
  const kind: FileKind = KINDS.find((one) => one.kind === chosen)?.kind ?? "patients";
  // What was sent and is under way is of the kind it was sent as: another kind begins anew.
  const choose = (next: FileKind) => navigate(`/files?${new URLSearchParams(side === "in" ? { kind: next } : { kind: next, side })}`);
  const tabs = [
    ...(mayWrite ? [{ key: "in", label: "Import", content: <BringIn key={kind} kind={kind} /> }] : []),
    ...(mayExport ? [{ key: "out", label: "Export", content: <TakeOut kind={kind} /> }] : []),
  ];
  return (
    <Page title="Import and export" lead="Files of CSV or NDJSON, of any length. Nothing is brought in twice.">
      {tabs.length === 0 ? (
        <EmptyState icon="lock" title="Your role does not include files">
          A coordinator, a clinician or an admin of your organisation can bring them in and take them out.
        </EmptyState>
      ) : (
        <div className="files">
          <div className="segments" role="group" aria-label="What the file is of">
            {KINDS.map((one) => (
              <button key={one.kind} type="button" aria-pressed={one.kind === kind} onClick={() => choose(one.kind)}>
                {one.title}
              </button>
            ))}
          </div>
          <Tabs label="Direction" tabs={tabs} value={side} onValue={setSide} />
        </div>
      )}
    </Page>
  );
}
