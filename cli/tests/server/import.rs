//! An archive becomes a package: the real program, from the bytes that a client sends to the zip that it downloads.

use std::io::{Cursor, Write as _};

use millrace_app::archives::{ArchiveLimits, unpack};
use serde_json::Value;
use zip::write::SimpleFileOptions;

use super::program::Server;
use super::wait_until_completed;

#[test]
fn an_archive_is_imported_checked_and_packaged() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in [
        ("shop-main/app.py", "def total(prices):\n    return sum(prices)\n"),
        ("shop-main/README.md", "# Shop\n\nAdds prices.\n"),
        ("shop-main/node_modules/x/index.js", "not taken"),
    ] {
        writer.start_file(path, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let url = format!("{}/api/projects?description=Adds", server.url);
    let send = |bytes: &[u8], kind: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let request = http::Request::post(url.as_str()).header("content-type", kind);
        let answer = agent.run(request.body(bytes.to_vec()).unwrap()).unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice::<Value>(&answer.into_body().read_to_vec().unwrap()).unwrap())
    };
    let (status, project) = send(&bytes, "application/zip");
    assert_eq!(status, 201, "{project}");
    assert_eq!((project["name"].as_str(), project["import"]["files"].as_u64()), (Some("shop"), Some(2)));
    let id = project["id"].as_str().unwrap();
    wait_until_completed(&server, id);
    let (status, file) = server.call("GET", &format!("/api/projects/{id}/files/app.py"), &[], None);
    assert_eq!((status, file.starts_with(b"def total")), (200, true));
    let deployments = server.get(&format!("/api/projects/{id}/deployments"));
    let (status, package) = server.call("GET", deployments["items"][0]["download_url"].as_str().unwrap(), &[], None);
    assert_eq!(status, 200);
    let unpacked = unpack(&package, &ArchiveLimits::of_packages()).unwrap();
    assert!(unpacked.verify("SHA256SUMS").unwrap() >= 3);

    let (status, problem) = send(b"not an archive", "application/zip");
    assert_eq!((status, problem["code"].as_str()), (400, Some("invalid-request")));
}
