import { Icon, type IconName } from "./Icon";
import { type Theme, useTheme } from "./preferences";

const THEMES: readonly (readonly [Theme, string, IconName])[] = [
  ["system", "As this device", "device"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
];

export function ThemeChoice() {
  const [theme, setTheme] = useTheme();
  return (
    <div className="segments" role="group" aria-label="Colours">
      {THEMES.map(([value, label, icon]) => (
        <button key={value} type="button" aria-pressed={theme === value} onClick={() => setTheme(value)}>
          <Icon name={icon} size={16} />
          &nbsp;{label}
        </button>
      ))}
    </div>
  );
}
