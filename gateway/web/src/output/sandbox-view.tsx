// Output that is code (scripts, style sheets, chart specifications): drawn by /sandbox.html in a frame of an opaque
// origin that can reach neither this page nor the network. They talk over one MessagePort.
import { useEffect, useRef, useState } from "react";
import { useT } from "../i18n/i18n";
import { useResolvedTheme } from "../shell/theme";
import { sandboxTheme, type SandboxKind } from "./choose";

const HEIGHT_MAX_PX = 4_000;

interface SandboxProps {
  kind: SandboxKind;
  content: string;
  title: string;
}

type Reply = { type: "height"; px: number } | { type: "failed"; message: string } | { type: "shown" };

export function SandboxView({ kind, content, title }: SandboxProps) {
  const t = useT();
  const frame = useRef<HTMLIFrameElement>(null);
  const port = useRef<MessagePort | null>(null);
  const [height, setHeight] = useState(kind === "plotly" ? 450 : 120);
  const [failure, setFailure] = useState<string | null>(null);
  const [shown, setShown] = useState(false);
  const theme = sandboxTheme(kind, useResolvedTheme());
  const latest = useRef({ kind, content, theme });
  latest.current = { kind, content, theme };

  useEffect(() => {
    port.current?.postMessage({ type: "show", kind, content, theme });
  }, [kind, content, theme]);
  useEffect(() => () => port.current?.close(), []);

  const connect = () => {
    const channel = new MessageChannel();
    port.current?.close();
    port.current = channel.port1;
    channel.port1.onmessage = ({ data }: MessageEvent<Reply>) => {
      if (data.type === "height") setHeight(Math.min(HEIGHT_MAX_PX, Math.max(24, Math.ceil(Number(data.px) || 0))));
      else if (data.type === "failed") setFailure(String(data.message).slice(0, 500));
      else if (data.type === "shown") setShown(true);
    };
    // The frame's origin is opaque, so no target origin but "*" can name it; the port is for it alone.
    frame.current?.contentWindow?.postMessage({ type: "fenxi-sandbox" }, "*", [channel.port2]);
    channel.port1.postMessage({ type: "show", ...latest.current });
  };

  return (
    <div className="rich-frame" data-testid={`output-${kind === "plotly" ? "plotly" : "sandbox"}`} data-shown={shown}>
      {failure && <div className="notice notice-bad">{t("output.frameFailed", { reason: failure })}</div>}
      <iframe
        ref={frame}
        src="/sandbox.html"
        sandbox="allow-scripts"
        referrerPolicy="no-referrer"
        title={title}
        style={{ height }}
        onLoad={connect}
      />
    </div>
  );
}
