//! Unpacking the package and running its own tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use millrace_app::archives::{ArchiveFile, ArchiveLimits, unpack};

use super::show::Show;
use crate::exit::TestsFailed;

/// Tests that take longer hang.
const PATIENCE: Duration = Duration::from_secs(600);
/// So many lines of a failed command's output are shown.
const TAIL: usize = 40;

/// How the tests went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tests {
    /// All commands succeeded.
    Passed,
    /// They need a program that is not installed.
    NotRun {
        /// Which one.
        missing: String,
    },
    /// The project names no test command.
    None,
}

/// How many files a package holds.
pub(crate) fn count(zip: &[u8]) -> anyhow::Result<usize> {
    Ok(unpack(zip, &ArchiveLimits::of_packages()).context("the package can't be unpacked")?.files.len())
}

/// Unpacks the package into a temporary folder, checks its checksums and runs its test commands there.
pub(crate) fn test(zip: &[u8], commands: &[String], tools: &[String], show: &mut Show) -> anyhow::Result<Tests> {
    let unpacked = unpack(zip, &ArchiveLimits::of_packages()).context("the package can't be unpacked")?;
    let checked = unpacked.verify("SHA256SUMS").context("the package's checksums")?;
    let folder = tempfile::tempdir().context("a temporary folder can't be made")?;
    unpacked.files.iter().try_for_each(|file| write(folder.path(), file)).context("the package can't be unpacked")?;
    show.say(&format!("Unpacked, {checked} checksums right"));
    if let Some(missing) = tools.iter().find(|tool| find(tool).is_none()) {
        show.say(&format!("The tests were not run: they need {missing}, which is not installed"));
        return Ok(Tests::NotRun { missing: missing.clone() });
    }
    if commands.is_empty() {
        show.say("The project names no tests");
        return Ok(Tests::None);
    }
    for command in commands {
        show.status(&format!("testing the package: {command}"));
        let started = Instant::now();
        run(folder.path(), command, show)?;
        show.say(&format!("Its own tests pass: {command} ({:.1} s)", started.elapsed().as_secs_f64()));
    }
    Ok(Tests::Passed)
}

/// Writes a file whose path was checked when it was unpacked.
fn write(folder: &Path, file: &ArchiveFile) -> std::io::Result<()> {
    let path = folder.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, &file.contents)?;
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(file.mode()))?;
    Ok(())
}

/// Runs a command of the project in its folder; shows the end of its output when it fails.
fn run(folder: &Path, command: &str, show: &mut Show) -> anyhow::Result<()> {
    let output = tempfile::NamedTempFile::new().context("a temporary file can't be made")?;
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child = Command::new(shell)
        .args([flag, command])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.as_file().try_clone()?)
        .stderr(output.as_file().try_clone()?)
        .spawn()
        .with_context(|| format!("`{command}` can't be started"))?;
    let ending = match wait(&mut child)? {
        Some(status) if status.success() => return Ok(()),
        Some(status) => format!("ended with {status}"),
        None => format!("did not end within {} s", PATIENCE.as_secs()),
    };
    let text = read_lossy(output.path());
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(TAIL)).for_each(|line| show.say(&format!("  | {line}")));
    Err(TestsFailed { command: command.to_owned(), ending }.into())
}

/// Waits; `None` when it took too long and was ended.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn read_lossy(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Where a program is on the `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = [program.to_owned(), format!("{program}.exe"), format!("{program}.cmd")];
    let names = if cfg!(windows) { &names[..] } else { names.get(..1)? };
    std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    let executable = |file: &fs::Metadata| {
        use std::os::unix::fs::PermissionsExt as _;
        file.permissions().mode() & 0o111 != 0
    };
    #[cfg(not(unix))]
    let executable = |_: &fs::Metadata| true;
    File::open(path).and_then(|file| file.metadata()).is_ok_and(|file| file.is_file() && executable(&file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_agents::package::{PackageLimits, Project, build};

    fn package() -> Vec<u8> {
        let file = |path: &str, contents: &str, executable| ArchiveFile {
            path: path.to_owned(),
            contents: contents.as_bytes().to_vec(),
            executable,
        };
        let project = Project { id: None, name: "demo".into() };
        let entries = vec![
            file("bin/check.sh", "#!/bin/sh\ncat ../README.md\nexit \"$1\"\n", true),
            file("README.md", "hello", false),
        ];
        build(entries, project, serde_json::Map::new(), &PackageLimits::default()).unwrap().bytes
    }

    fn try_with(command: &str, tool: &str) -> anyhow::Result<Tests> {
        let mut show = Show::new(&crate::output::Out::new(false, false, crate::output::Color::Never), Instant::now());
        test(&package(), &[command.to_owned()], &[tool.to_owned()], &mut show)
    }

    #[test]
    fn commands_run_in_the_unpacked_package() {
        assert_eq!(try_with("cd bin && ./check.sh 0 | grep -q hello", "sh").unwrap(), Tests::Passed);
        let error = try_with("cd bin && ./check.sh 3", "sh").unwrap_err();
        assert!(error.is::<TestsFailed>());
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_missing_tool_is_named() {
        let missing = "no-such-tool-anywhere".to_owned();
        assert_eq!(try_with("true", &missing).unwrap(), Tests::NotRun { missing });
    }
}
