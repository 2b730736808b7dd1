//! The web console at `/`.
//!
//! The files are those that were built in, or those of a folder. They answer `GET` where the API has no page: at `/`, at
//! their own names, and at the console's pages, whose one document finds out itself what to show. Everything else goes
//! on to the API.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// What was built in: names below `console/dist`, and contents.
const BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// The first parts of the addresses of the console's pages. The API has no `GET` there.
pub(crate) const PAGES: &[&str] = &[
    "projects",
    "workflows",
    "executions",
    "functions",
    "queues",
    "schedules",
    "webhooks",
    "subscriptions",
    "settings",
    "sign-in",
];

/// The console loads what this server has and nothing else. Its components set styles of their own.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                              img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                              form-action 'self'; frame-ancestors 'none'";

/// What stands at `/` when there is no console.
const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Millrace</title>\
<body style=\"font:16px/1.5 system-ui;max-width:40em;margin:4em auto;padding:0 1em\"><h1>Millrace runs</h1>\
<p>This build has no web console. To have it, install Node.js 20, run <code>make console</code> in the project's \
folder, and start the server again. <code>millrace up --console DIR</code> serves a console that was built elsewhere.</p>\
<p>The API describes itself at <a href=\"/openapi.json\">/openapi.json</a>.</p>";

/// The console's files by name, with `index.html` the one document.
#[derive(Clone)]
pub(crate) struct Console {
    files: Arc<HashMap<String, Cow<'static, [u8]>>>,
}

impl Console {
    /// Those of `folder`, else what was built in.
    ///
    /// # Errors
    /// When the folder has no `index.html` or can't be read.
    pub(crate) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let files = match folder {
            None => BUILT_IN.iter().map(|(name, bytes)| ((*name).to_owned(), Cow::Borrowed(*bytes))).collect(),
            Some(folder) => {
                let mut files = HashMap::new();
                read(folder, "", &mut files).with_context(|| format!("{} can't be read", folder.display()))?;
                if !files.contains_key("index.html") {
                    anyhow::bail!("{} holds no console: it has no index.html", folder.display());
                }
                files
            }
        };
        Ok(Self { files: Arc::new(files) })
    }

    /// Puts the console before the API.
    pub(crate) fn before(self, api: Router) -> Router {
        api.layer(middleware::from_fn_with_state(self, answer))
    }

    /// The file that answers a path, by its name; `None` leaves it to the API.
    fn file<'a>(&self, path: &'a str, wants_page: bool) -> Option<&'a str> {
        let name = path.trim_start_matches('/');
        if name.is_empty() {
            return Some("index.html");
        }
        if self.files.contains_key(name) {
            return Some(name);
        }
        let first = name.split('/').next().unwrap_or_default();
        (wants_page && PAGES.contains(&first)).then_some("index.html")
    }
}

/// All files below a folder, but for hidden ones.
fn read(folder: &Path, prefix: &str, files: &mut HashMap<String, Cow<'static, [u8]>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, Cow::Owned(std::fs::read(entry.path())?));
        }
    }
    Ok(())
}

async fn answer(State(console): State<Console>, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let Some(name) = console.file(request.uri().path(), wants_page(request.headers())) else {
        return next.run(request).await;
    };
    let (body, kind): (Cow<'static, [u8]>, _) = match console.files.get(name) {
        Some(bytes) => (bytes.clone(), content_type(name)),
        None => (Cow::Borrowed(MISSING.as_bytes()), content_type("index.html")),
    };
    // Names of assets hold a hash of their contents.
    let lasting = name.starts_with("assets/");
    let mut headers = HeaderMap::new();
    for (header, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, if lasting { "public, max-age=31536000, immutable" } else { "no-cache" }),
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (VARY, "accept"),
    ] {
        headers.insert(header, HeaderValue::from_static(value));
    }
    (headers, Body::from(body.into_owned())).into_response()
}

/// Does a browser ask for a page, not a script for data?
fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Console {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("assets")).unwrap();
        for name in ["index.html", "favicon.svg", "assets/index-1.js", ".hidden"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        Console::open(Some(folder.path())).unwrap()
    }

    #[test]
    fn pages_and_files_are_the_consoles() {
        let console = console();
        for (path, page, file) in [
            ("/", false, Some("index.html")),
            ("/favicon.svg", false, Some("favicon.svg")),
            ("/assets/index-1.js", false, Some("assets/index-1.js")),
            ("/assets/gone.js", true, None),
            ("/.hidden", true, None),
            ("/projects/prj_1", true, Some("index.html")),
            ("/executions", true, Some("index.html")),
            // The same address asked for data, and what only the API has.
            ("/workflows/trigger", false, None),
            ("/api/projects", true, None),
            ("/_functions/projects", true, None),
            ("/health", true, None),
        ] {
            assert_eq!(console.file(path, page), file, "{path}");
        }
    }

    #[test]
    fn no_page_hides_a_route_of_the_api() {
        let description = serde_json::to_value(millrace_rest::openapi()).unwrap();
        for (path, methods) in description["paths"].as_object().unwrap() {
            let first = path.trim_start_matches('/').split('/').next().unwrap();
            assert!(methods.get("get").is_none() || !PAGES.contains(&first), "{path}");
        }
    }

    #[test]
    fn a_folder_without_a_console_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Console::open(Some(folder.path())).err().unwrap();
        assert!(error.to_string().contains("index.html"), "{error}");
        assert!(Console::open(Some(&folder.path().join("none"))).is_err());
    }
}
