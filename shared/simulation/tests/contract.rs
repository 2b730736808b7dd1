//! The contract of the ports, for the ports in memory and for the wrapper that watches them.

use std::sync::Arc;
use std::time::Duration;

use millrace_app::ports::Ports;
use millrace_simulation::contract::ContractEnv;
use millrace_simulation::world::{Fates, Trouble};
use millrace_simulation::{MemoryPorts, Watched};

struct Env<P> {
    memory: MemoryPorts,
    ports: P,
}

impl<P: Ports> ContractEnv for Env<P> {
    type Ports = P;

    fn ports(&self) -> &P {
        &self.ports
    }

    async fn pass_time(&self, time: Duration) {
        self.memory.pass(time);
    }
}

mod in_memory {
    use super::*;

    fn env() -> Env<MemoryPorts> {
        let memory = MemoryPorts::new(1);
        Env { ports: memory.clone(), memory }
    }

    millrace_simulation::contract_tests!(env());
}

mod watched {
    use super::*;

    fn env() -> Env<Watched<MemoryPorts, Fates>> {
        let memory = MemoryPorts::new(2);
        let calm = Arc::new(Fates::new(2, Trouble::default()));
        Env { ports: Watched::new(memory.clone(), calm), memory }
    }

    millrace_simulation::contract_tests!(env());
}
