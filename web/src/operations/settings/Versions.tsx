import { useRollBackSetting, useSettingHistory } from "@/api/organisationSettings";
import { useMay } from "@/api/session";
import type { OrganisationSetting, SettingVersion } from "@/api/types";
import { dayAndTime } from "@/format/dates";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { EmptyState, FaultNotice, Loaded } from "@/ui/States";
import { valueText, variationText } from "./settingWords";

/** Who chose what, when and why, newest first; each can be chosen again. */
export function Versions({ setting }: { setting: OrganisationSetting }) {
  const history = useSettingHistory(setting.name);
  const rollBack = useRollBackSetting(setting.name);
  const mayWrite = useMay("setting.write");
  const again = (version: number) => void rollBack.run({ version, reason: version === 0 ? "Taken back to what holds for all organisations" : `Taken back to version ${version}` });
  return (
    <Loaded of={history} rows={3}>
      {(versions) =>
        versions.length === 0 ? (
          <EmptyState icon="clock" title="Nothing was chosen here yet">
            It is as for all organisations.
          </EmptyState>
        ) : (
          <div className="stack">
            <FaultNotice fault={rollBack.problem} />
            <ol role="list" className="setting-versions">
              {versions.map((version) => (
                <Version key={version.version} version={version} setting={setting} again={mayWrite ? again : null} isBusy={rollBack.isRunning} />
              ))}
            </ol>
            {mayWrite && (setting.own_value !== null || setting.variation !== null) ? (
              <div>
                <Button size="s" icon="undo" isBusy={rollBack.isRunning} onClick={() => again(0)}>
                  Back to what holds for all organisations
                </Button>
              </div>
            ) : null}
          </div>
        )
      }
    </Loaded>
  );
}

interface VersionProps {
  version: SettingVersion;
  setting: OrganisationSetting;
  again: ((version: number) => void) | null;
  isBusy: boolean;
}

function Version({ version, setting, again, isBusy }: VersionProps) {
  const isNow = version.version === setting.version;
  return (
    <li>
      <div className="setting-head">
        <span className="strong number">{valueText(version.value, setting)}</span>
        <time className="muted small" dateTime={version.changed_at}>
          {dayAndTime(version.changed_at)}
        </time>
      </div>
      {version.variation ? <p className="small">{variationText(version.variation, setting)}</p> : null}
      <p className="small">
        <span className="muted">{version.changed_by ? "An admin" : "An operator"}:</span> {version.reason}
      </p>
      {isNow ? (
        <div>
          <Badge tone="accent">In force</Badge>
        </div>
      ) : again ? (
        <div>
          <Button size="s" icon="undo" isBusy={isBusy} onClick={() => again(version.version)} aria-label={`Choose version ${version.version} again`}>
            Choose this again
          </Button>
        </div>
      ) : null}
    </li>
  );
}
