//! The contract of the ports, in memory and on disk, on a clock that the tests move.

#![expect(clippy::expect_used, reason = "these are tests")]

use std::time::Duration;

use millrace_app::Timestamp;
use millrace_simulation::contract::ContractEnv;
use millrace_sqlite::{LocalClock, ManualClock, Options, SqlitePorts};
use tempfile::TempDir;

struct Env {
    ports: SqlitePorts,
    clock: ManualClock,
    _dir: Option<TempDir>,
}

impl ContractEnv for Env {
    type Ports = SqlitePorts;

    fn ports(&self) -> &SqlitePorts {
        &self.ports
    }

    async fn pass_time(&self, time: Duration) {
        self.clock.advance(time);
    }
}

fn options() -> (Options, ManualClock) {
    let clock = ManualClock::new(Timestamp::from_millis(1_769_851_800_250));
    (Options { clock: LocalClock::manual(clock.clone()), ..Options::default() }, clock)
}

mod in_memory {
    use super::*;

    fn env() -> Env {
        let (options, clock) = options();
        Env { ports: SqlitePorts::in_memory_with(options).expect("a store in memory"), clock, _dir: None }
    }

    millrace_simulation::contract_tests!(env());
    millrace_simulation::change_feed_tests!(env());
}

mod on_disk {
    use super::*;

    fn env() -> Env {
        let (options, clock) = options();
        let dir = tempfile::tempdir().expect("a folder");
        Env { ports: SqlitePorts::open(dir.path(), options).expect("a store"), clock, _dir: Some(dir) }
    }

    millrace_simulation::contract_tests!(env());
    millrace_simulation::change_feed_tests!(env());
}
