// A few words that hang from a button until they are closed.
import { Popover as Radix } from "radix-ui";
import type { ReactNode } from "react";

export function Popover({ trigger, children }: { trigger: ReactNode; children: ReactNode }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        {/* Its keys are no commands to what lies under it. */}
        <Radix.Content className="popover small" sideOffset={6} collisionPadding={8} onKeyDown={(event) => event.stopPropagation()} data-testid="popover">
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
