/// Parses a timestamp in the language's profile of RFC 3339: `2030-01-31T12:00:00.5Z` or with an offset such as
/// `+01:00`. `T` and `Z` must be upper case, and seconds and an offset must be there. Anything else is nothing.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<jiff::Timestamp> {
    let (date_time, fraction_and_offset) = text.split_at_checked(19)?;
    if !fits(date_time, "0000-00-00T00:00:00") {
        return None;
    }
    let offset = match fraction_and_offset.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            if !(1..=9).contains(&digits) {
                return None;
            }
            rest.get(digits..)?
        }
        None => fraction_and_offset,
    };
    if offset == "Z" || fits(offset, "+00:00") || fits(offset, "-00:00") { text.parse().ok() } else { None }
}

/// Whether a text has the form: a digit for each `0`, and every other character as it is.
fn fits(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(byte, form)| if form == b'0' { byte.is_ascii_digit() } else { byte == form })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_profile_only() {
        for good in [
            "2030-01-31T12:00:00Z",
            "2030-01-31T12:00:00.5Z",
            "2030-01-31T12:00:00.123456789Z",
            "2030-01-31T12:00:00+01:00",
            "2030-01-31T12:00:00.25-11:30",
        ] {
            assert!(parse_timestamp(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2030-01-31",
            "2030-01-31T12:00:00",
            "2030-01-31 12:00:00Z",
            "2030-01-31t12:00:00Z",
            "2030-01-31T12:00:00z",
            "2030-01-31T12:00Z",
            "2030-02-31T12:00:00Z",
            "2030-01-31T25:00:00Z",
            "2030-01-31T12:00:00.Z",
            "2030-01-31T12:00:00.1234567890Z",
            "2030-01-31T12:00:00+0100",
            "2030-01-31T12:00:00Zx",
            "2030-01-31T12:00:00Z[UTC]",
            "20é30-01-31T12:00:00Z",
        ] {
            assert_eq!(parse_timestamp(bad), None, "{bad}");
        }
        assert_eq!(parse_timestamp("2030-01-31T12:00:00+01:00"), parse_timestamp("2030-01-31T11:00:00Z"));
    }
}
