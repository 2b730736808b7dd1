//! Test runs and reports as they travel between a process and its children.

use std::io;
use std::time::Duration;

use super::{CASES, ProjectFile, TestCase, TestOutcome, TestReport, TestRun};
use crate::frame::{Reader, Writer, read_limits, write_limits};
use crate::invocation::Limits;

const OUTCOMES: [TestOutcome; 5] =
    [TestOutcome::Passed, TestOutcome::Failed, TestOutcome::Skipped, TestOutcome::NotRun, TestOutcome::Empty];

pub(crate) fn write_run(to: &mut Writer, run: &TestRun, limits: &Limits) {
    to.number(run.files.len() as u64);
    for file in &run.files {
        to.text(&file.path).text(&file.text);
    }
    to.text(&run.entry).number(u64::from(run.globals));
    write_limits(to, limits);
}

pub(crate) fn read_run(from: &mut Reader) -> io::Result<(TestRun, Limits)> {
    let mut files = Vec::new();
    for _ in 0..from.number()? {
        files.push(ProjectFile { path: from.text()?, text: from.text()? });
    }
    let run = TestRun { files, entry: from.text()?, globals: from.number()? == 1 };
    Ok((run, read_limits(from)?))
}

pub(crate) fn write_report(to: &mut Writer, report: &TestReport) {
    to.number(report.cases.len() as u64);
    for case in &report.cases {
        let outcome = OUTCOMES.iter().position(|outcome| *outcome == case.outcome).unwrap_or_default();
        to.text(&case.name).number(outcome as u64);
        to.number(u64::try_from(case.duration.as_micros()).unwrap_or(u64::MAX)).text(&case.message);
        to.number(case.places.len() as u64);
        for place in &case.places {
            to.text(place);
        }
    }
    to.number(u64::from(report.ended.is_some())).text(report.ended.as_deref().unwrap_or_default());
}

pub(crate) fn read_report(from: &mut Reader) -> io::Result<TestReport> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "a report that is none");
    let mut cases = Vec::new();
    for _ in 0..from.number()? {
        if cases.len() > CASES {
            return Err(bad());
        }
        let name = from.text()?;
        let outcome = usize::try_from(from.number()?).ok().and_then(|at| OUTCOMES.get(at)).copied().ok_or_else(bad)?;
        let duration = Duration::from_micros(from.number()?);
        let message = from.text()?;
        let mut places = Vec::new();
        for _ in 0..from.number()? {
            places.push(from.text()?);
        }
        cases.push(TestCase { name, outcome, duration, message, places });
    }
    let is_ended = from.number()? == 1;
    let why = from.text()?;
    Ok(TestReport { cases, ended: is_ended.then_some(why) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let run = TestRun {
            files: vec![ProjectFile { path: "a.js".into(), text: "é".into() }],
            entry: "a.js".into(),
            globals: true,
        };
        let mut pipe = Vec::new();
        let mut frame = Writer::new(7);
        write_run(&mut frame, &run, &Limits::default());
        frame.send(&mut pipe).unwrap();
        let mut frame = Reader::receive(&mut pipe.as_slice()).unwrap().unwrap();
        assert_eq!(frame.byte().unwrap(), 7);
        assert_eq!(read_run(&mut frame).unwrap(), (run, Limits::default()));

        let case = TestCase {
            name: "adds".into(),
            outcome: TestOutcome::NotRun,
            duration: Duration::from_micros(7),
            message: "no".into(),
            places: vec!["a.js:1".into()],
        };
        for ended in [None, Some("time".to_owned())] {
            let report = TestReport { cases: vec![case.clone()], ended };
            let (mut pipe, mut frame) = (Vec::new(), Writer::new(1));
            write_report(&mut frame, &report);
            frame.send(&mut pipe).unwrap();
            let mut frame = Reader::receive(&mut pipe.as_slice()).unwrap().unwrap();
            frame.byte().unwrap();
            assert_eq!(read_report(&mut frame).unwrap(), report);
        }
    }
}
