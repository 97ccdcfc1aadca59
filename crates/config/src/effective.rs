//! The configuration as it was read, and what of it holds for one connection.

use crate::{
    keyword::{Effective, Setting, Store},
    matching::{Condition, ConnInfo},
    parse::Warning,
};

/// A configuration that can be used. [`Config::parse`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What holds where no block does.
    pub(crate) base: Effective,
    /// Every `Match` line; a parent stands before its children.
    pub(crate) conditions: Vec<Condition>,
    /// What stands in blocks, in the order of the files.
    pub(crate) sections: Vec<Section>,
    pub(crate) warnings: Vec<Warning>,
}

/// Lines of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// The block's condition.
    pub(crate) condition: usize,
    pub(crate) settings: Vec<Setting>,
}

impl Config {
    /// What holds for a connection: of the blocks that match the first value of a keyword, or all of a list; else the value
    /// outside of blocks; else the default. Takes time in proportion to the configuration.
    #[must_use]
    pub fn effective(&self, connection: &ConnInfo) -> Effective {
        let mut holding = Vec::with_capacity(self.conditions.len());
        for condition in &self.conditions {
            let parent = condition.parent.is_none_or(|parent| holds(&holding, parent));
            holding.push(parent && condition.holds(connection));
        }
        let mut matched = Store::default();
        for section in self.sections.iter().filter(|section| holds(&holding, section.condition)) {
            for setting in &section.settings {
                matched.set(setting.clone());
            }
        }
        let mut effective = self.base.clone();
        matched.overrule(&mut effective);
        effective
    }

    /// What holds for the server itself, which no `Match` can change: ports, host keys, algorithms.
    #[must_use]
    pub fn global(&self) -> &Effective {
        &self.base
    }

    /// Lines that are good but do nothing, one warning for each keyword.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

fn holds(holding: &[bool], condition: usize) -> bool {
    holding.get(condition).copied().unwrap_or(false)
}
