//! Lets threads finish parts in any order and one place take them in the canonical one, with a bound on how far any may run ahead.

use super::collect::Collector;
use super::work::Part;
use crate::error::Error;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Takes parts in order.
pub struct InOrder<'c> {
    state: Mutex<State<'c>>,
    moved: Condvar,
    failed: AtomicBool,
    ahead: usize,
}

struct State<'c> {
    next: (usize, usize),
    waiting: BTreeMap<(usize, usize), Part>,
    collector: Collector<'c>,
    error: Option<Error>,
    /// Threads that neither wait here nor have ended.
    active: usize,
}

impl<'c> InOrder<'c> {
    /// Hands the parts that `threads` threads bring to the collector; about `ahead` may wait for an earlier one.
    pub fn new(collector: Collector<'c>, threads: usize, ahead: usize) -> Self {
        let state = State { next: (0, 0), waiting: BTreeMap::new(), collector, error: None, active: threads };
        InOrder { state: Mutex::new(state), moved: Condvar::new(), failed: AtomicBool::new(false), ahead }
    }

    /// Whether collecting failed: there is no use in going on.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Gives a part. Waits while too many parts wait for an earlier one, but never as the last active thread: that one must go on, and what it
    /// takes next is the earliest part that nobody has.
    pub fn submit(&self, part: Part) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.insert((part.input, part.number), part);
        let jobs = state.take_ready();
        if state.error.is_some() {
            self.failed.store(true, Ordering::Relaxed);
        }
        self.moved.notify_all();
        drop(state);
        for job in jobs {
            if let Err(error) = job.run() {
                self.state.lock().unwrap_or_else(PoisonError::into_inner).error.get_or_insert(error);
                self.failed.store(true, Ordering::Relaxed);
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.waiting.len() > self.ahead && state.active > 1 && !self.has_failed() {
            state.active -= 1;
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.active += 1;
        }
    }

    /// Says that a thread brings no more parts.
    pub fn leave(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).active -= 1;
        self.moved.notify_all();
    }

    /// Everything collected.
    pub fn finish(self) -> Result<Collector<'c>, Error> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.error {
            Some(error) => Err(error),
            None => Ok(state.collector),
        }
    }
}

impl State<'_> {
    fn take_ready(&mut self) -> Vec<super::collect::PartFile> {
        let mut jobs = Vec::new();
        while self.error.is_none()
            && let Some(part) = self.waiting.remove(&self.next)
        {
            self.next = if part.last { (part.input + 1, 0) } else { (part.input, part.number + 1) };
            match self.collector.take(part) {
                Ok(job) => jobs.extend(job),
                Err(error) => self.error = Some(error),
            }
        }
        jobs
    }
}
