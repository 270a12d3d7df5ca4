import { expect, it } from "vitest";
import { titleOf } from "./title";

it("the tab says where one is and that something runs", () => {
  expect(titleOf("Fenxi", "")).toBe("Fenxi");
  expect(titleOf("Fenxi", "movies")).toBe("movies · Fenxi");
  expect(titleOf("Fenxi", "movies", "running")).toBe("● movies · Fenxi");
  expect(titleOf("Fenxi", "movies", "waiting")).toBe("? movies · Fenxi");
  expect(titleOf("Fenxi", "movies", "ending")).toBe("! movies · Fenxi");
});
