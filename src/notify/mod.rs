//! Sends alerts to webhooks: what is said and in which form, how often it is tried; must not find alerts, nor fail a run.

mod alertmanager;
mod document;
pub mod message;
pub mod send;
mod slack;
pub mod target;
mod told;
