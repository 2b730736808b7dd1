use super::*;

fn job(files: &[&str], complaints: Vec<Complaint>) -> Job {
    Job {
        project: "todo".into(),
        purpose: "A list of things.".into(),
        stack: "python".into(),
        task: PlanTask {
            id: "store".into(),
            title: "Store".into(),
            description: "Keeps items.".into(),
            depends_on: Vec::new(),
            wave: 1,
            acceptance: vec!["it keeps".into()],
            files: files.iter().map(|path| (*path).to_owned()).collect(),
            deletes: vec!["old.py".into()],
        },
        files: files.iter().map(|path| ((*path).to_owned(), "code".to_owned())).collect(),
        complaints,
        whole_files: false,
    }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn last(session: &Session) -> String {
    session.request().messages.last().map(|message| message.text.clone()).unwrap_or_default()
}

const GOOD: &str = "### file store.py\n```python\nitems = []\n```\n";
const WRONG: &str = "### edit store.py\n<<<<<<< SEARCH\nitems = {}\n=======\nitems = []\n>>>>>>> REPLACE\n";

#[test]
fn a_good_answer_ends_it() {
    let mut session =
        Session::new(tree(&[("old.py", "x\n"), ("a.py", "y\n")]), job(&["store.py"], vec![]), Patience::default());
    let asked = last(&session);
    for part in ["# Your task: Store", "- store.py: code", "- it keeps", "#### a.py"] {
        assert!(asked.contains(part) || part == "#### a.py", "{part}: {asked}");
    }
    assert_eq!(session.take(GOOD, Finish::Stop), Next::Done);
    let changes: Vec<(&str, bool)> = session.changes().map(|(path, now)| (path.as_str(), now.is_some())).collect();
    assert_eq!(changes, [("store.py", true), ("old.py", false)]);
    assert_eq!(session.trail(), [Turn { applied: 1, ..Turn::default() }]);
}

#[test]
fn a_failed_block_is_answered_with_what_is_there() {
    let mut session =
        Session::new(tree(&[("store.py", "items = ()\n")]), job(&["store.py"], vec![]), Patience::default());
    assert_eq!(session.take(WRONG, Finish::Stop), Next::Ask);
    assert_eq!(session.request().messages.len(), 3);
    assert!(
        last(&session).contains("The closest lines are 1 to 1 of store.py") && last(&session).contains("items = ()")
    );
    assert_eq!(session.take(&WRONG.replace("{}", "()"), Finish::Stop), Next::Done);
}

#[test]
fn what_is_cut_off_goes_on() {
    let mut session = Session::new(Tree::new(), job(&["a.py", "b.py"], vec![]), Patience::default());
    let half = "### file a.py\n```\na = 1\n```\n### file b.py\n```\nb = ";
    assert_eq!(session.take(half, Finish::Length), Next::Ask);
    assert!(last(&session).contains("was cut off") && last(&session).contains("not there yet: b.py"));
    assert_eq!(session.take("### file b.py\n```\nb = 2\n```\n", Finish::Stop), Next::Done);
}

#[test]
fn the_same_again_leads_to_whole_files_and_then_to_an_end() {
    let mut session = Session::new(tree(&[("store.py", "x = 1\n")]), job(&["store.py"], vec![]), Patience::default());
    assert_eq!(session.take(WRONG, Finish::Stop), Next::Ask);
    assert!(!session.is_recovering());
    assert_eq!(session.take(WRONG, Finish::Stop), Next::Ask);
    assert!(session.is_recovering());
    assert_eq!(session.request().messages.len(), 1, "it begins anew");
    assert!(last(&session).contains("as a whole") && last(&session).contains("# What failed before"));
    let Next::GaveUp(end) = session.take(WRONG, Finish::Stop) else { panic!("it gives up") };
    assert_eq!(end.error, STUCK);
    assert!(end.cause.contains("'store'") && end.cause.contains("after 3 answers"), "{}", end.cause);
}

#[test]
fn empty_answers_and_refusals_to_change_come_to_an_end() {
    let complaint = Complaint { path: "store.py".into(), line: 1, rule: "syntax".into(), message: "broken".into() };
    let mut session =
        Session::new(tree(&[("store.py", "x =\n")]), job(&["store.py"], vec![complaint]), Patience::default());
    assert!(last(&session).contains("- store.py, line 1: broken (syntax)"));
    for turn in 0..100 {
        let text = ["", "I can't.", "### file store.py\n```\nx =\n```\n"][turn % 3];
        match session.take(text, Finish::Stop) {
            Next::Ask => {}
            Next::GaveUp(end) => {
                assert!(turn < 10, "{turn}");
                assert_eq!(end.error, STUCK);
                return;
            }
            Next::Done => panic!("nothing was done"),
        }
    }
    panic!("it makes no end");
}

#[test]
fn less_is_shown_where_the_model_reads_less() {
    let long = "x = 1\n".repeat(2_000);
    let mut session = Session::new(tree(&[("store.py", &long)]), job(&["store.py"], vec![]), Patience::default());
    let before = last(&session).len();
    assert!(session.shrink() && session.shrink() && session.shrink());
    assert!(last(&session).len() < before);
    assert!(session.shrink());
    assert!(!session.shrink());
}
