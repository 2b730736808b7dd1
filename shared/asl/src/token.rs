//! Task tokens: what a task's worker hands back to say which attempt it reports on.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::query::Entropy;
use crate::snapshot::StepId;

/// A task token, taken apart. As text it is opaque and URL-safe.
///
/// It names the attempt by its log and step, and proves by its secret that whoever has it was given it: the secret is
/// kept with the task's position, too.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskToken {
    /// The log of the thread, as its driver names it ([`crate::ExecutionContext::key`], then the way down to a child).
    pub log: String,
    /// The attempt.
    pub step: StepId,
    /// 128 random bits in hexadecimal.
    pub secret: String,
}

impl TaskToken {
    /// A fresh secret.
    pub(crate) fn secret(entropy: &mut Entropy) -> String {
        format!("{:016x}{:016x}", entropy.next_u64(), entropy.next_u64())
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TaskToken({} {} …)", self.log, self.step)
    }
}

impl fmt::Display for TaskToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(format!("{} {} {}", self.log, self.step, self.secret)))
    }
}

/// A text that is no task token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a task token")]
pub struct TokenError;

impl FromStr for TaskToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError)?;
        let plain = String::from_utf8(bytes).map_err(|_| TokenError)?;
        let mut parts = plain.split(' ');
        let (Some(log), Some(step), Some(secret), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError);
        };
        let step = step.parse().map_err(|_| TokenError)?;
        if log.is_empty() || secret.len() != 32 {
            return Err(TokenError);
        }
        Ok(Self { log: log.to_owned(), step, secret: secret.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let secret = TaskToken::secret(&mut Entropy::from_u64(7));
        let token = TaskToken { log: "exe_1/0.5".to_owned(), step: 3, secret };
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
        for wrong in ["", "a", "Invalid token", "AAAA", &text[..text.len() - 20]] {
            assert_eq!(wrong.parse::<TaskToken>(), Err(TokenError), "{wrong}");
        }
    }
}
