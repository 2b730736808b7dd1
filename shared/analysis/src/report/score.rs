//! The score's formula.
//!
//! As in the SQALE method, each finding has an estimate of the minutes to repair it. The **debt
//! ratio** is the sum of these minutes divided by the estimated cost of writing the project anew,
//! 30 minutes a line of code (`SonarQube`'s default for maintainability):
//!
//! ```text
//! debt ratio = remediation minutes / (SLOC × 30)
//! ```
//!
//! The **rating** has `SonarQube`'s thresholds: A up to 5 %, B up to 10 %, C up to 20 %, D up to
//! 50 %, E above. A blocking finding (syntax error, secret, unsafe path, conflict marker, broken
//! manifest) forces E. A failed check that the caller added (tests) allows D at best.
//!
//! The **score** from 0 to 100 follows the debt ratio along straight lines through (0 %, 100),
//! (5 %, 80), (10 %, 70), (20 %, 60), (50 %, 40), (100 %, 0); each blocking finding and each failed
//! added check takes 5 more points; and a forced rating limits it to that rating's band: D 40–59,
//! E 0–39. So A is 80–100, B 70–79, C 60–69.

use serde::{Deserialize, Serialize};

/// Estimated minutes to write one line of code.
pub const MINUTES_PER_LINE: u32 = 30;

/// Points for one blocking finding or failed check.
const PENALTY: f64 = 5.0;

/// Debt ratio and score at the corners of the curve.
const CURVE: [(f64, f64); 6] = [(0.0, 100.0), (0.05, 80.0), (0.10, 70.0), (0.20, 60.0), (0.50, 40.0), (1.0, 0.0)];

/// From A (best) to E.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rating {
    /// Debt ratio up to 5 %.
    A,
    /// Up to 10 %.
    B,
    /// Up to 20 %.
    C,
    /// Up to 50 %.
    D,
    /// Above, or something blocks.
    E,
}

impl Rating {
    /// The letter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::E => "E",
        }
    }

    /// The lowest and the highest score of the rating.
    #[must_use]
    pub const fn band(self) -> (u32, u32) {
        match self {
            Self::A => (80, 100),
            Self::B => (70, 79),
            Self::C => (60, 69),
            Self::D => (40, 59),
            Self::E => (0, 39),
        }
    }

    fn of_score(score: u32) -> Self {
        [Self::A, Self::B, Self::C, Self::D].into_iter().find(|rating| score >= rating.band().0).unwrap_or(Self::E)
    }
}

/// Score, rating and what they were computed from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// From 0 to 100.
    pub score: u32,
    /// From A to E.
    pub rating: Rating,
    /// Remediation minutes for a minute of writing anew; four decimals.
    pub debt_ratio: f64,
    /// Estimated minutes to repair all findings.
    pub remediation_minutes: u32,
}

/// Computes the score by the formula in the module's text. Without code the debt ratio is 0 when
/// there is nothing to repair and 1 otherwise.
#[must_use]
pub fn score(remediation_minutes: u32, sloc: u32, blocking: u32, failed_checks: u32) -> Score {
    let cost = f64::from(sloc) * f64::from(MINUTES_PER_LINE);
    let exact = match (sloc, remediation_minutes) {
        (_, 0) => 0.0,
        (0, _) => 1.0,
        _ => f64::from(remediation_minutes) / cost,
    };
    let on_curve = along_curve(exact) - PENALTY * (f64::from(blocking) + f64::from(failed_checks));
    // The value is between 0 and 100, so the cast keeps it. Rounding down keeps it in its band.
    let mut score = on_curve.clamp(0.0, 100.0).floor() as u32;
    if failed_checks > 0 {
        score = score.min(Rating::D.band().1);
    }
    if blocking > 0 {
        score = score.min(Rating::E.band().1);
    }
    Score {
        score,
        rating: Rating::of_score(score),
        debt_ratio: (exact * 10_000.0).round() / 10_000.0,
        remediation_minutes,
    }
}

fn along_curve(ratio: f64) -> f64 {
    for pair in CURVE.windows(2) {
        if let [(low, high_score), (high, low_score)] = *pair
            && ratio <= high
        {
            return high_score - (ratio - low) / (high - low) * (high_score - low_score);
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds() {
        // 100 lines cost 3000 minutes.
        for (minutes, points, rating) in [
            (0, 100, Rating::A),
            (150, 80, Rating::A),
            (151, 79, Rating::B),
            (300, 70, Rating::B),
            (301, 69, Rating::C),
            (600, 60, Rating::C),
            (601, 59, Rating::D),
            (1500, 40, Rating::D),
            (1501, 39, Rating::E),
            (3000, 0, Rating::E),
            (9000, 0, Rating::E),
        ] {
            let result = score(minutes, 100, 0, 0);
            assert_eq!((result.score, result.rating), (points, rating), "{minutes} minutes");
        }
    }

    #[test]
    fn blockers_and_failures() {
        let result = score(30, 100_000, 1, 0);
        assert_eq!((result.score, result.rating), (39, Rating::E));
        assert_eq!(score(0, 100, 13, 0).score, 35);
        assert_eq!(score(0, 100, 99, 0).score, 0);
        let result = score(0, 100, 0, 1);
        assert_eq!((result.score, result.rating), (59, Rating::D));
    }

    #[test]
    fn without_code() {
        assert_eq!(score(0, 0, 0, 0).score, 100);
        assert_eq!(score(15, 0, 0, 0).rating, Rating::E);
        assert_eq!(score(15, 100, 0, 0).debt_ratio, 0.005);
    }
}
