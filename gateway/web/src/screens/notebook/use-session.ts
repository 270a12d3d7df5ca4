// The session behind the page: begun when the page opens, ended when it goes.
import { useEffect, useState } from "react";
import { useNotifier } from "../../execution/store";
import { NotebookSession } from "../../notebook/session";

export function useSession(kernelId: string, userId: string): NotebookSession | null {
  const [session, setSession] = useState<NotebookSession | null>(null);
  useEffect(() => {
    const next = new NotebookSession(kernelId, userId);
    setSession(next);
    next.start();
    return () => next.stop();
  }, [kernelId, userId]);
  useNotifier(session?.notifier);
  return session?.kernelId === kernelId ? session : null;
}
