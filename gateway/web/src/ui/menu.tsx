// A menu that hangs from a button.
import { DropdownMenu } from "radix-ui";
import { useRef, type ReactNode } from "react";

export interface MenuEntry {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect(): void;
}

export function Menu({ trigger, entries, align = "end" }: { trigger: ReactNode; entries: (MenuEntry | "line")[]; align?: "start" | "end" }) {
  // Done when the menu has gone: as long as it is there it takes the focus back from wherever that is put.
  const chosen = useRef<(() => void) | null>(null);
  const onClosed = () => {
    chosen.current?.();
    chosen.current = null;
  };
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align={align} sideOffset={6} collisionPadding={8} onCloseAutoFocus={onClosed}>
          {entries.map((entry, index) =>
            entry === "line" ? (
              <DropdownMenu.Separator key={`line-${index}`} className="menu-line" />
            ) : (
              <DropdownMenu.Item
                key={entry.label}
                className={entry.danger ? "menu-item menu-danger" : "menu-item"}
                disabled={entry.disabled ?? false}
                onSelect={() => (chosen.current = entry.onSelect)}
              >
                {entry.icon}
                {entry.label}
              </DropdownMenu.Item>
            ),
          )}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
