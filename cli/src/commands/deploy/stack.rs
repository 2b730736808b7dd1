//! What `millrace deploy` asks about the stack before it changes anything, and what it writes into what was built.

use std::path::Path;

use anyhow::{Context as _, bail};
use millrace_app::digest::sha256_hex;

use crate::exit::UsageError;

/// The stack in which SAM keeps the bucket that it uploads to, with `resolve_s3`.
pub(super) const SAM_STACK: &str = "aws-sam-cli-managed-default";

/// May a stack in this state be deployed? Else why not, and what helps.
pub(super) fn check_state(stack: &str, region: &str, state: &str) -> Result<(), String> {
    let told = format!("the stack {stack} is in {state}");
    let events = format!(
        "`aws cloudformation describe-stack-events --stack-name {stack} --region {region}` tells what did not succeed"
    );
    match state {
        // SAM takes the second one for a stack that is not there yet: it has nothing but a change set.
        "" | "REVIEW_IN_PROGRESS" => Ok(()),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => Err(format!(
            "{told}: it never came into being, or could not be deleted, and can't be updated\nnext: {events}; then \
             `aws cloudformation delete-stack --stack-name {stack} --region {region}`, and deploy again"
        )),
        "UPDATE_ROLLBACK_FAILED" => Err(format!(
            "{told}: an update failed, and so did going back\nnext: {events}; repair it, then \
             `aws cloudformation continue-update-rollback --stack-name {stack} --region {region}`, and deploy again"
        )),
        _ if state.ends_with("_IN_PROGRESS") => {
            Err(format!("{told}: somebody else is changing it\nnext: wait until that is done, and deploy again"))
        }
        _ => Ok(()),
    }
}

/// Writes a hash of code and parameters into the built template, in the functions' variable REVISION. SAM publishes a version of a
/// function when its properties change as they are written: without this the new value of a parameter would stay without effect
/// behind the alias. `scripts/deploy.py` does the same for `make deploy`.
///
/// `parameters` are `Name=value`.
///
/// # Errors
/// Nothing is built, or what is built has not one such variable.
pub(super) fn revise(source: &Path, parameters: &[String]) -> anyhow::Result<()> {
    const NAME: &str = "REVISION: ";
    let built = source.join(".aws-sam").join("build");
    let path = built.join("template.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Err(UsageError("nothing is built: leave --no-build out, or run `sam build` first".to_owned()).into());
    };
    let is_revision = |line: &&str| line.trim_start().starts_with(NAME);
    if text.lines().filter(is_revision).count() != 1 {
        bail!("{} must have one variable REVISION: build it again, from the sources of this version", path.display());
    }
    let mut whole: Vec<String> = text.lines().filter(|line| !is_revision(line)).map(str::to_owned).collect();
    let mut folders = std::fs::read_dir(&built)?.collect::<Result<Vec<_>, _>>()?;
    folders.sort_by_key(std::fs::DirEntry::file_name);
    for folder in folders {
        let program = folder.path().join("bootstrap");
        if program.is_file() {
            let bytes = std::fs::read(&program).with_context(|| format!("{} can't be read", program.display()))?;
            whole.push(format!("{} {}", folder.file_name().to_string_lossy(), sha256_hex(&bytes)));
        }
    }
    let mut parameters: Vec<String> = parameters.iter().map(|one| one.replace('"', "")).collect();
    parameters.sort();
    whole.extend(parameters);
    let hash = sha256_hex(whole.join("\n").as_bytes());
    let revision = format!("r{}", hash.get(..16).unwrap_or(&hash));
    let lines = text.lines().map(|line| match line.split_once(NAME) {
        Some((indent, _)) if is_revision(&line) => format!("{indent}{NAME}{revision}\n"),
        _ => format!("{line}\n"),
    });
    std::fs::write(&path, lines.collect::<String>()).with_context(|| format!("{} can't be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_can_not_be_updated_is_told_with_what_helps() {
        for fine in ["", "REVIEW_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"] {
            assert_eq!(check_state("s", "r", fine), Ok(()), "{fine}");
        }
        for (state, helps) in [
            ("ROLLBACK_COMPLETE", "delete-stack --stack-name s --region r"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name s --region r"),
            ("UPDATE_IN_PROGRESS", "wait"),
            ("DELETE_IN_PROGRESS", "wait"),
        ] {
            let told = check_state("s", "r", state).unwrap_err();
            assert!(told.contains(helps) && told.contains(state), "{told}");
        }
    }

    #[test]
    fn the_revision_is_that_of_code_and_parameters() {
        let source = tempfile::tempdir().unwrap();
        let built = source.path().join(".aws-sam/build");
        let parameters = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(revise(source.path(), &[]).unwrap_err().to_string().contains("nothing is built"));
        std::fs::create_dir_all(built.join("ApiFunction")).unwrap();
        let revised = |code: &str, given: &[&str]| {
            std::fs::write(built.join("ApiFunction/bootstrap"), code).unwrap();
            revise(source.path(), &parameters(given)).unwrap();
            std::fs::read_to_string(built.join("template.yaml")).unwrap()
        };
        std::fs::write(built.join("template.yaml"), "Globals:\n  REVISION: none\nResources: {}\n").unwrap();
        let first = revised("a", &["A=1", "B=2"]);
        assert!(first.starts_with("Globals:\n  REVISION: r") && first.ends_with("\nResources: {}\n"), "{first}");
        assert_eq!(revised("a", &["B=\"2\"", "A=1"]), first);
        assert_ne!(revised("b", &["A=1", "B=2"]), first);
        assert_ne!(revised("a", &["A=1", "B=3"]), first);
        std::fs::write(built.join("template.yaml"), "Resources: {}\n").unwrap();
        assert!(revise(source.path(), &[]).is_err());
    }
}
