//! Waves of tasks: those of one wave depend on earlier waves only.

use std::collections::BTreeMap;

/// The wave of each task, from 1, by position; or a cycle, as positions of which each depends on the next and the last on
/// the first. Dependencies are positions.
pub(super) fn waves(depends_on: &[Vec<usize>]) -> Result<Vec<u32>, Vec<usize>> {
    let mut waves: BTreeMap<usize, u32> = BTreeMap::new();
    let mut wave = 0;
    while waves.len() < depends_on.len() {
        wave += 1;
        let ready: Vec<usize> = depends_on
            .iter()
            .enumerate()
            .filter(|(task, needs)| !waves.contains_key(task) && needs.iter().all(|need| waves.contains_key(need)))
            .map(|(task, _)| task)
            .collect();
        if ready.is_empty() {
            return Err(cycle(depends_on, &waves));
        }
        waves.extend(ready.into_iter().map(|task| (task, wave)));
    }
    Ok(waves.into_values().collect())
}

/// Whoever is not in a wave depends on somebody who is not: following that leads round.
fn cycle(depends_on: &[Vec<usize>], waves: &BTreeMap<usize, u32>) -> Vec<usize> {
    let stuck = |task: &usize| !waves.contains_key(task);
    let Some(mut at) = (0..depends_on.len()).find(stuck) else { return Vec::new() };
    let mut path = Vec::new();
    loop {
        if let Some(from) = path.iter().position(|seen| *seen == at) {
            return path.split_off(from);
        }
        path.push(at);
        let Some(next) = depends_on.get(at).and_then(|needs| needs.iter().copied().find(|need| stuck(need))) else {
            return path;
        };
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_and_cycles() {
        assert_eq!(waves(&[]), Ok(vec![]));
        assert_eq!(waves(&[vec![], vec![0], vec![], vec![1, 2]]), Ok(vec![1, 2, 1, 3]));
        assert_eq!(waves(&[vec![0]]), Err(vec![0]));
        assert_eq!(waves(&[vec![2], vec![], vec![3, 1], vec![0]]), Err(vec![0, 2, 3]));
        assert_eq!(waves(&[vec![1], vec![2], vec![1]]), Err(vec![1, 2]));
    }
}
