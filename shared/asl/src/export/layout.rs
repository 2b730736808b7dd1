//! Where the states of a graph stand: in layers from top to bottom, composite states round what is inside of them.

use super::graph::Graph;

/// The height of a state.
const HEIGHT: i64 = 40;
/// Between layers.
const LAYER_GAP: i64 = 46;
/// Between the states of a layer, and between branches.
const GAP: i64 = 28;
/// Between a composite state's frame and what is inside.
const PADDING: i64 = 16;
/// For the name of a composite state.
const TITLE: i64 = 26;
/// For the start above and the end below.
const MARGIN: i64 = 34;
/// Characters of a name that are shown.
pub(super) const SHOWN: usize = 40;

/// A graph with places, in pixels from its upper left corner.
#[derive(Debug, Default)]
pub(super) struct Laid {
    pub(super) width: i64,
    pub(super) height: i64,
    /// One a node.
    pub(super) boxes: Vec<Placed>,
}

/// A state's place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
    /// Branches with their places in the graph around them.
    pub(super) inner: Vec<(i64, i64, Laid)>,
}

fn text_width(name: &str) -> i64 {
    let shown = i64::try_from(name.chars().take(SHOWN).count()).unwrap_or_default();
    (shown * 8 + 28).max(96)
}

/// Places a graph.
pub(super) fn lay(graph: &Graph) -> Laid {
    let mut boxes: Vec<Placed> = graph
        .nodes
        .iter()
        .map(|node| {
            let mut at = PADDING;
            let mut inner = Vec::with_capacity(node.inner.len());
            let mut tallest = 0;
            for branch in &node.inner {
                let laid = lay(branch);
                let x = at;
                at += laid.width + GAP;
                tallest = tallest.max(laid.height);
                inner.push((x, TITLE, laid));
            }
            let (width, height) = match inner.is_empty() {
                true => (text_width(&node.name), HEIGHT),
                false => ((at - GAP + PADDING).max(text_width(&node.name) + 60), tallest + TITLE + PADDING),
            };
            Placed { x: 0, y: 0, width, height, inner }
        })
        .collect();
    let layers = layers(graph);
    let widths: Vec<i64> = layers
        .iter()
        .map(|layer| {
            layer.iter().filter_map(|node| boxes.get(*node)).map(|placed| placed.width + GAP).sum::<i64>() - GAP
        })
        .collect();
    let widest = widths.iter().copied().max().unwrap_or_default().max(60);
    let mut y = MARGIN;
    for (layer, width) in layers.iter().zip(&widths) {
        let mut x = GAP + (widest - width) / 2;
        let mut tallest = 0;
        for node in layer {
            let Some(placed) = boxes.get_mut(*node) else { continue };
            (placed.x, placed.y) = (x, y);
            x += placed.width + GAP;
            tallest = tallest.max(placed.height);
        }
        y += tallest + LAYER_GAP;
    }
    // Room on the right for what leads back.
    Laid { width: widest + 3 * GAP, height: (y - LAYER_GAP).max(MARGIN) + MARGIN, boxes }
}

/// The nodes by layers: each below all that lead to it, but for what leads back in a loop.
fn layers(graph: &Graph) -> Vec<Vec<usize>> {
    let count = graph.nodes.len();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in &graph.edges {
        if let Some(targets) = next.get_mut(edge.from) {
            targets.push(edge.to);
        }
    }
    // A depth-first walk without recursion: a chain may be long.
    let (mut seen, mut done) = (vec![false; count], vec![false; count]);
    let mut order = Vec::with_capacity(count);
    let mut forward: Vec<(usize, usize)> = Vec::with_capacity(graph.edges.len());
    for root in graph.start.into_iter().chain(0..count) {
        if seen.get(root).copied().unwrap_or(true) {
            continue;
        }
        mark(&mut seen, root);
        let mut path = vec![(root, 0)];
        while let Some((node, edge)) = path.last_mut() {
            let node = *node;
            let target = next.get(node).and_then(|targets| targets.get(*edge)).copied();
            *edge += 1;
            let Some(target) = target else {
                mark(&mut done, node);
                order.push(node);
                path.pop();
                continue;
            };
            if !seen.get(target).copied().unwrap_or(true) {
                mark(&mut seen, target);
                forward.push((node, target));
                path.push((target, 0));
            } else if done.get(target).copied().unwrap_or_default() {
                forward.push((node, target));
            }
        }
    }
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in forward {
        if let Some(targets) = below.get_mut(from) {
            targets.push(to);
        }
    }
    let mut depth = vec![0_usize; count];
    for node in order.iter().rev() {
        let here = depth.get(*node).copied().unwrap_or_default();
        for target in below.get(*node).into_iter().flatten() {
            if let Some(there) = depth.get_mut(*target) {
                *there = (*there).max(here + 1);
            }
        }
    }
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth.iter().max().map_or(0, |deepest| deepest + 1)];
    // Later in the walk's order of leaving is earlier in the definition.
    for node in order.into_iter().rev() {
        if let Some(layer) = depth.get(node).and_then(|depth| layers.get_mut(*depth)) {
            layer.push(node);
        }
    }
    layers
}

fn mark(marks: &mut [bool], place: usize) {
    if let Some(mark) = marks.get_mut(place) {
        *mark = true;
    }
}
