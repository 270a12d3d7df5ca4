import { describe, expect, it, vi } from "vitest";
import { BLOCK_LINES, OPEN_LINES, TerminalLog } from "./terminal";

function written(...chunks: string[]): TerminalLog {
  const log = new TerminalLog();
  for (const chunk of chunks) log.write(chunk);
  return log;
}

describe("a terminal line", () => {
  it("is written over after a carriage return, as progress bars do", () => {
    expect(written("10%", "\r", "100%").plainText()).toBe("100%");
    expect(written("loading...\rdone").plainText()).toBe("doneing...");
  });

  it("keeps a carriage return and its newline apart over two chunks", () => {
    expect(written("a\r", "\nb").plainText()).toBe("a\nb");
  });

  it("goes back with a backspace and erases to its end", () => {
    expect(written("abc\b\bX").plainText()).toBe("aXc");
    expect(written("abcdef\r\x1b[Kxy").plainText()).toBe("xy");
    expect(written("abcdef\x1b[3D\x1b[K").plainText()).toBe("abc");
  });

  it("takes an escape that is cut anywhere", () => {
    const whole = "\x1b[1;31mred\x1b[0m plain\x1b[2K\rend";
    for (let cut = 1; cut < whole.length; cut++) {
      expect(written(whole.slice(0, cut), whole.slice(cut)).plainText()).toBe("end");
    }
  });

  it("counts characters outside the basic plane as one", () => {
    expect(written("😀😀\rab").plainText()).toBe("ab");
    expect(written("分析中\r完").plainText()).toBe("完析中");
  });

  it("draws nested progress bars with the cursor going up", () => {
    expect(written("outer 0\ninner 0\n\x1b[2Aouter 1\n\ninner 2").plainText()).toBe("outer 1\ninner 0\ninner 2");
  });

  it("shows of tqdm's bars one line each, and of those within others nothing in the end", () => {
    const log = new TerminalLog();
    const bar = (name: string, done: number) => `\r${name}:  ${done}0%|${"█".repeat(done).padEnd(10)}| ${done}/10 [00:0${done % 10}<00:00,  9.9it/s]`;
    for (let done = 0; done <= 10; done++) {
      log.write(bar("outer", done));
      log.write("\n");
      for (let part = 0; part <= 10; part++) log.write(bar("inner", part));
      log.write(`\x1b[A`);
      expect(log.plainText().split("\n")).toHaveLength(2);
      log.write(`\n\r${" ".repeat(60)}\r\x1b[A`);
    }
    log.write("\n");
    expect(log.plainText().trim()).toBe("outer:  100%|██████████| 10/10 [00:00<00:00,  9.9it/s]");
  });

  it("leaves unknown controls out and titles unseen", () => {
    expect(written("\x07a\x00b\x1b]0;title\x07c").plainText()).toBe("abc");
  });
});

describe("colours", () => {
  it("last until they are put back, over lines and chunks", () => {
    const log = written("\x1b[31mred\nstill", " red\x1b[39m not");
    expect(log.open[1]).toEqual([
      { text: "still red", style: "1||" },
      { text: " not", style: "" },
    ]);
  });

  it("know 256 colours, true colours and flags", () => {
    const log = written("\x1b[1;38;5;196ma\x1b[0;48;2;1;2;3mb\x1b[90mc");
    expect(log.open[0]?.map((segment) => segment.style)).toEqual(["rgb(255,0,0)||b", "|rgb(1,2,3)|", "8|rgb(1,2,3)|"]);
  });
});

describe("sequences that ask for nothing that is drawn", () => {
  it("leave nothing behind, wherever they are cut", () => {
    // Turning all attributes off by terminfo; a link with a long address; charset, keypad, alignment.
    const link = `https://example.org/${"a".repeat(2_000)}`;
    const whole = `\x1b[1mbold\x1b(B\x1b[m \x1b]8;;${link}\x1b\\text\x1b]8;;\x07\x1b)0\x1b=\x1b#8 end`;
    expect(written(whole).plainText()).toBe("bold text end");
    for (const cut of [9, 10, 11, 12, 18, 19, 600, 2_050, whole.length - 8, whole.length - 5]) {
      expect(written(whole.slice(0, cut), whole.slice(cut)).plainText()).toBe("bold text end");
    }
  });

  it("take what colons join as one parameter", () => {
    const style = (sgr: string) => written(`\x1b[${sgr}mx`).open[0]?.[0]?.style;
    expect([style("4:3"), style("4;4:0"), style("1;38:2::10:20:30;3")]).toEqual(["||u", "", "rgb(10,20,30)||bi"]);
    expect([style("38:2:10:20:30"), style("48:5:196"), style("58:2::1:2:3"), style("58;2;1;2;3;3"), style("")]).toEqual(["rgb(10,20,30)||", "|rgb(255,0,0)|", "", "||i", ""]);
  });
});

describe("a long log", () => {
  it("moves finished lines into blocks that stay as they are", () => {
    const log = new TerminalLog();
    const lines = BLOCK_LINES + OPEN_LINES + 10;
    for (let i = 0; i < lines; i++) log.write(`line ${i}\n`);
    const first = log.blocks[0];
    expect(first?.full).toBe(true);
    expect(log.open.length).toBe(OPEN_LINES);
    expect(log.lineCount).toBe(lines);
    log.write("more\n".repeat(1000));
    expect(log.blocks[0]).toBe(first);
    expect(log.plainText().split("\n").slice(0, 2)).toEqual(["line 0", "line 1"]);
  });
});

describe("any control", () => {
  it("far to the right leaves a line that can be written over", () => {
    expect(written("\x1b[2000Gab\by").plainText().trim()).toBe("ay");
    expect(written("x".repeat(3000) + "\nshort\x1b[2A\x1b[2900G\x1b[Bab\by").plainText().slice(3001).replace(/ +/, "|")).toBe("short|ay");
    const log = written("\x1b[99999999Ga", "\x1b[99999999Cb");
    expect(log.plainText().length).toBe(2002);
  });

  it("leaves of a line what any terminal would leave, styles too", () => {
    expect(written("\x1b[31mabc\x1b[0mdef\r\x1b[2Cxy").open[0]).toEqual([
      { text: "ab", style: "1||" },
      { text: "xyef", style: "" },
    ]);
    expect(written("abcdef\x1b[3D\x1b[1Kx").plainText()).toBe("   xef");
    expect(written("abc\rabcdef\b\bX").plainText()).toBe("abcdXf");
    expect(written("\ud83d\ude00\ud83d\ude00c\rab").plainText()).toBe("abc");
    expect(written("abc\x1b[2K", "\x1b[9G\x1b[Kx").plainText()).toBe(`${" ".repeat(8)}x`);
  });

  it("touches of a very long line only what it writes over", () => {
    const log = written("x".repeat(100_000));
    const [from, iterator] = [vi.spyOn(Array, "from"), vi.spyOn(String.prototype, Symbol.iterator)];
    for (let i = 0; i < 100; i++) log.write(`\r${i}`);
    const lookedAt = from.mock.calls.length + iterator.mock.calls.length;
    from.mockRestore();
    iterator.mockRestore();
    expect([lookedAt, log.open[0]?.length, log.plainText().slice(0, 4), log.plainText().length]).toEqual([0, 1, "99xx", 100_000]);
  });

  it("in any order leaves lines whose characters are all there", () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    const pieces = ["a", "b".repeat(50), "\ud83d\ude00", "\ud83d", "\r", "\b", "\n", "\x1b[31m", "\x1b[", "\x1b]", "\x07", "\x1b"];
    for (let round = 0; round < 300; round++) {
      const log = new TerminalLog();
      for (let i = 0; i < 60; i++) {
        const final = "ABCDGJKm"[random(8)] as string;
        log.write(random(2) ? (pieces[random(pieces.length)] as string) : `\x1b[${random(5000)}${final}`);
      }
      for (const line of log.open) for (const segment of line) expect(typeof segment.text).toBe("string");
      expect(log.plainText()).not.toContain("undefined");
    }
  });
});
