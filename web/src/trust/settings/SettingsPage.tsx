import { useAccount, useMay, useSignOut } from "@/api/session";
import { ROLE } from "@/format/words";
import { Button, ButtonLink } from "@/ui/Button";
import { Page } from "@/ui/Page";
import { useShortcutsOn } from "@/ui/preferences";
import { ThemeChoice } from "@/ui/ThemeChoice";

export default function SettingsPage() {
  const account = useAccount();
  const signOut = useSignOut();
  const mayGovern = useMay("setting.read");
  const [areShortcutsOn, setShortcutsOn] = useShortcutsOn();
  return (
    <Page title="Settings">
      <div className="stack" style={{ maxWidth: "44rem" }}>
        <section className="card">
          <h2>Account</h2>
          <dl className="facts">
            {account.name ? (
              <>
                <dt>Name</dt>
                <dd>{account.name}</dd>
              </>
            ) : null}
            <dt>E-mail</dt>
            <dd>{account.email}</dd>
            <dt>Role</dt>
            <dd>{ROLE[account.role] ?? account.role}</dd>
          </dl>
          <div className="row" style={{ marginTop: "1.25rem" }}>
            <Button icon="leave" isBusy={signOut.isRunning} onClick={() => void signOut.run()}>
              Sign out
            </Button>
          </div>
        </section>
        {mayGovern ? (
          <section className="card">
            <h2>For everybody here</h2>
            <div className="row">
              <ButtonLink href="/settings/organisation" icon="settings">
                Organisation
              </ButtonLink>
              <ButtonLink href="/settings/flags" icon="compare">
                Feature flags
              </ButtonLink>
            </div>
          </section>
        ) : null}
        <section className="card">
          <h2>Appearance</h2>
          <ThemeChoice />
        </section>
        <section className="card">
          <h2>Keyboard</h2>
          <label className="row">
            <input type="checkbox" checked={areShortcutsOn} onChange={(event) => setShortcutsOn(event.currentTarget.checked)} />
            <span>
              Single-key shortcuts <span className="muted">(press <kbd>?</kbd> for the list)</span>
            </span>
          </label>
        </section>
      </div>
    </Page>
  );
}
