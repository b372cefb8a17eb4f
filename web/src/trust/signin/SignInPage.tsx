import "./SignIn.css";
import { type FormEvent, useRef, useState } from "react";
import { useSignIn } from "@/api/session";
import { Button } from "@/ui/Button";
import { TextField } from "@/ui/Field";
import { Mark } from "@/ui/Icon";
import { Page } from "@/ui/Page";
import { FaultNotice } from "@/ui/States";

export default function SignInPage() {
  const signIn = useSignIn();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [isShown, setShown] = useState(false);
  const [missing, setMissing] = useState<{ email?: string; password?: string }>({});
  const form = useRef<HTMLFormElement>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = {
      ...(email.trim() === "" ? { email: "Enter the e-mail address of your account" } : {}),
      ...(password === "" ? { password: "Enter your password" } : {}),
    };
    setMissing(found);
    if (Object.keys(found).length === 0) void signIn.run({ email: email.trim(), password });
    else form.current?.querySelector<HTMLInputElement>(found.email ? "[name=email]" : "[name=password]")?.focus();
  };
  return (
    <Page title="Sign in" hideHeading>
      <div className="sign-in">
        <div className="sign-in-head">
          <Mark />
          <p className="sign-in-title">Welcome back</p>
          <p className="muted">Sign in to your care plan or your clinic.</p>
        </div>
        <form ref={form} className="sign-in-card stack" onSubmit={submit} noValidate>
          <FaultNotice fault={signIn.problem} />
          <TextField label="E-mail" name="email" type="email" autoComplete="username" inputMode="email" autoCapitalize="none" spellCheck={false} required value={email} onValue={setEmail} error={missing.email} />
          <div className="sign-in-password">
            <TextField label="Password" name="password" type={isShown ? "text" : "password"} autoComplete="current-password" required value={password} onValue={setPassword} error={missing.password} />
            <button type="button" className="link-button" aria-pressed={isShown} onClick={() => setShown(!isShown)}>
              {isShown ? "Hide" : "Show"}
              <span className="hidden-visually"> password</span>
            </button>
          </div>
          <Button type="submit" look="primary" size="l" isBusy={signIn.isRunning}>
            {signIn.isRunning ? "Signing in…" : "Sign in"}
          </Button>
        </form>
        <p className="muted sign-in-help">Trouble signing in? Your clinic can send you a new password.</p>
      </div>
    </Page>
  );
}
