// Which tables of an analysis are still there, and which have been deleted since.
import { isNotFound } from "../../api/errors";
import { datasets } from "../../api/transport";
import type { Origin } from "../../notebook/document";

type Tables = Origin["tables"];

/** One that cannot be asked about now counts as there: whoever loads it says what is wrong. */
export async function tablesLeft(tables: Tables): Promise<{ left: Tables; gone: Tables }> {
  const answers = await Promise.allSettled(tables.map(({ datasetId }) => datasets.getDataset({ datasetId })));
  const isGone = answers.map((answer) => answer.status === "rejected" && isNotFound(answer.reason));
  return { left: tables.filter((_, at) => !isGone[at]), gone: tables.filter((_, at) => isGone[at]) };
}
