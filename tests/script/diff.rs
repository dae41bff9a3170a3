//! Diff: two transcripts line by line.

/// Returns the lines of both texts, marked `-` where only the first has them and `+` where only
/// the second has them. Of lines that are the same, only those near a difference are shown.
pub(crate) fn diff(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let common = common_lengths(&old, &new);
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    shorten(&lines)
}

/// The length of the longest common subsequence of what follows each pair of lines.
fn common_lengths(old: &[&str], new: &[&str]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i][j] = if old[i] == new[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    lengths
}

fn shorten(lines: &[(char, &str)]) -> String {
    let is_near = |at: usize| {
        let near = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(lines.len());
        lines[near].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut text = String::new();
    let mut is_left_out = false;
    for (at, (sign, line)) in lines.iter().enumerate() {
        if is_near(at) {
            text.push_str(&format!("{sign} {line}\n"));
            is_left_out = false;
        } else if !is_left_out {
            text.push_str("  …\n");
            is_left_out = true;
        }
    }
    text
}

/// How many equal lines are shown around each difference.
const CONTEXT: usize = 2;
