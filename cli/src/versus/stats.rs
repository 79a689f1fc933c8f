//! From the samples of all repetitions to the figures that are reported.

use super::clock::Clock;
use super::measure::{Body, Sample, Stream};
use super::near::empty_histogram;
use super::record::{Cost, Finding};
use hdrhistogram::Histogram;

/// A figure as it came out over all repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Of an even number of values the median is the mean of the middle two. Of none, everything is NaN.
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Spread { median: f64::midpoint(at(last / 2), at(last - last / 2)), least: at(0), most: at(last) }
    }
}

/// The figures of a job's repetitions with messages of so many bytes; there is one at the least, and all are of one kind.
pub(crate) fn finding(samples: &[Sample], bytes: usize) -> Finding {
    let cost = cost(samples);
    let (mut round_trips, mut streams, mut delays) = (vec![], vec![], vec![]);
    for sample in samples {
        match &sample.body {
            Body::RoundTrips(histogram, clock) => round_trips.push((histogram, *clock)),
            Body::Stream(stream) => streams.push(*stream),
            Body::Delays(histogram, clock, stream) => {
                delays.push((histogram, *clock));
                streams.push(*stream);
            }
        }
    }
    if !round_trips.is_empty() {
        asked(&round_trips, cost)
    } else if !delays.is_empty() {
        paced(&delays, &streams, cost)
    } else {
        streamed(&streams, bytes, cost)
    }
}

fn asked(round_trips: &[(&Histogram<u64>, Clock)], cost: Cost) -> Finding {
    let quantile = |q: f64| Spread::of(round_trips.iter().map(|(h, clock)| clock.nanoseconds(h.value_at_quantile(q))));
    let p50 = quantile(0.5);
    Finding::RoundTrip {
        p50_ns: tenths(p50.median),
        p50_min_ns: tenths(p50.least),
        p50_max_ns: tenths(p50.most),
        p99_ns: tenths(quantile(0.99).median),
        p999_ns: tenths(quantile(0.999).median),
        max_ns: tenths(quantile(1.0).most),
        round_trips: round_trips.iter().map(|(histogram, _)| histogram.len()).sum(),
        cost,
    }
}

fn streamed(streams: &[Stream], bytes: usize, cost: Cost) -> Finding {
    let rate = Spread::of(streams.iter().map(|stream| stream.per_second()));
    Finding::Throughput {
        messages_per_s: rate.median.round(),
        messages_per_s_min: rate.least.round(),
        messages_per_s_max: rate.most.round(),
        bytes_per_s: (rate.median * bytes as f64).round(),
        messages: streams.iter().map(|stream| stream.messages).sum(),
        cost,
    }
}

/// How many delays must be longer than a percentile for it to be told. The last few of a distribution are chance.
const BEYOND: f64 = 5.0;

fn paced(delays: &[(&Histogram<u64>, Clock)], streams: &[Stream], cost: Cost) -> Finding {
    let medians = Spread::of(delays.iter().map(|(h, clock)| clock.nanoseconds(h.value_at_quantile(0.5))));
    // All repetitions of a run have the same clock.
    let clock = delays.first().map_or_else(Clock::monotonic, |(_, clock)| *clock);
    let mut together = empty_histogram();
    for (histogram, _) in delays {
        // All have the bounds of `empty_histogram`, so that each fits into another.
        together.add(*histogram).unwrap_or_else(|error| unreachable!("{error}"));
    }
    let quantile = |q: f64| tenths(clock.nanoseconds(together.value_at_quantile(q)));
    let told = |q: f64| Some(quantile(q)).filter(|_| together.len() as f64 * (1.0 - q) >= BEYOND);
    Finding::Paced {
        arrived_per_s: together_per_second(streams).round(),
        p50_ns: quantile(0.5),
        p50_min_ns: tenths(medians.least),
        p50_max_ns: tenths(medians.most),
        p99_ns: told(0.99),
        p999_ns: told(0.999),
        p9999_ns: told(0.9999),
        max_ns: quantile(1.0),
        delays: together.len(),
        cost,
    }
}

/// How many arrived a second, in all repetitions together: so that it goes with the cost, which is that of all of them.
fn together_per_second(streams: &[Stream]) -> f64 {
    let messages = streams.iter().map(|stream| stream.messages).sum();
    Stream { messages, nanoseconds: streams.iter().map(|stream| stream.nanoseconds).sum() }.per_second()
}

/// Of all repetitions together.
fn cost(samples: &[Sample]) -> Cost {
    let sum = |of: fn(&Sample) -> u64| samples.iter().map(of).sum::<u64>() as f64;
    let messages = sum(|sample| sample.spent.messages).max(1.0);
    Cost {
        cpu_s_per_million: rounded(sum(|sample| sample.spent.used.nanoseconds) / messages / 1e3),
        switches_per_million: rounded(sum(|sample| sample.spent.used.switches) / messages * 1e6),
    }
}

/// A tenth of a nanosecond is more than any clock here resolves.
fn tenths(nanoseconds: f64) -> f64 {
    (nanoseconds * 10.0).round() / 10.0
}

/// To four digits after the point.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versus::measure::Spent;
    use rondel_baselines::Usage;

    #[test]
    fn medians() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 10.0]), Spread { median: 3.0, least: 1.0, most: 10.0 });
        assert_eq!(Spread::of([7.0]), Spread { median: 7.0, least: 7.0, most: 7.0 });
        assert!(Spread::of([]).median.is_nan());
    }

    fn free(body: Body) -> Sample {
        Sample { body, spent: Spent::default() }
    }

    fn round_trips(histogram: Histogram<u64>) -> Sample {
        free(Body::RoundTrips(histogram, Clock::monotonic()))
    }

    /// 1, 2, … `count` ticks, each once, times `factor`, recorded in an order that is not theirs.
    fn uniform(count: u64, factor: u64) -> Histogram<u64> {
        let mut histogram = empty_histogram();
        // 7919 is a prime that does not divide the counts used here, so every number comes up once.
        (0..count).for_each(|i| histogram.record((i * 7919 % count + 1) * factor).unwrap());
        histogram
    }

    fn close(found: f64, expected: f64) {
        // Three digits are kept.
        assert!((found - expected).abs() <= expected * 1e-3 + 1.0, "{found}, expected {expected}");
    }

    #[test]
    fn percentiles_of_a_uniform_distribution() {
        let found = finding(&[round_trips(uniform(100_000, 1))], 8);
        let Finding::RoundTrip { p50_ns, p99_ns, p999_ns, max_ns, round_trips, .. } = found else {
            panic!("not round trips: {found:?}")
        };
        close(p50_ns, 50_000.0);
        close(p99_ns, 99_000.0);
        close(p999_ns, 99_900.0);
        close(max_ns, 100_000.0);
        assert_eq!(round_trips, 100_000);
    }

    #[test]
    fn a_rare_long_round_trip_shows_in_the_tail_only() {
        let mut histogram = empty_histogram();
        histogram.record_n(250, 99_850).unwrap();
        histogram.record_n(1_000_000, 150).unwrap();
        let found = finding(&[round_trips(histogram)], 8);
        let Finding::RoundTrip { p50_ns, p99_ns, p999_ns, .. } = found else { panic!("not round trips: {found:?}") };
        close(p50_ns, 250.0);
        close(p99_ns, 250.0);
        close(p999_ns, 1_000_000.0);
    }

    #[test]
    fn one_slow_repetition_of_five_does_not_move_the_median() {
        let samples: Vec<_> = [1, 1, 50, 1, 1].iter().map(|factor| round_trips(uniform(1000, *factor))).collect();
        let found = finding(&samples, 8);
        let Finding::RoundTrip { p50_ns, p50_min_ns, p50_max_ns, max_ns, round_trips, .. } = found else {
            panic!("not round trips: {found:?}")
        };
        close(p50_ns, 500.0);
        close(p50_min_ns, 500.0);
        close(p50_max_ns, 25_000.0);
        close(max_ns, 50_000.0);
        assert_eq!(round_trips, 5000);
    }

    #[test]
    fn throughput_is_messages_by_time() {
        let stream = |messages, nanoseconds| free(Body::Stream(Stream { messages, nanoseconds }));
        let found = finding(&[stream(1000, 1e6), stream(4000, 2e6), stream(300, 1e5)], 64);
        let Finding::Throughput {
            messages_per_s, messages_per_s_min, messages_per_s_max, bytes_per_s, messages, ..
        } = found
        else {
            panic!("not a stream: {found:?}")
        };
        assert_eq!([messages_per_s, messages_per_s_min, messages_per_s_max, bytes_per_s], [2e6, 1e6, 3e6, 128e6]);
        assert_eq!(messages, 5300);
    }

    /// An exponential distribution, whose percentiles are known: -ln(1 - q) times its mean.
    fn exponential(count: u64, mean: f64) -> Histogram<u64> {
        let mut histogram = empty_histogram();
        for i in 0..count {
            let q = (i as f64 + 0.5) / count as f64;
            histogram.record((-(1.0 - q).ln() * mean).round() as u64).unwrap();
        }
        histogram
    }

    fn delays(histogram: Histogram<u64>) -> Sample {
        let stream = Stream { messages: histogram.len(), nanoseconds: 1e9 };
        free(Body::Delays(histogram, Clock::monotonic(), stream))
    }

    #[test]
    fn the_tail_of_delays_is_that_of_all_repetitions_together() {
        let found = finding(&[delays(exponential(400_000, 1e4)), delays(exponential(400_000, 1e5))], 8);
        let Finding::Paced { arrived_per_s, p50_min_ns, p50_max_ns, p99_ns, p9999_ns, delays, .. } = found else {
            panic!("not paced: {found:?}")
        };
        assert_eq!((arrived_per_s, delays), (400_000.0, 800_000));
        close(p50_min_ns, 1e4 * 2f64.ln());
        close(p50_max_ns, 1e5 * 2f64.ln());
        // Beyond 1 % of the whole lie 2 % of the slower half, and next to none of the faster.
        close(p99_ns.expect("enough"), 1e5 * 50f64.ln());
        close(p9999_ns.expect("enough"), 1e5 * 5000f64.ln());
    }

    #[test]
    fn a_percentile_beyond_which_next_to_nothing_lies_is_not_told() {
        let told = |count| match finding(&[delays(uniform(count, 10))], 8) {
            Finding::Paced { p99_ns, p999_ns, p9999_ns, .. } => [p99_ns, p999_ns, p9999_ns].map(|p| p.is_some()),
            other => panic!("not paced: {other:?}"),
        };
        assert_eq!(told(499), [false, false, false]);
        assert_eq!(told(500), [true, false, false]);
        assert_eq!(told(5001), [true, true, false]);
        assert_eq!(told(50_001), [true, true, true]);
    }

    #[test]
    fn the_cost_is_that_of_all_messages() {
        let sample = |nanoseconds, switches, messages| Sample {
            spent: Spent { used: Usage { nanoseconds, switches }, messages },
            ..free(Body::Stream(Stream { messages: 1, nanoseconds: 1.0 }))
        };
        let samples = [sample(1_000_000, 30, 1000), sample(5_000_000, 0, 3000)];
        assert_eq!(cost(&samples), Cost { cpu_s_per_million: 1.5, switches_per_million: 7500.0 });
        assert_eq!(cost(&[sample(0, 0, 0)]), Cost { cpu_s_per_million: 0.0, switches_per_million: 0.0 });
    }
}
