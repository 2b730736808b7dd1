//! Size and complexity of files and functions.
//!
//! What counts is written down in `kinds.rs`; the walk that counts is in `count.rs`. A function
//! inside another has its own entry; its cyclomatic complexity is not added to the outer one, its
//! cognitive complexity is, one level deeper, as the definition asks.

mod count;
mod kinds;
mod sql;
mod yaml;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::syntax::Parsed;
use super::{Language, SourceFile};

/// Metrics of one function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionMetrics {
    /// Its name, or `(anonymous)`.
    pub name: String,
    /// The line it starts on, from 1.
    pub line: u32,
    /// Lines from its first to its last.
    pub lines: u32,
    /// McCabe's cyclomatic complexity.
    pub cyclomatic: u32,
    /// `SonarSource`'s cognitive complexity, with the functions inside of it.
    pub cognitive: u32,
    /// The same without the functions inside of it.
    pub own_cognitive: u32,
    /// Whether another function holds it.
    pub nested: bool,
}

/// Metrics of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileMetrics {
    /// The file's path.
    pub path: String,
    /// Its language.
    pub language: Language,
    /// Size in bytes.
    pub bytes: u64,
    /// Lines; 0 for files that are not text.
    pub lines: u32,
    /// Lines with code; all lines that are not blank when the parser gave up. 0 for files that are counted but not judged.
    pub sloc: u32,
    /// Lines with nothing but a comment. Python's docstrings are code here.
    pub comment_lines: u32,
    /// The functions in source order.
    pub functions: Vec<FunctionMetrics>,
    /// 1 and all decisions of the file, in functions and outside.
    pub cyclomatic: u32,
    /// Cognitive complexity of the outermost functions and of the code outside of functions.
    pub cognitive: u32,
    /// Halstead's volume N·log2(n) over the leaf tokens: words and literals are operands, all
    /// other tokens operators, closing brackets and comments are left out.
    pub halstead_volume: f64,
    /// Maintainability index from 0 to 100 (see [`maintainability_index`]); None without code.
    pub maintainability_index: Option<f64>,
}

/// Sums over the files of a project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Number of files.
    pub files: u32,
    /// Bytes of all files.
    pub bytes: u64,
    /// Lines of all text files.
    pub lines: u32,
    /// Lines with code.
    pub sloc: u32,
    /// Lines with nothing but a comment.
    pub comment_lines: u32,
    /// Number of functions.
    pub functions: u32,
    /// The highest cyclomatic complexity of a function.
    pub max_cyclomatic: u32,
    /// The highest cognitive complexity of a function.
    pub max_cognitive: u32,
    /// Mean cyclomatic complexity of the functions; 0 without functions.
    pub mean_cyclomatic: f64,
    /// Mean of the files' maintainability indexes, weighted by SLOC; 100 without code.
    pub maintainability_index: f64,
}

impl Totals {
    /// Adds up the metrics of files.
    #[must_use]
    pub fn of(files: &[FileMetrics]) -> Self {
        let mut totals = Self::default();
        let mut weighted = 0.0;
        let mut weight = 0.0;
        let mut cyclomatic = 0_u64;
        for file in files {
            totals.files += 1;
            totals.bytes += file.bytes;
            totals.lines += file.lines;
            totals.sloc += file.sloc;
            totals.comment_lines += file.comment_lines;
            if let Some(index) = file.maintainability_index {
                weighted += index * f64::from(file.sloc);
                weight += f64::from(file.sloc);
            }
            for function in &file.functions {
                totals.functions += 1;
                cyclomatic += u64::from(function.cyclomatic);
                totals.max_cyclomatic = totals.max_cyclomatic.max(function.cyclomatic);
                totals.max_cognitive = totals.max_cognitive.max(function.cognitive);
            }
        }
        if totals.functions > 0 {
            totals.mean_cyclomatic = round2(cyclomatic as f64 / f64::from(totals.functions));
        }
        totals.maintainability_index = if weight > 0.0 { round2(weighted / weight) } else { 100.0 };
        totals
    }
}

/// The maintainability index in Visual Studio's form:
/// `max(0, (171 − 5.2·ln(HV) − 0.23·CC − 16.2·ln(SLOC)) · 100 / 171)`, at most 100.
///
/// As in Visual Studio, volumes and lines below 1 count as 1.
#[must_use]
pub fn maintainability_index(halstead_volume: f64, cyclomatic: u32, sloc: u32) -> f64 {
    let volume = halstead_volume.max(1.0).ln();
    let lines = f64::from(sloc.max(1)).ln();
    let index = (171.0 - 5.2 * volume - 0.23 * f64::from(cyclomatic) - 16.2 * lines) * 100.0 / 171.0;
    round2(index.clamp(0.0, 100.0))
}

/// Two decimals, so that reports are the same everywhere.
pub(crate) fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A comment of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    /// Byte offset in the text.
    pub(crate) start: usize,
    /// Byte offset after the last byte.
    pub(crate) end: usize,
}

/// Metrics of a file with what the rules need besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The metrics.
    pub metrics: FileMetrics,
    /// The comments in source order.
    pub(crate) comments: Vec<Comment>,
    /// Lines (from 0) that begin inside a string.
    pub(crate) string_rows: BTreeSet<usize>,
}

/// Measures one file.
#[must_use]
pub fn measure(file: &SourceFile, parsed: &Parsed<'_>) -> Measured {
    let lines = parsed.text.map_or(0, |text| text.lines().count());
    let mut measured = Measured {
        metrics: FileMetrics {
            path: file.path.clone(),
            language: parsed.language,
            bytes: file.contents.len() as u64,
            lines: u32::try_from(lines).unwrap_or(u32::MAX),
            sloc: 0,
            comment_lines: 0,
            functions: Vec::new(),
            cyclomatic: 0,
            cognitive: 0,
            halstead_volume: 0.0,
            maintainability_index: None,
        },
        comments: Vec::new(),
        string_rows: BTreeSet::new(),
    };
    match (parsed.text, &parsed.tree) {
        (Some(text), Some(tree)) => count::count(text, tree, kinds::of(parsed.language), &mut measured),
        (Some(text), None) if parsed.language == Language::Yaml => yaml::count(text, &mut measured),
        (Some(text), None) if parsed.language == Language::Sql => sql::count(text, &mut measured),
        (Some(text), None) if parsed.language.is_judged() => {
            let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
            measured.metrics.sloc = u32::try_from(lines).unwrap_or(u32::MAX);
        }
        _ => {}
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::super::{AnalysisOptions, syntax};
    use super::*;

    fn metrics(path: &str, text: &str) -> FileMetrics {
        let file = SourceFile::new(path, text);
        let parsed = syntax::parse(&file, &AnalysisOptions::default());
        assert_eq!(parsed.findings, [], "{text}");
        measure(&file, &parsed).metrics
    }

    fn of(path: &str, text: &str) -> (u32, u32) {
        let metrics = metrics(path, text);
        let first = &metrics.functions[0];
        (first.cyclomatic, first.cognitive)
    }

    #[test]
    fn lines_of_each_sort() {
        let m = metrics("a.py", "# one\n\nx = 1  # two\ny = '''\n\n'''\n    # three\n");
        assert_eq!((m.lines, m.sloc, m.comment_lines), (7, 3, 2));
        let m = metrics("a.css", "/* a\n b */\na { color: red }\n");
        assert_eq!((m.lines, m.sloc, m.comment_lines), (3, 1, 2));
        let m = metrics("a.md", "# a\ntext\n");
        assert_eq!((m.lines, m.sloc, m.maintainability_index), (2, 0, None));
        let m = metrics("a.toml", "# c\na = 1\n");
        assert_eq!((m.sloc, m.comment_lines), (1, 1));
        let m = metrics("a.yaml", "# c\na: 1 # d\nb:\n  - |\n    # code\n\n    x\n  # e\n");
        assert_eq!((m.sloc, m.comment_lines), (5, 2));
    }

    /// The two methods that the white paper on cognitive complexity begins with: the same
    /// cyclomatic complexity of 4, but 7 and 1.
    #[test]
    fn examples_of_the_white_paper() {
        let primes = "function sumOfPrimes(max) {\n let total = 0;\n OUT: for (let i = 1; i <= max; ++i) {\n  for (let j = 2; j < i; ++j) {\n   if (i % j === 0) {\n    continue OUT;\n   }\n  }\n  total += i;\n }\n return total;\n}\n";
        assert_eq!(of("a.js", primes), (4, 7));
        let words = "function getWords(number) {\n switch (number) {\n  case 1: return 'one';\n  case 2: return 'a couple';\n  case 3: return 'a few';\n  default: return 'lots';\n }\n}\n";
        assert_eq!(of("a.js", words), (4, 1));
    }

    #[test]
    fn python() {
        let text = "def f(a, b):\n    if a and b and not a or b:\n        for x in a:\n            while x:\n                x -= 1\n    elif b:\n        pass\n    else:\n        pass\n    return [y for y in a if y] if a else f(b, a)\n";
        // Decisions: if, and, and, or, for, while, elif, comprehension for and if, conditional.
        // Cognitive: if 1, and-run 1, or-run 1, for 2, while 3, elif 1, else 1, conditional 1,
        // recursion 1.
        assert_eq!(of("a.py", text), (11, 12));
        let text = "def f(a):\n    match a:\n        case 1:\n            pass\n        case _:\n            pass\n    try:\n        pass\n    except E:\n        pass\n";
        assert_eq!(of("a.py", text), (3, 2));
    }

    #[test]
    fn rust() {
        let text = "fn f(a: Option<u8>) -> u8 {\n let Some(b) = a else { return 0 };\n if b > 1 && b < 5 || b == 9 { 1 } else if b == 2 { 2 } else { match b { 1 if b > 0 => 3, 7 => 4, _ => 5 } }\n}\n";
        // let-else, if, &&, ||, else-if, arm, guard, arm.
        // Cognitive: if 1, && 1, || 1, else if 1, else 1, match 2.
        assert_eq!(of("a.rs", text), (9, 7));
        assert_eq!(of("a.rs", "fn f() { 'a: loop { break 'a; } }\n"), (1, 2));
        assert_eq!(of("a.rs", "fn f() { let g = |x: bool, y: bool| { if x { } }; }\n"), (2, 2));
    }

    #[test]
    fn bash() {
        let text = "f() {\n if a && b; then\n  c\n elif d; then\n  e\n else\n  g\n fi\n case $1 in\n  a) ;;\n  *) ;;\n esac\n}\n";
        // if, &&, elif, case item. Cognitive: if 1, && 1, elif 1, else 1, case 1.
        assert_eq!(of("a.sh", text), (5, 5));
    }

    #[test]
    fn go() {
        let text = "package a\nfunc (t *T) f(x int) int {\n\tif x > 1 && t.ok {\n\t\treturn 1\n\t} else if x < 0 {\n\t\treturn 2\n\t} else {\n\t\tfor i := range x {\n\t\t\tprintln(i)\n\t\t}\n\t}\n\tswitch x {\n\tcase 1:\n\tdefault:\n\t}\n\treturn 0\n}\n";
        // if, &&, else-if, for, case. Cognitive: if 1, && 1, else if 1, else 1, for 2, switch 1.
        assert_eq!(of("a.go", text), (6, 7));
    }

    #[test]
    fn java() {
        let text = "class A {\n int f(int x) {\n  if (x > 1 || x < -5) { return 1; } else if (x == 0) { return 2; } else { x++; }\n  switch (x) { case 1: return 3; default: break; }\n  try { g(); } catch (E e) { for (int i : xs) { x += i > 1 ? 1 : 2; } }\n  return x;\n }\n}\n";
        // if, ||, else-if, case, catch, for, ternary.
        // Cognitive: if 1, || 1, else if 1, else 1, switch 1, catch 1, for 2, ternary 3.
        assert_eq!(of("A.java", text), (8, 11));
    }

    #[test]
    fn c_and_cpp() {
        let text = "int f(int x) {\n  if (x) { return 1; } else if (x > 2) { goto end; } else { x = 3; }\n  while (x && x < 9) { x++; }\n  switch (x) { case 1: break; default: break; }\nend:\n  return x ? 1 : f(2);\n}\n";
        // if, else-if, while, &&, case, ?:.
        // Cognitive: if 1, else if 1, goto 1, else 1, while 1, && 1, switch 1, ?: 1, recursion 1.
        assert_eq!(of("a.c", text), (7, 9));
        let m = metrics(
            "a.cpp",
            "namespace n { void A::g(int& x) { for (auto y : z) { auto h = [&] { if (y) x++; }; } } }\n",
        );
        let names: Vec<_> = m.functions.iter().map(|f| (f.name.as_str(), f.cyclomatic, f.cognitive)).collect();
        // for 1, if in a lambda in the loop 3.
        assert_eq!(names, [("A::g", 3, 4)]);
    }

    #[test]
    fn csharp() {
        let text = "class A {\n int F(int x) {\n  if (x > 1 && x < 5) { return 1; } else if (x == 0) { return 2; } else { x++; }\n  foreach (var y in z) { if (y is null) continue; }\n  return x switch { 1 => 2, _ => 3 };\n }\n}\n";
        // if, &&, else-if, foreach, if, arm. Cognitive: if 1, && 1, else if 1, else 1, foreach 1, if 2, switch 1.
        assert_eq!(of("A.cs", text), (7, 8));
    }

    #[test]
    fn ruby() {
        let text = "def f(x)\n  if x && y\n    1\n  elsif z\n    2\n  else\n    3\n  end\n  case x\n  when 1 then 2\n  else 4\n  end\n  xs.each { |a| return a if a }\nrescue E => e\n  nil\nend\n";
        // if, &&, elsif, when, modifier, rescue. Cognitive: if 1, && 1, elsif 1, else 1, case 1, modifier in a block 2, rescue 1.
        assert_eq!(of("a.rb", text), (7, 8));
    }

    #[test]
    fn php() {
        let text = "<?php\nfunction f($x) {\n  if ($x && $y) { return 1; } elseif ($z) { return 2; } else { foreach ($a as $b) { echo $b; } }\n  return match (true) { $x > 1 => 1, default => 2 };\n}\n";
        // if, &&, elseif, foreach, arm. Cognitive: if 1, && 1, elseif 1, else 1, foreach 2, match 1.
        assert_eq!(of("a.php", text), (6, 7));
    }

    #[test]
    fn sql() {
        let m = metrics(
            "a.sql",
            "-- one\nSELECT a, -- two\n  CASE WHEN b > 1 THEN 1 WHEN c THEN 2 ELSE CASE WHEN d THEN 3 END END\nFROM e;\n/* x\n */\n",
        );
        assert_eq!((m.lines, m.sloc, m.comment_lines), (6, 3, 3));
        // Three WHEN. Cognitive: CASE 1, ELSE 1, CASE in CASE 2.
        assert_eq!((m.cyclomatic, m.cognitive), (4, 4));
        assert!(m.maintainability_index.is_some());
    }

    #[test]
    fn nested_functions() {
        let m = metrics(
            "a.ts",
            "const outer = () => {\n const inner = function () { if (a) { b(); } };\n if (c) { d(); }\n};\nif (e) {}\n",
        );
        let names: Vec<_> = m
            .functions
            .iter()
            .map(|f| (f.name.as_str(), f.cyclomatic, (f.cognitive, f.own_cognitive), f.nested))
            .collect();
        assert_eq!(names, [("outer", 2, (3, 1), false), ("inner", 2, (1, 1), true)]);
        assert_eq!((m.cyclomatic, m.cognitive), (4, 4));
    }

    #[test]
    fn names_of_functions() {
        let m = metrics("a.js", "class A { b() {} }\nconst c = { d: () => 1 };\nrun(() => 2);\n");
        let names: Vec<_> = m.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["b", "d", "(anonymous)"]);
    }

    #[test]
    fn indexes() {
        assert_eq!(maintainability_index(0.0, 0, 0), 100.0);
        // 171 − 5.2·ln(1000) − 0.23·10 − 16.2·ln(100) = 58.18; · 100 / 171 = 34.02
        assert_eq!(maintainability_index(1000.0, 10, 100), 34.02);
        assert_eq!(maintainability_index(1e9, 500, 100_000), 0.0);
        // `a = a + 1`: operands a a 1, operators = +; N = 5, n = 4, so 5·2 bits.
        assert_eq!(metrics("a.py", "a = a + 1\n").halstead_volume, 10.0);
        assert_eq!(Totals::of(&[]).maintainability_index, 100.0);
    }
}
