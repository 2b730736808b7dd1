//! The child's side: it limits and confines itself, and becomes the program that runs tests.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// The first argument of a child; the second is a [`Spec`] as JSON.
pub(crate) const ARGUMENT: &str = "--tests-child";

/// What a child becomes, and how far it may go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Files and folders that may be read and run, beside the system's.
    pub(crate) readable: Vec<PathBuf>,
    /// The folder that may be written, too.
    pub(crate) writable: PathBuf,
    /// Is it in a network of its own already?
    pub(crate) is_isolated: bool,
    pub(crate) limits: Limits,
}

/// What a process, and each that it starts, may use.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Seconds of CPU.
    pub(crate) cpu_seconds: u64,
    /// Bytes of address space; none for programs that reserve far more than they use.
    pub(crate) address_space: Option<u64>,
    /// Bytes of a file.
    pub(crate) file_bytes: u64,
    /// Processes and threads of the user.
    pub(crate) processes: u64,
}

/// Becomes the program of the spec. Returns only where that fails.
pub(crate) fn become_program(spec: &str) -> ExitCode {
    let failed = |what: &str| {
        eprintln!("millrace: the tests can't be run: {what}");
        ExitCode::from(126)
    };
    let spec: Spec = match serde_json::from_str(spec) {
        Ok(spec) => spec,
        Err(error) => return failed(&error.to_string()),
    };
    if spec.is_isolated {
        bring_loopback_up();
    }
    if let Err(error) = limit(&spec.limits) {
        return failed(&format!("limits can't be set: {error}"));
    }
    #[cfg(target_os = "linux")]
    {
        if let Err(error) = restrict_files(&spec) {
            return failed(&format!("files can't be confined: {error}"));
        }
        if let Err(error) = restrict_calls(spec.is_isolated) {
            return failed(&format!("system calls can't be confined: {error}"));
        }
    }
    let error = Command::new(&spec.program).args(&spec.arguments).exec();
    failed(&format!("{}: {error}", spec.program.display()))
}

fn limit(limits: &Limits) -> rustix::io::Result<()> {
    let set = |resource, value: u64| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    set(Resource::Core, 0)?;
    set(Resource::Cpu, limits.cpu_seconds)?;
    set(Resource::Fsize, limits.file_bytes)?;
    set(Resource::Nofile, 1_024)?;
    set(Resource::Nproc, limits.processes)?;
    limits.address_space.map_or(Ok(()), |bytes| set(Resource::As, bytes))
}

/// Tests that talk to themselves need the loopback of their own network. Without `ip` they have none.
fn bring_loopback_up() {
    let ip = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].iter().find(|path| Path::new(path).exists());
    if let Some(ip) = ip {
        let up = Command::new(ip).args(["link", "set", "lo", "up"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
        drop(up);
    }
}

/// Where the kernel has Landlock, nothing but the system's programs, the tools and the tests' own folder can be opened.
#[cfg(target_os = "linux")]
fn restrict_files(spec: &Spec) -> Result<(), landlock::RulesetError> {
    use landlock::{
        ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, path_beneath_rules,
    };
    const SYSTEM: [&str; 12] = [
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/etc",
        "/opt",
        "/nix",
        "/proc",
        "/sys/devices/system/cpu",
        "/sys/fs/cgroup",
    ];
    const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
    let abi = ABI::V5;
    let readable = SYSTEM.iter().map(PathBuf::from).chain(spec.readable.iter().cloned());
    let devices = AccessFs::from_file(abi);
    // Older kernels confine what they can.
    let rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?.create()?;
    let rules = rules.add_rules(path_beneath_rules(readable, AccessFs::from_read(abi)))?;
    let rules = rules.add_rules(path_beneath_rules(DEVICES, devices))?;
    let rules = rules.add_rules(path_beneath_rules([&spec.writable], AccessFs::from_all(abi)))?;
    rules.restrict_self().map(drop)
}

/// Denies what tests have no business with; where there is no network of their own, every socket but local ones.
#[cfg(target_os = "linux")]
fn restrict_calls(is_isolated: bool) -> Result<(), String> {
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        TargetArch, apply_filter,
    };
    use std::collections::BTreeMap;
    let denied = [
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_io_uring_setup,
    ];
    let mut rules: BTreeMap<_, Vec<SeccompRule>> = denied.iter().map(|call| (*call, Vec::new())).collect();
    if !is_isolated {
        let unix = u64::from(libc::AF_UNIX.cast_unsigned());
        let other = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, unix)
            .and_then(|condition| SeccompRule::new(vec![condition]));
        rules.insert(libc::SYS_socket, vec![other.map_err(|error| error.to_string())?]);
    }
    // Only the machine's own way of calling; another one would get past the rules.
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    let program = filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}
