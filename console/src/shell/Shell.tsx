import AppLayout from "@cloudscape-design/components/app-layout";
import SideNavigation, { type SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import Spinner from "@cloudscape-design/components/spinner";
import TopNavigation from "@cloudscape-design/components/top-navigation";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";
import { Outlet, useLocation, useNavigate, useNavigation } from "react-router";
import { currentKey, isRefused, signOut, subscribe } from "../api/session";
import { part } from "../components/Part";
import { NoticesProvider, useNoticeList } from "./notices";
import { setTheme, theme, type Theme } from "./theme";

const SignIn = part(() => import("./SignIn"), "The sign-in");
const flashbar = () => import("@cloudscape-design/components/flashbar");
const Flashbar = part(flashbar, "The notices");
/** A notice may be that the server is away, so what shows it is there before, in milliseconds after the first page. */
const NOTICES_AFTER = 2_000;

const ITEMS: SideNavigationProps.Item[] = [
  { type: "link", text: "Projects", href: "/projects" },
  { type: "link", text: "Workflows", href: "/workflows" },
  { type: "link", text: "Executions", href: "/executions" },
  { type: "link", text: "Functions", href: "/functions" },
  { type: "link", text: "Schedules", href: "/schedules" },
  { type: "link", text: "Webhooks", href: "/webhooks" },
  { type: "link", text: "Subscriptions", href: "/subscriptions" },
  { type: "link", text: "Queues", href: "/queues" },
  { type: "divider" },
  { type: "link", text: "Settings", href: "/settings" },
  { type: "link", text: "API description", href: "/openapi.json", external: true },
];

const THEMES: { id: Theme; text: string }[] = [
  { id: "system", text: "As the system" },
  { id: "light", text: "Light" },
  { id: "dark", text: "Dark" },
];

/** Says of a way to another page that it ends the session, unless somebody stays to save what they wrote. */
const LEAVING = { signOut: true };

/** What surrounds every page. */
export function Shell() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const location = useLocation();
  const loading = useNavigation().state !== "idle";
  const refused = useSyncExternalStore(subscribe, isRefused);
  const key = useSyncExternalStore(subscribe, currentKey);
  const { items, notices } = useNoticeList();
  const [open, setOpen] = useState(true);
  const [chosen, setChosen] = useState(theme());
  const leaving = (location.state as Partial<typeof LEAVING> | null)?.signOut === true;
  useEffect(() => {
    if (!leaving) return;
    signOut();
    void navigate("/projects", { replace: true, state: null });
    // Nothing of what was read or written stays for the next one.
    sessionStorage.clear();
    queries.removeQueries({ type: "inactive" });
    void queries.resetQueries();
  }, [leaving, navigate, queries]);
  useEffect(() => {
    const waits = setTimeout(() => void flashbar().catch(() => undefined), NOTICES_AFTER);
    return () => {
      clearTimeout(waits);
    };
  }, []);
  const active = `/${location.pathname.split("/")[1] ?? ""}`;

  return (
    <NoticesProvider notices={notices}>
      <div id="top">
        <TopNavigation
          identity={{
            href: "/",
            title: "Millrace",
            logo: { src: "/favicon.svg", alt: "" },
            onFollow: (event) => {
              event.preventDefault();
              void navigate("/projects");
            },
          }}
          utilities={[
            {
              type: "menu-dropdown",
              iconName: "settings",
              text: "Appearance",
              ariaLabel: "Appearance",
              items: THEMES.map((item) => ({ ...item, itemType: "checkbox", checked: item.id === chosen })),
              onItemClick: ({ detail }) => {
                setTheme(detail.id as Theme);
                setChosen(detail.id as Theme);
              },
            },
            ...(key === null ? [] : [{ type: "button" as const, text: "Sign out", onClick: () => void navigate("/projects", { state: LEAVING }) }]),
          ]}
        />
      </div>
      {refused && <SignIn />}
      {/* It stays as it is under the sign-in: somebody may be writing. */}
      <div className={refused ? "concealed" : undefined} inert={refused}>
        <AppLayout
          headerSelector="#top"
          toolsHide
          navigationOpen={open}
          onNavigationChange={({ detail }) => {
            setOpen(detail.open);
          }}
          navigationWidth={220}
          navigation={
            <SideNavigation
              activeHref={active}
              items={ITEMS}
              onFollow={(event) => {
                if (event.detail.external) return;
                event.preventDefault();
                void navigate(event.detail.href);
              }}
            />
          }
          notifications={items.length > 0 && <Flashbar items={items} />}
          maxContentWidth={Number.MAX_VALUE}
          ariaLabels={{
            navigation: "Parts of the console",
            navigationClose: "Close the navigation",
            navigationToggle: "Open the navigation",
            notifications: "Notices",
          }}
          content={
            <>
              {loading && (
                <div className="page-loading" role="status" aria-label="Loading the page">
                  <Spinner />
                </div>
              )}
              <Outlet />
            </>
          }
        />
      </div>
    </NoticesProvider>
  );
}
