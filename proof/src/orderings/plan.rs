//! All mutants of the protocol, numbered.

use std::path::Path;

use anyhow::{Result, ensure};

use super::source::{self, File, Mutation, Site};

/// The protocol's files and everything that can be done to them.
pub(crate) struct Plan {
    pub(crate) files: Vec<File>,
    pub(crate) mutants: Vec<Mutant>,
}

/// One change of one site.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// The number of the site, counted through all files.
    site_number: usize,
    pub(crate) site: Site,
    pub(crate) mutation: Mutation,
}

/// What tells a mutant from all others in words that outlive a change elsewhere in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) file: String,
    pub(crate) function: String,
    pub(crate) label: String,
    pub(crate) access: String,
    pub(crate) original: String,
    pub(crate) instead: String,
}

impl Plan {
    /// Reads the protocol.
    pub(crate) fn read(root: &Path) -> Result<Plan> {
        Plan::of(source::read(&root.join("src/protocol"))?)
    }

    pub(crate) fn of(mut files: Vec<File>) -> Result<Plan> {
        files.iter_mut().for_each(tell_apart);
        let mut plan = Plan { files, mutants: Vec::new() };
        let sites: Vec<Site> = plan.sites().cloned().collect();
        for (site_number, site) in sites.into_iter().enumerate() {
            for mutation in site.mutations() {
                plan.mutants.push(Mutant { site_number, site: site.clone(), mutation });
            }
        }
        let mut keys: Vec<Key> = plan.mutants.iter().map(Mutant::key).collect();
        keys.sort();
        ensure!(keys.windows(2).all(|pair| pair[0] != pair[1]), "two mutants have one name");
        Ok(plan)
    }

    /// Every site, in the order of its number.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.files.iter().flat_map(|file| &file.sites)
    }

    /// The mutants of a site, each with its number.
    pub(crate) fn mutants_of(&self, site: usize) -> impl Iterator<Item = (usize, Mutation)> {
        let numbered = self.mutants.iter().enumerate();
        numbered.filter(move |(_, mutant)| mutant.site_number == site).map(|(number, mutant)| (number, mutant.mutation))
    }
}

/// Numbers the accesses of one function that have the same label and are made to the same word.
fn tell_apart(file: &mut File) {
    let names: Vec<(String, String, String)> =
        file.sites.iter().map(|site| (site.function.clone(), site.label.clone(), site.access.clone())).collect();
    for (index, site) in file.sites.iter_mut().enumerate() {
        let same = |range: &[(String, String, String)]| range.iter().filter(|name| **name == names[index]).count();
        if same(&names) > 1 {
            site.access = format!("{} ({})", site.access, same(&names[..=index]));
        }
    }
}

impl Mutant {
    pub(crate) fn key(&self) -> Key {
        let Site { file, function, label, access, .. } = self.site.clone();
        Key { file, function, label, access, original: self.site.original(), instead: self.mutation.to_string() }
    }

    /// The number of the mutant's site.
    pub(crate) fn site_number(&self) -> usize {
        self.site_number
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Key { file, function, label, access, original, instead } = self;
        if label.is_empty() {
            write!(f, "{file} {function}: {access} {instead}")
        } else {
            write!(f, "{file} {function} [{label}]: {access} {original} → {instead}")
        }
    }
}
