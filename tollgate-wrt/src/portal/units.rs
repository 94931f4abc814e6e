//! Amounts as people read them. script.js does the same in the page.

use super::languages::Language;
use crate::config::schema::Metric;

/// An amount of what is sold, rounded down: nobody is shown more than there is.
pub fn amount(metric: Metric, number: u64, language: &Language) -> String {
    match metric {
        Metric::Bytes => bytes(number, language),
        Metric::Milliseconds => time(number / 1_000, language),
    }
}

/// Bytes, in thousands as data plans count them; one decimal below ten.
fn bytes(number: u64, language: &Language) -> String {
    let units = [
        ("bytes-tb", 1_000_000_000_000),
        ("bytes-gb", 1_000_000_000),
        ("bytes-mb", 1_000_000),
    ];
    let fits = units.into_iter().find(|&(_, unit)| number >= unit);
    let (name, unit) = fits.unwrap_or(("bytes-kb", 1_000));
    let (whole, tenth) = (number / unit, number % unit / (unit / 10));
    let number = match whole {
        // Kilobytes are fine enough.
        1..10 if tenth > 0 && unit > 1_000 => {
            format!("{whole}{}{tenth}", language.text("decimal"))
        }
        _ => whole.to_string(),
    };
    language.say(name, &[("n", &number)])
}

/// Seconds; minutes from one on, hours and minutes from an hour on.
pub fn time(seconds: u64, language: &Language) -> String {
    let minutes = seconds / 60;
    match seconds {
        0..60 => language.say("seconds", &[("n", &seconds.to_string())]),
        60..3_600 => language.say("minutes", &[("n", &minutes.to_string())]),
        _ if minutes % 60 == 0 => language.say("full-hours", &[("n", &(minutes / 60).to_string())]),
        _ => {
            let (hours, rest) = ((minutes / 60).to_string(), format!("{:02}", minutes % 60));
            language.say("hours", &[("h", &hours), ("m", &rest)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::languages::Languages;

    #[test]
    fn sane_units_rounded_down() {
        let languages = Languages::english();
        let language = languages.choose(None, None);
        let bytes = |number| amount(Metric::Bytes, number, language);
        assert_eq!(bytes(0), "0 kB");
        assert_eq!(bytes(999), "0 kB");
        assert_eq!(bytes(1_999), "1 kB");
        assert_eq!(bytes(999_999), "999 kB");
        assert_eq!(bytes(1_000_000), "1 MB");
        assert_eq!(bytes(1_999_999), "1.9 MB");
        assert_eq!(bytes(22_020_096), "22 MB");
        assert_eq!(bytes(9_999_999_999), "9.9 GB");
        assert_eq!(bytes(10_000_000_000), "10 GB");
        assert_eq!(bytes(u64::MAX), "18446744 TB");
        let time = |number| amount(Metric::Milliseconds, number, language);
        assert_eq!(time(59_999), "59 s");
        assert_eq!(time(60_000), "1 min");
        assert_eq!(time(3_599_999), "59 min");
        assert_eq!(time(3_600_000), "1 h");
        assert_eq!(time(3_660_000), "1:01 h");
        assert_eq!(time(86_400_000), "24 h");
        assert_eq!(time(93_900_000), "26:05 h");
    }
}
