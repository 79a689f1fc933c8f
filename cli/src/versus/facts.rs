//! What is known of each transport before it is measured.

use super::record::AboutTransport;
use rondel_baselines::transports::Memcpy;
use rondel_baselines::{
    Crowd, CrowdVisitor, EverySize, FewSizes, Kind, Scope, Transport, Visitor, Wait, crowd_names, names, visit,
    visit_crowd,
};
use std::iter;

/// What is known of a transport before it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    pub(crate) note: &'static str,
    /// What this machine grants it.
    pub(crate) granted: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    pub(crate) waits: &'static [Wait],
    pub(crate) queues: bool,
    pub(crate) batches: bool,
    /// Whether it is measured between two.
    pub(crate) pairs: bool,
    /// Whether it is measured between many.
    pub(crate) crowds: bool,
    /// Whether it carries messages of any length, and is measured at every size.
    pub(crate) any_length: bool,
    /// Whether nothing is copied, so that to hand over what lies ready elsewhere is not what it is for.
    pub(crate) in_place: bool,
}

/// The names of all transports, of one thread, between two and between many, in the order in which they are shown.
pub(crate) fn all_names() -> Vec<&'static str> {
    let only_crowds = crowd_names().iter().filter(|name| !names().contains(name));
    iter::once(&Memcpy::NAME).chain(names()).chain(only_crowds).copied().collect()
}

impl Facts {
    /// The facts of all transports, or of those named in `only` if it names any.
    pub(crate) fn of_all(only: &[String]) -> Vec<Facts> {
        struct Ask;
        impl Visitor for Ask {
            type Output = Facts;
            fn visit<T: FewSizes>(self) -> Facts {
                Facts::of::<T>()
            }
            fn visit_any_length<T: EverySize>(self) -> Facts {
                Facts { any_length: true, ..Facts::of::<T>() }
            }
        }
        impl CrowdVisitor for Ask {
            type Output = Facts;
            fn visit<T: Crowd>(self) -> Facts {
                Facts::of::<T>()
            }
        }
        all_names()
            .into_iter()
            .filter(|name| only.is_empty() || only.iter().any(|wanted| wanted == name))
            .filter_map(|name| match name {
                Memcpy::NAME => Some(Facts { any_length: true, ..Facts::of::<Memcpy>() }),
                _ => visit(name, Ask).or_else(|_| visit_crowd(name, Ask)).ok(),
            })
            .collect()
    }

    fn of<T: Transport>() -> Facts {
        Facts {
            name: T::NAME,
            note: T::NOTE,
            granted: T::granted(),
            kind: T::KIND,
            scope: T::SCOPE,
            waits: T::WAITS,
            queues: T::QUEUES,
            batches: T::BATCHES,
            pairs: names().contains(&T::NAME),
            crowds: crowd_names().contains(&T::NAME),
            any_length: false,
            in_place: T::IN_PLACE,
        }
    }

    /// As a record of a run has it.
    pub(crate) fn about(&self) -> AboutTransport {
        AboutTransport {
            name: self.name.to_owned(),
            kind: self.kind.name().to_owned(),
            between: self.scope.name().to_owned(),
            note: self.note.to_owned(),
            granted: self.granted.clone(),
        }
    }

    /// The ways of waiting under which throughput is of interest. A busy stream never sleeps, so to be *ready* to sleep
    /// is the cost that counts, and where there is a default that is, it stands for parking too.
    pub(crate) fn throughput_waits(&self) -> impl Iterator<Item = Wait> {
        let has_default = self.waits.contains(&Wait::Default);
        self.waits.iter().copied().filter(move |wait| !(has_default && *wait == Wait::Park))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_of_the_transports() {
        let some = ["unix-stream", "array-queue", "pipe"].map(str::to_owned);
        let some: std::collections::BTreeSet<_> = Facts::of_all(&some).iter().map(|f| f.name).collect();
        assert_eq!(some, ["array-queue", "pipe", "unix-stream"].into());
        let all: Vec<_> = Facts::of_all(&[]).iter().map(|f| f.name).collect();
        assert_eq!(all, all_names());
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len(), "named twice: {all:?}");
        assert!(names().iter().chain(crowd_names()).all(|name| all.contains(name)));
    }
}
