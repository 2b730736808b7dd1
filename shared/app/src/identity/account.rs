//! The account under which an owner's ARNs stand.
//!
//! ARNs name an account, and the names of state machines are unique within one. So each owner has their own: `aws:` and
//! twelve digits says it, `local` has the configured one, and everybody else gets digits that follow from their name, noted
//! in a record so that no two owners share them, not even where somebody may choose a name to that end.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::keys;
use crate::ports::{Condition, Ports, Record, RecordStore, StoreError, Write};

/// So many candidates are tried; each is taken by another owner once in a trillion times the number of owners.
const TRIES: u32 = 16;

fn candidate(owner: &str, attempt: u32) -> String {
    let digest = Sha256::digest(format!("{attempt}\n{owner}").as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{:012}", number % 1_000_000_000_000)
}

/// The account of an owner: twelve digits, the same for ever. `configured` is the server's own, which belongs to `local`.
///
/// # Errors
/// [`Error::Store`]
pub async fn account_of<P: Ports>(ports: &P, owner: &str, configured: &str) -> Result<String, Error> {
    if owner == "local" {
        return Ok(configured.to_owned());
    }
    let said = owner.strip_prefix("aws:").filter(|text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()));
    if let Some(account) = said {
        return Ok(account.to_owned());
    }
    for attempt in 0..TRIES {
        let account = candidate(owner, attempt);
        if account == configured {
            continue;
        }
        let key = keys::account(&account);
        let holder = match ports.records().get(&key).await? {
            Some(record) => record.body.get("owner").and_then(|owner| owner.as_str().map(str::to_owned)),
            None => {
                let body = json!({ "owner": owner });
                let record = Record { key: key.clone(), version: 0, body, listings: Vec::new(), expires_at: None };
                match ports.records().write(vec![Write::Put(record, Condition::Absent)]).await {
                    Ok(()) => Some(owner.to_owned()),
                    Err(StoreError::Conflict) => {
                        let record = ports.records().get(&key).await?;
                        record.and_then(|record| record.body.get("owner")?.as_str().map(str::to_owned))
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        if holder.as_deref() == Some(owner) {
            return Ok(account);
        }
    }
    Err(Error::internal(format!("no account is free after {TRIES} candidates")))
}
