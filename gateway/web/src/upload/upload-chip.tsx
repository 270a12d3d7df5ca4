// How the uploads stand while their dialog is closed: a button at the edge of the page that leads back to it.
import { CircleAlert, FileSpreadsheet, Upload } from "lucide-react";
import { useNotifier } from "../execution/store";
import { useT } from "../i18n/i18n";
import { uploads } from "./queue";

export function UploadChip({ onOpen }: { onOpen(): void }) {
  const t = useT();
  useNotifier(uploads.notifier);
  const { items } = uploads;
  const of = (...phases: (typeof items)[number]["phase"][]) => items.filter(({ phase }) => phases.includes(phase));
  const going = of("waiting", "sending", "retrying", "paused");
  const [received, failed] = [of("received"), of("failed")];
  if (going.length + received.length + failed.length === 0) return null;
  const [sent, all] = [going.reduce((sum, each) => sum + each.sentBytes, 0), going.reduce((sum, each) => sum + each.size, 0)];
  // What a person has to do comes before what goes on by itself.
  const text = failed.length > 0 ? t("upload.failedOf", { n: failed.length })
    : going.length > 0 ? t("upload.goingOn", { n: going.length })
    : t("upload.received", { n: received.length });
  return (
    <button type="button" className="up-chip" onClick={onOpen} data-testid="upload-chip">
      {failed.length > 0 ? <CircleAlert aria-hidden /> : going.length > 0 ? <Upload aria-hidden /> : <FileSpreadsheet aria-hidden />}
      <span role="status">{text}</span>
      {failed.length === 0 && going.length > 0 && all > 0 && <span className="num">{Math.floor((sent / all) * 100)} %</span>}
    </button>
  );
}
