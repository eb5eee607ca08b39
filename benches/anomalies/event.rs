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
    pub provider: String,
    pub service: String,
    pub operation: String,
    pub src_ip: String,
    pub client: String,
    pub tenant: String,
    pub status: String,
    pub refused_by: String,
    pub status_code: String,
}

impl Call {
    /// A line for the call at a time.
    pub fn line(&self, at: i64) -> String {
        let members = [
            ("provider", &self.provider),
            ("service", &self.service),
            ("operation", &self.operation),
            ("status", &self.status),
            ("refused_by", &self.refused_by),
            ("status_code", &self.status_code),
            ("credential_uid", &self.key),
            ("src_ip", &self.src_ip),
            ("user_agent", &self.client),
            ("tenant_uid", &self.tenant),
        ];
        let known = members.into_iter().filter(|(_, value)| !value.is_empty());
        let members: Vec<String> =
            known.map(|(name, value)| format!("\"{name}\":{}", serde_json::Value::from(value.as_str()))).collect();
        line(at, &members.join(","))
    }

    /// The same, refused.
    pub fn refused(&self) -> Call {
        let refused = ["failure", "provider", "invalid_api_key"].map(String::from);
        let [status, refused_by, status_code] = refused;
        Call { status, refused_by, status_code, ..self.clone() }
    }
}

/// A line with these members beside time and source.
pub fn line(at: i64, members: &str) -> String {
    format!("{{\"source\":\"bench\",\"input_record\":0,\"event_time\":\"{}\",{members}}}", time(at))
}

fn time(at: i64) -> String {
    rfc3339(Some(at * 1_000_000)).unwrap_or_default()
}
