// The head of a chart of days: what it shows, and the figures of the day that is looked at.

export function ChartHead({ title, said }: { title: string; said: string }) {
  return (
    <header className="row wrap">
      <h2 className="grow">{title}</h2>
      {/* Whoever hears the page has it from the day itself. */}
      <span className="muted small num" aria-hidden data-testid="day-said">{said}</span>
    </header>
  );
}
