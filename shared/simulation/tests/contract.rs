//! The contract of the ports, passed by the ports in memory.

use std::time::Duration;

use millrace_simulation::MemoryPorts;
use millrace_simulation::contract::ContractEnv;

struct Env(MemoryPorts);

impl ContractEnv for Env {
    type Ports = MemoryPorts;

    fn ports(&self) -> &MemoryPorts {
        &self.0
    }

    async fn pass_time(&self, time: Duration) {
        self.0.pass(time);
    }
}

millrace_simulation::contract_tests!(Env(MemoryPorts::new(7)));
millrace_simulation::change_feed_tests!(Env(MemoryPorts::new(7)));
