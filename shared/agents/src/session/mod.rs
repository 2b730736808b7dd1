//! The conversation in which a model does one task of a plan.
//!
//! A [`Session`] says what to ask and takes the answers: it does the edits to its own copy of the files, tells the model
//! what could not be done, and sees when no progress is made. Then it recovers once: it begins anew, with the files as they
//! are, and asks for whole files. When that does not help either it gives up and says why. It calls no model and stores
//! nothing, and the same answers lead to the same requests.

mod prompt;

use std::collections::BTreeSet;

use millrace_app::models::{ChatMessage, ChatRequest, Finish};
use millrace_app::projects::PlanTask;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::{self, Wanted};
use crate::edit::{self, Answer, Applied, Limits, Tree};

/// Something that QA found and that stops the delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// The file; empty where it is about the project.
    #[serde(default)]
    pub path: String,
    /// The line, from 1; 0 where it is about the whole file.
    #[serde(default)]
    pub line: u32,
    /// The rule, or the test.
    #[serde(default)]
    pub rule: String,
    /// What is wrong.
    pub message: String,
}

/// What is to be done, and for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The project's name.
    pub project: String,
    /// What the project is, in words.
    pub purpose: String,
    /// Languages and tools.
    pub stack: String,
    /// The task.
    pub task: PlanTask,
    /// What its files are for.
    pub files: Vec<(String, String)>,
    /// What QA found in earlier work.
    pub complaints: Vec<Complaint>,
    /// Whole files from the beginning: what QA found is what it found before.
    pub whole_files: bool,
}

/// How much a session may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tokens of files that are shown, as [`context::tokens`] counts them.
    pub context: usize,
    /// Tokens of one answer.
    pub answer: u32,
    /// Answers, before recovery and after it, each.
    pub turns: u32,
    /// Files that one task may touch.
    pub files: usize,
}

impl Default for Patience {
    /// 24,000 tokens of context, 16,000 an answer, four answers before recovery and four after it, 90 files (a transaction
    /// of the table takes 100 writes).
    fn default() -> Self {
        Self { context: 24_000, answer: 16_000, turns: 4, files: 90 }
    }
}

/// What follows an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask again.
    Ask,
    /// The task is done: the session's files are the result.
    Done,
    /// No way was found.
    GaveUp(GaveUp),
}

/// Why a session gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaveUp {
    /// The error's name for the workflow.
    pub error: &'static str,
    /// What happened, for the project's owner.
    pub cause: String,
}

/// The name of the failure of a session that found no way.
pub const STUCK: &str = "Millrace.Stuck";

/// One answer, in short, for the project's timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Changes that were made.
    pub applied: usize,
    /// Changes that were refused, and parts that could not be read.
    pub refused: usize,
    /// Did the answer end before its end?
    pub cut_off: bool,
    /// Did it come after the session had begun anew?
    pub recovery: bool,
}

/// A conversation.
#[derive(Debug, Clone)]
pub struct Session {
    job: Job,
    patience: Patience,
    base: Tree,
    tree: Tree,
    messages: Vec<ChatMessage>,
    /// Answers since the beginning or the recovery.
    turns: u32,
    recovering: bool,
    /// What failed, each time; and what was answered. The same again is no progress.
    seen: BTreeSet<String>,
    trail: Vec<Turn>,
}

impl Session {
    /// Begins a task over the files of `base`. What the plan removes is removed.
    #[must_use]
    pub fn new(base: Tree, job: Job, patience: Patience) -> Self {
        let mut tree = base.clone();
        for path in &job.task.deletes {
            tree.remove(path);
        }
        let recovering = job.whole_files;
        let mut session = Self {
            job,
            patience,
            base,
            tree,
            messages: Vec::new(),
            turns: 0,
            recovering,
            seen: BTreeSet::new(),
            trail: Vec::new(),
        };
        session.begin(None);
        session
    }

    /// Does the task need a model at all? One that only removes files does not.
    #[must_use]
    pub fn needs_model(&self) -> bool {
        !self.job.task.files.is_empty() || !self.job.complaints.is_empty()
    }

    /// What to ask.
    #[must_use]
    pub fn request(&self) -> ChatRequest {
        ChatRequest {
            system: Some(prompt::system()),
            messages: self.messages.clone(),
            schema: None,
            max_output_tokens: self.patience.answer,
            temperature: None,
        }
    }

    /// The files as they are now.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The answers so far.
    #[must_use]
    pub fn trail(&self) -> &[Turn] {
        &self.trail
    }

    /// Has the session begun anew, or was it to ask for whole files from the beginning?
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.recovering
    }

    /// Begins anew with half of what was shown. False where that is too little to be of use.
    pub fn shrink(&mut self) -> bool {
        self.patience.context /= 2;
        let useful = self.patience.context >= 1_000;
        if useful {
            self.begin(None);
        }
        useful
    }

    fn begin(&mut self, failures: Option<&str>) {
        let words = prompt::words(&self.job);
        let mut files = self.job.task.files.clone();
        files.extend(self.job.complaints.iter().map(|it| it.path.clone()).filter(|path| !path.is_empty()));
        let wanted = Wanted { files: &files, words: &words, budget: self.patience.context };
        let shown = context::select(&self.tree, &wanted).render();
        let prompt = prompt::task(&self.job, &shown, self.recovering, failures);
        self.messages = vec![ChatMessage::user(prompt)];
        self.turns = 0;
    }

    /// Takes an answer.
    pub fn take(&mut self, text: &str, finish: Finish) -> Next {
        let answer = edit::parse(text);
        let before = self.tree.clone();
        let applied = edit::apply(&mut self.tree, &answer.steps, &Limits::default());
        let cut_off = finish == Finish::Length;
        let refused = applied.refused().count();
        self.trail.push(Turn {
            applied: applied.outcomes.len() - refused,
            refused: refused + answer.problems.len(),
            cut_off,
            recovery: self.recovering,
        });
        self.turns += 1;
        let Some(told) = self.failures(&answer, &applied, cut_off) else {
            let touched = self.changes().count();
            if touched > self.patience.files {
                let cause = format!(
                    "The task '{}' would change {touched} files; a task may change {}. Split it in the plan.",
                    self.job.task.id, self.patience.files
                );
                return Next::GaveUp(GaveUp { error: "Millrace.TooLarge", cause });
            }
            return Next::Done;
        };
        let moved = self.tree != before;
        // The same answer, or the same failure over the same files.
        let repeated = !self.seen.insert(format!("answer {text}")) | (!moved && !self.seen.insert(told.clone()));
        if repeated || self.turns >= self.patience.turns {
            return self.recover(&told, repeated);
        }
        // A model that answered nothing is still to be quoted with something.
        let said = if text.trim().is_empty() { "(no answer)" } else { text };
        self.messages.push(ChatMessage::assistant(said));
        self.messages.push(ChatMessage::user(told));
        Next::Ask
    }

    /// Begins anew, or gives up where that was done before.
    fn recover(&mut self, told: &str, repeated: bool) -> Next {
        if !self.recovering {
            self.recovering = true;
            self.begin(Some(told));
            return Next::Ask;
        }
        let answers = self.trail.len();
        let how = if repeated { "the answers repeat themselves" } else { "the answers make no end" };
        let cause = format!(
            "The task '{}' ({}) could not be done: after {answers} answers of the model, also to the request for whole files, \
             {how}. The last one failed so: {}",
            self.job.task.id,
            self.job.task.title,
            told.chars().take(1_200).collect::<String>(),
        );
        Next::GaveUp(GaveUp { error: STUCK, cause })
    }

    /// What is still wrong after an answer, for the model; `None` where nothing is.
    fn failures(&self, answer: &Answer, applied: &Applied, cut_off: bool) -> Option<String> {
        let mut parts: Vec<String> = edit::feedback(answer, applied).into_iter().collect();
        if cut_off {
            parts.push(
                "Your answer was cut off because it was too long. What was complete is done. Go on with what is missing, in \
                 shorter answers: no explanations, and a few files at a time.\n"
                    .to_owned(),
            );
        }
        if answer.steps.is_empty() && answer.problems.is_empty() && !cut_off {
            parts.push(
                "Your answer has no change in it. Give the changes in the format that you were told.\n".to_owned(),
            );
        }
        let missing: Vec<&str> =
            self.job.task.files.iter().map(String::as_str).filter(|path| !self.tree.contains_key(*path)).collect();
        if !missing.is_empty() {
            parts.push(format!("These files of the task are not there yet: {}. Write them.\n", missing.join(", ")));
        }
        if parts.is_empty() && !self.job.complaints.is_empty() && self.tree == self.base {
            parts.push("Nothing has changed, so what was found is still there. Change what causes it.\n".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join("\n"))
    }

    /// The files that are not as they were: path, and contents where it is still there.
    pub fn changes(&self) -> impl Iterator<Item = (&String, Option<&Vec<u8>>)> {
        let written = self
            .tree
            .iter()
            .filter(|(path, contents)| self.base.get(*path) != Some(contents))
            .map(|(path, contents)| (path, Some(contents)));
        let gone = self.base.keys().filter(|path| !self.tree.contains_key(*path)).map(|path| (path, None));
        written.chain(gone)
    }
}

/// What QA found, as the delivery hands it to a task.
#[must_use]
pub fn complaints(findings: &Value) -> Vec<Complaint> {
    let list = findings.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|finding| serde_json::from_value(finding.clone()).ok()).collect()
}

#[cfg(test)]
mod tests;
