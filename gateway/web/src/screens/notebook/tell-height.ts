// How high the toolbar is: what sticks to the top of the page below it has to know.

/** A ref of the toolbar: tells the notebook around it. */
export function tellHeight(toolbar: HTMLElement | null): (() => void) | undefined {
  const notebook = toolbar?.parentElement;
  if (!toolbar || !notebook) return undefined;
  const observer = new ResizeObserver(() => notebook.style.setProperty("--toolbar", `${toolbar.offsetHeight}px`));
  observer.observe(toolbar);
  return () => observer.disconnect();
}
