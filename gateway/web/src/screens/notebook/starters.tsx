// A few first lines for someone in front of an empty notebook.
import type { Kernel } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { useT } from "../../i18n/i18n";

export function startersFor(kernel: Kernel | null): string[] {
  const name = kernel?.datasets[0]?.variableName;
  if (!name) return ["print('Hello')", "import pandas as pd"];
  return [`${name}.head()`, `${name}.describe()`, `${name}.info()`, `${name}.hist(figsize=(10, 6));`];
}

export function Starters({ kernel, onPick }: { kernel: Kernel | null; onPick(code: string): void }) {
  const t = useT();
  return (
    <div className="starters">
      <span className="muted small">{t("notebook.tryThis")}</span>
      {startersFor(kernel).map((code) => (
        <button key={code} type="button" className="badge starter mono" onClick={() => onPick(code)}>{code}</button>
      ))}
    </div>
  );
}
