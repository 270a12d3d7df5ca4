// Draws a terminal log: finished blocks once, open lines again with every frame that changes them.
import { memo, useMemo, type ReactNode } from "react";
import { styleOf } from "../execution/sgr";
import { TerminalLog, type Block, type Line } from "../execution/terminal";

/** The text of lines as nodes: neighbours of one style share one. */
function draw(lines: Line[], endWithNewline: boolean): ReactNode[] {
  const nodes: ReactNode[] = [];
  let text = "";
  let style = "";
  const push = () => {
    if (text === "") return;
    if (style === "") nodes.push(text);
    else nodes.push(<span key={nodes.length} {...styleOf(style)}>{text}</span>);
    text = "";
  };
  lines.forEach((line, index) => {
    for (const segment of line) {
      if (segment.style !== style) {
        push();
        style = segment.style;
      }
      text += segment.text;
    }
    if (index < lines.length - 1 || endWithNewline) text += "\n";
  });
  push();
  return nodes;
}

const BlockView = memo(
  function BlockView({ block }: { block: Block; size: number }) {
    return <span className="term-block">{draw(block.lines, true)}</span>;
  },
  (before, after) => before.block === after.block && before.size === after.size,
);

/** `version` is what tells React that the log changed; the log itself is the same object. */
export function TerminalView({ log, name }: { log: TerminalLog; name: "stdout" | "stderr"; version: number }) {
  const last = log.open.at(-1);
  const open = last && last.length === 0 ? log.open.slice(0, -1) : log.open;
  return (
    <pre className={`term term-${name}`} data-testid={`output-${name}`}>
      {log.blocks.map((block) => (
        <BlockView key={block.id} block={block} size={block.lines.length} />
      ))}
      {draw(open, false)}
    </pre>
  );
}

/** Text with colours that is already whole, such as a traceback or documentation. */
export function AnsiText({ text }: { text: string }) {
  const log = useMemo(() => {
    const terminal = new TerminalLog();
    terminal.write(text);
    return terminal;
  }, [text]);
  return <>{draw([...log.blocks.flatMap((block) => block.lines), ...log.open], false)}</>;
}
