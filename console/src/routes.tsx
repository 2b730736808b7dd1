import { createBrowserRouter, Navigate, type RouteObject } from "react-router";
import { loadChunk } from "./api/chunks";
import { Loading } from "./components/PageParts";
import { part } from "./components/Part";
import { Failed } from "./shell/Failed";
import { Shell } from "./shell/Shell";

type PageModule = { default: React.ComponentType };
const page = (path: string, load: () => Promise<PageModule>): RouteObject => ({
  path,
  // While a page is on its way the one before stays. One that can't be loaded says so where it would be.
  lazy: async () => {
    try {
      return { Component: (await loadChunk(load)).default };
    } catch (error) {
      return { Component: part(load, "This page", () => <Loading what="the page" />, error) };
    }
  },
});

export const router = createBrowserRouter([
  {
    path: "/",
    Component: Shell,
    ErrorBoundary: Failed,
    HydrateFallback: () => <p className="first-load" role="status">Loading the console…</p>,
    children: [
      { index: true, element: <Navigate to="/projects" replace /> },
      page("projects", () => import("./pages/projects/ProjectsPage")),
      page("projects/new", () => import("./pages/projects/NewProjectPage")),
      page("projects/:id", () => import("./pages/projects/ProjectPage")),
      page("workflows", () => import("./pages/workflows/WorkflowsPage")),
      page("workflows/new", () => import("./pages/workflows/WorkflowPage")),
      page("workflows/:id", () => import("./pages/workflows/WorkflowPage")),
      page("executions", () => import("./pages/executions/ExecutionsPage")),
      page("executions/compare", () => import("./pages/executions/ComparePage")),
      page("executions/:id", () => import("./pages/executions/ExecutionPage")),
      page("executions/:id/map-runs/:run/:name", () => import("./pages/executions/MapRunExecutionPage")),
      page("functions", () => import("./pages/functions/FunctionsPage")),
      page("functions/new", () => import("./pages/functions/FunctionPage")),
      page("functions/:project/:name", () => import("./pages/functions/FunctionPage")),
      page("schedules", () => import("./pages/schedules/SchedulesPage")),
      page("schedules/:name", () => import("./pages/schedules/SchedulePage")),
      page("webhooks", () => import("./pages/webhooks/WebhooksPage")),
      page("webhooks/:id", () => import("./pages/webhooks/WebhookEventPage")),
      page("subscriptions", () => import("./pages/subscriptions/SubscriptionsPage")),
      page("subscriptions/:id", () => import("./pages/subscriptions/SubscriptionPage")),
      page("queues", () => import("./pages/queues/QueuesPage")),
      page("queues/:name", () => import("./pages/queues/QueuePage")),
      page("settings", () => import("./pages/settings/SettingsPage")),
      page("sign-in", () => import("./pages/sign-in/ReturnPage")),
      page("*", () => import("./pages/NotFoundPage")),
    ],
  },
]);
