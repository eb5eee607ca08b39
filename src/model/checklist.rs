//! The fourteen questions an engineer asks when a credential stops working; a cause names the question it fails.

/// A question of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Id, for ever: `causes.yml` and reports name it.
    pub id: &'static str,
    /// The question.
    pub question: &'static str,
    /// The log or inventory that answers it when the logs at hand do not.
    pub needs: &'static str,
}

/// The questions in the order in which an engineer asks them.
pub const CHECKLIST: &[Check] = &[
    Check { id: "key_typed", question: "is the key typed correctly", needs: "the gateway's log with request headers" },
    Check {
        id: "right_place",
        question: "right service, region and environment",
        needs: "the gateway's log with host and headers",
    },
    Check { id: "key_active", question: "is the key active", needs: "the provider's audit log or key list" },
    Check { id: "right_user", question: "is the key linked to the right user", needs: "the provider's key list" },
    Check {
        id: "user_good",
        question: "is the user in good standing",
        needs: "the directory's or provider's audit log",
    },
    Check { id: "permissions", question: "are the permissions sufficient", needs: "the provider's audit log" },
    Check {
        id: "header_format",
        question: "are header and format right",
        needs: "the gateway's log with request headers",
    },
    Check {
        id: "parameters",
        question: "are the other required parameters right",
        needs: "the gateway's log with the response body",
    },
    Check {
        id: "key_loaded",
        question: "is the key loaded correctly by the application",
        needs: "the gateway's log with request headers",
    },
    Check {
        id: "caching",
        question: "is an old key cached somewhere",
        needs: "the provider's audit log of key creation and rotation",
    },
    Check { id: "app_logs", question: "what do the application's logs say", needs: "the application's own logs" },
    Check {
        id: "audit_logs",
        question: "do the provider's audit logs cover the time",
        needs: "the provider's audit log for the period",
    },
    Check {
        id: "provider_up",
        question: "is the provider up",
        needs: "the gateway's log of other callers of the provider",
    },
    Check {
        id: "gateway_ok",
        question: "is the gateway itself all right",
        needs: "the gateway's log with the upstream's status",
    },
];

/// The question of that id.
pub fn check(id: &str) -> Option<&'static Check> {
    CHECKLIST.iter().find(|c| c.id == id)
}
