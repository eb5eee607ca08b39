//! Events as lines of keyfault's own JSON, in seconds since 1970; knows no anomaly.

use keyfault::model::time::rfc3339;

/// 2026-09-07, a Monday.
pub const MONDAY: i64 = 1_788_739_200;
/// An hour in seconds.
pub const HOUR: i64 = 3_600;
/// A day in seconds.
pub const DAY: i64 = 24 * HOUR;
/// A week in seconds.
pub const WEEK: i64 = 7 * DAY;

/// A call with a key.
#[derive(Clone)]
pub struct Call {
    pub key: String,
    pub network: String,
    pub operation: String,
    pub client: String,
    pub tenant: String,
}

impl Call {
    /// A line for the call at a time, accepted or refused.
    pub fn line(&self, at: i64, refused: bool) -> String {
        let status = match refused {
            true => "\"failure\",\"refused_by\":\"provider\",\"status_code\":\"invalid_api_key\",\"http_status\":401",
            false => "\"success\",\"http_status\":200",
        };
        format!(
            "{{\"source\":\"bench\",\"input_record\":0,\"event_time\":\"{}\",\"provider\":\"openai\",\"status\":{status},\"credential_uid\":\"{}\",\"src_ip\":\"{}.7\",\"operation\":\"{}\",\"user_agent\":\"{}/1.0\",\"tenant_uid\":\"{}\"}}",
            time(at),
            self.key,
            self.network,
            self.operation,
            self.client,
            self.tenant
        )
    }
}

/// A line with these members beside time and source.
pub fn line(at: i64, members: &str) -> String {
    format!("{{\"source\":\"bench\",\"input_record\":0,\"event_time\":\"{}\",{members}}}", time(at))
}

fn time(at: i64) -> String {
    rfc3339(Some(at * 1_000_000)).unwrap_or_default()
}
