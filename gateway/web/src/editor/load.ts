// The editor is a large piece that the first page does not need: it is fetched once, when a notebook opens.
export type EditorModule = typeof import("./editor");

let loading: Promise<EditorModule> | null = null;
let loaded: EditorModule | null = null;

export function loadEditor(): Promise<EditorModule> {
  loading ??= import("./editor").then((module) => (loaded = module)).catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

export function editorNow(): EditorModule | null {
  return loaded;
}
