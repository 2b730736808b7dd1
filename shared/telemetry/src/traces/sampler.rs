//! Which requests are traced.

use millrace_app::traces::{Remote, TraceId};

/// Which requests are traced.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sampler {
    /// All.
    On,
    /// None.
    Off,
    /// This part of them, from 0 to 1, by the trace's id: everybody with the same part takes the same traces.
    Ratio(f64),
    /// As the caller's span is; this way where they name none.
    ParentOr(Box<Self>),
}

impl Default for Sampler {
    fn default() -> Self {
        Self::ParentOr(Box::new(Self::On))
    }
}

impl Sampler {
    /// By the names that OpenTelemetry has for them.
    pub(super) fn read(name: Option<String>, argument: Option<String>) -> Result<Self, String> {
        let Some(name) = name else { return Ok(Self::default()) };
        let (is_by_parent, root) = match name.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, name.as_str()),
        };
        let root = match root {
            "always_on" => Self::On,
            "always_off" => Self::Off,
            "traceidratio" => match argument.as_deref().map(str::parse::<f64>) {
                None => Self::Ratio(1.0),
                Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => Self::Ratio(ratio),
                Some(_) => {
                    let given = argument.unwrap_or_default();
                    return Err(format!("OTEL_TRACES_SAMPLER_ARG is {given:?}: it must be a number from 0 to 1"));
                }
            },
            _ => {
                return Err(format!(
                    "OTEL_TRACES_SAMPLER is {name:?}: it must be always_on, always_off or traceidratio, with or without \
                     parentbased_ before it"
                ));
            }
        };
        Ok(if is_by_parent { Self::ParentOr(Box::new(root)) } else { root })
    }

    /// Is a trace of this id recorded?
    pub(super) fn takes(&self, remote: Option<Remote>, trace: &TraceId) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Ratio(ratio) => {
                let low = trace.iter().skip(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
                #[expect(clippy::cast_precision_loss, reason = "a part of a trace does not matter")]
                let place = low as f64 / u64::MAX as f64;
                place < *ratio
            }
            Self::ParentOr(root) => remote.map_or_else(|| root.takes(None, trace), |remote| remote.sampled),
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_app::traces::SpanContext;

    use super::*;

    fn sampler(name: &str, argument: &str) -> Sampler {
        Sampler::read(Some(name.to_owned()), Some(argument.to_owned())).unwrap()
    }

    #[test]
    fn a_parent_decides_and_else_the_part() {
        let mut high = [0; 16];
        high[8] = 0xc0;
        let low = [0; 16];
        let remote = |sampled| Some(Remote { context: SpanContext { trace: high, span: [1; 8] }, sampled });
        let half = sampler("traceidratio", "0.5");
        assert!(half.takes(None, &low) && !half.takes(None, &high) && !half.takes(remote(true), &high));
        let by_parent = sampler("parentbased_traceidratio", "0.5");
        assert!(by_parent.takes(None, &low) && !by_parent.takes(None, &high));
        assert!(by_parent.takes(remote(true), &high) && !by_parent.takes(remote(false), &low));
        assert!(sampler("always_on", "").takes(remote(false), &high));
        assert!(!sampler("parentbased_always_off", "").takes(None, &low));
        assert!(sampler("parentbased_always_off", "").takes(remote(true), &low));
        for (name, argument) in [("often", "1"), ("traceidratio", "2"), ("traceidratio", "x")] {
            assert!(Sampler::read(Some(name.to_owned()), Some(argument.to_owned())).is_err());
        }
    }
}
