//! How figures are written: as many digits as are worth reading, and never a figure that is none.

/// Stands where a figure has no meaning, or was not measured.
pub(super) const NONE: &str = "–";

/// A figure, or what stands for none.
pub(super) fn or_none(figure: Option<f64>, write: impl Fn(f64) -> String) -> String {
    figure.filter(|figure| figure.is_finite()).map_or_else(|| NONE.to_owned(), write)
}

/// Three digits that count, and all before the point, in groups where there are many; but no more than four behind it.
pub(super) fn three(value: f64) -> String {
    let size = value.abs();
    let places = match size {
        _ if !value.is_finite() => return NONE.to_owned(),
        _ if size == 0.0 => 0,
        // Where rounding adds a digit before the point, one fewer is wanted behind it.
        _ if size < 0.099_95 => 4,
        _ if size < 0.999_5 => 3,
        _ if size < 9.995 => 2,
        _ if size < 99.95 => 1,
        _ => 0,
    };
    grouped(&format!("{value:.places$}"))
}

/// With a comma every three digits, from five digits before the point on.
fn grouped(text: &str) -> String {
    if text.contains('.') || text.len() < 5 {
        return text.to_owned();
    }
    let mut grouped = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && (text.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Nanoseconds as microseconds, the unit of all tables: what stands in one column can be compared at a glance.
pub(super) fn micros(nanoseconds: f64) -> String {
    three(nanoseconds / 1e3)
}

/// Nanoseconds in the unit that suits them, for sentences and labels.
pub(super) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        _ if !nanoseconds.is_finite() => NONE.to_owned(),
        _ if nanoseconds < 999.5 => format!("{nanoseconds:.0} ns"),
        _ if nanoseconds < 999.5e3 => format!("{} µs", three(nanoseconds / 1e3)),
        _ if nanoseconds < 999.5e6 => format!("{} ms", three(nanoseconds / 1e6)),
        _ => format!("{} s", three(nanoseconds / 1e9)),
    }
}

/// The same without digits that say nothing, for the marks of an axis.
pub(super) fn round_time(nanoseconds: f64) -> String {
    match nanoseconds {
        _ if nanoseconds < 999.5 => format!("{} ns", trimmed(nanoseconds)),
        _ if nanoseconds < 999.5e3 => format!("{} µs", trimmed(nanoseconds / 1e3)),
        _ if nanoseconds < 999.5e6 => format!("{} ms", trimmed(nanoseconds / 1e6)),
        _ => format!("{} s", trimmed(nanoseconds / 1e9)),
    }
}

/// Messages a second as millions, the unit of all tables.
pub(super) fn millions(per_second: f64) -> String {
    three(per_second / 1e6)
}

/// Messages a second in the unit that suits them, for headings, sentences and labels.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        _ if !per_second.is_finite() => NONE.to_owned(),
        _ if per_second < 999.5 => format!("{}/s", trimmed(per_second)),
        _ if per_second < 999.5e3 => format!("{} k/s", trimmed(per_second / 1e3)),
        _ => format!("{} M/s", trimmed(per_second / 1e6)),
    }
}

/// Three digits, without a point that nothing follows: what was chosen is mostly a round figure.
pub(super) fn trimmed(value: f64) -> String {
    let text = three(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A ratio: two digits after the point, or three in all. A ratio to nothing is none.
pub(super) fn ratio(figure: f64, to: Option<f64>) -> Option<f64> {
    to.map(|to| figure / to).filter(|ratio| ratio.is_finite())
}

/// As [`three`], but a ratio below one keeps two digits after the point, as those above it do.
pub(super) fn times(ratio: Option<f64>) -> String {
    or_none(ratio, |ratio| match ratio {
        _ if ratio != 0.0 && ratio < 0.095 => format!("{ratio:.3}"),
        _ if ratio < 9.995 => format!("{ratio:.2}"),
        _ => three(ratio),
    })
}

/// The lowest and the highest.
pub(super) fn spread(low: f64, high: f64, write: impl Fn(f64) -> String) -> String {
    format!("{}–{}", write(low), write(high))
}

/// A share of one core's time, in hundredths.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        hundredths if !hundredths.is_finite() => NONE.to_owned(),
        hundredths if hundredths > 0.0 && hundredths < 0.1 => "< 0.1 %".to_owned(),
        hundredths if hundredths < 9.95 => format!("{hundredths:.1} %"),
        hundredths => format!("{hundredths:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let shown =
            [0.0, 0.001_84, 0.018_44, 0.099_97, 0.3321, 0.9996, 1.234, 9.996, 12.34, 123.4, 9999.0, 48_556.4, 2e6]
                .map(three);
        let wanted = [
            "0",
            "0.0018",
            "0.0184",
            "0.100",
            "0.332",
            "1.00",
            "1.23",
            "10.0",
            "12.3",
            "123",
            "9999",
            "48,556",
            "2,000,000",
        ];
        assert_eq!(shown, wanted);
        assert_eq!([f64::NAN, f64::INFINITY].map(three), [NONE, NONE]);
    }

    #[test]
    fn units_change_where_the_digits_would_overflow() {
        let times = [0.4, 304.4, 999.6, 49_710.0, 999_600.0, 1.234e6, 2e9].map(time);
        assert_eq!(times, ["0 ns", "304 ns", "1.00 µs", "49.7 µs", "1.00 ms", "1.23 ms", "2.00 s"]);
        let rates = [10.0, 1e3, 2500.0, 1e5, 999_700.0, 1e7, 8.123e5].map(rate);
        assert_eq!(rates, ["10/s", "1 k/s", "2.5 k/s", "100 k/s", "1 M/s", "10 M/s", "812 k/s"]);
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        assert_eq!(times(ratio(2.0, Some(4.0))), "0.50");
        assert_eq!(times(ratio(300.0, Some(2.0))), "150");
        assert_eq!(times(ratio(2.0, Some(0.0))), NONE);
        assert_eq!(times(ratio(0.0, Some(0.0))), NONE);
        assert_eq!(times(ratio(2.0, None)), NONE);
        assert_eq!(times(Some(0.006)), "0.006");
    }

    #[test]
    fn shares_of_a_core() {
        assert_eq!([0.0, 0.000_4, 0.0123, 0.0996, 1.0].map(percent), ["0.0 %", "< 0.1 %", "1.2 %", "10 %", "100 %"]);
    }
}
