//! The tree of root causes and how strong a claim to one of them is; knows no rule and no record.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Owner {
    /// Who runs the calling workload.
    Caller,
    /// Whom the key belongs to.
    KeyOwner,
    /// Who runs gateways and accounts.
    Platform,
    /// The security team.
    Security,
    /// The provider of the service.
    Provider,
}

impl Owner {
    /// All owners.
    pub const ALL: &'static [Owner] =
        &[Owner::Caller, Owner::KeyOwner, Owner::Platform, Owner::Security, Owner::Provider];

    /// The word in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Owner::Caller => "caller",
            Owner::KeyOwner => "key_owner",
            Owner::Platform => "platform",
            Owner::Security => "security",
            Owner::Provider => "provider",
        }
    }

    /// The owner of that name.
    pub fn from_name(name: &str) -> Option<Owner> {
        Owner::ALL.iter().copied().find(|o| o.name() == name)
    }
}

/// A node of the cause tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Dotted id such as `credential.expired`. For ever: reports and dashboards name it.
    pub id: String,
    /// One line for a tired person.
    pub title: String,
    /// What is going on, in a sentence or two.
    pub explanation: String,
    /// Who must act.
    pub owner: Owner,
    /// The checklist question this cause fails (see [`super::checklist`]).
    pub check: Option<String>,
    /// Steps that mend it, in order. `{column}` is filled from the failure's columns.
    pub remediation: Vec<String>,
    /// Links.
    pub references: Vec<String>,
}

/// All causes. Parents go by dotted prefix.
#[derive(Debug, Clone, Default)]
pub struct CauseTree {
    causes: BTreeMap<String, Cause>,
}

impl CauseTree {
    /// A tree of these causes.
    pub fn new(causes: impl IntoIterator<Item = Cause>) -> Self {
        CauseTree { causes: causes.into_iter().map(|c| (c.id.clone(), c)).collect() }
    }

    /// The cause of that id.
    pub fn get(&self, id: &str) -> Option<&Cause> {
        self.causes.get(id)
    }

    /// Whether the cause or a branch it stands on says what to do.
    pub fn has_remedy(&self, id: &str) -> bool {
        let own = self.get(id).is_some_and(|c| !c.remediation.is_empty());
        own || id.rsplit_once('.').is_some_and(|(branch, _)| self.has_remedy(branch))
    }

    /// All causes by id.
    pub fn iter(&self) -> impl Iterator<Item = &Cause> {
        self.causes.values()
    }
}

/// How far a claim's reasoning carries, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// A sign that often means this cause.
    Heuristic,
    /// Several signs agree, or the service said so in words that leave little else.
    Corroborated,
    /// The service named the cause, or another log proves it.
    Proof,
}

impl Basis {
    /// All bases, weakest first.
    pub const ALL: &'static [Basis] = &[Basis::Heuristic, Basis::Corroborated, Basis::Proof];

    /// The word in rule files.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Heuristic => "heuristic",
            Basis::Corroborated => "corroborated",
            Basis::Proof => "proof",
        }
    }

    /// The basis of that name.
    pub fn from_name(name: &str) -> Option<Basis> {
        Basis::ALL.iter().copied().find(|b| b.name() == name)
    }

    /// The next weaker basis; the weakest stays.
    pub fn weaker(self) -> Basis {
        match self {
            Basis::Proof => Basis::Corroborated,
            Basis::Corroborated | Basis::Heuristic => Basis::Heuristic,
        }
    }

    /// The most confidence that any number of such claims can give.
    pub fn cap(self) -> f32 {
        match self {
            Basis::Heuristic => 0.60,
            Basis::Corroborated => 0.90,
            Basis::Proof => 0.99,
        }
    }
}

/// What a matching rule says about a failure's cause.
#[derive(Debug, Clone, PartialEq)]
pub struct CauseClaim {
    /// The cause claimed.
    pub cause: String,
    /// How far the claim carries.
    pub basis: Basis,
    /// 0 to the basis' cap.
    pub confidence: f32,
    /// Claims of one group on one cause count once.
    pub group: String,
    /// Causes that the claim speaks against, each with a weight of 0 to 1.
    pub against: Vec<(String, f32)>,
    /// Last tie-break between equally good causes: the higher wins.
    pub priority: i32,
}
