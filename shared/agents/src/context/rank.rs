//! Which files matter for a task: PageRank over who uses what who defines, started from the task.
//!
//! An edge goes from a file that uses a name to the files that define it, heavier the more often it is used, the fewer
//! define it, and where the task speaks of it. The walk begins at the task's own files and at those that its words name
//! (personalised PageRank).

use std::collections::{BTreeMap, BTreeSet};

use super::symbols::{self, Symbols};

/// How much of a file's weight goes on to what it uses.
const DAMPING: f64 = 0.85;
/// After so many steps the order no longer changes.
const STEPS: usize = 30;
/// A name that more files define says nothing.
const DEFINERS: usize = 6;

/// All paths, the most relevant first; equal ones in order of path.
pub(super) fn rank<'a>(files: &[(&'a str, Symbols)], own: &BTreeSet<&str>, task: &str) -> Vec<&'a str> {
    let spoken = symbols::words(task);
    let defined = definers(files);
    let mut edges: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); files.len()];
    for ((from, (_, symbols)), out) in files.iter().enumerate().zip(&mut edges) {
        for (name, times) in &symbols.references {
            let Some((to, weight)) = defined.get(name.as_str()) else { continue };
            if to.len() > DEFINERS {
                continue;
            }
            let spoken = if spoken.contains_key(name) { 5.0 } else { 1.0 };
            #[expect(clippy::cast_precision_loss, reason = "a few files")]
            let weight = weight * spoken * f64::from(*times).sqrt() / to.len() as f64;
            for to in to.iter().filter(|to| **to != from) {
                *out.entry(*to).or_insert(0.0) += weight;
            }
        }
    }
    let seeds = seeds(files, own, &spoken, &defined);
    let weights = walk(&edges, &seeds);
    let mut order: Vec<(f64, &'a str)> =
        weights.into_iter().zip(files).map(|(weight, (path, _))| (weight, *path)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    order.into_iter().map(|(_, path)| path).collect()
}

/// Name → files that define it, and how much the name says.
type Definers<'a> = BTreeMap<&'a str, (BTreeSet<usize>, f64)>;

fn definers<'a>(files: &'a [(&str, Symbols)]) -> Definers<'a> {
    let mut defined: Definers<'a> = BTreeMap::new();
    for (at, (path, symbols)) in files.iter().enumerate() {
        for definition in &symbols.definitions {
            let name = definition.name.as_str();
            // Short and private names are used for many things.
            let weight = if name.len() < 4 || name.starts_with('_') { 0.2 } else { 1.0 };
            defined.entry(name).or_insert_with(|| (BTreeSet::new(), weight)).0.insert(at);
        }
        // A file is spoken of by its name, and a module by its name without the extension.
        let name = path.rsplit('/').next().unwrap_or(path);
        defined.entry(name).or_insert_with(|| (BTreeSet::new(), 2.0)).0.insert(at);
        if let Some((stem, _)) = name.split_once('.').filter(|(stem, _)| stem.len() > 2) {
            defined.entry(stem).or_insert_with(|| (BTreeSet::new(), 0.5)).0.insert(at);
        }
    }
    defined
}

fn seeds(
    files: &[(&str, Symbols)],
    own: &BTreeSet<&str>,
    spoken: &BTreeMap<String, u32>,
    defined: &Definers<'_>,
) -> Vec<f64> {
    let mut seeds: Vec<f64> = files.iter().map(|(path, _)| if own.contains(path) { 1.0 } else { 0.0 }).collect();
    for name in spoken.keys() {
        let Some((found, weight)) = defined.get(name.as_str()) else { continue };
        for at in found.iter().filter(|_| found.len() <= DEFINERS) {
            if let Some(seed) = seeds.get_mut(*at) {
                *seed += 0.5 * weight;
            }
        }
    }
    let sum: f64 = seeds.iter().sum();
    if sum <= 0.0 {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand files")]
        let each = 1.0 / files.len().max(1) as f64;
        return vec![each; files.len()];
    }
    seeds.iter().map(|seed| seed / sum).collect()
}

fn walk(edges: &[BTreeMap<usize, f64>], seeds: &[f64]) -> Vec<f64> {
    let mut weights = seeds.to_vec();
    for _ in 0..STEPS {
        let mut next: Vec<f64> = seeds.iter().map(|seed| seed * (1.0 - DAMPING)).collect();
        let mut lost = 0.0;
        for (out, weight) in edges.iter().zip(&weights) {
            let sum: f64 = out.values().sum();
            if sum <= 0.0 {
                lost += weight;
                continue;
            }
            for (to, share) in out {
                if let Some(next) = next.get_mut(*to) {
                    *next += DAMPING * weight * share / sum;
                }
            }
        }
        // What uses nothing gives its weight back to where the walk begins.
        for (next, seed) in next.iter_mut().zip(seeds) {
            *next += DAMPING * lost * seed;
        }
        weights = next;
    }
    weights
}
