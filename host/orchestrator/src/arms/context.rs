//! Contexts: what tells tasks of one class apart, from the broad to the narrow.
//!
//! A context is a short list of named levels, such as `instrument=IBM`, `timeframe=1d`, `regime=calm`; its
//! parent is the list without its last level, and the empty list is the whole class.
//!
//! Bounds: at most [`LEVELS`] levels and [`CONTEXTS`] contexts a class. What goes beyond belongs to the
//! narrowest context there is room for, so that figures grow coarser, never larger.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Most levels a context is told apart by; further ones are left out.
pub const LEVELS: usize = 4;
/// Most contexts of one class, the class itself included.
pub const CONTEXTS: usize = 1_024;

/// One level of a context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// What is told apart, such as `regime`.
    pub name: String,
    /// Which it is, such as `calm`.
    pub value: String,
}

/// A context: levels, broad before narrow. Empty means the whole class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(pub Vec<Level>);

impl Context {
    /// A context of the given names and values.
    #[must_use]
    pub fn of(levels: &[(&str, &str)]) -> Self {
        let level = |(name, value): &(&str, &str)| Level {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        Context(levels.iter().map(level).collect())
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("everything");
        }
        for (index, level) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}={}", level.name, level.value)?;
        }
        Ok(())
    }
}

/// A context that has been met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContextId(pub(super) u32);

impl ContextId {
    /// The whole class.
    pub const CLASS: ContextId = ContextId(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The contexts met so far.
#[derive(Debug, Clone)]
pub(super) struct Contexts {
    ids: BTreeMap<Context, ContextId>,
    /// For each, itself and what it is part of, the whole class first.
    paths: Vec<Vec<ContextId>>,
}

impl Contexts {
    pub(super) fn new() -> Self {
        Contexts {
            ids: BTreeMap::from([(Context::default(), ContextId::CLASS)]),
            paths: vec![vec![ContextId::CLASS]],
        }
    }

    /// Finds or adds a context and all it is part of.
    pub(super) fn enter(&mut self, context: &Context) -> ContextId {
        if let Some(id) = self.ids.get(context) {
            return *id;
        }
        let mut parent = ContextId::CLASS;
        for length in 1..=context.0.len().min(LEVELS) {
            let part = Context(context.0[..length].to_vec());
            parent = match self.ids.get(&part) {
                Some(id) => *id,
                None if self.paths.len() == CONTEXTS => return parent,
                None => self.add(part, parent),
            };
        }
        parent
    }

    fn add(&mut self, context: Context, parent: ContextId) -> ContextId {
        #[expect(clippy::cast_possible_truncation, reason = "at most CONTEXTS")]
        let id = ContextId(self.paths.len() as u32);
        let mut path = self.paths[parent.index()].clone();
        path.push(id);
        self.paths.push(path);
        self.ids.insert(context, id);
        id
    }

    /// A context and what it is part of, the whole class first.
    pub(super) fn path(&self, id: ContextId) -> &[ContextId] {
        &self.paths[id.index()]
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Context, ContextId)> {
        self.ids.iter().map(|(context, id)| (context, *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_knows_what_it_is_part_of() {
        let mut contexts = Contexts::new();
        let calm = contexts.enter(&Context::of(&[("instrument", "IBM"), ("regime", "calm")]));
        let ibm = contexts.enter(&Context::of(&[("instrument", "IBM")]));
        assert_eq!(contexts.path(calm), [ContextId::CLASS, ibm, calm]);
        assert_eq!(contexts.len(), 3);
    }

    #[test]
    fn what_there_is_no_room_for_belongs_to_its_parent() {
        let mut contexts = Contexts::new();
        let ibm = contexts.enter(&Context::of(&[("instrument", "IBM")]));
        for index in 0..2 * CONTEXTS {
            contexts.enter(&Context::of(&[("instrument", &index.to_string())]));
        }
        assert_eq!(contexts.len(), CONTEXTS);
        let late = Context::of(&[("instrument", "IBM"), ("regime", "late")]);
        assert_eq!(contexts.enter(&late), ibm);
        let deep = Context::of(&[("a", "1"); 9]);
        assert_eq!(contexts.enter(&deep), ContextId::CLASS);
    }
}
