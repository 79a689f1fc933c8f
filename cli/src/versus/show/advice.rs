//! When not to use rondel, said in the figures of the run itself.

use super::digits::{percent, rate, ratio, three, time, times};
use super::view::{Delays, Flow, Kind, Lane, Manner, Trip, View, is_batch, is_flow, is_paced, is_trip, key};
use crate::versus::record::{Key, Record, TestName};
use rondel_baselines::display_bytes;

/// One reason to use something else, or to expect less.
pub(super) struct Advice {
    pub(super) when: String,
    pub(super) because: String,
}

/// What the run has figures for; of one with nothing to compare, nothing.
pub(super) fn advice(view: &View) -> Vec<Advice> {
    // Without a ring of rondel's there is nothing to advise against.
    if view.measured(|record| view.kind(&record.key.transport) == Kind::Rondel).next().is_none() {
        return vec![];
    }
    [pipe_is_enough, cores_are_wanted, both_sleep, messages_are_large, in_batches, others_are_faster, floor]
        .into_iter()
        .filter_map(|reason| reason(view))
        .collect()
}

fn best_flow<'a>(
    view: &View<'a>,
    which: impl Fn(&Record) -> bool,
    is: impl Fn(&Lane) -> bool,
) -> Option<(Lane<'a>, Flow)> {
    let found = view.measured(which).filter_map(|record| Some((view.lane(record), record.flow()?)));
    found.filter(|(lane, _)| is(lane)).max_by(|(_, one), (_, other)| one.rate.total_cmp(&other.rate))
}

fn best_trip<'a>(view: &View<'a>, bytes: usize, is: impl Fn(&Lane) -> bool) -> Option<(Lane<'a>, Trip)> {
    let trips = view.measured(|record| is_trip(record) && record.key.payload_bytes == bytes);
    let found = trips.filter_map(|record| Some((view.lane(record), record.trip()?)));
    found.filter(|(lane, _)| is(lane)).min_by(|(_, one), (_, other)| one.p50.total_cmp(&other.p50))
}

fn rondel(lane: &Lane) -> bool {
    lane.kind == Kind::Rondel
}

fn sleeps(lane: &Lane) -> bool {
    lane.manner() == Manner::Sleeps
}

fn pipe_is_enough(view: &View) -> Option<Advice> {
    let when = "A pipe may be as good as it needs to be.".to_owned();
    let paced = view.main_size(is_paced).and_then(|bytes| {
        let rates = view.rates().into_iter().rev();
        // The highest at which it keeps up and leaves the core to others for most of the time; failing that, the highest.
        let kept: Vec<_> =
            rates.filter_map(|asked| view.delays("pipe", "park", bytes, asked)).filter(Delays::kept_up).collect();
        Some((bytes, *kept.iter().find(|delays| delays.share() < 0.5).or(kept.first())?))
    });
    if let Some((bytes, delays)) = paced {
        let late = delays.p99.map_or_else(String::new, |p99| format!(", 99 of 100 within {}", time(p99)));
        return Some(Advice {
            when,
            because: format!(
                "At {} of {} half arrive within {}{late}, and the receiver takes {} of a core. Who sends no more than that and can wait \
                 so long gains nothing by a ring; a pipe sleeps while nothing comes, and every language has it.",
                rate(delays.asked),
                display_bytes(bytes),
                time(delays.p50),
                percent(delays.share()),
            ),
        });
    }
    let bytes = view.main_size(is_flow)?;
    let flow = view.flow("pipe", "park", TestName::Throughput, bytes)?;
    Some(Advice {
        when,
        because: format!(
            "It carries {} of {} here. Who sends far fewer gains little by a ring; a pipe sleeps while nothing comes, and every language has it.",
            rate(flow.rate),
            display_bytes(bytes)
        ),
    })
}

fn cores_are_wanted(view: &View) -> Option<Advice> {
    let when = "Spinning is not free.".to_owned();
    let paced = || {
        let bytes = view.main_size(is_paced)?;
        let asked = *view.rates().first()?;
        let found = view.measured(|record| {
            is_paced(record) && record.key.payload_bytes == bytes && record.key.rate_per_s == Some(asked)
        });
        let all: Vec<_> = found.filter_map(|record| Some((view.lane(record), record.delays()?))).collect();
        let quickest = |is: &dyn Fn(&Lane) -> bool| {
            all.iter().filter(|(lane, _)| is(lane)).min_by(|(_, one), (_, other)| one.p50.total_cmp(&other.p50))
        };
        let (spinning, cost) = quickest(&|lane| rondel(lane) && lane.manner() == Manner::Polls)?;
        let (sleeper, less) = quickest(&|lane| rondel(lane) && sleeps(lane))
            .or_else(|| quickest(&|lane| lane.transport == "pipe" && sleeps(lane)))?;
        let default =
            quickest(&|lane| rondel(lane) && lane.manner() == Manner::Both).map_or_else(String::new, |(lane, both)| {
                let (late, share) = (time(both.p50), percent(both.share()));
                format!(
                    "; through {}, which by default polls for a while and then sleeps, within {late}, and {share}",
                    lane.transport
                )
            });
        Some(format!(
            "At {} of {} half arrive within {} through {}, spinning, and the receiver takes {} of a core, whether anything comes or not; \
             through {}, asleep, half arrive within {}, and it takes {}{default}. On a machine that has other work for its cores, spinning slows that work down.",
            rate(asked as f64),
            display_bytes(bytes),
            time(cost.p50),
            spinning.transport,
            percent(cost.share()),
            sleeper.transport,
            time(less.p50),
            percent(less.share()),
        ))
    };
    let busy = || {
        let bytes = view.main_size(is_trip)?;
        let (spinning, cost) = best_trip(view, bytes, |lane| rondel(lane) && lane.manner() == Manner::Polls)?;
        let (sleeper, less) = best_trip(view, bytes, |lane| lane.transport == "pipe" && sleeps(lane))?;
        // How many cores were at work on average: processor time by time that went by.
        let cores = |trip: &Trip| ratio(trip.cost.cpu_s_per_million, Some(trip.p50 / 1e3));
        Some(format!(
            "While messages go to and fro, {}, spinning, keeps {} cores at work, and {}, asleep, {}. And it does so while nothing comes, too.",
            spinning.transport,
            times(cores(&cost)),
            sleeper.transport,
            times(cores(&less)),
        ))
    };
    Some(Advice { when, because: paced().or_else(busy)? })
}

fn both_sleep(view: &View) -> Option<Advice> {
    let bytes = view.main_size(is_trip)?;
    let (ring, trip) = best_trip(view, bytes, |lane| rondel(lane) && sleeps(lane))?;
    let pipe = view.trip("pipe", "park", bytes)?;
    let gain = ratio(pipe.p50, Some(trip.p50))?;
    let futex = view.trip("futex", "park", bytes).map_or_else(String::new, |futex| {
        format!(" A bare futex, which carries one word and nothing else, takes {}.", time(futex.p50))
    });
    let verdict = if gain < 2.0 { "Waking is most of it." } else { "Waking is a part that no ring makes faster." };
    Some(Advice {
        when: "Where both sides sleep, little is gained.".to_owned(),
        because: format!(
            "A round trip of {} then takes {} through {} and {} through a pipe ({} times as fast).{futex} {verdict}",
            display_bytes(bytes),
            time(trip.p50),
            ring.transport,
            time(pipe.p50),
            times(Some(gain)),
        ),
    }
    .titled(gain))
}

impl Advice {
    /// Where the gain is not little after all, that is not what is said.
    fn titled(mut self, gain: f64) -> Self {
        if gain >= 2.0 {
            self.when = "Where both sides sleep, less is gained.".to_owned();
        }
        self
    }
}

fn messages_are_large(view: &View) -> Option<Advice> {
    let gain = |bytes: usize| {
        let (_, ring) = best_flow(view, |record| is_flow(record) && record.key.payload_bytes == bytes, rondel)?;
        view.flow_to_pipe(&ring, TestName::Throughput, bytes)
    };
    let gains: Vec<(usize, f64)> =
        view.sizes(is_flow).into_iter().filter_map(|bytes| Some((bytes, gain(bytes)?))).collect();
    let [(small, first), .., (large, last)] = gains[..] else {
        return None;
    };
    if last >= first {
        return None;
    }
    // The smallest from which on it stays below two.
    let from = gains.iter().rev().take_while(|(_, gain)| *gain < 2.0).last();
    let from = from.map_or_else(String::new, |(bytes, _)| {
        format!(
            " From {} on it is less than twice as many: to make, copy and check such messages is most of the work.",
            display_bytes(*bytes)
        )
    });
    Some(Advice {
        when: "With large messages copying is what counts.".to_owned(),
        because: format!(
            "Of {} the best of rondel's rings carries {} times as many a second as a pipe, of {} {} times as many.{from}",
            display_bytes(small),
            times(Some(first)),
            display_bytes(large),
            times(Some(last)),
        ),
    })
}

fn in_batches(view: &View) -> Option<Advice> {
    let bytes = view.main_size(is_batch)?;
    let of_size = |record: &Record| is_batch(record) && record.key.payload_bytes == bytes;
    let (_, pipe) = best_flow(view, of_size, |lane| lane.transport == "pipe")?;
    let (ring, flow) = best_flow(view, of_size, rondel)?;
    let gain = ratio(flow.rate, Some(pipe.rate))?;
    (gain < 10.0).then(|| Advice {
        when: "Where messages may wait for one another, a pipe can take many at once.".to_owned(),
        because: format!(
            "In batches it carries {} of {}; {} in batches as large carries {} ({} times as many).",
            rate(pipe.rate),
            display_bytes(bytes),
            ring.transport,
            rate(flow.rate),
            times(Some(gain)),
        ),
    })
}

fn others_are_faster(view: &View) -> Option<Advice> {
    let mut said: Vec<String> = Vec::new();
    for bytes in view.sizes(is_flow) {
        let of_size = |record: &Record| is_flow(record) && record.key.payload_bytes == bytes;
        let Some((ring, ours)) = best_flow(view, of_size, rondel) else {
            continue;
        };
        let better = |lane: &Lane| matches!(lane.kind, Kind::Peer | Kind::Guarded | Kind::Kernel | Kind::Other);
        if let Some((other, theirs)) =
            best_flow(view, of_size, better).filter(|(_, theirs)| theirs.rate > ours.rate * 1.05)
        {
            said.push(format!(
                "{} between {} carries {} of {} where {} carries {}",
                other.transport,
                other.between,
                rate(theirs.rate),
                display_bytes(bytes),
                ring.transport,
                rate(ours.rate)
            ));
        }
    }
    if let Some(bytes) = view.main_size(is_trip) {
        let other = best_trip(view, bytes, |lane| !matches!(lane.kind, Kind::Floor | Kind::Rondel));
        if let (Some((ring, ours)), Some((other, theirs))) = (best_trip(view, bytes, rondel), other) {
            if theirs.p50 * 1.05 < ours.p50 {
                said.push(format!(
                    "{} between {} takes {} for a round trip of {} where {} takes {}",
                    other.transport,
                    other.between,
                    time(theirs.p50),
                    display_bytes(bytes),
                    ring.transport,
                    time(ours.p50)
                ));
            }
        }
    }
    (!said.is_empty()).then(|| Advice {
        when: "Something else is faster.".to_owned(),
        because: format!(
            "{}. Threads of one process need no shared memory; between processes, look at what else the note of such a transport does not promise.",
            said.join("; ")
        ),
    })
}

fn floor(view: &View) -> Option<Advice> {
    let bytes = view.main_size(is_trip)?;
    let floor = view.trip("floor", "spin", bytes)?;
    let (ring, trip) = best_trip(view, bytes, rondel)?;
    Some(Advice {
        when: "Below the floor nothing helps.".to_owned(),
        because: format!(
            "To move a cache line to the other core and one back takes {} on this machine, whatever is built on it; {} takes {} ({} times as \
             long). Work that is shorter than that is better done where it is.",
            time(floor.p50),
            ring.transport,
            time(trip.p50),
            times(ratio(trip.p50, Some(floor.p50))),
        ),
    })
}

/// What the head of a page says in large figures: a figure, and what it is.
pub(super) fn headlines(view: &View) -> Vec<(String, String)> {
    let mut told = Vec::new();
    if let Some(bytes) = view.main_size(is_trip) {
        let size = display_bytes(bytes);
        if let Some((ring, trip)) = best_trip(view, bytes, rondel) {
            told.push((time(trip.p50), format!("a round trip of {size} through {} ({})", ring.transport, ring.wait)));
            if let Some(gain) = view.trip_to_pipe(&trip, bytes) {
                told.push((format!("{}×", times(Some(gain))), "as fast as through a pipe".to_owned()));
            }
            if let Some(above) = view.trip_to_floor(&trip, bytes) {
                told.push((format!("{}×", times(Some(above))), "as long as the machine's floor".to_owned()));
            }
        }
    }
    if let Some(bytes) = view.main_size(is_flow) {
        let of_size = |record: &Record| is_flow(record) && record.key.payload_bytes == bytes;
        if let Some((ring, flow)) = best_flow(view, of_size, rondel) {
            let size = display_bytes(bytes);
            told.push((rate(flow.rate), format!("messages of {size} through {} ({})", ring.transport, ring.wait)));
            let cost = three(flow.cost.cpu_s_per_million);
            let pipe = view.record(&Key { ..key("pipe", "park", TestName::Throughput, bytes) }).and_then(Record::flow);
            let beside =
                pipe.map_or_else(String::new, |pipe| format!("; a pipe {}", three(pipe.cost.cpu_s_per_million)));
            told.push((format!("{cost} s"), format!("of processor time for a million of them{beside}")));
        }
    }
    told
}
