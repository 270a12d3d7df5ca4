// The keys of a notebook.
import { Fragment } from "react";
import { useT, type MessageKey } from "../../i18n/i18n";
import { Dialog } from "../../ui/dialog";

const KEYS: [string[], MessageKey][] = [
  [["Shift", "Enter"], "keys.runNext"], [["Ctrl", "Enter"], "keys.runStay"], [["Alt", "Enter"], "keys.runInsert"],
  [["Enter"], "keys.edit"], [["Shift", "Tab"], "keys.inspect"], [["Esc"], "keys.command"], [["↑"], "keys.up"], [["↓"], "keys.down"], [["A"], "keys.above"], [["B"], "keys.below"],
  [["D", "D"], "keys.delete"], [["Z"], "keys.undo"], [["Alt", "↑ ↓"], "keys.move"], [["Shift", "Alt", "↓"], "keys.duplicate"], [["I", "I"], "keys.interrupt"], [["0", "0"], "keys.restart"], [["?"], "keys.help"],
];

export function Help({ open, onClose }: { open: boolean; onClose(): void }) {
  const t = useT();
  return (
    <Dialog open={open} onClose={onClose} title={t("notebook.shortcuts")}>
      <dl className="keys">
        {KEYS.map(([keys, what]) => (
          <Fragment key={what}>
            <dt>{keys.map((key, index) => <kbd key={index}>{key}</kbd>)}</dt>
            <dd>{t(what)}</dd>
          </Fragment>
        ))}
      </dl>
    </Dialog>
  );
}
