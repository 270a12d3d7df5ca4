// What the reading of a table warns of. Its words are loaded when there is something to warn of.
import { lazy, Suspense } from "react";
import type { TableWarning } from "../gen/fenxi/analysis/v1/table_warning_pb";
import { useT } from "../i18n/i18n";
import { tableWarningText } from "../i18n/table-warnings";

interface Props {
  warnings: TableWarning[];
  className: string;
}

const Worded = lazy(async () => {
  try {
    const { WORDS } = await import("../i18n/table-warning-words");
    return { default: (props: Props) => <Items {...props} textOf={(warning) => tableWarningText(WORDS, warning)} /> };
  } catch {
    // A warning in English is better than none.
    return { default: (props: Props) => <Items {...props} textOf={(warning) => warning.text} /> };
  }
});

export function TableWarnings(props: Props) {
  if (props.warnings.length === 0) return null;
  return <Suspense fallback={null}><Worded {...props} /></Suspense>;
}

function Items({ warnings, className, textOf }: Props & { textOf(warning: TableWarning): string }) {
  // Drawn again when the language changes.
  useT();
  return (
    <ul className={`notice notice-warn notice-s ${className}`} data-testid="table-warnings">
      {warnings.map((warning) => <li key={warning.text}>{textOf(warning)}</li>)}
    </ul>
  );
}
