//! The names of a map run and of its executions. A name tells where its thread is, so that no index is needed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::query::Entropy;
use crate::snapshot::ExecutionContext;

/// How many executions a page has at most, as a power of two.
const PAGE_BITS: u32 = 10;
/// Odd, so that multiplying by it loses nothing.
const SPREAD: u32 = 0x9e37_79b1;

/// The UUID of a map run. Those of its executions differ from it in the last eight digits only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunName(u128);

impl RunName {
    /// A fresh one.
    pub(crate) fn fresh(entropy: &mut Entropy) -> Self {
        let (high, low) = (entropy.next_u64(), entropy.next_u64());
        let bits = u128::from(high) << 64 | u128::from(low);
        Self((bits & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62))
    }

    /// The UUID of an execution: of the `index`-th of page `page`.
    #[must_use]
    pub const fn execution(self, page: u32, index: u32) -> Self {
        let number = (page << PAGE_BITS | index).wrapping_add(1);
        Self(self.0 ^ number.wrapping_mul(SPREAD) as u128)
    }

    /// The page and the index of the execution that is called so.
    #[must_use]
    pub const fn place(self, execution: Self) -> Option<(u32, u32)> {
        let mixed = self.0 ^ execution.0;
        if mixed >> 32 != 0 || mixed == 0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked to fit")]
        let number = (mixed as u32).wrapping_mul(inverse(SPREAD)).wrapping_sub(1);
        Some((number >> PAGE_BITS, number & ((1 << PAGE_BITS) - 1)))
    }

    /// What it has in common with the names of its executions.
    #[must_use]
    pub fn family(self) -> String {
        let text = self.to_string();
        text.get(..28).unwrap_or_default().to_owned()
    }
}

/// The number by which multiplying undoes multiplying by `odd` (Newton's iteration doubles the right bits each time).
const fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

impl fmt::Display for RunName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        write!(
            formatter,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xffff,
            bits >> 48 & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }
}

/// A text that is no UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID in lower case, such as 123e4567-e89b-42d3-a456-426614174000")]
pub struct RunNameError;

impl FromStr for RunName {
    type Err = RunNameError;

    fn from_str(text: &str) -> Result<Self, RunNameError> {
        let hex: String = text.chars().filter(|letter| *letter != '-').collect();
        let name = Self(u128::from_str_radix(&hex, 16).map_err(|_| RunNameError)?);
        if name.to_string() == text { Ok(name) } else { Err(RunNameError) }
    }
}

impl TryFrom<String> for RunName {
    type Error = RunNameError;

    fn try_from(text: String) -> Result<Self, RunNameError> {
        text.parse()
    }
}

impl From<RunName> for String {
    fn from(name: RunName) -> Self {
        name.to_string()
    }
}

/// What the names of a map run and its executions are made of: `arn:aws:states:{region}:{account}` and the outermost state
/// machine's name.
fn origin(execution: &ExecutionContext) -> (String, String) {
    let parts: Vec<&str> = execution.id.splitn(8, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "states", region, account, _, machine, _] => {
            let machine = machine.split('/').next().unwrap_or(machine);
            (format!("arn:{partition}:states:{region}:{account}"), machine.to_owned())
        }
        // An execution that no state machine has started: its name stands for one.
        _ => ("arn:aws:states:us-east-1:000000000000".to_owned(), execution.name.clone()),
    }
}

/// The ARN of a map run of `execution`.
pub(crate) fn run_arn(execution: &ExecutionContext, label: &str, name: RunName) -> String {
    let (prefix, machine) = origin(execution);
    format!("{prefix}:mapRun:{machine}/{label}:{name}")
}

/// The context of a map run's execution, from that of the execution with the Map state.
pub(crate) fn child_context(execution: &ExecutionContext, label: &str, name: RunName) -> ExecutionContext {
    let (prefix, machine) = origin(execution);
    ExecutionContext {
        id: format!("{prefix}:execution:{machine}/{label}:{name}"),
        name: name.to_string(),
        start_time: execution.start_time,
        role_arn: execution.role_arn.clone(),
        input: None,
        state_machine_id: format!("{prefix}:stateMachine:{machine}/{label}"),
        state_machine_name: format!("{machine}/{label}"),
        deadline: None,
        key: execution.key.clone(),
        payload_limit: execution.payload_limit,
        redrive_count: Some(0),
    }
}

/// What stands for a `Label` that the definition does not give: the same for every run of the state.
pub(crate) fn made_label(execution: &ExecutionContext, state: &str) -> String {
    /// The 64-bit FNV-1a hash of the texts, from a start of its own.
    fn hash(start: u64, texts: [&str; 2]) -> u64 {
        let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
        bytes.fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
    let texts = [execution.state_machine_id.as_str(), state];
    let bits = u128::from(hash(0xcbf2_9ce4_8422_2325, texts)) << 64 | u128::from(hash(0x6c62_272e_07bb_0142, texts));
    RunName((bits & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_place() {
        let run = RunName::fresh(&mut Entropy::from_u64(7));
        assert_eq!(run.to_string().parse(), Ok(run));
        for place in [(0, 0), (0, 1), (0, 999), (1, 0), (2_500_000, 39), (4_194_303, 1022)] {
            let execution = run.execution(place.0, place.1);
            assert_ne!(execution, run);
            assert_eq!(run.place(execution), Some(place));
            assert_eq!(execution.family(), run.family());
            assert_eq!(execution.to_string().parse(), Ok(execution));
        }
        assert_eq!(run.place(run), None);
        assert_eq!(run.place(RunName::fresh(&mut Entropy::from_u64(8))), None);
        for wrong in ["", "x", "123e4567e89b42d3a456426614174000", "123E4567-e89b-42d3-a456-426614174000"] {
            assert!(wrong.parse::<RunName>().is_err(), "{wrong}");
        }
    }
}
