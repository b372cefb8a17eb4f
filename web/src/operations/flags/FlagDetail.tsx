import { useState } from "react";
import { Link } from "wouter";
import { useFlag, useSwitchFlag } from "@/api/flags";
import { useMay } from "@/api/session";
import type { Flag } from "@/api/types";
import { dayAndTime, fullDay, relative } from "@/format/dates";
import { counted, listed } from "@/format/numbers";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { Loaded, Notice } from "@/ui/States";
import { Tabs } from "@/ui/Tabs";
import { useToast } from "@/ui/Toast";
import { ruleWords, standingOf, valueWords } from "./flagWords";
import { HistoryTab } from "./HistoryTab";
import { KillDialog } from "./KillDialog";
import { RolloutTab } from "./RolloutTab";
import { RulesDialog } from "./RulesDialog";
import { Share, StandingBadge } from "./Standing";

/** One flag: where it stands, what is decided, its rollout, its history, and the way to take it back. */
export default function FlagDetail({ flagKey }: { flagKey: string }) {
  const flag = useFlag(flagKey);
  return (
    <Page
      title="Feature flag"
      heading={<code className="flag-title">{flagKey}</code>}
      lead={flag.data?.description}
      actions={flag.data ? <Acts flag={flag.data} /> : null}
      above={
        <Link className="back" href="/settings/flags">
          <Icon name="left" size={16} /> Feature flags
        </Link>
      }
    >
      <Loaded of={flag}>{(loaded) => <Content flag={loaded} />}</Loaded>
    </Page>
  );
}

function Acts({ flag }: { flag: Flag }) {
  const mayWrite = useMay("setting.write");
  const [isOpen, setOpen] = useState<"kill" | "rules" | null>(null);
  const close = () => setOpen(null);
  if (!mayWrite) return null;
  return (
    <>
      <Button icon="edit" onClick={() => setOpen("rules")}>
        Who has it
      </Button>
      {flag.own.state.is_killed ? <Revive flag={flag} /> : (
        <Button look="danger" icon="stop" onClick={() => setOpen("kill")}>
          Kill
        </Button>
      )}
      {isOpen === "kill" ? <KillDialog flag={flag} close={close} /> : null}
      {isOpen === "rules" ? <RulesDialog flag={flag} close={close} /> : null}
    </>
  );
}

function Revive({ flag }: { flag: Flag }) {
  const revive = useSwitchFlag(flag.key, "revive");
  const toast = useToast();
  const act = async () => {
    const revived = await revive.run("Revived on the flags page.");
    toast(revived ? { message: `${flag.key} is as it was before the kill.` } : { message: "It could not be revived. Try again.", tone: "danger" });
  };
  return (
    <Button look="primary" icon="undo" isBusy={revive.isRunning} onClick={() => void act()}>
      Revive
    </Button>
  );
}

function Content({ flag }: { flag: Flag }) {
  const [tab, setTab] = useAddressState("tab", "state");
  const tabs = [
    { key: "state", label: "Now", content: <StateTab flag={flag} /> },
    { key: "rollout", label: "Rollout", content: <RolloutTab flag={flag} /> },
    { key: "history", label: "History", content: <HistoryTab flagKey={flag.key} /> },
  ];
  return (
    <>
      {flag.stale.length > 0 ? (
        <div className="stack flag-notices">
          {flag.stale.map((one) => (
            <Notice key={one.mark} tone="warning" title="To look at">
              <p>{one.text}</p>
            </Notice>
          ))}
        </div>
      ) : null}
      <Tabs label="About this flag" tabs={tabs} value={tab} onValue={(value) => setTab(value)} />
    </>
  );
}

function StateTab({ flag }: { flag: Flag }) {
  const standing = standingOf(flag);
  return (
    <div className="stack">
      <section className="card stack" data-gap="s">
        <div className="flag-head">
          <h2>For your organisation</h2>
          <StandingBadge standing={standing} />
        </div>
        <p>{standing.sentence}</p>
        <Share share={standing.share} />
        <p className="muted small">
          You yourself are given <strong>{flag.effective.variant}</strong>
          {flag.kind === "boolean" ? "" : ` (${valueWords(flag.effective.value)})`}.
        </p>
        <Decided title="Decided by your organisation" of={flag.own} />
        <Decided title="Decided for all organisations" of={flag.installation} />
      </section>
      <section className="card">
        <h2>About</h2>
        <dl className="facts">
          <dt>Looked after by</dt>
          <dd>{flag.owner}</dd>
          <dt>Values</dt>
          <dd>{listed(Object.entries(flag.variants).map(([name, value]) => (valueWords(value) === name ? name : `${name} = ${valueWords(value)}`)))}</dd>
          <dt>Made on</dt>
          <dd>{fullDay(flag.created_on)}</dd>
          <dt>Stays until</dt>
          <dd>{flag.ends_on === null ? "It is a switch that stays" : fullDay(flag.ends_on)}</dd>
          <dt>Asked for</dt>
          <dd>{flag.last_asked_at === null ? "Not yet" : `${counted(flag.asked, "time")}, last ${relative(flag.last_asked_at)}`}</dd>
        </dl>
      </section>
    </div>
  );
}

function Decided({ title, of }: { title: string; of: Flag["own"] }) {
  if (of.revision === 0 || of.changed_at === null) return null;
  return (
    <div className="flag-decided">
      <h3>{title}</h3>
      {of.state.requires.length > 0 ? <p className="small">Needs {listed(of.state.requires.map((one) => `${one.key} (${listed(one.variants, "or")})`))}</p> : null}
      {of.state.rules.length > 0 ? (
        <ol className="small">
          {of.state.rules.map((rule, index) => (
            <li key={index}>{ruleWords(rule)}</li>
          ))}
        </ol>
      ) : null}
      <p className="muted small">
        <time dateTime={of.changed_at}>{dayAndTime(of.changed_at)}</time>: {of.reason}
      </p>
    </div>
  );
}
