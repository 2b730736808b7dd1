//! Models' answers: habits, refusals, arbitrary text, and blocks made from a difference.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

use millrace_agents::edit::{Answer, Done, Limits, Op, Refusal, Tree, apply, feedback, merge, parse};
use proptest::prelude::*;

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn text<'a>(tree: &'a Tree, path: &str) -> &'a str {
    std::str::from_utf8(tree.get(path).unwrap_or_else(|| panic!("no {path}"))).unwrap()
}

fn done(tree: &mut Tree, answer: &str) -> (Answer, Vec<Result<Done, Refusal>>) {
    let answer = parse(answer);
    let applied = apply(tree, &answer.steps, &Limits::default());
    (answer, applied.outcomes.into_iter().map(|outcome| outcome.result).collect())
}

const APP: &str = "import os\n\n\ndef add(a, b):\n    return a - b\n\n\ndef sub(a, b):\n    return a - b\n";
const FIXED: &str = "import os\n\n\ndef add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n";

#[test]
fn habits_of_models_are_understood() {
    let block = "<<<<<<< SEARCH\ndef add(a, b):\n    return a - b\n=======\ndef add(a, b):\n    return a + b\n>>>>>>> REPLACE\n";
    let loose = block.replace("    return a - b\n", "    return a - b   \n");
    let dedented = block.replace("    return", "  return");
    let short = block.replace("<<<<<<<", "<<<<<").replace("=======", "=====").replace(">>>>>>>", ">>>>>");
    let uneven = block.replace("=======", "========");
    let answers = [
        format!("### edit src/app.py\n{block}"),
        format!("Here is the change.\n\n### Edit `src/app.py`\n```python\n{block}```\nThat's all."),
        format!("**Edit: src/app.py**\n\n```\n{block}```\n"),
        format!("src/app.py\n```python\n{block}```\n"),
        format!("`src/app.py`:\n\n~~~python\n{block}~~~\n"),
        format!("## src/app.py\n{block}"),
        format!("```python src/app.py\n{block}```\n"),
        format!("```python:src/app.py\n{block}```\n"),
        format!("```python title=\"src/app.py\"\n{block}```\n"),
        format!("```\nsrc/app.py\n{block}```\n"),
        format!("```python\n{block}```\n"),
        block.to_owned(),
        format!("### edit ./src/app.py\n{loose}"),
        format!("### edit src/app.py\n{short}"),
        format!("### edit src/app.py\n{uneven}"),
        format!("### edit src/app.py\n{block}").replace('\n', "\r\n"),
        format!("### modify file src/app.py\n\n{}", block.replace("SEARCH\n", "SEARCH\n\n\n\n")),
        format!("### file src/app.py\n```python\n{FIXED}```\n"),
        format!("### edit src/app.py\n{block}").trim_end().to_owned(),
    ];
    for answer in answers {
        let mut files = tree(&[("src/app.py", APP), ("README.md", "# App\n")]);
        let (read, results) = done(&mut files, &answer);
        assert_eq!(read.problems, [], "{answer}");
        assert!(results.len() == 1 && results[0].is_ok(), "{answer}\n{results:?}");
        assert_eq!(text(&files, "src/app.py"), FIXED, "{answer}");
    }
    // An indentation that is not the file's is not the same program.
    let mut files = tree(&[("src/app.py", APP)]);
    assert!(matches!(
        done(&mut files, &format!("### edit src/app.py\n{dedented}")).1[0],
        Err(Refusal::NotFound { .. })
    ));
}

#[test]
fn files_come_go_and_move() {
    let mut files = tree(&[("a.py", "x = 1\n"), ("old.py", "y = 2\n")]);
    let answer = "### file docs/README.md\n```markdown\n# Use\n```sh\nrun it\n```\nDone.\n```\n\n### file pkg/__init__.py\n```python\n```\n\
                  ### delete a.py\n### rename old.py -> pkg/new.py\n### edit pkg/new.py\n<<<<<<< SEARCH\ny = 2\n=======\ny = 3\n>>>>>>> REPLACE\n\
                  ### edit pkg/more.py\n<<<<<<< SEARCH\n=======\nz = 1\n>>>>>>> REPLACE\n";
    let (read, results) = done(&mut files, answer);
    assert_eq!(read.problems, []);
    use Done::{Deleted, Renamed, Replaced, Written};
    assert_eq!(results, [Written, Written, Deleted, Renamed, Replaced, Written].map(Ok));
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["docs/README.md", "pkg/__init__.py", "pkg/more.py", "pkg/new.py"]);
    assert_eq!(text(&files, "docs/README.md"), "# Use\n```sh\nrun it\n```\nDone.\n");
    assert_eq!(text(&files, "pkg/__init__.py"), "");
    assert_eq!(text(&files, "pkg/new.py"), "y = 3\n");
}

#[test]
fn what_can_not_be_done_is_refused_with_what_helps() {
    let start = tree(&[("src/app.py", APP), ("logo.png", "\0png")]);
    let block =
        |path: &str, search: &str| format!("### edit {path}\n<<<<<<< SEARCH\n{search}=======\nnew\n>>>>>>> REPLACE\n");
    let refusal = |answer: &str| {
        let mut files = start.clone();
        let result = done(&mut files, answer).1.pop().unwrap().unwrap_err();
        assert_eq!(files, start, "nothing is done of {answer}");
        result
    };
    let Refusal::NotFound { closest: Some(region) } =
        refusal(&block("src/app.py", "def sub(a, b):\n    return b - a\n"))
    else {
        panic!("not found, with what is closest")
    };
    assert_eq!((region.path.as_str(), region.first_line, region.last_line), ("src/app.py", 6, 9));
    assert_eq!(refusal(&block("src/app.py", "    return a - b\n")), Refusal::Ambiguous { lines: vec![5, 9] });
    assert_eq!(refusal(&block("src/app.py", "")), Refusal::EmptySearch);
    assert_eq!(refusal(&block("app.py", "x\n")), Refusal::NoSuchFile { similar: Some("src/app.py".into()) });
    assert_eq!(refusal(&block("logo.png", "x\n")), Refusal::NotText);
    for path in ["../x.py", "/etc/passwd", "src/../../x", "con.py", "SRC/x.py", "src/app.py/x", ".git/config"] {
        let answer = format!("### file {path}\n```\nx\n```\n");
        assert!(matches!(refusal(&answer), Refusal::Path(_)), "{path}");
        assert!(matches!(refusal(&format!("### rename logo.png -> {path}\n")), Refusal::Path(_)), "{path}");
    }
    let lazy = "### file src/app.py\n```python\nimport os\n# ... rest of the code unchanged ...\n```\n";
    assert!(matches!(refusal(lazy), Refusal::Elided { .. }));
    assert_eq!(refusal("### edit src/app.py\n```python\nx = 1\n```\n"), Refusal::NotWhole);
    assert!(matches!(refusal(&format!("### file big.txt\n```\n{}\n```\n", "x".repeat(1 << 20))), Refusal::TooLarge(_)));
}

#[test]
fn a_model_is_told_what_was_done_and_what_was_not() {
    let mut files = tree(&[("src/app.py", APP)]);
    let answer = parse(
        "### edit src/app.py\n<<<<<<< SEARCH\nimport os\n=======\nimport sys\n>>>>>>> REPLACE\n<<<<<<< SEARCH\ndef sub(x, y):\n    return a - b\n\
         =======\npass\n>>>>>>> REPLACE\n### file x.py\n```python\nx = 1\n",
    );
    let applied = apply(&mut files, &answer.steps, &Limits::default());
    let told = feedback(&answer, &applied).unwrap();
    for part in [
        "change 1 (src/app.py): block applied",
        "change 2 (src/app.py), line 7 of your answer: the SEARCH lines are not in the file",
        "The closest lines are 6 to 9 of src/app.py",
        "def sub(a, b):",
        "line 14 of your answer (x.py): the fenced block is not closed",
    ] {
        assert!(told.contains(part), "{part}\n---\n{told}");
    }
    assert!(answer.problems[0].cut_off);
    let good = parse("### file x.py\n```\nx\n```\n");
    assert_eq!(feedback(&good, &apply(&mut files, &good.steps, &Limits::default())), None);
}

#[test]
fn talk_and_examples_change_nothing() {
    for answer in [
        "",
        "I can't do that.",
        "Run it so:\n```sh\npython src/app.py\n```\n",
        "In `src/app.py` we have:\n```python\nx = 1\n```\n",
        "| a | b |\n|---|---|\n====\n<<<<\n",
        "Delete the file when you like. New: things. Move on: fast",
    ] {
        assert_eq!(parse(answer), Answer::default(), "{answer}");
    }
    let diff = parse("```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n```\n");
    assert!(diff.steps.is_empty() && diff.problems[0].message.contains("a diff is not taken"));
}

#[test]
fn doing_an_answer_again_changes_nothing() {
    let answer =
        "### edit a.py\n<<<<<<< SEARCH\nvalue = compute(1)\n=======\nvalue = compute_all(1, 2)\n>>>>>>> REPLACE\n";
    let mut files = tree(&[("a.py", "value = compute(1)\n")]);
    assert_eq!(done(&mut files, answer).1, [Ok(Done::Replaced)]);
    assert_eq!(done(&mut files, answer).1, [Ok(Done::AlreadySo)]);
}

#[test]
fn line_ends_are_the_files_own() {
    let mut files = tree(&[("a.txt", "one\r\ntwo\r\nthree")]);
    done(&mut files, "### edit a.txt\n<<<<<<< SEARCH\ntwo\nthree\n=======\n2\n3\n>>>>>>> REPLACE\n");
    assert_eq!(text(&files, "a.txt"), "one\r\n2\r\n3");
    done(&mut files, "### file a.txt\n```\nx\ny\n```\n");
    assert_eq!(text(&files, "a.txt"), "x\r\ny\r\n");
}

/// Blocks that turn `old` into `new`, with markers that none of the lines looks like.
fn blocks(path: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let prefix = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let suffix = old[prefix..].iter().rev().zip(new[prefix..].iter().rev()).take_while(|(a, b)| a == b).count();
    // More lines around it until it is there once.
    let (mut from, mut to) = (prefix, old.len() - suffix);
    while (from > 0 || to < old.len())
        && (from == to || old.windows(to - from).filter(|window| *window == &old[from..to]).count() > 1)
    {
        from = from.saturating_sub(1);
        to = (to + 1).min(old.len());
    }
    let replacement = &new[from..new.len() - (old.len() - to)];
    let run = |line: &&str| line.trim().chars().take_while(|char| "<=>".contains(*char)).count();
    let length = old.iter().chain(&new).map(run).max().unwrap_or(0).max(6) + 1;
    let mut out = format!("### edit {path}\n{} SEARCH\n", "<".repeat(length));
    for line in &old[from..to] {
        out += &format!("{line}\n");
    }
    out += &format!("{}\n", "=".repeat(length));
    for line in replacement {
        out += &format!("{line}\n");
    }
    out + &format!("{} REPLACE\n", ">".repeat(length))
}

/// Lines as code has them, with what the format itself uses among them.
fn code() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "[ \t]{0,6}[a-z(){}=:;,.+ ]{0,12}",
        1 => Just("=======".to_owned()),
        1 => Just(">>>>>>> REPLACE".to_owned()),
        1 => Just("<<<<<<< SEARCH".to_owned()),
        1 => Just("```".to_owned()),
        1 => Just("### file a.py".to_owned()),
        1 => Just(String::new()),
        1 => "\\PC{0,8}",
    ];
    proptest::collection::vec(line, 0..14).prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_text_never_panics(answer in "\\PC*", code in code(), file in code()) {
        for answer in [answer.clone(), code.clone(), format!("{code}{answer}"), format!("### edit a.py\n{code}")] {
            let parsed = parse(&answer);
            let mut files = tree(&[("a.py", &file), ("b/c.md", &answer)]);
            let applied = apply(&mut files, &parsed.steps, &Limits::default());
            prop_assert_eq!(applied.outcomes.len(), parsed.steps.len());
            let _ = feedback(&parsed, &applied);
            for path in files.keys() {
                prop_assert!(millrace_app::projects::work::check_path(path).is_ok(), "{}", path);
            }
        }
    }

    #[test]
    fn blocks_made_from_a_difference_give_the_target(old in code(), new in code()) {
        prop_assume!(old != new && !old.trim().is_empty());
        let answer = blocks("a.py", &old, &new);
        let parsed = parse(&answer);
        prop_assert_eq!(&parsed.problems, &[]);
        prop_assert_eq!(parsed.steps.len(), 1);
        let mut files = tree(&[("a.py", &old)]);
        let applied = apply(&mut files, &parsed.steps, &Limits::default());
        prop_assert!(applied.refused().next().is_none(), "{}\n{:?}", answer, applied);
        prop_assert_eq!(text(&files, "a.py"), new.as_str());
    }

    #[test]
    fn whole_files_arrive_as_they_are(new in code()) {
        // A file that begins with a marker of the format can't be told from blocks.
        let first = new.lines().filter(|line| !line.trim().is_empty()).take(2).any(|line| line.contains("<<<<"));
        prop_assume!(!first);
        let answer = format!("### file a.py\n`````python\n{new}`````\n");
        let parsed = parse(&answer);
        prop_assert!(matches!(parsed.steps.as_slice(), [step] if matches!(step.op, Op::Write { .. })), "{:?}", parsed);
        let mut files = Tree::new();
        apply(&mut files, &parsed.steps, &Limits::default());
        prop_assert_eq!(text(&files, "a.py"), new.as_str());
    }

    #[test]
    fn merging_loses_no_change(base in code(), ours in code(), theirs in code()) {
        prop_assert_eq!(merge(&base, &ours, &base).unwrap(), ours.clone());
        prop_assert_eq!(merge(&base, &base, &theirs).unwrap(), theirs.clone());
        prop_assert_eq!(merge(&base, &ours, &ours).unwrap(), ours.clone());
        prop_assert_eq!(merge(&base, &ours, &theirs).is_ok(), merge(&base, &theirs, &ours).is_ok());
        if let Ok(merged) = merge(&base, &ours, &theirs) {
            for line in ours.lines().filter(|line| !base.contains(*line)) {
                prop_assert!(merged.contains(line));
            }
        }
    }
}
