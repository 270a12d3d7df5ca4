import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Outcome, OutputEventSchema, StreamName, type OutputEvent } from "../gen/fenxi/analysis/v1/output_pb";
import { OutputModel, type OutputItem } from "./model";

type Said = OutputEvent["event"];

/** Events as the service would number them. */
function events(...said: Said[]): OutputEvent[] {
  return said.map((event, index) => create(OutputEventSchema, { sequence: BigInt(index + 1), event }));
}

function said(...list: object[]): OutputEvent[] {
  return events(...(list.map((each) => create(OutputEventSchema, { event: each as never }).event) as Said[]));
}

const out = (text: string, name = StreamName.STDOUT) => ({ case: "stream", value: { name, text } });
const shown = (text: string, displayId = "") => ({
  case: "display",
  value: { displayId, bundle: { parts: [{ mimeType: "text/plain", content: { case: "text", value: text } }] } },
});

function modelOf(list: OutputEvent[]): OutputModel {
  const model = new OutputModel();
  for (const event of list) expect(model.apply(event)).toBe(true);
  return model;
}

function textOf(item: OutputItem | undefined): string {
  if (item?.kind === "stream") return item.log.plainText();
  const content = item?.kind === "rich" ? item.bundle.parts[0]?.content : undefined;
  return content?.case === "text" ? content.value : "";
}

describe("the output of an execution", () => {
  it("joins what one stream says and keeps the order of two", () => {
    const model = modelOf(said(out("a"), out("b\n"), out("oops", StreamName.STDERR), out("c")));
    expect(model.items.map(textOf)).toEqual(["ab\n", "oops", "c"]);
  });

  it("is long with many outputs too, and grows in place", () => {
    const list = said(...Array.from({ length: 60 }, (_, at) => shown(String(at))));
    const model = modelOf(list.slice(0, 50));
    const { items } = model;
    expect(model.isLong).toBe(false);
    for (const event of list.slice(50)) model.apply(event);
    expect([model.isLong, model.items === items, items.length]).toEqual([true, true, 60]);
  });

  it("takes no event twice and refuses a gap", () => {
    const list = said(out("1"), out("2"), out("3"));
    const model = new OutputModel();
    expect(model.apply(list[0] as OutputEvent)).toBe(true);
    expect(model.apply(list[0] as OutputEvent)).toBe(true);
    expect(model.apply(list[2] as OutputEvent)).toBe(false);
    expect(model.lastSequence).toBe(1n);
    expect(model.apply(list[1] as OutputEvent)).toBe(true);
    expect(model.apply(list[2] as OutputEvent)).toBe(true);
    expect(textOf(model.items[0])).toBe("123");
  });

  it("clears at once, or only when the next output comes", () => {
    const now = modelOf(said(out("old"), { case: "clearOutput", value: { wait: false } }));
    expect(now.items).toEqual([]);
    const list = said(out("old"), { case: "clearOutput", value: { wait: true } }, out("new"));
    const later = modelOf(list.slice(0, 2));
    expect(later.items.map(textOf)).toEqual(["old"]);
    later.apply(list[2] as OutputEvent);
    expect(later.items.map(textOf)).toEqual(["new"]);
  });

  it("renews every display of a name and no other", () => {
    const update = { case: "updateDisplay", value: { ...shown("new").value, displayId: "d" } };
    const model = modelOf(said(shown("one", "d"), shown("two", "e"), shown("three", "d"), update));
    expect(model.items.map(textOf)).toEqual(["new", "two", "new"]);
  });

  it("asks for input until it is given or the run has ended", () => {
    const asked = { case: "inputRequest", value: { inputId: "i", prompt: "name? " } };
    const model = modelOf(said({ case: "started", value: { executionCount: 3 } }, asked));
    expect(model.openInput?.prompt).toBe("name? ");
    expect(model.executionCount).toBe(3);
    const answered = modelOf(said(asked, { case: "inputReply", value: { inputId: "i", value: "me" } }));
    expect(answered.openInput).toBeNull();
    const ended = modelOf(said(asked, { case: "finished", value: { outcome: Outcome.INTERRUPTED } }));
    expect(ended.openInput).toBeNull();
    expect(ended.finished?.outcome).toBe(Outcome.INTERRUPTED);
  });
});
