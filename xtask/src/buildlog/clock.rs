//! When a line was written, as a prefix of it says.

/// When a line was written, on one of several clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Milliseconds since 1970.
    Utc(i64),
    /// Milliseconds since midnight, or since the job began.
    Day(i64),
    /// Milliseconds since a step of an image's build began.
    Step(u32, i64),
}

impl Clock {
    /// Seconds from `earlier` to `self`, if one clock gave both.
    pub fn since(self, earlier: Self) -> Option<f64> {
        const DAY: i64 = 86_400_000;
        let millis = match (earlier, self) {
            (Self::Utc(from), Self::Utc(to)) => to - from,
            (Self::Day(from), Self::Day(to)) => (to - from).rem_euclid(DAY),
            (Self::Step(a, from), Self::Step(b, to)) if a == b => to - from,
            _ => return None,
        };
        (millis >= 0).then_some(millis as f64 / 1e3)
    }
}

/// `2026-01-02`
pub fn is_date(text: &[u8]) -> bool {
    text.len() == 10
        && text.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => matches!(byte, b'-' | b'/'),
            _ => byte.is_ascii_digit(),
        })
}

/// `03:04:05`, with digits below the second, with a date before it.
pub fn read_time(text: &[u8]) -> Option<Clock> {
    let (date, time) = match text.get(..11) {
        Some([date @ .., b'T']) if is_date(date) => (Some(date), &text[11..]),
        _ => (None, text),
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let [h1, h2, b':', m1, m2, b':', s1, s2, below @ ..] = time else {
        return None;
    };
    let (hours, minutes, seconds) = (
        number(&[*h1, *h2])?,
        number(&[*m1, *m2])?,
        number(&[*s1, *s2])?,
    );
    if hours > 99 || minutes > 59 || seconds > 60 {
        return None;
    }
    let mut millis = ((hours * 60 + minutes) * 60 + seconds) * 1000;
    if let Some((b'.' | b',', digits)) = below.split_first() {
        let count = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let padded = [digits.first(), digits.get(1), digits.get(2)].map(|digit| match digit {
            Some(digit) if digit.is_ascii_digit() => i64::from(digit - b'0'),
            _ => 0,
        });
        if count > 0 {
            millis += padded[0] * 100 + padded[1] * 10 + padded[2];
        }
    }
    Some(match date {
        Some(date) => {
            let days = days(
                number(&date[..4])?,
                number(&date[5..7])?,
                number(&date[8..])?,
            );
            Clock::Utc(days * 86_400_000 + millis)
        }
        None => Clock::Day(millis),
    })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// `1767323045.123`: seconds since 1970, of this century's first half.
pub fn epoch(text: &[u8]) -> Option<Clock> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let shape =
        digits == 10 && (text.len() == 10 || text[10] == b'.') && matches!(text[0], b'1' | b'2');
    let seconds: f64 = shape.then(|| std::str::from_utf8(text).ok()?.parse().ok())??;
    Some(Clock::Utc((seconds * 1e3) as i64))
}

/// `[   12.345]`: seconds since something began.
pub fn elapsed(text: &[u8]) -> Option<Clock> {
    let text = std::str::from_utf8(text).ok()?;
    let seconds: f64 = text.contains('.').then(|| text.parse().ok()).flatten()?;
    (0.0..1e7)
        .contains(&seconds)
        .then_some(Clock::Day((seconds * 1e3) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_differ_only_from_themselves() {
        assert_eq!(Clock::Utc(2_500).since(Clock::Utc(1_000)), Some(1.5));
        assert_eq!(
            Clock::Day(1_000).since(Clock::Day(86_399_000)),
            Some(2.0),
            "past midnight"
        );
        assert_eq!(Clock::Step(1, 5).since(Clock::Step(2, 1)), None);
        assert_eq!(Clock::Utc(5).since(Clock::Day(1)), None);
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 3, 1), 11_017);
    }
}
