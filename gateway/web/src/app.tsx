// Every address of the app on one page, and what stands around all of them.
import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { SearchX } from "lucide-react";
import { Tooltip } from "radix-ui";
import { lazy, Suspense, useEffect, type ReactNode } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { queryClient } from "./api/query";
import { transport } from "./api/transport";
import { useT } from "./i18n/i18n";
import { HomeScreen } from "./screens/home/home";
import { LoginScreen, SetUpScreen } from "./screens/login/login";
import { CrashGuard } from "./shell/crash-guard";
import { Shell } from "./shell/shell";
import { RequireUser } from "./shell/user";
import { LinkButton } from "./ui/button";
import { Empty, Spinner } from "./ui/states";
import { Toasts } from "./ui/toast";
import { UploadProvider } from "./upload/provider";

const DatasetsScreen = lazy(async () => ({ default: (await import("./screens/datasets/datasets")).DatasetsScreen }));
const DatasetScreen = lazy(async () => ({ default: (await import("./screens/dataset/dataset")).DatasetScreen }));
const NotebookScreen = lazy(async () => ({ default: (await import("./screens/notebook/notebook")).NotebookScreen }));
const HistoryScreen = lazy(async () => ({ default: (await import("./screens/history/history")).HistoryScreen }));
const EntryScreen = lazy(async () => ({ default: (await import("./screens/history/entry")).EntryScreen }));
const StatsScreen = lazy(async () => ({ default: (await import("./screens/stats/stats")).StatsScreen }));
const SettingsScreen = lazy(async () => ({ default: (await import("./screens/settings/settings")).SettingsScreen }));
const UsersScreen = lazy(async () => ({ default: (await import("./screens/admin/users")).UsersScreen }));

export function App() {
  return (
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queryClient}>
        <Tooltip.Provider delayDuration={400}>
          <CrashGuard>
            <Switch>
              <Route path="/login"><LoginScreen /></Route>
              <Route path="/setup"><SetUpScreen /></Route>
              <Route><Inside /></Route>
            </Switch>
          </CrashGuard>
          <Toasts />
        </Tooltip.Provider>
      </QueryClientProvider>
    </TransportProvider>
  );
}

function Inside() {
  return (
    <RequireUser>
      <UploadProvider>
        <Shell>
          <ScreenGuard>
            <Switch>
              <Route path="/"><HomeScreen /></Route>
              <Route path="/datasets"><DatasetsScreen /></Route>
              <Route path="/d/:id">{({ id }) => <DatasetScreen key={id} datasetId={id} />}</Route>
              <Route path="/k/:id">{({ id }) => <NotebookScreen key={id} kernelId={id} />}</Route>
              <Route path="/history"><HistoryScreen /></Route>
              <Route path="/h/:id">{({ id }) => <EntryScreen key={id} entryId={id} />}</Route>
              <Route path="/stats"><StatsScreen /></Route>
              <Route path="/settings/:tab?">{({ tab }) => <SettingsScreen tab={tab ?? "general"} />}</Route>
              <Route path="/admin/users"><UsersScreen /></Route>
              <Route path="/admin"><Redirect to="/admin/users" replace /></Route>
              <Route><NothingHere /></Route>
            </Switch>
          </ScreenGuard>
        </Shell>
      </UploadProvider>
    </RequireUser>
  );
}

/** A screen that breaks leaves the frame around it whole; going elsewhere begins anew. */
function ScreenGuard({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [path]);
  const [, place, which] = path.split("/");
  // The tabs of the settings are one screen.
  const screen = place === "settings" ? place : `${place}/${which}`;
  return (
    <CrashGuard key={screen}>
      <Suspense fallback={<Spinner />}>{children}</Suspense>
    </CrashGuard>
  );
}

function NothingHere() {
  const t = useT();
  return (
    <Empty icon={<SearchX />} title={t("common.nothingHere")}>
      <LinkButton href="/">{t("nav.home")}</LinkButton>
    </Empty>
  );
}
