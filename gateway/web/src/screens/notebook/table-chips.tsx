// The tables of a kernel in the head of its notebook: as many as there is room for, the others behind a button.
import { useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { Link } from "wouter";
import type { KernelDataset } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { currentLanguage, fill, useT } from "../../i18n/i18n";
import { WORDS } from "../../i18n/notebook-words";
import { Popover } from "../../ui/popover";
import { fitting } from "./fitting";

export function TableChips({ datasets }: { datasets: KernelDataset[] }) {
  useT();
  const row = useRef<HTMLDivElement>(null);
  const [fits, setFits] = useState(datasets.length);
  const names = datasets.map(({ variableName, name }) => `${variableName} ${name}`).join("\n");
  useLayoutEffect(() => {
    const element = row.current;
    if (!element) return undefined;
    const measure = () => {
      const widths = [...element.querySelectorAll<HTMLElement>(":scope > .table-chip")].map((chip) => chip.offsetWidth);
      setFits(fitting(element.clientWidth, widths));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [names]);
  const words = WORDS[currentLanguage()];
  const n = datasets.length;
  const hidden = n - fits;
  return (
    <div className="toolbar-tables" ref={row}>
      {datasets.map((dataset, at) => (
        <TableLink key={dataset.datasetId} dataset={dataset} className={`badge table-chip${at < fits ? "" : " table-chip-hidden"}`}>
          <code>{dataset.variableName}</code>
          <span className="ellipsis">{dataset.name}</span>
        </TableLink>
      ))}
      {hidden > 0 && (
        <Popover trigger={<button type="button" className="badge table-more num" aria-label={fill(words.allTables, { n })} data-testid="more-tables">{fits === 0 ? fill(words.tables, { n }) : `+${hidden}`}</button>}>
          <ul className="table-list">
            {datasets.map((dataset) => (
              <li key={dataset.datasetId}>
                <TableLink dataset={dataset}><code>{dataset.variableName}</code> {dataset.name}</TableLink>
              </li>
            ))}
          </ul>
        </Popover>
      )}
    </div>
  );
}

function TableLink({ dataset, className, children }: { dataset: KernelDataset; className?: string; children: ReactNode }) {
  return <Link href={`/d/${dataset.datasetId}`} className={className} title={dataset.name}>{children}</Link>;
}
