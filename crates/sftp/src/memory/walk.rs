//! From a path to what is there.

use std::collections::VecDeque;
use std::sync::Arc;

use super::node::{Content, Node};
use crate::Status;

/// Symbolic links on one way.
const LINKS: usize = 40;
/// Bytes of a path.
const PATH: usize = 4096;
/// Bytes of a name.
const NAME: usize = 255;

/// Where a path leads.
pub(super) struct Place {
    root: Arc<Node>,
    /// From the root on, without it; the last one is what the path names, if that is there.
    way: Vec<(Vec<u8>, Arc<Node>)>,
    /// The last name, which is not there.
    missing: Option<Vec<u8>>,
}

impl Place {
    /// Follows a path. Only its last component may be missing.
    pub(super) fn of(root: &Arc<Node>, path: &[u8], follow: bool) -> Result<Self, Status> {
        if path.len() > PATH {
            return Err(Status::BadMessage);
        }
        let mut place = Self { root: Arc::clone(root), way: Vec::new(), missing: None };
        let mut links: usize = 0;
        let mut ahead: VecDeque<Vec<u8>> = components(path);
        while let Some(name) = ahead.pop_front() {
            if place.missing.is_some() {
                return Err(Status::NoSuchFile);
            }
            let here = place.last();
            let entries = here.entries().ok_or(Status::NoSuchFile)?;
            match &*name {
                b"" | b"." => continue,
                b".." => {
                    place.way.pop();
                    continue;
                }
                _ if name.len() > NAME => return Err(Status::BadMessage),
                _ => {}
            }
            let Some(node) = entries.get(&name).map(Arc::clone) else {
                place.missing = Some(name);
                continue;
            };
            drop(entries);
            match &node.content {
                Content::Link(target) if follow || !ahead.is_empty() => {
                    links = links.saturating_add(1);
                    if links > LINKS {
                        return Err(Status::NoSuchFile);
                    }
                    if target.starts_with(b"/") {
                        place.way.clear();
                    }
                    for name in components(target).into_iter().rev() {
                        ahead.push_front(name);
                    }
                }
                Content::Link(_) | Content::File(_) | Content::Directory(_) => place.way.push((name, node)),
            }
        }
        Ok(place)
    }

    fn last(&self) -> Arc<Node> {
        Arc::clone(self.way.last().map_or(&self.root, |(_, node)| node))
    }

    /// What is there.
    pub(super) fn found(&self) -> Option<Arc<Node>> {
        self.missing.is_none().then(|| self.last())
    }

    /// The directory that has the name or may get it, and the name; the root has neither.
    pub(super) fn entry(&self) -> Option<(Arc<Node>, &[u8])> {
        if let Some(name) = &self.missing {
            return Some((self.last(), name));
        }
        let ((name, _), before) = self.way.split_last()?;
        Some((Arc::clone(before.last().map_or(&self.root, |(_, node)| node)), name))
    }

    /// Whether it is there or below.
    pub(super) fn is_within(&self, node: &Arc<Node>) -> bool {
        self.way.iter().any(|(_, passed)| Arc::ptr_eq(passed, node))
    }

    /// Its path from the root.
    pub(super) fn path(&self) -> Vec<u8> {
        let names = self.way.iter().map(|(name, _)| name).chain(&self.missing);
        let path: Vec<u8> = names.flat_map(|name| [b"/", &name[..]].concat()).collect();
        if path.is_empty() { b"/".to_vec() } else { path }
    }
}

fn components(path: &[u8]) -> VecDeque<Vec<u8>> {
    path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
}
