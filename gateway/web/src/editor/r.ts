// R. Fetched only where a kernel speaks it.
import { StreamLanguage } from "@codemirror/language";
import { r as mode } from "@codemirror/legacy-modes/mode/r";

export const r = StreamLanguage.define(mode);
