//! From the samples of all repetitions to the figures that are reported.

use super::measure::Sample;
#[cfg(test)]
use super::measure::{RoundTrips, Stream};

/// A figure as it came out over all repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of an even number of values the median is the mean of the middle two. Of none, everything is NaN.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Spread { median: f64::midpoint(at(last / 2), at(last - last / 2)), least: at(0), most: at(last) }
    }
}

/// What is reported of one job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Figures {
    RoundTrip(RoundTripFigures),
    Throughput(ThroughputFigures),
}

/// In nanoseconds. Each percentile is taken within a repetition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundTripFigures {
    pub(crate) p50: Spread,
    pub(crate) p99: Spread,
    pub(crate) p999: Spread,
    /// Its `most` is the longest round trip of all.
    pub(crate) max: Spread,
    /// Round trips that were measured, in all repetitions together.
    pub(crate) count: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ThroughputFigures {
    pub(crate) messages_per_second: Spread,
    /// Messages that were counted, in all repetitions together.
    pub(crate) count: u64,
}

impl Figures {
    /// The figures of a job's repetitions; there is one at the least, and all are of one kind.
    pub(crate) fn of(samples: &[Sample]) -> Self {
        let round_trips: Vec<_> =
            samples.iter().filter_map(|s| if let Sample::RoundTrips(r) = s { Some(r) } else { None }).collect();
        if round_trips.is_empty() {
            let streams = || samples.iter().filter_map(|s| if let Sample::Stream(s) = s { Some(s) } else { None });
            return Figures::Throughput(ThroughputFigures {
                messages_per_second: Spread::of(streams().map(|s| s.messages as f64 * 1e9 / s.nanoseconds)),
                count: streams().map(|s| s.messages).sum(),
            });
        }
        let quantile =
            |q: f64| Spread::of(round_trips.iter().map(|r| r.clock.nanoseconds(r.histogram.value_at_quantile(q))));
        Figures::RoundTrip(RoundTripFigures {
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: quantile(1.0),
            count: round_trips.iter().map(|r| r.histogram.len()).sum(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versus::clock::Clock;
    use crate::versus::measure::empty_histogram;

    #[test]
    fn medians() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 10.0]), Spread { median: 3.0, least: 1.0, most: 10.0 });
        assert_eq!(Spread::of([7.0]), Spread { median: 7.0, least: 7.0, most: 7.0 });
        assert!(Spread::of([]).median.is_nan());
    }

    /// Round trips of 1, 2, … `count` ticks, each once, recorded in an order that is not theirs.
    fn uniform(count: u64, factor: u64) -> Sample {
        let mut histogram = empty_histogram();
        // 7919 is a prime that does not divide the counts used here, so every number comes up once.
        (0..count).for_each(|i| histogram.record((i * 7919 % count + 1) * factor).unwrap());
        Sample::RoundTrips(RoundTrips { histogram, clock: Clock::monotonic() })
    }

    fn close(found: f64, expected: f64) {
        // Three digits are kept.
        assert!((found - expected).abs() <= expected * 1e-3 + 1.0, "{found}, expected {expected}");
    }

    #[test]
    fn percentiles_of_a_uniform_distribution() {
        let Figures::RoundTrip(figures) = Figures::of(&[uniform(100_000, 1)]) else { panic!("not round trips") };
        close(figures.p50.median, 50_000.0);
        close(figures.p99.median, 99_000.0);
        close(figures.p999.median, 99_900.0);
        close(figures.max.median, 100_000.0);
        assert_eq!(figures.count, 100_000);
    }

    #[test]
    fn a_rare_long_round_trip_shows_in_the_tail_only() {
        let mut histogram = empty_histogram();
        histogram.record_n(250, 99_850).unwrap();
        histogram.record_n(1_000_000, 150).unwrap();
        let sample = Sample::RoundTrips(RoundTrips { histogram, clock: Clock::monotonic() });
        let Figures::RoundTrip(figures) = Figures::of(&[sample]) else { panic!("not round trips") };
        close(figures.p50.median, 250.0);
        close(figures.p99.median, 250.0);
        close(figures.p999.median, 1_000_000.0);
    }

    #[test]
    fn one_slow_repetition_of_five_does_not_move_the_median() {
        let samples: Vec<_> = [1, 1, 50, 1, 1].iter().map(|factor| uniform(1000, *factor)).collect();
        let Figures::RoundTrip(figures) = Figures::of(&samples) else { panic!("not round trips") };
        close(figures.p50.median, 500.0);
        close(figures.p50.least, 500.0);
        close(figures.p50.most, 25_000.0);
        close(figures.max.most, 50_000.0);
        assert_eq!(figures.count, 5000);
    }

    #[test]
    fn throughput_is_messages_by_time() {
        let stream = |messages, nanoseconds| Sample::Stream(Stream { messages, nanoseconds });
        let samples = [stream(1000, 1e6), stream(4000, 2e6), stream(300, 1e5)];
        let Figures::Throughput(figures) = Figures::of(&samples) else { panic!("not a stream") };
        assert_eq!(figures.messages_per_second, Spread { median: 2e6, least: 1e6, most: 3e6 });
        assert_eq!(figures.count, 5300);
    }
}
