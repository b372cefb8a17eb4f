import "./Organisation.css";
import { Link } from "wouter";
import { useOrganisationSettings } from "@/api/organisationSettings";
import { useMay } from "@/api/session";
import type { OrganisationSetting } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { useAddressState } from "@/ui/navigation";
import { Page } from "@/ui/Page";
import { EmptyState, Loaded } from "@/ui/States";
import { SettingDialog } from "./SettingDialog";
import { valueText, variationText } from "./settingWords";

/** How the platform behaves for one's organisation. Only admins choose; every node follows within a second. */
export default function OrganisationPage() {
  const mayRead = useMay("setting.read");
  const settings = useOrganisationSettings(mayRead);
  return (
    <Page
      title="Organisation"
      lead="How the platform behaves for everybody here. A change counts within a second, is kept with its reason, and can be taken back."
      above={
        <Link className="back" href="/settings">
          <Icon name="left" size={16} /> Settings
        </Link>
      }
    >
      {mayRead ? (
        <Loaded of={settings} rows={8}>
          {(items) => <Groups settings={items} />}
        </Loaded>
      ) : (
        <EmptyState icon="lock" title="For admins">
          These settings decide how the platform behaves for everybody in your organisation.
        </EmptyState>
      )}
    </Page>
  );
}

function Groups({ settings }: { settings: readonly OrganisationSetting[] }) {
  const [open, setOpen] = useAddressState("setting");
  const chosen = settings.find((setting) => setting.name === open);
  const groups = new Map<string, OrganisationSetting[]>();
  for (const setting of settings) groups.set(setting.group, [...(groups.get(setting.group) ?? []), setting]);
  return (
    <div className="stack">
      {[...groups].map(([group, members]) => (
        <section key={group} className="card">
          <h2>{group}</h2>
          <ul role="list" className="setting-list">
            {members.map((setting) => (
              <SettingRow key={setting.name} setting={setting} open={() => setOpen(setting.name, true)} />
            ))}
          </ul>
        </section>
      ))}
      {chosen ? <SettingDialog listed={chosen} close={() => setOpen("")} /> : null}
    </div>
  );
}

const SOURCE = {
  default: "As delivered",
  started: "Set by the operator at start",
  relaxed: "Eased for development or tests",
  installation: "Chosen for all organisations",
  organisation: "Chosen here",
} as const;

function SettingRow({ setting, open }: { setting: OrganisationSetting; open: () => void }) {
  const mayWrite = useMay("setting.write");
  return (
    <li className="setting-row">
      <div>
        <h3>{setting.title}</h3>
        <p className="muted small">{setting.description}</p>
      </div>
      <div className="setting-value">
        <span className="strong number">{valueText(setting.value, setting)}</span>
        <Badge tone={setting.source === "organisation" ? "accent" : "neutral"}>{SOURCE[setting.source]}</Badge>
        {setting.variation ? <span className="small muted">{variationText(setting.variation, setting)}</span> : null}
      </div>
      <Button size="s" icon={mayWrite ? "edit" : "clock"} onClick={open} aria-label={`${mayWrite ? "Change" : "History of"} ${setting.title}`}>
        {mayWrite ? "Change" : "History"}
      </Button>
    </li>
  );
}
