//! Where from and where to a credential was accepted: networks, regions, tenants and environments; knows no refusal.

use crate::model::environment::environment_of;
use crate::model::finding::Uses;
use crate::model::place::{Sighting, network_of};
use crate::model::records::Codes;
use serde::{Deserialize, Serialize};

/// Most places remembered per credential, the first in their order.
pub const PLACES_CAP: usize = 32;

/// Where from and where to a credential was accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The caller's network: 24 bits of an IPv4 address, 48 of an IPv6 one.
    pub network: Option<Box<str>>,
    /// The region.
    pub region: Option<Box<str>>,
    /// The organisation, project or workspace.
    pub tenant: Option<Box<str>>,
    /// The environment that the names of service and tenant speak of.
    pub environment: Option<Box<str>>,
}

impl Place {
    /// One of its parts by name: network, region, tenant or environment.
    pub fn get(&self, part: &str) -> Option<&str> {
        match part {
            "network" => self.network.as_deref(),
            "region" => self.region.as_deref(),
            "tenant" => self.tenant.as_deref(),
            "environment" => self.environment.as_deref(),
            _ => None,
        }
    }
}

/// First and last success at a place.
pub type Stay = (Place, Sighting, Sighting);

/// Codes of network, region, tenant and service.
type PlaceCodes = (u32, u32, u32, u32);

/// Stays within one chunk, by codes: texts are made once each.
#[derive(Clone, Default)]
pub struct Stays {
    all: Vec<(PlaceCodes, Sighting, Sighting)>,
}

impl Stays {
    /// Notes a success.
    pub fn note(&mut self, uses: &Uses, row: usize, seen: Sighting) {
        let code = |codes: &Codes| codes.codes[row];
        let place = (code(&uses.src_ip), code(&uses.region), code(&uses.tenant_uid), code(&uses.service));
        match self.all.iter_mut().rev().find(|(known, ..)| *known == place) {
            Some((_, first, last)) => (*first, *last) = ((*first).min(seen), (*last).max(seen)),
            None => self.all.push((place, seen, seen)),
        }
    }

    /// Where they were, in words.
    pub fn told(self, uses: &Uses) -> Vec<Stay> {
        let told = self.all.into_iter().map(|((ip, region, tenant, service), first, last)| {
            let named = [text_of(service, &uses.service), text_of(tenant, &uses.tenant_uid)];
            let place = Place {
                network: text_of(ip, &uses.src_ip).and_then(network_of).map(Into::into),
                region: text_of(region, &uses.region).map(Into::into),
                tenant: text_of(tenant, &uses.tenant_uid).map(Into::into),
                environment: named.into_iter().flatten().find_map(environment_of).map(Into::into),
            };
            (place, first, last)
        });
        told.collect()
    }
}

fn text_of(code: u32, codes: &Codes) -> Option<&str> {
    code.checked_sub(1).map(|i| codes.values[i as usize].as_str())
}
