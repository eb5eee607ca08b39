//! Finds inputs, unpacks them and cuts them into chunks between records; must not know providers.

pub mod codec;
pub mod find;
pub mod fingerprint;
pub mod frame;
pub mod geoip;
pub mod reader;
mod stream;
