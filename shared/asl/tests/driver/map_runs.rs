//! What the driver does for map runs: it divides items, brings pages, joins them, and keeps the executions' histories.

use millrace_asl::map_run::{Divided, ItemEnd, Loaded, PageReport, Work, page_size};
use millrace_asl::{Event, Fanout, HistoryPart, NumberedEvent, Outcome, Position, Role, number};
use serde_json::json;

use super::{Due, LogPath, World, below};

impl World<'_> {
    /// The event that brings the result of work that the driver does itself; `None` where a script says what comes of it.
    pub(super) fn work(&mut self, log: &LogPath, id: u32, work: Work) -> Option<Event> {
        let Position::Work { run, .. } = &self.logs[log].snapshot.position else { panic!("no work there") };
        let output = match work {
            Work::Split => {
                let items = run.items.clone();
                let size = usize::try_from(page_size(run.limit, run.batch.as_ref())).unwrap();
                let (mut pages, mut first) = (0, 0);
                for part in items.chunks(size) {
                    let loaded = Loaded { first, items: part.to_vec(), origins: Vec::new(), before: Vec::new() };
                    self.pages.insert((log.clone(), pages), json!(loaded));
                    first += part.len() as u64;
                    pages += 1;
                }
                json!(Divided { stored: "somewhere".into(), total: first, pages, keyed: false })
            }
            Work::Load if run.stored.is_empty() => {
                json!(Loaded { first: 0, items: run.items.clone(), origins: Vec::new(), before: Vec::new() })
            }
            Work::Load => {
                let (above, page) = (log[..log.len() - 1].to_vec(), run.page.unwrap().number);
                self.pages.get(&(above, page))?.clone()
            }
            Work::Read | Work::Write => return None,
        };
        Some(Event::TaskSucceeded { id, output })
    }

    pub(super) fn join_map_run(&mut self, log: &LogPath, waiting: &Fanout) {
        let (mut tick, mut ends, mut results) = (0, Vec::new(), Vec::new());
        for index in waiting.with_logs() {
            let child = &self.logs[&below(log, waiting.id, index)];
            let outcome = child.snapshot.outcome().expect("joined before the child ended");
            tick = tick.max(child.tick);
            match PageReport::of(outcome) {
                Some(report) if waiting.map_run().is_some() => {
                    results.extend(report.ends.into_iter().map(|(_, end)| match end {
                        ItemEnd::Succeeded { output } => output,
                        other => json!(other),
                    }));
                }
                _ => ends.push((index, ItemEnd::from(outcome))),
            }
        }
        let fanout = waiting.id;
        let event = match waiting.map_run() {
            Some(_) => Event::PagesJoined { fanout, results },
            None => Event::ExecutionsJoined { fanout, ends },
        };
        self.deliver(log, event, tick);
    }

    /// A page has ended, or an execution of one.
    pub(super) fn settle_map_run(&mut self, log: &LogPath, fanout: u32, index: u32, above: LogPath) {
        let thread = &self.logs[log];
        let (outcome, child) = (thread.snapshot.outcome().unwrap(), thread.snapshot.child.as_ref().unwrap());
        if matches!(outcome, Outcome::Aborted { .. }) {
            return;
        }
        let (tick, end, succeeded) =
            (thread.tick, ItemEnd::from(outcome), matches!(outcome, Outcome::Succeeded { .. }));
        if child.role == Role::Page {
            let report = PageReport::of(outcome).ok_or_else(|| match outcome {
                Outcome::Failed { failure } => failure.clone(),
                other => panic!("a page ends with {other:?}"),
            });
            return self.push(self.now, Due::Event(above, Event::PageEnded { fanout, page: index, report }, tick));
        }
        let (counted, role) = (child.counted, child.role);
        if let Some(counted) = counted {
            let ended = self.joined.entry((above.clone(), fanout)).or_default();
            assert!(ended.insert(counted.position), "every execution is counted once");
            if ended.len() == counted.total as usize {
                self.push(self.now, Due::Join(above.clone(), fanout));
            }
        }
        if counted.is_none() || role == Role::ToldExecution && !succeeded {
            self.push(self.now, Due::Event(above, Event::ExecutionEnded { fanout, index, end }, tick));
        }
    }

    /// The pages: what lies below them is no part of the execution's own history.
    pub(super) fn apart(&self) -> Vec<LogPath> {
        let is_page = |role: Role| role == Role::Page;
        let pages = self
            .logs
            .iter()
            .filter(|(_, thread)| thread.snapshot.child.as_ref().is_some_and(|child| is_page(child.role)));
        pages.map(|(log, _)| log.clone()).collect()
    }

    /// The histories of the executions that have logs of their own.
    pub(crate) fn executions(&self) -> Vec<(LogPath, Vec<NumberedEvent>)> {
        let apart = self.apart();
        let mut all = Vec::new();
        for (log, thread) in &self.logs {
            if !thread.snapshot.child.as_ref().is_some_and(|child| child.role.is_execution()) {
                continue;
            }
            let below_page = |path: &LogPath| apart.iter().any(|page| page.len() > log.len() && path.starts_with(page));
            let mut parts: Vec<HistoryPart> = self.parts.clone();
            parts.extend(self.logs.iter().filter(|(_, thread)| !thread.unwritten.is_empty()).map(|(path, thread)| {
                HistoryPart {
                    at: thread.at,
                    tick: thread.tick,
                    path: path.clone(),
                    seq: 0,
                    events: thread.unwritten.clone(),
                }
            }));
            parts.retain(|part| part.path.starts_with(log) && !below_page(&part.path));
            for part in &mut parts {
                part.path.drain(..log.len());
            }
            all.push((log.clone(), number(parts)));
        }
        all
    }
}
