// What a column holds, as a sign.
import { Binary, Braces, Calendar, CalendarClock, Clock, Hash, Timer, ToggleLeft, Type } from "lucide-react";
import { ColumnType } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { useT, type MessageKey } from "../../i18n/i18n";

const NAMES: Record<ColumnType, MessageKey> = {
  [ColumnType.UNSPECIFIED]: "types.text",
  [ColumnType.INTEGER]: "types.integer",
  [ColumnType.FLOAT]: "types.float",
  [ColumnType.BOOLEAN]: "types.boolean",
  [ColumnType.TEXT]: "types.text",
  [ColumnType.DATE]: "types.date",
  [ColumnType.DATETIME]: "types.datetime",
  [ColumnType.TIME]: "types.time",
  [ColumnType.DURATION]: "types.duration",
  [ColumnType.DECIMAL]: "types.decimal",
  [ColumnType.NESTED]: "types.nested",
  [ColumnType.BINARY]: "types.binary",
};

function iconOf(type: ColumnType) {
  switch (type) {
    case ColumnType.INTEGER:
    case ColumnType.FLOAT:
    case ColumnType.DECIMAL:
      return Hash;
    case ColumnType.BOOLEAN:
      return ToggleLeft;
    case ColumnType.DATE:
      return Calendar;
    case ColumnType.DATETIME:
      return CalendarClock;
    case ColumnType.TIME:
      return Clock;
    case ColumnType.DURATION:
      return Timer;
    case ColumnType.NESTED:
      return Braces;
    case ColumnType.BINARY:
      return Binary;
    default:
      return Type;
  }
}

export function useTypeName(): (type: ColumnType) => string {
  const t = useT();
  return (type) => t(NAMES[type] ?? "types.text");
}

export function TypeIcon({ type }: { type: ColumnType }) {
  const name = useTypeName()(type);
  const Icon = iconOf(type);
  return <Icon role="img" aria-label={name} />;
}
