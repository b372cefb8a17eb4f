import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes, useId } from "react";
import { Icon } from "./Icon";

interface Labelled {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  /** Units or such, written inside the right end of the box. */
  suffix?: string;
}

interface FrameProps extends Labelled {
  id: string;
  isOptional: boolean;
  children: ReactNode;
}

function FieldFrame({ id, label, hint, error, suffix, isOptional, children }: FrameProps) {
  return (
    <div className="field" data-invalid={error ? true : undefined}>
      <label htmlFor={id}>
        {label}
        {isOptional ? <span className="field-optional"> optional</span> : null}
      </label>
      {hint ? (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      ) : null}
      <div className="field-box">
        {children}
        {suffix ? <span className="field-suffix">{suffix}</span> : null}
      </div>
      {error ? (
        <p className="field-error" id={`${id}-error`}>
          <Icon name="alert" size={16} /> {error}
        </p>
      ) : null}
    </div>
  );
}

const described = (id: string, { hint, error }: Labelled) =>
  [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ") || undefined;

type TextProps = Labelled & Omit<InputHTMLAttributes<HTMLInputElement>, "onChange"> & { onValue?: (value: string) => void };

export function TextField({ label, hint, error, suffix, onValue, ...input }: TextProps) {
  const own = useId();
  const id = input.id ?? own;
  const frame = { label, hint, error, ...(suffix ? { suffix } : {}) };
  return (
    <FieldFrame id={id} isOptional={!input.required} {...frame}>
      <input
        {...input}
        id={id}
        data-suffixed={suffix ? true : undefined}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, frame)}
        onInput={(event) => onValue?.(event.currentTarget.value)}
      />
    </FieldFrame>
  );
}

type SelectProps = Labelled & Omit<SelectHTMLAttributes<HTMLSelectElement>, "onChange"> & { options: readonly (readonly [string, string])[]; onValue?: (value: string) => void };

export function SelectField({ label, hint, error, options, onValue, ...select }: SelectProps) {
  const own = useId();
  const id = select.id ?? own;
  return (
    <FieldFrame id={id} isOptional={!select.required} label={label} hint={hint} error={error}>
      <select {...select} id={id} aria-invalid={error ? true : undefined} aria-describedby={described(id, { label, hint, error })} onChange={(event) => onValue?.(event.currentTarget.value)}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </FieldFrame>
  );
}

type AreaProps = Labelled & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "onChange"> & { onValue?: (value: string) => void };

export function TextArea({ label, hint, error, onValue, ...area }: AreaProps) {
  const own = useId();
  const id = area.id ?? own;
  return (
    <FieldFrame id={id} isOptional={!area.required} label={label} hint={hint} error={error}>
      <textarea rows={3} {...area} id={id} aria-invalid={error ? true : undefined} aria-describedby={described(id, { label, hint, error })} onInput={(event) => onValue?.(event.currentTarget.value)} />
    </FieldFrame>
  );
}

interface ChoiceProps<V extends string> {
  legend: ReactNode;
  name: string;
  value: V | null;
  options: readonly { value: V; label: ReactNode; hint?: ReactNode }[];
  onValue: (value: V) => void;
  error?: string | undefined;
  hideLegend?: boolean;
}

/** One of a few: radio buttons as wide, touchable rows. */
export function Choice<V extends string>({ legend, name, value, options, onValue, error, hideLegend }: ChoiceProps<V>) {
  return (
    <fieldset className="choice" data-invalid={error ? true : undefined}>
      <legend className={hideLegend ? "hidden-visually" : undefined}>{legend}</legend>
      {options.map((option) => (
        <label key={option.value} className="choice-row">
          <input type="radio" name={name} value={option.value} checked={value === option.value} onChange={() => onValue(option.value)} />
          <span>
            {option.label}
            {option.hint ? <small>{option.hint}</small> : null}
          </span>
        </label>
      ))}
      {error ? (
        <p className="field-error">
          <Icon name="alert" size={16} /> {error}
        </p>
      ) : null}
    </fieldset>
  );
}
