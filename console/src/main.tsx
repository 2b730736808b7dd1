import "@cloudscape-design/global-styles/index.css";
import { I18nProvider } from "@cloudscape-design/components/i18n";
import words from "@cloudscape-design/components/i18n/messages/all.en";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";
import { ApiError } from "./api/problem";
import { router } from "./routes";
import { applyTheme } from "./shell/theme";
import "./console.css";

applyTheme();
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 500,
      // What the server refused stays refused.
      retry: (count, error) => count < 1 && !(error instanceof ApiError),
    },
  },
});

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <I18nProvider locale="en" messages={[words]}>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </I18nProvider>
    </StrictMode>,
  );
}
